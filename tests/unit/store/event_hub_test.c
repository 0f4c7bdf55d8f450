#include "../unit.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "store/event_hub.h"

typedef struct listener {
  sj__subscriber base;
  sj__loop *loop;
  sj__event_channel *channel;
  struct listener *remove_on_event; /* unsubscribed from inside */
  uint64_t first, last;
  unsigned count, gaps;
  unsigned stop_at; /* events, 0: never */
  char text[SJ__EVENT_MAX + 1];
} listener;

static void on_event(sj__subscriber *base, uint64_t sequence, sj_slice event) {
  listener *self = SJ__CONTAINER_OF(base, listener, base);
  if (self->count == 0) self->first = sequence;
  if (self->count > 0 && sequence != self->last + 1) self->gaps++;
  self->last = sequence;
  self->count++;
  memcpy(self->text, event.data, event.size);
  self->text[event.size] = '\0';
  if (self->remove_on_event != NULL) {
    sj__event_channel_unsubscribe(self->channel, &self->remove_on_event->base);
    self->remove_on_event = NULL;
  }
  if (self->count == self->stop_at) sj__loop_stop(self->loop);
}

static void listen_on(listener *self, sj__loop *loop, sj__event_channel *channel) {
  *self = (listener){.base.on_event = on_event, .loop = loop, .channel = channel};
  sj__event_channel_subscribe(channel, &self->base);
}

typedef struct closing {
  sj__task task;
  sj__loop *loop;
  bool done;
} closing;

static void on_closed(sj__task *task) {
  closing *self = SJ__CONTAINER_OF(task, closing, task);
  self->done = true;
  sj__loop_stop(self->loop);
}

static void close_channel(sj__loop *loop, sj__event_channel *channel) {
  closing end = {.task.fn = on_closed, .loop = loop};
  sj__event_channel_close(channel, &end.task);
  assert_false(end.done);
  sj__loop_run(loop);
  assert_true(end.done);
}

typedef struct fixture {
  sj__event_hub hub;
  sj__loop *loop;
  sj__event_channel *channel;
} fixture;

static void open_all(fixture *f) {
  assert_ok(sj__event_hub_init(&f->hub));
  assert_ok(sj__loop_new(&f->loop));
  assert_ok(sj__event_channel_open(&f->hub, f->loop, &f->channel));
}

static void close_all(fixture *f) {
  close_channel(f->loop, f->channel);
  sj__loop_free(f->loop, NULL, NULL);
  sj__event_hub_release(&f->hub);
}

static void say(fixture *f, const char *text) {
  sj__event_hub_append(&f->hub, sj__slice_text(text));
  sj__event_hub_wake(&f->hub);
}

static void subscribers_get_events_in_order(void **state) {
  fixture f;
  listener one, two;
  open_all(&f);
  say(&f, "nobody hears this");
  listen_on(&one, f.loop, f.channel);
  listen_on(&two, f.loop, f.channel);
  two.stop_at = 3;
  say(&f, "a");
  say(&f, "b");
  say(&f, "c");
  assert_int_equal(one.count, 0);
  sj__loop_run(f.loop);
  assert_int_equal(one.count, 3);
  assert_int_equal(two.count, 3);
  assert_int_equal(one.first, 2);
  assert_int_equal(one.gaps, 0);
  assert_string_equal(one.text, "c");
  close_all(&f);
}

static void unsubscribing_inside_an_event_is_safe(void **state) {
  fixture f;
  listener one, two;
  open_all(&f);
  listen_on(&one, f.loop, f.channel);
  listen_on(&two, f.loop, f.channel);
  one.remove_on_event = &two; /* before its turn */
  one.stop_at = 2;
  say(&f, "a");
  say(&f, "b");
  sj__loop_run(f.loop);
  assert_int_equal(one.count, 2);
  assert_int_equal(two.count, 0);
  one.remove_on_event = &one;
  one.stop_at = 3;
  say(&f, "c");
  say(&f, "d");
  sj__loop_run(f.loop);
  assert_int_equal(one.count, 3);
  close_all(&f);
}

static void a_reader_too_far_behind_sees_a_gap(void **state) {
  fixture f;
  listener one;
  static char long_text[SJ__EVENT_MAX + 1];
  memset(long_text, 'x', SJ__EVENT_MAX);
  open_all(&f);
  listen_on(&one, f.loop, f.channel);
  for (unsigned i = 0; i < 4000; i++) say(&f, long_text);
  one.stop_at = 256u * 1024u / (SJ__EVENT_MAX + 16);
  sj__loop_run(f.loop);
  assert_int_equal(one.gaps, 0);
  one.stop_at = one.count + 1;
  say(&f, "after");
  sj__loop_run(f.loop);
  assert_int_equal(one.gaps, 1);
  assert_int_equal(one.last, 4001);
  close_all(&f);
}

static void closing_with_events_under_way_drops_them(void **state) {
  fixture f;
  listener one;
  open_all(&f);
  listen_on(&one, f.loop, f.channel);
  say(&f, "a");
  close_all(&f);
  assert_int_equal(one.count, 0);
}

#define PUBLISHERS 4
#define EVENTS     5000

static void publish_many(void *argument) {
  fixture *f = argument;
  for (unsigned i = 0; i < EVENTS; i++) say(f, "event");
}

static void several_threads_publish_without_gaps(void **state) {
  fixture f;
  listener one;
  sj__thread threads[PUBLISHERS];
  open_all(&f);
  listen_on(&one, f.loop, f.channel);
  one.stop_at = PUBLISHERS * 100;
  for (unsigned i = 0; i < PUBLISHERS; i++) {
    assert_ok(sj__thread_start(&threads[i], "publisher", publish_many, &f));
  }
  sj__loop_run(f.loop);
  for (unsigned i = 0; i < PUBLISHERS; i++) sj__thread_join(threads[i]);
  /* Events may be lost to a slow reader, but never unseen: the last number tells. */
  one.stop_at = 0;
  sj__event_hub_append(&f.hub, SJ__SLICE("last"));
  sj__event_hub_wake(&f.hub);
  close_channel(f.loop, f.channel);
  assert_true(one.count >= PUBLISHERS * 100);
  assert_true(one.last <= PUBLISHERS * EVENTS + 1);
  assert_ok(sj__event_channel_open(&f.hub, f.loop, &f.channel));
  close_all(&f);
}

static void closing_races_publishing(void **state) {
  fixture f;
  sj__thread threads[2];
  open_all(&f);
  for (unsigned i = 0; i < 2; i++) {
    assert_ok(sj__thread_start(&threads[i], "publisher", publish_many, &f));
  }
  for (unsigned i = 0; i < 300; i++) {
    listener one;
    sj__event_channel *channel;
    assert_ok(sj__event_channel_open(&f.hub, f.loop, &channel));
    listen_on(&one, f.loop, channel);
    close_channel(f.loop, channel);
  }
  for (unsigned i = 0; i < 2; i++) sj__thread_join(threads[i]);
  close_all(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(subscribers_get_events_in_order),
      cmocka_unit_test(unsubscribing_inside_an_event_is_safe),
      cmocka_unit_test(a_reader_too_far_behind_sees_a_gap),
      cmocka_unit_test(closing_with_events_under_way_drops_them),
      cmocka_unit_test(several_threads_publish_without_gaps),
      cmocka_unit_test(closing_races_publishing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
