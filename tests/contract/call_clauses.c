/* What holds for every call, whatever it asks. */
#include <string.h>

#include "contract.h"

/* One call of each kind on `key`. */
static op *any_op(seat *s, sj__op kind, const uint8_t *key) {
  sj__record record = new_record(s, key, key);
  record.version = 2;
  switch (kind) {
    case SJ__GET:
      return op_get(s, key, 0, SJ__AUTHORITY);
    case SJ__PUT:
      return op_put(s, encode(s, &record, 64), 1);
    case SJ__TOUCH:
      return op_touch(s, key, s->now_ms + 1000);
    case SJ__END:
      return op_end(s, key, SJ__REASON_ADMIN, s->now_ms + 86400000);
    case SJ__MARK:
      return op_mark(s, new_mark(s, s->now_ms + 60000));
    case SJ__MARKS:
      return op_marks(s, NULL, 10);
    case SJ__LIST:
      return op_list(s, key, NULL, 10);
    case SJ__SCAN:
      return op_scan(s, NULL, 10);
    case SJ__SWEEP:
      return op_sweep(s, s->now_ms, 10);
    default:
      return op_publish(s, SJ__SLICE("event"));
  }
}

static bool is_supported(seat *s, sj__op kind) {
  if (kind == SJ__MARK || kind == SJ__MARKS) return s->store->caps.marks;
  if (kind == SJ__PUBLISH) return s->store->caps.push;
  return kind != SJ__SWEEP || !s->store->caps.ttl;
}

static void completes_later(seat *s) {
  key16 key = create(s, NULL);
  for (int kind = 0; kind < SJ__OP_COUNT; kind++) {
    if (!is_supported(s, (sj__op)kind)) continue;
    op *each = run(any_op(s, (sj__op)kind, key.bytes));
    EXPECT(!each->done_in_start);
  }
}

static void completes_once(seat *s) {
  key16 key = create(s, NULL);
  for (int kind = 0; kind < SJ__OP_COUNT; kind++) {
    if (!is_supported(s, (sj__op)kind)) continue;
    op *each = run(any_op(s, (sj__op)kind, key.bytes));
    seat_rest(s, 5);
    EXPECT(each->dones == 1);
  }
}

static void deadline_past(seat *s) {
  key16 key = create(s, NULL);
  sj_slice before = get(s, key.bytes)->record;
  for (int kind = 0; kind < SJ__OP_COUNT; kind++) {
    if (!is_supported(s, (sj__op)kind)) continue;
    op *each = any_op(s, (sj__op)kind, key.bytes);
    each->call.deadline_ms = 1;
    EXPECT_STATUS(run(each), SJ_UNAVAILABLE);
    EXPECT(each->applied == SJ__APPLIED_NO);
    EXPECT(!each->done_in_start);
  }
  EXPECT(same(get(s, key.bytes)->record, before));
}

static void cancel_completes(seat *s) {
  for (unsigned i = 0; i < 20; i++) {
    key16 key = random_key(s);
    sj__record record = new_record(s, key.bytes, NULL);
    op *each = op_put(s, encode(s, &record, 64), 0);
    start(each);
    if (i % 2 == 1) seat_rest(s, 1);
    if (each->dones == 0) sj__store_cancel(s->port, &each->call);
    EXPECT(!each->done_in_start);
    EXPECT(wait_for(each));
    EXPECT(each->status == SJ_OK || each->status == SJ_CANCELLED);
    op *after = get(s, key.bytes);
    bool was_applied = each->status == SJ_OK;
    bool may_be_applied = each->status == SJ_CANCELLED && each->applied == SJ__APPLIED_UNKNOWN;
    EXPECT(after->status == (was_applied ? SJ_OK : SJ_MISSING) || may_be_applied);
    EXPECT(each->dones == 1);
  }
}

#define IN_FLIGHT 500

static void many_in_flight(seat *s) {
  static op *puts[IN_FLIGHT];
  static key16 keys[IN_FLIGHT];
  for (unsigned i = 0; i < IN_FLIGHT; i++) {
    keys[i] = random_key(s);
    sj__record record = new_record(s, keys[i].bytes, NULL);
    puts[i] = op_put(s, encode(s, &record, 64), 0);
    start(puts[i]);
  }
  for (unsigned i = 0; i < IN_FLIGHT; i++) {
    EXPECT(wait_for(puts[i]));
    EXPECT_STATUS(puts[i], SJ_OK);
  }
  op *gets[IN_FLIGHT];
  for (unsigned i = 0; i < IN_FLIGHT; i++) {
    gets[i] = op_get(s, keys[i].bytes, 1, SJ__AUTHORITY);
    start(gets[i]);
  }
  for (unsigned i = 0; i < IN_FLIGHT; i++) {
    EXPECT(wait_for(gets[i]));
    EXPECT_STATUS(gets[i], SJ_OK);
    EXPECT(same(gets[i]->record, puts[i]->call.in.put.record));
    EXPECT(gets[i]->dones == 1 && puts[i]->dones == 1);
  }
}

/* Starts other calls from inside, which must not disturb the results. */
static void start_others(op *self) {
  op *const *others = self->seat->shared;
  for (unsigned i = 0; i < 4; i++) start(others[i]);
}

