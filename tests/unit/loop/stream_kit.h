/* Connections of which both ends are the test's, on either implementation. Header only. */
#ifndef SJ_TESTS_STREAM_KIT_H
#define SJ_TESTS_STREAM_KIT_H

#include "loop_kit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buffer.h"

/* One side of a connection, with what it has seen. */
typedef struct side {
  sj__stream *stream;
  sj__buffer received;
  size_t expected; /* bytes after which the loop is stopped */
  int ends;
  sj_status end_status;
  int drained;
  sj_status drained_status;
  int closed;
  bool echo;
  bool stop_on_end;
  bool stop_on_drained;
} side;

static inline side *side_of(sj__stream *stream) {
  return stream->data;
}

static inline void on_read(sj__stream *stream, char *data, size_t size) {
  side *self = side_of(stream);
  sj__buffer_append(&self->received, data, size);
  memset(data, 'x', size); /* it is ours to write upon */
  if (self->echo) {
    sj_slice back = sj__slice(self->received.data + self->received.size - size, size);
    assert_ok(sj__stream_write(stream, &back, 1, NULL));
  }
  if (self->expected > 0 && self->received.size >= self->expected) {
    sj__loop_stop(sj__stream_loop(stream));
  }
}

static inline void on_end(sj__stream *stream, sj_status why) {
  side *self = side_of(stream);
  self->ends++;
  self->end_status = why;
  if (self->stop_on_end) sj__loop_stop(sj__stream_loop(stream));
}

static inline void on_drained(sj__stream *stream, sj_status status) {
  side *self = side_of(stream);
  self->drained++;
  self->drained_status = status;
  if (self->stop_on_drained) sj__loop_stop(sj__stream_loop(stream));
}

static inline void on_closed(sj__stream *stream) {
  side_of(stream)->closed++;
}

static const sj__stream_events events = {on_read, on_end, on_drained, on_closed};

static inline void attach(side *self, sj__stream *stream) {
  sj__buffer_init(&self->received, 0);
  self->stream = stream;
  stream->events = &events;
  stream->data = self;
  sj__stream_read_start(stream);
}

static inline void drop(side *self) {
  if (self->stream != NULL) sj__stream_close(self->stream);
  self->stream = NULL;
  sj__buffer_release(&self->received);
}

/* A listener, one accepted side and one connected side. */
typedef struct pair {
  sj__loop *loop;
  sj__listener *listener;
  char address[SJ__ADDRESS_MAX];
  side server, client;
  sj__connect *attempt;
  sj_status connect_status;
  int connects, accepts, listener_done;
} pair;

static inline void on_accept(sj__listener *listener, sj__stream *stream) {
  pair *self = sj__listener_data(listener);
  self->accepts++;
  if (self->accepts > 1) {
    sj__stream_close(stream);
    return;
  }
  attach(&self->server, stream);
  if (self->connects > 0) sj__loop_stop(self->loop);
}

static inline void on_connect(void *argument, sj_status status, sj__stream *stream) {
  pair *self = argument;
  self->connects++;
  self->connect_status = status;
  assert_true((status == SJ_OK) == (stream != NULL));
  if (stream != NULL) attach(&self->client, stream);
  if (stream == NULL || self->accepts > 0) sj__loop_stop(self->loop);
}

static inline void on_listener_done(void *argument) {
  ((pair *)argument)->listener_done++;
}

static inline void make_pair_on(pair *self, sj__loop *loop, const char *address) {
  *self = (pair){.loop = loop};
  const sj__listen_options options = {.address = address};
  sj_error error;
  assert_ok(sj__listener_open(loop, &options, on_accept, self, &self->listener, &error));
  sj__listener_address(self->listener, self->address);
  assert_ok(sj__connect_start(loop, self->address, 5000, on_connect, self, &self->attempt));
  assert_int_equal(self->connects, 0);
  kit_run(loop);
  assert_ok(self->connect_status);
  assert_int_equal(self->connects, 1);
  assert_int_equal(self->accepts, 1);
}

static inline void make_pair(pair *self, sj__loop *loop) {
  make_pair_on(self, loop, "127.0.0.1:0");
}

/* Every stream and listener says its farewell once, and not at once. */
static inline void drop_pair(pair *self) {
  int before = self->server.closed + self->client.closed;
  int server = self->server.closed + (self->server.stream != NULL ? 1 : 0);
  int client = self->client.closed + (self->client.stream != NULL ? 1 : 0);
  drop(&self->server);
  drop(&self->client);
  if (self->listener != NULL) sj__listener_close(self->listener, on_listener_done, self);
  assert_int_equal(self->server.closed + self->client.closed, before);
  assert_int_equal(self->listener_done, 0);
  kit_run_for(self->loop, 1);
  assert_int_equal(self->server.closed, server);
  assert_int_equal(self->client.closed, client);
  assert_int_equal(self->listener_done, self->listener != NULL);
}

static inline const char *unix_address(void) {
  static char address[SJ__ADDRESS_MAX];
  snprintf(address, sizeof(address), "unix:/tmp/sojourn-stream-test-%d.sock", (int)getpid());
  return address;
}

#endif
