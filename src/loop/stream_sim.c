/* Simulated streams: two ends in memory, with delays, short reads and writes, and resets. */
#include <string.h>

#include "base/alloc.h"
#include "loop/sim_core.h"

static sj__sim_stream *self_of(const sj__stream *stream) {
  return (sj__sim_stream *)(uintptr_t)stream;
}

static sj__sim_loop *loop_of(const sj__sim_stream *self) {
  return sj__sim_loop_of(self->base.loop);
}

/* --- Reading -------------------------------------------------------------- */

static void expect_read(sj__sim_stream *self) {
  bool anything = self->incoming.size > 0 || self->fin || self->reset;
  if (self->reading && !self->ended && anything) {
    sj__sim_schedule(loop_of(self), &self->readable);
  }
}

static void end_reading(sj__sim_stream *self, sj_status why) {
  self->ended = true;
  sj__sim_note(loop_of(self), 'e', self->id, why);
  self->base.stream.events->on_end(&self->base.stream, why);
}

static void break_connection(sj__sim_stream *self) {
  sj__sim_note(loop_of(self), 'x', self->id, 0);
  self->reset = true;
  self->broken = true;
  sj__buffer_reset(&self->incoming);
  expect_read(self);
  if (self->waiting.size > 0) sj__sim_schedule(loop_of(self), &self->writable);
}

void sj__sim_reset(sj__stream *stream) {
  sj__sim_stream *self = self_of(stream);
  if (self->peer != NULL) break_connection(self->peer);
  break_connection(self);
}

static void deliver(sj__sim_stream *self) {
  sj__sim_loop *loop = loop_of(self);
  size_t size = self->incoming.size;
  if (size > sizeof(loop->read_buffer)) size = sizeof(loop->read_buffer);
  if (sj__sim_chance(loop, loop->faults.short_read_percent)) {
    size = 1 + (size_t)sj__sim_draw(&loop->loop, size);
  }
  memcpy(loop->read_buffer, self->incoming.data, size);
  sj__buffer_consume(&self->incoming, size);
  if (self->peer != NULL && self->peer->waiting.size > 0) {
    sj__sim_schedule(loop, &self->peer->writable);
  }
  expect_read(self);
  sj__sim_note(loop, 'r', self->id, size);
  self->base.stream.events->on_read(&self->base.stream, loop->read_buffer, size);
}

static void on_readable(sj__sim_event *event) {
  sj__sim_stream *self = SJ__CONTAINER_OF(event, sj__sim_stream, readable);
  sj__sim_loop *loop = loop_of(self);
  if (!self->reading || self->ended) return;
  if (!self->reset && sj__sim_draw(&loop->loop, 1000000) < loop->faults.resets_per_million) {
    sj__sim_reset(&self->base.stream);
    sj__sim_unschedule(&self->readable);
  }
  if (self->reset) {
    end_reading(self, SJ_IO);
  } else if (self->incoming.size > 0) {
    deliver(self);
  } else if (self->fin) {
    end_reading(self, SJ_CLOSED);
  }
}

static void sim_read_start(sj__stream *stream) {
  self_of(stream)->reading = true;
  expect_read(self_of(stream));
}

static void sim_read_stop(sj__stream *stream) {
  self_of(stream)->reading = false;
  sj__sim_unschedule(&self_of(stream)->readable);
}

/* --- Writing -------------------------------------------------------------- */

static void send_fin(sj__sim_stream *self) {
  if (self->peer == NULL || self->broken) return;
  self->peer->fin = true;
  expect_read(self->peer);
}

/* Hands over what the network takes: as much as its window holds, or less. */
static sj_status transmit(sj__sim_stream *self) {
  sj__sim_loop *loop = loop_of(self);
  sj__buffer *there = &self->peer->incoming;
  size_t room = loop->faults.window > there->size ? loop->faults.window - there->size : 0;
  size_t size = self->waiting.size < room ? self->waiting.size : room;
  if (size > 0 && sj__sim_chance(loop, loop->faults.short_write_percent)) {
    size = (size_t)sj__sim_draw(&loop->loop, size);
  }
  sj__buffer_append(there, self->waiting.data, size);
  sj_status status = sj__buffer_status(there);
  if (status != SJ_OK) return status;
  sj__buffer_consume(&self->waiting, size);
  sj__sim_note(loop, 'w', self->id, size);
  expect_read(self->peer);
  if (self->waiting.size > 0 && size < room) sj__sim_schedule(loop, &self->writable);
  return SJ_OK;
}

