/* fault+: each fault does what it says, by script and by seed. */
#include "lmdb_kit.h"

#include "store/compose/fault_store.h"

typedef struct fixture {
  suite suite;
  seat seat;
} fixture;

static void begin(fixture *f, const char *url) {
  sj_error error = {0};
  suite_init(&f->suite, url);
  if (sj__store_open(url, &f->suite.options, &f->suite.store, &error) != SJ_OK) {
    fail_msg("%s", error.message);
  }
  memset(&f->seat, 0, sizeof(f->seat));
  assert_true(seat_open(&f->seat, &f->suite, f->suite.store));
}

static void finish(fixture *f) {
  seat_close(&f->seat);
  if (f->seat.has_failed) fail_msg("%s", f->seat.why);
  sj__store_close(f->suite.store);
  suite_release(&f->suite);
}

static void next_call_gets(fixture *f, sj__fault fault) {
  const sj__fault_step step = {.fault = fault, .delay_ms = 20};
  assert_int_equal(sj__fault_add_step(f->suite.store, &step), SJ_OK);
}

/* A creation that the next step befalls. */
static op *create_with(fixture *f, sj__fault fault, key16 *key) {
  seat *s = &f->seat;
  *key = random_key(s);
  sj__record record = new_record(s, key->bytes, NULL);
  next_call_gets(f, fault);
  op *write = op_put(s, encode(s, &record, 64), 0);
  write->call.deadline_ms = sj__loop_now_ms(s->loop) + (fault == SJ__FAULT_HANG ? 50 : 5000);
  return run(write);
}

static void writes(void **state) {
  static const struct {
    sj__fault fault;
    sj_status status;
    sj__applied applied;
    sj_status found;
  } cases[] = {
      {SJ__FAULT_REFUSE, SJ_UNAVAILABLE, SJ__APPLIED_NO, SJ_MISSING},
      {SJ__FAULT_LOSE, SJ_UNAVAILABLE, SJ__APPLIED_UNKNOWN, SJ_OK},
      {SJ__FAULT_HANG, SJ_UNAVAILABLE, SJ__APPLIED_UNKNOWN, SJ_MISSING},
      {SJ__FAULT_DELAY, SJ_OK, SJ__APPLIED_NO, SJ_OK},
      {SJ__FAULT_FULL, SJ_FULL, SJ__APPLIED_NO, SJ_MISSING},
  };
  fixture f;
  begin(&f, "fault+memory:");
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    key16 key;
    op *write = create_with(&f, cases[i].fault, &key);
    assert_int_equal(write->status, cases[i].status);
    assert_int_equal(write->applied, cases[i].applied);
    assert_int_equal(get(&f.seat, key.bytes)->status, cases[i].found);
    assert_int_equal(sj__fault_count(f.suite.store, cases[i].fault), 1);
  }
  finish(&f);
}

static void a_late_write_comes_after_its_answer(void **state) {
  fixture f;
  key16 key;
  begin(&f, "fault+memory:");
  op *write = create_with(&f, SJ__FAULT_LATE, &key);
  assert_int_equal(write->status, SJ_UNAVAILABLE);
  assert_int_equal(write->applied, SJ__APPLIED_UNKNOWN);
  assert_int_equal(get(&f.seat, key.bytes)->status, SJ_MISSING);
  sj_status found = SJ_MISSING;
  for (unsigned i = 0; i < 500 && found != SJ_OK; i++) {
    seat_rest(&f.seat, 5);
    found = get(&f.seat, key.bytes)->status;
  }
  assert_int_equal(found, SJ_OK);
  finish(&f);
}

static unsigned differing_bits(sj_slice a, sj_slice b) {
  unsigned bits = 0;
  assert_int_equal(a.size, b.size);
  for (size_t i = 0; i < a.size; i++) {
    bits += (unsigned)__builtin_popcount((unsigned char)(a.data[i] ^ b.data[i]));
  }
  return bits;
}

static void corruption_flips_one_bit_of_the_answer(void **state) {
  fixture f;
  begin(&f, "fault+memory:");
  key16 key = create(&f.seat, NULL);
  sj_slice right = get(&f.seat, key.bytes)->record;
  next_call_gets(&f, SJ__FAULT_CORRUPT);
  assert_int_equal(differing_bits(get(&f.seat, key.bytes)->record, right), 1);
  assert_int_equal(differing_bits(get(&f.seat, key.bytes)->record, right), 0);
  finish(&f);
}

