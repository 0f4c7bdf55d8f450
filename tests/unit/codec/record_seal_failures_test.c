/* Sealed records that are not ours, and sealing and opening when something gives out. */
#include "sealed_record.h"

#include "../../kit/failing_allocator.h"
#include "base/random.h"

/* --- Sealed right, but not what we seal ---------------------------------------------- */

/* Seals any bytes as meta, as only the server could. */
static sj_status open_meta_of(sj__vault *vault, sj_slice clear) {
  uint8_t bytes[SJ__RECORD_HEADER_SIZE + 400 + 28];
  sj__record record = make_record(vault, id);
  sj__arena arena;
  sj__meta meta;
  record.sealed_meta = sj__slice(bytes + SJ__RECORD_HEADER_SIZE, clear.size + SJ__SEAL_OVERHEAD);
  record.sealed_data.size = SJ__SEAL_OVERHEAD;
  sj__record_write_header(&record, bytes);
  const sj_slice associated[] = {sj__slice(bytes, LAST_SEEN_FIRST), sj__slice(bytes + 128, 32)};
  assert_ok(sj__vault_seal(vault, record.kid, NOW_MS, SJ__PART_META, record.key, NULL, associated,
                           2, clear, bytes + SJ__RECORD_HEADER_SIZE));
  sj__arena_init(&arena, NULL, 0, 0);
  sj_status status = sj__record_open_meta(vault, NOW_MS, sj__slice(bytes, SJ__RECORD_HEADER_SIZE),
                                          &record, &arena, &meta);
  sj__arena_release(&arena);
  return status;
}

static void malformed_meta_is_refused_though_sealed(void **state) {
  static const struct {
    sj_slice clear;
    sj_status status;
  } cases[] = {
      {{"", 0}, SJ_OK},
      {{"\1\0\3ada", 6}, SJ_OK},
      {{"\1\0\0", 3}, SJ_OK},
      {{"\1\0\3ada\2\0\1x", 10}, SJ_OK},
      {{"\5\0\1\2", 4}, SJ_OK},
      {{"\1", 1}, SJ_CORRUPT},
      {{"\1\0", 2}, SJ_CORRUPT},
      {{"\1\0\4ada", 6}, SJ_CORRUPT}, /* a value beyond the end */
      {{"\1\xff\xff"
        "ada",
        6},
       SJ_CORRUPT},
      {{"\2\0\1x\1\0\3ada", 10}, SJ_CORRUPT},   /* not ascending */
      {{"\1\0\3ada\1\0\3ada", 12}, SJ_CORRUPT}, /* twice */
      {{"\0\0\0", 3}, SJ_CORRUPT},              /* no such tag */
      {{"\17\0\1x", 4}, SJ_CORRUPT},            /* no such tag (15) */
      {{"\xff\0\1x", 4}, SJ_CORRUPT},
      {{"\5\0\2\0\2", 5}, SJ_CORRUPT}, /* a byte of two bytes */
      {{"\5\0\0", 3}, SJ_CORRUPT},
      {{"\7\0\7\0\0\0\0\0\0\0", 10}, SJ_CORRUPT}, /* a moment of seven */
      {{"\14\0\3abc", 6}, SJ_CORRUPT},            /* a fork of three (12) */
      {{"\1\0\3ada\2", 7}, SJ_CORRUPT},           /* something follows */
      /* Absent and zero values are left out: one meta, one form. */
      {{"\5\0\1\0", 4}, SJ_CORRUPT},
      {{"\7\0\10\0\0\0\0\0\0\0\0", 11}, SJ_CORRUPT},
      {{"\14\0\4\0\0\0\0", 7}, SJ_CORRUPT},
      {{"\16\0\1\0", 4}, SJ_CORRUPT},
      {{"\7\0\10\x80\0\0\0\0\0\0\0", 11}, SJ_CORRUPT}, /* a negative moment */
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    assert_int_equal(open_meta_of(*state, cases[i].clear), cases[i].status);
  }
}

