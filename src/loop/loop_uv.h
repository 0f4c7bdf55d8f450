/* The loop on libuv, for its siblings stream_uv.c, listener_uv.c and connect_uv.c alone. */
#ifndef SJ_LOOP_LOOP_UV_H
#define SJ_LOOP_LOOP_UV_H

#include <uv.h>

#include "base/buffer.h"
#include "loop/loop_core.h"

#define SJ__READ_BUFFER_SIZE 65536u

typedef struct sj__uv_signal sj__uv_signal;

typedef struct sj__uv_loop {
  sj__loop loop;
  uv_loop_t *uv;
  uv_loop_t own; /* used unless a host's loop was adopted */
  bool is_running;
  bool is_freeing;
  void (*done)(void *argument);
  void *argument;
  size_t closing_handles;
  uv_async_t async;     /* another thread has posted */
  uv_prepare_t prepare; /* settles the turn before the loop polls */
  uv_idle_t idle;       /* adopted: keeps the loop from blocking before it is settled */
  uv_timer_t timer;     /* stands in for all of ours */
  bool timer_armed;
  uint64_t timer_due_ms;
  sj__uv_signal *signals;
  char read_buffer[SJ__READ_BUFFER_SIZE];
} sj__uv_loop;

static inline sj__uv_loop *sj__uv_loop_of(const sj__loop *loop) {
  return (sj__uv_loop *)(uintptr_t)loop;
}

typedef struct sj__uv_stream {
  sj__stream_base base;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;
  int fd; /* -1 while connecting */
  bool is_unix;
  bool ended;    /* on_end was said */
  bool broken;   /* nothing more can be written */
  bool shutdown; /* ours; done once all is written */
  bool writing;  /* `request` is with libuv, and borrows `flight` */
  uv_write_t request;
  sj__buffer flight;
  sj__buffer waiting; /* written after `flight` */
} sj__uv_stream;

/* SJ_NO_MEMORY. The handle is initialised and has no descriptor. */
SJ_MUST_USE sj_status sj__uv_stream_new(sj__loop *loop, bool is_unix, sj__uv_stream **out);
/* Takes `fd` over: on failure (SJ_NO_MEMORY, SJ_IO) it is closed. */
SJ_MUST_USE sj_status sj__uv_stream_adopt(sj__loop *loop, bool is_unix, int fd,
                                          sj__uv_stream **out);

/* handover_uv.c; contract at sj__stream_hand_over. */
sj_status sj__uv_stream_hand_over(sj__stream *stream, sj__loop *to, sj__arrived_fn *on_arrived,
                                  void *argument);

sj_status sj__uv_listen(sj__loop *loop, const sj__listen_options *options, sj__accept_fn *on_accept,
                        void *data, sj__listener **out, sj_error *error);
sj_status sj__uv_connect(sj__loop *loop, const char *address, uint64_t timeout_ms,
                         sj__connect_fn *done, void *argument, sj__connect **out);

#endif
