/*
 * What the two implementations of the loop share: the task queues, the timers,
 * and the tables through which loop.h and stream.h reach either. For src/loop
 * alone.
 *
 * A turn: events (timers, reads, accepted connections …) call out; then
 * sj__loop_settle runs what they deferred, what they left for the turn's end,
 * and last the farewells of closed objects; then the loop waits. What a read
 * defers, libuv's loop runs right after it.
 */
#ifndef SJ_LOOP_LOOP_CORE_H
#define SJ_LOOP_LOOP_CORE_H

#include <stddef.h>

#include "base/thread.h"
#include "loop/loop.h"
#include "loop/stream.h"

/* --- Task queues ---------------------------------------------------------- */

typedef struct sj__task_queue {
  sj__task *head;
  sj__task *tail; /* good only while head is not NULL */
} sj__task_queue;

void sj__task_queue_push(sj__task_queue *queue, sj__task *task); /* aborts: queued already */
/* Moves all of `from` to the end of `to`. */
void sj__task_queue_splice(sj__task_queue *to, sj__task_queue *from);

/* --- Timers --------------------------------------------------------------- */

/*
 * The key stands beside the pointer, so that sifting touches no timer but
 * those that move, and so that moving a running timer to a later moment is
 * free: the entry keeps its earlier key until that comes up
 * (docs/decisions/timers.md).
 */
typedef struct sj__timer_entry {
  uint64_t due_ms;
  uint64_t order;
  sj__timer *timer;
} sj__timer_entry;

typedef struct sj__timer_heap {
  sj__timer_entry *entries; /* entries[0] is slot 1 */
  size_t count;
  size_t capacity;
  uint64_t next_order;
} sj__timer_heap;

/* The moment at which sj__timers_fire should be called next. False: no timer runs. */
bool sj__timers_next(const sj__loop *loop, uint64_t *due_ms);
/*
 * Calls every timer due at `now_ms` that was started before this call. False
 * if none was (the timer had been moved on).
 */
bool sj__timers_fire(sj__loop *loop, uint64_t now_ms);
/* Calls the first timer due at `now_ms`. False: none is. */
bool sj__timers_fire_one(sj__loop *loop, uint64_t now_ms);

/* --- The loop ------------------------------------------------------------- */

typedef struct sj__loop_ops {
  uint64_t (*now_ms)(const sj__loop *loop);
  /* Something was queued or started: settle again before waiting. NULL: always done. */
  void (*stir)(sj__loop *loop);
  void (*wake)(sj__loop *loop); /* any thread: posted tasks wait */
  void (*run)(sj__loop *loop);  /* NULL: a host does */
  void (*free)(sj__loop *loop, void (*done)(void *argument), void *argument);
  sj_status (*on_signal)(sj__loop *loop, int signum, void (*fn)(void *argument, int signum),
                         void *argument);
  sj_status (*listen)(sj__loop *loop, const sj__listen_options *options, sj__accept_fn *on_accept,
                      void *data, sj__listener **out, sj_error *error);
  sj_status (*connect)(sj__loop *loop, const char *address, uint64_t timeout_ms,
                       sj__connect_fn *done, void *argument, sj__connect **out);
} sj__loop_ops;

struct sj__loop {
  const sj__loop_ops *ops;
  sj__task_queue deferred;
  sj__task_queue turn_end;
  sj__task_queue farewells; /* on_closed and the like: after all else of a turn */
  sj__timer_heap timers;
  size_t open_count; /* streams, listeners, attempts that nobody has closed */
  size_t live_count; /* the same and those that are still closing */
  bool settling;
  bool stopping;
  sj__mutex post_lock;
  sj__task_queue posted; /* under post_lock */
};

SJ_MUST_USE sj_status sj__loop_init(sj__loop *loop, const sj__loop_ops *ops);
void sj__loop_release(sj__loop *loop);

/* Runs all that is queued, and what that queues, until nothing is. */
void sj__loop_settle(sj__loop *loop);
/*
 * Runs the deferred tasks alone, and what they defer. After an event whose
 * consequences are best drawn while its data is still in the caches.
 */
void sj__loop_run_deferred(sj__loop *loop);
/* Moves what other threads have posted to the deferred tasks. */
void sj__loop_collect(sj__loop *loop);
bool sj__loop_has_tasks(const sj__loop *loop);
/* Queues what is called when a closed object has gone. */
void sj__loop_farewell(sj__loop *loop, sj__task *task);

/* --- Streams, listeners, attempts ----------------------------------------- */

typedef struct sj__stream_ops {
  void (*read_start)(sj__stream *stream);
  void (*read_stop)(sj__stream *stream);
  sj_status (*write)(sj__stream *stream, const sj_slice *slices, size_t count, bool *queued);
  size_t (*queued)(const sj__stream *stream);
  void (*shutdown)(sj__stream *stream);
  void (*close)(sj__stream *stream); /* ends with sj__stream_gone */
  sj_status (*peer)(const sj__stream *stream, sj__peer *out);
  /* Leaves `stream` open on this loop. NULL: not supported. */
  sj_status (*hand_over)(sj__stream *stream, sj__loop *to, sj__arrived_fn *on_arrived,
                         void *argument);
} sj__stream_ops;

typedef struct sj__stream_base {
  sj__stream stream; /* first: what callers hold */
  const sj__stream_ops *ops;
  sj__loop *loop;
  bool closing;
  sj__task farewell;
} sj__stream_base;

static inline sj__stream_base *sj__stream_base_of(const sj__stream *stream) {
  return (sj__stream_base *)(uintptr_t)stream;
}

void sj__stream_base_init(sj__stream_base *base, sj__loop *loop, const sj__stream_ops *ops);
/* The implementation is done with it: says so to the owner, then frees `base`, a turn later. */
void sj__stream_base_gone(sj__stream_base *base);

typedef struct sj__listener_ops {
  void (*close)(sj__listener *listener); /* from a task; ends with sj__listener_gone */
} sj__listener_ops;

struct sj__listener {
  const sj__listener_ops *ops;
  sj__loop *loop;
  sj__accept_fn *on_accept;
  void *data;
  char address[SJ__ADDRESS_MAX];
  void (*done)(void *argument);
  void *argument;
  bool closing;
  sj__task closing_task; /* first to drain, then for the farewell */
};

void sj__listener_init(sj__listener *listener, sj__loop *loop, const sj__listener_ops *ops,
                       sj__accept_fn *on_accept, void *data);
void sj__listener_gone(sj__listener *listener); /* calls `done` and frees, a turn later */

typedef struct sj__connect_ops {
  void (*cancel)(sj__connect *connect, sj_status why); /* ends with sj__connect_finish */
} sj__connect_ops;

struct sj__connect {
  const sj__connect_ops *ops;
  sj__loop *loop;
  sj__connect_fn *done;
  void *argument;
  sj__timer timer;
  sj_status why; /* SJ_OK until cancelled or too late */
};

/* SJ_NO_MEMORY: the timer could not be started. */
SJ_MUST_USE sj_status sj__connect_init(sj__connect *connect, sj__loop *loop,
                                       const sj__connect_ops *ops, uint64_t timeout_ms,
                                       sj__connect_fn *done, void *argument);
/* Stops the timer, frees the attempt and calls its `done`. */
void sj__connect_finish(sj__connect *connect, sj_status status, sj__stream *stream);

#endif
