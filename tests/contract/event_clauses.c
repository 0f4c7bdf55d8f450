#include <string.h>

#include "contract.h"

typedef struct ear {
  sj__subscriber base;
  uint64_t last;
  unsigned count, gaps;
  unsigned wanted; /* enough is set when count reaches it */
  bool enough;
  char heard[64][SJ__EVENT_MAX]; /* the first ones */
  size_t sizes[64];
} ear;

static void on_event(sj__subscriber *base, uint64_t sequence, sj_slice event) {
  ear *self = SJ__CONTAINER_OF(base, ear, base);
  if (self->count > 0 && sequence != self->last + 1) self->gaps++;
  if (self->count < 64) {
    memcpy(self->heard[self->count], event.data, event.size);
    self->sizes[self->count] = event.size;
  }
  self->last = sequence;
  self->count++;
  if (self->count >= self->wanted) self->enough = true;
}

static void open_ear(ear *self, sj__port *port, unsigned wanted) {
  memset(self, 0, sizeof(*self));
  self->base.on_event = on_event;
  self->wanted = wanted;
  sj__store_subscribe(port, &self->base);
}

static bool heard(const ear *self, unsigned index, sj_slice event) {
  return index < self->count && self->sizes[index] == event.size &&
         memcmp(self->heard[index], event.data, event.size) == 0;
}

static void reach_every_port(seat *s) {
  static ear own, other;
  char longest[SJ__EVENT_MAX];
  memset(longest, 0, sizeof(longest)); /* NUL bytes are bytes */
  sj__port *second = seat_second_port(s);
  EXPECT(second != NULL);
  open_ear(&own, s->port, 2);
  open_ear(&other, second, 2);
  EXPECT_STATUS(run(op_publish(s, SJ__SLICE("first"))), SJ_OK);
  EXPECT_STATUS(run(op_publish(s, sj__slice(longest, sizeof(longest)))), SJ_OK);
  EXPECT(seat_until(s, &own.enough) && seat_until(s, &other.enough));
  EXPECT(heard(&own, 0, SJ__SLICE("first")) && heard(&other, 0, SJ__SLICE("first")));
  EXPECT(heard(&own, 1, sj__slice(longest, sizeof(longest))));
  EXPECT(own.gaps == 0 && other.gaps == 0);
  sj__store_unsubscribe(s->port, &own.base);
  sj__store_unsubscribe(second, &other.base);
  seat_detach_port(s, second);
}

static op *put_event(seat *s, const sj__record *record, uint64_t expected, sj_slice event) {
  op *write = op_put(s, encode(s, record, 64), expected);
  write->call.in.put.event = event;
  return run(write);
}

static op *end_event(seat *s, const uint8_t *key, sj_slice event) {
  op *ending = op_end(s, key, SJ__REASON_ADMIN, s->now_ms + 86400000);
  ending->call.in.end.event = event;
  return run(ending);
}

/* Writes hand on their event if they were committed, and only then. */
static void come_with_commits_alone(seat *s) {
  static ear own;
  key16 key = random_key(s), unknown = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  open_ear(&own, s->port, 5);
  EXPECT_STATUS(put_event(s, &record, 0, SJ__SLICE("created")), SJ_OK);
  EXPECT_STATUS(put_event(s, &record, 0, SJ__SLICE("no conflict")), SJ_CONFLICT);
  next_version(s, &record);
  EXPECT_STATUS(put_event(s, &record, 7, SJ__SLICE("no other")), SJ_CONFLICT);
  EXPECT_STATUS(put_event(s, &record, 1, SJ__SLICE("patched")), SJ_OK);
  EXPECT_STATUS(end_event(s, key.bytes, SJ__SLICE("ended")), SJ_OK);
  EXPECT_STATUS(put_event(s, &record, 2, SJ__SLICE("no more")), SJ_ENDED);
  EXPECT_STATUS(end_event(s, unknown.bytes, SJ__SLICE("unknown")), SJ_OK);
  EXPECT_STATUS(run(op_publish(s, SJ__SLICE("last"))), SJ_OK);
  EXPECT(seat_until(s, &own.enough));
  EXPECT(heard(&own, 0, SJ__SLICE("created")));
  EXPECT(heard(&own, 1, SJ__SLICE("patched")));
  EXPECT(heard(&own, 2, SJ__SLICE("ended")));
  EXPECT(heard(&own, 3, SJ__SLICE("unknown")));
  EXPECT(heard(&own, 4, SJ__SLICE("last")));
  EXPECT(own.gaps == 0);
  sj__store_unsubscribe(s->port, &own.base);
}

static void stop_when_unsubscribed(seat *s) {
  static ear leaving, staying;
  open_ear(&leaving, s->port, 1);
  open_ear(&staying, s->port, 2);
  EXPECT_STATUS(run(op_publish(s, SJ__SLICE("first"))), SJ_OK);
  EXPECT(seat_until(s, &leaving.enough));
  sj__store_unsubscribe(s->port, &leaving.base);
  EXPECT_STATUS(run(op_publish(s, SJ__SLICE("second"))), SJ_OK);
  EXPECT(seat_until(s, &staying.enough));
  EXPECT(leaving.count == 1);
  sj__store_unsubscribe(s->port, &staying.base);
}

static void detaching_ends_subscriptions(seat *s) {
  static ear other;
  sj__port *second = seat_second_port(s);
  EXPECT(second != NULL);
  open_ear(&other, second, 1);
  EXPECT_STATUS(run(op_publish(s, SJ__SLICE("first"))), SJ_OK);
  seat_detach_port(s, second);
  unsigned count = other.count;
  EXPECT_STATUS(run(op_publish(s, SJ__SLICE("second"))), SJ_OK);
  seat_rest(s, 5);
  EXPECT(other.count == count);
}

#define PUBLISHERS 3
#define EACH       200

static void publish_many(seat *s) {
  for (unsigned i = 0; i < EACH; i++) {
    EXPECT_STATUS(run(op_publish(s, SJ__SLICE("event"))), SJ_OK);
  }
}

/* A reader that is slow may lose events, but then its sequence tells. */
static void have_no_gaps_from_several_writers(seat *s) {
  static ear own;
  open_ear(&own, s->port, PUBLISHERS * EACH);
  race(s, PUBLISHERS, publish_many, NULL);
  EXPECT(seat_until(s, &own.enough));
  EXPECT(own.count == PUBLISHERS * EACH);
  EXPECT(own.gaps == 0);
  sj__store_unsubscribe(s->port, &own.base);
}

const clause event_clauses[] = {
    {"events.reach_every_port", reach_every_port, NEEDS_PUSH},
    {"events.come_with_commits_alone", come_with_commits_alone, NEEDS_PUSH},
    {"events.stop_when_unsubscribed", stop_when_unsubscribed, NEEDS_PUSH},
    {"events.detaching_ends_subscriptions", detaching_ends_subscriptions, NEEDS_PUSH},
    {"events.have_no_gaps_from_several_writers", have_no_gaps_from_several_writers, NEEDS_PUSH},
    {NULL, NULL, 0},
};
