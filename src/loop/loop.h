/*
 * The event loop as the rest of Sojourn sees it: tasks, timers, wake-ups from
 * other threads. Two implementations stand behind it: libuv's (the files named
 * _uv, which alone include uv.h) and a simulated one (those named _sim) whose
 * time is virtual and whose order follows a seed.
 *
 * A loop belongs to one thread. Only sj__loop_post may be called from another.
 */
#ifndef SJ_LOOP_LOOP_H
#define SJ_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "sojourn/status.h"

struct uv_loop_s;
typedef struct sj__loop sj__loop;

/* --- Life --------------------------------------------------------------- */

/*
 * A loop of our own on libuv. SJ_NO_MEMORY, SJ_IO. Free with sj__loop_free.
 * Makes the process ignore SIGPIPE, if it still has its default.
 */
SJ_MUST_USE sj_status sj__loop_new(sj__loop **out);

/*
 * Rides on a host's loop, which the host runs and which must outlive ours.
 * Call on that loop's thread. What we add does not keep an idle host loop
 * alive once sj__loop_free's `done` has been called.
 */
SJ_MUST_USE sj_status sj__loop_adopt(struct uv_loop_s *uv, sj__loop **out);

/*
 * The simulated twin: virtual monotonic and wall time (installed into
 * base/clock.h while it lives, one at a time), in-memory streams, and an order
 * of ready events drawn from `seed`. The same seed gives the same run.
 */
SJ_MUST_USE sj_status sj__loop_sim_new(uint64_t seed, int64_t wall_ms, sj__loop **out);

/*
 * Ends a loop: every timer and stream on it must be stopped or closed before.
 * For our own and simulated loops this returns when all is freed, and `done`
 * may be NULL; for an adopted one `done` is called from a later turn of the
 * host's loop, after which the loop no longer exists.
 */
void sj__loop_free(sj__loop *loop, void (*done)(void *argument), void *argument);

/* Runs until sj__loop_stop. Not for adopted loops. */
void sj__loop_run(sj__loop *loop);
void sj__loop_stop(sj__loop *loop); /* on the loop's thread; takes effect after this turn */

/*
 * Simulation only: runs the next ready event, moving virtual time forward if
 * nothing is ready. False when nothing is left to happen.
 */
bool sj__loop_sim_step(sj__loop *loop);
/* Simulation only: moves the wall clock alone, as an administrator or NTP would. */
void sj__loop_sim_step_wall(sj__loop *loop, int64_t by_ms);

/* Monotonic milliseconds (base/clock.h's), read once a turn: cheap, up to a turn old. */
uint64_t sj__loop_now_ms(const sj__loop *loop);

/* --- Tasks -------------------------------------------------------------- */

typedef struct sj__task sj__task;
typedef void sj__task_fn(sj__task *task);

/* Embedded in whatever waits; SJ__CONTAINER_OF leads back. Zeroed is ready for use. */
struct sj__task {
  sj__task_fn *fn;
  sj__task *next;
  bool queued;
};

/*
 * Runs `task->fn` once, on this loop, after the present callback returns and
 * before the loop waits for events again; in the order of the calls. This is
 * how a completion is never made inside the call that started it. A task that
 * is queued already must not be queued again (aborts).
 */
void sj__loop_defer(sj__loop *loop, sj__task *task);

/* The same from any thread: wakes the loop. Order is kept per posting thread. */
void sj__loop_post(sj__loop *loop, sj__task *task);

/*
 * Runs `task->fn` at the end of this turn: after every event of this turn and
 * every deferred task, just before the loop waits. For coalescing writes.
 */
void sj__loop_at_turn_end(sj__loop *loop, sj__task *task);

/* The same, ahead of all that waits for the turn's end: for what must be told before replies. */
void sj__loop_first_at_turn_end(sj__loop *loop, sj__task *task);

/* --- Timers ------------------------------------------------------------- */

typedef struct sj__timer sj__timer;
typedef void sj__timer_fn(sj__timer *timer);

/* Embedded; zeroed is a stopped timer. Stopping is at once and may free it. */
struct sj__timer {
  sj__timer_fn *fn;
  uint64_t due_ms; /* monotonic */
  uint64_t order;  /* equal moments fire in the order they were started */
  uint32_t slot;   /* in the heap, from 1; 0: stopped */
};

/*
 * Fires once, not before `delay_ms` from the loop's now, never inside this
 * call. Starting a running timer moves it. SJ_NO_MEMORY: it isn't running.
 */
SJ_MUST_USE sj_status sj__timer_start(sj__loop *loop, sj__timer *timer, uint64_t delay_ms,
                                      sj__timer_fn *fn);
void sj__timer_stop(sj__loop *loop, sj__timer *timer); /* a stopped one: nothing */
static inline bool sj__timer_is_running(const sj__timer *timer) {
  return timer->slot != 0;
}

/* --- Signals ------------------------------------------------------------ */

/*
 * Calls `fn(argument, signum)` on this loop whenever the process gets `signum`,
 * until the loop is freed. libuv loops only. SJ_NO_MEMORY, SJ_IO.
 */
SJ_MUST_USE sj_status sj__loop_on_signal(sj__loop *loop, int signum,
                                         void (*fn)(void *argument, int signum), void *argument);

#endif