static void stale_reads_are_what_was_before(void **state) {
  const sj__fault_plan plan = {.seed = 1, .keep_previous = true};
  fixture f;
  begin(&f, "fault+memory:");
  seat *s = &f.seat;
  sj__fault_set_plan(f.suite.store, &plan);
  sj__record record = new_record(s, random_key(s).bytes, NULL);
  assert_int_equal(put(s, encode(s, &record, 64), 0)->status, SJ_OK);
  next_version(s, &record);
  assert_int_equal(put(s, encode(s, &record, 64), 1)->status, SJ_OK);
  next_call_gets(&f, SJ__FAULT_STALE);
  assert_int_equal(version_of(get(s, record.key)->record), 2); /* the authority is not touched */
  assert_int_equal(version_of(run(op_get(s, record.key, 1, SJ__CHEAP))->record), 1);
  next_call_gets(&f, SJ__FAULT_STALE);
  assert_int_equal(version_of(run(op_get(s, record.key, 2, SJ__CHEAP))->record), 2);
  finish(&f);
}

static void held_calls_can_be_cancelled(void **state) {
  static const struct {
    sj__fault fault;
    sj__applied applied;
  } cases[] = {{SJ__FAULT_DELAY, SJ__APPLIED_NO}, {SJ__FAULT_HANG, SJ__APPLIED_UNKNOWN}};
  fixture f;
  begin(&f, "fault+memory:");
  seat *s = &f.seat;
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    const sj__fault_step step = {.fault = cases[i].fault, .delay_ms = 4000};
    key16 key = random_key(s);
    sj__record record = new_record(s, key.bytes, NULL);
    assert_int_equal(sj__fault_add_step(f.suite.store, &step), SJ_OK);
    op *write = op_put(s, encode(s, &record, 64), 0);
    start(write);
    sj__store_cancel(s->port, &write->call);
    assert_int_equal(write->dones, 0);
    assert_true(wait_for(write));
    assert_int_equal(write->status, SJ_CANCELLED);
    assert_int_equal(write->applied, cases[i].applied);
    assert_int_equal(get(s, key.bytes)->status, SJ_MISSING);
  }
  finish(&f);
}

#define DRAWN 300

static void draw(const char *url, sj_status out[DRAWN]) {
  fixture f;
  begin(&f, url);
  for (unsigned i = 0; i < DRAWN; i++) {
    sj__record record = new_record(&f.seat, random_key(&f.seat).bytes, NULL);
    op *write = put(&f.seat, encode(&f.seat, &record, 64), 0);
    out[i] = write->status == SJ_UNAVAILABLE ? (sj_status)(SJ_STATUS_COUNT + write->applied)
                                             : write->status;
  }
  finish(&f);
}

static void a_seed_repeats_itself(void **state) {
  sj_status first[DRAWN], again[DRAWN], other[DRAWN];
  unsigned counts[3] = {0};
  draw("fault+memory:?fault.seed=7&fault.refuse=150&fault.lose=150&fault.full=150", first);
  draw("fault+memory:?fault.seed=7&fault.refuse=150&fault.lose=150&fault.full=150", again);
  draw("fault+memory:?fault.seed=8&fault.refuse=150&fault.lose=150&fault.full=150", other);
  assert_memory_equal(first, again, sizeof(first));
  assert_memory_not_equal(first, other, sizeof(first));
  for (unsigned i = 0; i < DRAWN; i++) {
    if (first[i] == (sj_status)SJ_STATUS_COUNT) counts[0]++;       /* lost before */
    if (first[i] == (sj_status)(SJ_STATUS_COUNT + 1)) counts[1]++; /* applied, the answer lost */
    if (first[i] == SJ_FULL) counts[2]++;
  }
  for (unsigned i = 0; i < 3; i++) assert_in_range(counts[i], 20, 80);
}

static void urls(void **state) {
  static const char *const bad[] = {
      "fault+memory:?fault.refuse=1001", "fault+memory:?fault.refuse=600&fault.lose=600",
      "fault+memory:?fault.ops=fly",     "fault+memory:?fault.no_such=1",
      "fault+memory:?fault.seed=x",
  };
  suite all;
  suite_init(&all, "memory:");
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) {
    sj__store *store = NULL;
    sj_error error = {0};
    assert_int_equal(sj__store_open(bad[i], &all.options, &store, &error), SJ_INVALID);
    assert_true(store == NULL && error.message[0] != '\0');
  }
  suite_release(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writes),
      cmocka_unit_test(a_late_write_comes_after_its_answer),
      cmocka_unit_test(corruption_flips_one_bit_of_the_answer),
      cmocka_unit_test(stale_reads_are_what_was_before),
      cmocka_unit_test(held_calls_can_be_cancelled),
      cmocka_unit_test(a_seed_repeats_itself),
      cmocka_unit_test(urls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
