/* Calls, and copies of what they brought. */
#include <string.h>

#include "contract.h"

static sj_slice keep(seat *s, sj_slice bytes) {
  if (bytes.data == NULL) return bytes;
  sj_slice copy = sj__arena_dup(&s->arena, bytes);
  SJ__REQUIRE(copy.data != NULL);
  return copy;
}

static void keep_results(op *self) {
  seat *s = self->seat;
  sj__store_call *call = &self->call;
  self->status = call->status;
  self->applied = call->applied;
  self->count = call->count;
  self->record = keep(s, call->record);
  sj_slice *items = sj__arena_calloc(&s->arena, call->item_count + 1, sizeof(*items));
  SJ__REQUIRE(items != NULL);
  for (size_t i = 0; i < call->item_count; i++) items[i] = keep(s, call->items[i]);
  self->items = items;
  self->item_count = call->item_count;
}

static void on_done(sj__store_call *call) {
  op *self = SJ__CONTAINER_OF(call, op, call);
  seat *s = self->seat;
  unsigned starts = self->starts;
  self->dones++;
  if (self->in_start) self->done_in_start = true;
  if (self->then != NULL) self->then(self);
  if (self->starts == starts && self->dones <= self->starts) keep_results(self);
  if (s->waited == self && s->is_running) sj__loop_stop(s->loop);
}

static op *new_op(seat *s, sj__op kind) {
  op *self = sj__calloc(1, sizeof(*self));
  SJ__REQUIRE(self != NULL);
  self->call.done = on_done;
  self->call.op = kind;
  self->call.now_ms = s->now_ms;
  self->seat = s;
  self->next = s->ops;
  s->ops = self;
  return self;
}

op *op_get(seat *s, const uint8_t *key, uint64_t at_least, sj__read_mode mode) {
  op *self = new_op(s, SJ__GET);
  self->call.in.get.key = key;
  self->call.in.get.at_least = at_least;
  self->call.in.get.mode = mode;
  return self;
}

op *op_put(seat *s, sj_slice record, uint64_t expected) {
  op *self = new_op(s, SJ__PUT);
  self->call.in.put.record = record;
  self->call.in.put.expected = expected;
  return self;
}

op *op_touch(seat *s, const uint8_t *key, int64_t last_seen_ms) {
  op *self = new_op(s, SJ__TOUCH);
  self->call.in.touch.key = key;
  self->call.in.touch.last_seen_ms = last_seen_ms;
  return self;
}

op *op_end(seat *s, const uint8_t *key, sj__reason reason, int64_t until_ms) {
  static const uint8_t realm[8] = "contract";
  op *self = new_op(s, SJ__END);
  self->call.in.end.key = key;
  self->call.in.end.realm = realm;
  self->call.in.end.reason = reason;
  self->call.in.end.until_ms = until_ms;
  return self;
}

op *op_mark(seat *s, sj_slice mark) {
  op *self = new_op(s, SJ__MARK);
  self->call.in.mark.mark = mark;
  return self;
}

op *op_marks(seat *s, const sj__cursor *cursor, uint32_t limit) {
  op *self = new_op(s, SJ__MARKS);
  if (cursor != NULL) self->call.in.marks.cursor = *cursor;
  self->call.in.marks.limit = limit;
  return self;
}

op *op_list(seat *s, const uint8_t *tag, const sj__cursor *cursor, uint32_t limit) {
  op *self = new_op(s, SJ__LIST);
  self->call.in.list.subject_tag = tag;
  if (cursor != NULL) self->call.in.list.cursor = *cursor;
  self->call.in.list.limit = limit;
  return self;
}

op *op_scan(seat *s, const sj__cursor *cursor, uint32_t limit) {
  op *self = new_op(s, SJ__SCAN);
  if (cursor != NULL) self->call.in.scan.cursor = *cursor;
  self->call.in.scan.limit = limit;
  return self;
}

op *op_sweep(seat *s, int64_t now_ms, uint32_t budget) {
  op *self = new_op(s, SJ__SWEEP);
  self->call.now_ms = now_ms;
  self->call.in.sweep.budget = budget;
  return self;
}

op *op_publish(seat *s, sj_slice event) {
  op *self = new_op(s, SJ__PUBLISH);
  self->call.in.publish.event = event;
  return self;
}

void start(op *self) {
  if (self->call.deadline_ms == 0) {
    self->call.deadline_ms = sj__loop_now_ms(self->seat->loop) + 5000;
  }
  self->starts++;
  self->in_start = true;
  sj__store_submit(self->port != NULL ? self->port : self->seat->port, &self->call);
  self->in_start = false;
}

op *run(op *self) {
  start(self);
  if (!wait_for(self)) {
    seat_fail(self->seat, __FILE__, __LINE__, "%s was never completed", sj__op_name(self->call.op));
    self->status = SJ_TIMED_OUT;
  }
  return self;
}

op *get(seat *s, const uint8_t *key) {
  return run(op_get(s, key, 0, SJ__AUTHORITY));
}

op *put(seat *s, sj_slice record, uint64_t expected) {
  return run(op_put(s, record, expected));
}

op *end(seat *s, const uint8_t *key) {
  return run(op_end(s, key, SJ__REASON_SIGNED_OUT, s->now_ms + 86400000));
}