static void results_stay_until_done_returns(seat *s) {
  key16 first = create(s, NULL), second = create(s, NULL);
  sj_slice expected = get(s, first.bytes)->record;
  op *others[4];
  for (unsigned i = 0; i < 4; i++) others[i] = op_get(s, second.bytes, 0, SJ__AUTHORITY);
  s->shared = others;
  op *outer = op_get(s, first.bytes, 0, SJ__AUTHORITY);
  outer->then = start_others;
  EXPECT_STATUS(run(outer), SJ_OK);
  EXPECT(same(outer->record, expected));
  for (unsigned i = 0; i < 4; i++) {
    EXPECT(wait_for(others[i]));
    EXPECT_STATUS(others[i], SJ_OK);
    EXPECT(!others[i]->done_in_start);
  }
}

static void start_again(op *self) {
  if (self->starts < 100) start(self);
}

static void may_be_submitted_again_in_done(seat *s) {
  key16 key = create(s, NULL);
  op *each = op_get(s, key.bytes, 1, SJ__AUTHORITY);
  each->then = start_again;
  start(each);
  while (each->dones < 100) EXPECT(wait_for(each));
  EXPECT_STATUS(each, SJ_OK);
  EXPECT(each->starts == 100 && each->dones == 100);
}

typedef struct ending {
  op *calls[10];
  bool is_detached;
  bool was_first; /* a call was still pending */
} ending;

static void on_ending(void *argument) {
  ending *self = argument;
  self->is_detached = true;
  for (unsigned i = 0; i < 10; i++) self->was_first |= self->calls[i]->dones == 0;
}

static void detach_waits_for_calls(seat *s) {
  sj__port *port = seat_second_port(s);
  EXPECT(port != NULL);
  key16 key = create(s, NULL);
  ending all = {0};
  for (unsigned i = 0; i < 10; i++) {
    all.calls[i] = any_op(s, i % 2 == 0 ? SJ__GET : SJ__TOUCH, key.bytes);
    all.calls[i]->port = port;
    start(all.calls[i]);
  }
  s->second = NULL; /* detached here, to see when */
  sj__port_detach(port, on_ending, &all);
  EXPECT(!all.is_detached);
  EXPECT(seat_until(s, &all.is_detached));
  EXPECT(!all.was_first);
  for (unsigned i = 0; i < 10; i++) {
    EXPECT(all.calls[i]->dones == 1);
    EXPECT(all.calls[i]->status == SJ_OK || all.calls[i]->status == SJ_CANCELLED);
  }
}

static void misuse_changes_nothing(seat *s) {
  static char long_event[SJ__EVENT_MAX + 1];
  key16 key = create(s, NULL);
  sj_slice before = get(s, key.bytes)->record;
  sj__record record = new_record(s, key.bytes, NULL);
  record.version = 2;
  sj_slice good = encode(s, &record, 64);
  EXPECT_STATUS(put(s, SJ__SLICE("no record"), 0), SJ_MISUSE);
  EXPECT_STATUS(put(s, sj__slice(good.data, good.size - 1), 1), SJ_MISUSE);
  op *bad = op_put(s, good, 1);
  bad->call.in.put.event = sj__slice(long_event, sizeof(long_event));
  EXPECT_STATUS(run(bad), SJ_MISUSE);
  bad = op_end(s, key.bytes, SJ__REASON_ADMIN, s->now_ms + 1000);
  bad->call.in.end.event = sj__slice(long_event, sizeof(long_event));
  EXPECT_STATUS(run(bad), SJ_MISUSE);
  EXPECT_STATUS(run(op_list(s, key.bytes, NULL, 0)), SJ_MISUSE);
  EXPECT_STATUS(run(op_scan(s, NULL, 0)), SJ_MISUSE);
  EXPECT(same(get(s, key.bytes)->record, before));
}

static void health_is_good(seat *s) {
  sj__store_health health;
  (void)create(s, NULL);
  sj__store_health_get(s->store, &health);
  EXPECT(health.reachable);
  EXPECT(health.writable);
  EXPECT(health.lag_ms == 0);
}

static void caps_are_sane(seat *s) {
  EXPECT(s->store->scheme != NULL && s->store->scheme[0] != '\0');
  EXPECT(s->store->caps.max_record >= 48 * 1024);
  EXPECT(s->store->caps.revocation_bound_ms >= 0);
  EXPECT(s->suite->reopen == (s->store->caps.durability != SJ__DURABILITY_NONE));
  EXPECT(s->store->caps.volatile_data == (s->store->caps.durability == SJ__DURABILITY_NONE));
}

const clause call_clauses[] = {
    {"call.completes_later", completes_later, 0},
    {"call.completes_once", completes_once, 0},
    {"call.deadline_past", deadline_past, 0},
    {"call.cancel_completes", cancel_completes, 0},
    {"call.many_in_flight", many_in_flight, 0},
    {"call.results_stay_until_done_returns", results_stay_until_done_returns, 0},
    {"call.may_be_submitted_again_in_done", may_be_submitted_again_in_done, 0},
    {"call.detach_waits_for_calls", detach_waits_for_calls, 0},
    {"call.misuse_changes_nothing", misuse_changes_nothing, 0},
    {"store.health_is_good", health_is_good, 0},
    {"store.caps_are_sane", caps_are_sane, 0},
    {NULL, NULL, 0},
};