static void tell_drained(sj__sim_stream *self, sj_status status) {
  sj__sim_note(loop_of(self), 'd', self->id, status);
  if (self->shutdown) send_fin(self);
  self->base.stream.events->on_drained(&self->base.stream, status);
}

static void on_writable(sj__sim_event *event) {
  sj__sim_stream *self = SJ__CONTAINER_OF(event, sj__sim_stream, writable);
  if (self->waiting.size == 0) return;
  if (self->peer == NULL || (!self->broken && transmit(self) != SJ_OK)) self->broken = true;
  if (self->broken) {
    sj__buffer_reset(&self->waiting);
    tell_drained(self, SJ_IO);
  } else if (self->waiting.size == 0) {
    tell_drained(self, SJ_OK);
  }
}

/* As TCP has it: the first write after the peer has gone is taken, and answered by a reset. */
static sj_status write_to_nobody(sj__sim_stream *self) {
  break_connection(self);
  return SJ_OK;
}

static sj_status sim_write(sj__stream *stream, const sj_slice *slices, size_t count, bool *queued) {
  sj__sim_stream *self = self_of(stream);
  SJ__REQUIRE(!self->shutdown);
  if (self->broken) return SJ_IO;
  bool was_waiting = self->waiting.size > 0;
  for (size_t i = 0; i < count; i++) sj__buffer_append_slice(&self->waiting, slices[i]);
  sj_status status = sj__buffer_status(&self->waiting);
  if (status == SJ_OK && self->waiting.size > 0 && !was_waiting) {
    if (self->peer == NULL) {
      sj__buffer_reset(&self->waiting);
      return write_to_nobody(self);
    }
    status = transmit(self);
  }
  if (status != SJ_OK) {
    self->broken = true;
    sj__buffer_reset(&self->waiting);
    sj__sim_unschedule(&self->writable);
    return status;
  }
  *queued = self->waiting.size > 0;
  return SJ_OK;
}

static size_t sim_queued(const sj__stream *stream) {
  return self_of(stream)->waiting.size;
}

static void sim_shutdown(sj__stream *stream) {
  sj__sim_stream *self = self_of(stream);
  if (self->shutdown) return;
  self->shutdown = true;
  if (self->waiting.size == 0) send_fin(self);
}

/* --- Life ----------------------------------------------------------------- */

/* TCP resets a connection that is closed with bytes unread (RFC 1122 4.2.2.13). */
static void part_from_peer(sj__sim_stream *self) {
  sj__sim_stream *peer = self->peer;
  if (peer == NULL) return;
  peer->peer = NULL;
  if (self->incoming.size > 0 || peer->waiting.size > 0) {
    break_connection(peer);
  } else {
    peer->fin = true;
    expect_read(peer);
  }
}

static void sim_close(sj__stream *stream) {
  sj__sim_stream *self = self_of(stream);
  part_from_peer(self);
  sj__sim_unschedule(&self->readable);
  sj__sim_unschedule(&self->writable);
  sj__buffer_release(&self->incoming);
  sj__buffer_release(&self->waiting);
  sj__stream_base_gone(&self->base);
}

static sj_status sim_peer(const sj__stream *stream, sj__peer *out) {
  *out = self_of(stream)->peer_name;
  return SJ_OK;
}

static const sj__stream_ops sim_stream_ops = {
    .read_start = sim_read_start,
    .read_stop = sim_read_stop,
    .write = sim_write,
    .queued = sim_queued,
    .shutdown = sim_shutdown,
    .close = sim_close,
    .peer = sim_peer,
};

static void stream_init(sj__sim_loop *loop, sj__sim_stream *self, sj__sim_stream *peer) {
  self->id = ++loop->next_id;
  self->peer = peer;
  sj__list_init(&self->backlog_node);
  sj__sim_event_init(&self->readable, on_readable);
  sj__sim_event_init(&self->writable, on_writable);
  sj__stream_base_init(&self->base, &loop->loop, &sim_stream_ops);
}

sj_status sj__sim_stream_pair(sj__sim_loop *self, sj__sim_stream **a, sj__sim_stream **b) {
  *a = sj__calloc(1, sizeof(**a));
  *b = sj__calloc(1, sizeof(**b));
  if (*a == NULL || *b == NULL) {
    sj__free(*a);
    sj__free(*b);
    return SJ_NO_MEMORY;
  }
  stream_init(self, *a, *b);
  stream_init(self, *b, *a);
  return SJ_OK;
}