/* --- Failures ------------------------------------------------------------------------ */

static void without_memory_nothing_is_sealed_or_opened(void **state) {
  sj__record record = make_record(*state, id);
  sj_status status = SJ_NO_MEMORY;
  for (long step = 0; status != SJ_OK; step++) {
    sealed s = {.vault = *state, .id = id};
    sj__buffer_init(&s.bytes, 0);
    fail_one_allocation(step);
    status = sj__record_seal(*state, NOW_MS, &record, id, &ada, SJ__SLICE("{}"), &s.bytes);
    bool pending = fail_no_allocations();
    assert_int_equal(status, pending ? SJ_OK : SJ_NO_MEMORY);
    if (status != SJ_OK) assert_int_equal(s.bytes.size, 0);
    release(&s);
  }
  sealed s;
  seal(&s, *state);
  status = SJ_NO_MEMORY;
  for (long step = 0; status != SJ_OK; step++) {
    fail_one_allocation(step);
    status = try_open(&s);
    assert_int_equal(status, fail_no_allocations() ? SJ_OK : SJ_NO_MEMORY);
  }
  release(&s);
}

static sj_status no_entropy(void *context, void *out, size_t size) {
  return SJ_IO;
}

/* Fails at the second nonce: the first part is sealed by then. */
static sj_status entropy_once(void *context, void *out, size_t size) {
  int *left = context;
  memset(out, 1, size);
  return (*left)-- > 0 ? SJ_OK : SJ_IO;
}

static void without_entropy_nothing_is_sealed(void **state) {
  sj__record record = make_record(*state, id);
  sj__buffer out;
  int once = 1;
  sj__buffer_init(&out, 0);
  sj__random_install(no_entropy, NULL);
  assert_int_equal(sj__record_seal(*state, NOW_MS, &record, id, &ada, SJ__SLICE("{}"), &out),
                   SJ_NO_ENTROPY);
  sj__random_install(entropy_once, &once);
  assert_int_equal(sj__record_seal(*state, NOW_MS, &record, id, &ada, SJ__SLICE("{}"), &out),
                   SJ_NO_ENTROPY);
  sj__random_install(NULL, NULL);
  assert_int_equal(out.size, 0);
  sj__buffer_release(&out);
}

static void keys_that_are_gone_seal_nothing(void **state) {
  sj__record record = make_record(*state, id);
  sj__buffer out;
  sj__buffer_init(&out, 0);
  record.kid = KID_RETIRED;
  assert_int_equal(sj__record_seal(*state, NOW_MS, &record, id, &ada, SJ__SLICE("{}"), &out),
                   SJ_RETIRED_KEY);
  record.kid = KID_UNKNOWN;
  assert_int_equal(sj__record_seal(*state, NOW_MS, &record, id, &ada, SJ__SLICE("{}"), &out),
                   SJ_UNKNOWN_KEY);
  assert_int_equal(out.size, 0);
  sj__buffer_release(&out);
}

/* DESIGN.md 4: a check allocates nothing beyond the arena. */
static void opening_allocates_nothing_beyond_the_arena(void **state) {
  _Alignas(16) char first[4096];
  sealed s;
  opened all;
  sj__arena arena;
  seal(&s, *state);
  sj__arena_init(&arena, first, sizeof(first), 0);
  size_t before = allocations_made();
  for (int i = 0; i < 100; i++) {
    assert_ok(open_all(&s, &arena, &all));
    sj__arena_reset(&arena);
  }
  assert_int_equal(allocations_made(), before);
  sj__arena_release(&arena);
  release(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(malformed_meta_is_refused_though_sealed),
      cmocka_unit_test(without_memory_nothing_is_sealed_or_opened),
      cmocka_unit_test(without_entropy_nothing_is_sealed),
      cmocka_unit_test(keys_that_are_gone_seal_nothing),
      cmocka_unit_test(opening_allocates_nothing_beyond_the_arena),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/codec/record_seal_failures", tests, set_up_vault,
                                     tear_down_vault);
}
