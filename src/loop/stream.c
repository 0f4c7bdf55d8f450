#include "loop/stream.h"

#include <stdio.h>

#include "base/alloc.h"
#include "loop/loop_core.h"

/* --- Streams -------------------------------------------------------------- */

void sj__stream_base_init(sj__stream_base *base, sj__loop *loop, const sj__stream_ops *ops) {
  base->ops = ops;
  base->loop = loop;
  loop->open_count++;
  loop->live_count++;
}

static void stream_farewell(sj__task *task) {
  sj__stream_base *base = SJ__CONTAINER_OF(task, sj__stream_base, farewell);
  const sj__stream_events *events = base->stream.events;
  base->loop->live_count--;
  if (events != NULL && events->on_closed != NULL) events->on_closed(&base->stream);
  sj__free(base);
}

void sj__stream_base_gone(sj__stream_base *base) {
  base->farewell.fn = stream_farewell;
  sj__loop_farewell(base->loop, &base->farewell);
}

static sj__stream_base *open_base(const sj__stream *stream) {
  sj__stream_base *base = sj__stream_base_of(stream);
  SJ__REQUIRE(!base->closing);
  return base;
}

void sj__stream_read_start(sj__stream *stream) {
  open_base(stream)->ops->read_start(stream);
}

void sj__stream_read_stop(sj__stream *stream) {
  open_base(stream)->ops->read_stop(stream);
}

sj_status sj__stream_write(sj__stream *stream, const sj_slice *slices, size_t count, bool *queued) {
  bool ignored;
  if (queued == NULL) queued = &ignored;
  *queued = false;
  return open_base(stream)->ops->write(stream, slices, count, queued);
}

size_t sj__stream_queued(const sj__stream *stream) {
  return open_base(stream)->ops->queued(stream);
}

void sj__stream_shutdown(sj__stream *stream) {
  open_base(stream)->ops->shutdown(stream);
}

void sj__stream_close(sj__stream *stream) {
  sj__stream_base *base = open_base(stream);
  base->closing = true;
  base->loop->open_count--;
  base->ops->close(stream);
}

sj__loop *sj__stream_loop(const sj__stream *stream) {
  return sj__stream_base_of(stream)->loop;
}

sj_status sj__stream_peer(const sj__stream *stream, sj__peer *out) {
  return open_base(stream)->ops->peer(stream, out);
}

sj_status sj__stream_hand_over(sj__stream *stream, sj__loop *to, sj__arrived_fn *on_arrived,
                               void *argument) {
  sj__stream_base *base = open_base(stream);
  if (base->ops->hand_over == NULL) return SJ_UNSUPPORTED;
  sj_status status = base->ops->hand_over(stream, to, on_arrived, argument);
  if (status != SJ_OK) return status;
  stream->events = NULL;
  sj__stream_close(stream);
  return SJ_OK;
}

/* --- Listeners ------------------------------------------------------------ */

sj_status sj__listener_open(sj__loop *loop, const sj__listen_options *options,
                            sj__accept_fn *on_accept, void *data, sj__listener **out,
                            sj_error *error) {
  return loop->ops->listen(loop, options, on_accept, data, out, error);
}

void sj__listener_init(sj__listener *listener, sj__loop *loop, const sj__listener_ops *ops,
                       sj__accept_fn *on_accept, void *data) {
  listener->ops = ops;
  listener->loop = loop;
  listener->on_accept = on_accept;
  listener->data = data;
  loop->open_count++;
  loop->live_count++;
}

void *sj__listener_data(const sj__listener *listener) {
  return listener->data;
}

void sj__listener_address(const sj__listener *listener, char out[SJ__ADDRESS_MAX]) {
  snprintf(out, SJ__ADDRESS_MAX, "%s", listener->address);
}

static void close_task(sj__task *task) {
  sj__listener *listener = SJ__CONTAINER_OF(task, sj__listener, closing_task);
  listener->ops->close(listener);
}

void sj__listener_close(sj__listener *listener, void (*done)(void *argument), void *argument) {
  SJ__REQUIRE(!listener->closing);
  listener->closing = true;
  listener->done = done;
  listener->argument = argument;
  listener->loop->open_count--;
  listener->closing_task.fn = close_task;
  sj__loop_defer(listener->loop, &listener->closing_task);
}

static void listener_farewell(sj__task *task) {
  sj__listener *listener = SJ__CONTAINER_OF(task, sj__listener, closing_task);
  void (*done)(void *) = listener->done;
  void *argument = listener->argument;
  listener->loop->live_count--;
  sj__free(listener);
  if (done != NULL) done(argument);
}

void sj__listener_gone(sj__listener *listener) {
  listener->closing_task.fn = listener_farewell;
  sj__loop_farewell(listener->loop, &listener->closing_task);
}

/* --- Connecting ----------------------------------------------------------- */

sj_status sj__connect_start(sj__loop *loop, const char *address, uint64_t timeout_ms,
                            sj__connect_fn *done, void *argument, sj__connect **out) {
  return loop->ops->connect(loop, address, timeout_ms, done, argument, out);
}

static void give_up(sj__connect *connect, sj_status why) {
  if (connect->why != SJ_OK) return;
  connect->why = why;
  sj__timer_stop(connect->loop, &connect->timer);
  connect->ops->cancel(connect, why);
}

static void connect_late(sj__timer *timer) {
  give_up(SJ__CONTAINER_OF(timer, sj__connect, timer), SJ_TIMED_OUT);
}

void sj__connect_cancel(sj__connect *connect) {
  give_up(connect, SJ_CANCELLED);
}

sj_status sj__connect_init(sj__connect *connect, sj__loop *loop, const sj__connect_ops *ops,
                           uint64_t timeout_ms, sj__connect_fn *done, void *argument) {
  connect->ops = ops;
  connect->loop = loop;
  connect->done = done;
  connect->argument = argument;
  return sj__timer_start(loop, &connect->timer, timeout_ms, connect_late);
}

void sj__connect_finish(sj__connect *connect, sj_status status, sj__stream *stream) {
  sj__connect_fn *done = connect->done;
  void *argument = connect->argument;
  sj__timer_stop(connect->loop, &connect->timer);
  sj__free(connect);
  done(argument, status, stream);
}
