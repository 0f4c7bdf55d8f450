/* Seats: a loop and a port, and the waiting. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "contract.h"

#define GIVE_UP_MS 10000

bool seat_fail(seat *s, const char *file, int line, const char *format, ...) {
  if (s->has_failed) return false;
  s->has_failed = true;
  const char *slash = strrchr(file, '/');
  int used = snprintf(s->why, sizeof(s->why), "%s:%d: ", slash != NULL ? slash + 1 : file, line);
  va_list args;
  va_start(args, format);
  (void)vsnprintf(s->why + used, sizeof(s->why) - (size_t)used, format, args);
  va_end(args);
  return false;
}

static void prepare(seat *s, suite *of, sj__store *store) {
  s->suite = of;
  s->store = store;
  s->now_ms = sj__wall_ms();
  sj__arena_init(&s->arena, NULL, 0, 0);
  SJ__REQUIRE(sj__loop_new(&s->loop) == SJ_OK);
}

static void release(seat *s) {
  sj__loop_free(s->loop, NULL, NULL);
  for (op *each = s->ops, *next; each != NULL; each = next) {
    next = each->next;
    sj__free(each);
  }
  sj__arena_release(&s->arena);
}

static bool attach(seat *s) {
  sj_status status = sj__store_attach(s->store, s->loop, &s->port);
  return status == SJ_OK ||
         seat_fail(s, __FILE__, __LINE__, "attaching: %s", sj_status_code(status));
}

bool seat_open(seat *s, suite *of, sj__store *store) {
  prepare(s, of, store);
  if (attach(s)) return true;
  release(s);
  return false;
}

/* --- Running the loop ------------------------------------------------------------- */

typedef struct watch {
  sj__timer timer;
  seat *seat;
  bool has_fired;
  const bool *flag;
} watch;

static void on_watch(sj__timer *timer) {
  watch *self = SJ__CONTAINER_OF(timer, watch, timer);
  self->has_fired = true;
  sj__loop_stop(self->seat->loop);
}

/* Until somebody stops the loop; false: nobody did for that long. */
static bool run_loop(seat *s, uint64_t ms) {
  watch limit = {.seat = s};
  SJ__REQUIRE(sj__timer_start(s->loop, &limit.timer, ms, on_watch) == SJ_OK);
  s->is_running = true;
  sj__loop_run(s->loop);
  s->is_running = false;
  sj__timer_stop(s->loop, &limit.timer);
  return !limit.has_fired;
}

void seat_rest(seat *s, uint64_t ms) {
  (void)run_loop(s, ms);
}

bool seat_until(seat *s, const bool *flag) {
  uint64_t until_ms = sj__loop_now_ms(s->loop) + 5000;
  while (!*flag && sj__loop_now_ms(s->loop) < until_ms) seat_rest(s, 2);
  return *flag;
}

bool wait_for(op *self) {
  seat *s = self->seat;
  s->waited = self;
  while (self->dones < self->starts && run_loop(s, GIVE_UP_MS)) continue;
  s->waited = NULL;
  return self->dones >= self->starts;
}

/* --- Ports --------------------------------------------------------------------------- */

sj__port *seat_second_port(seat *s) {
  SJ__REQUIRE(s->second == NULL);
  if (sj__store_attach(s->store, s->loop, &s->second) != SJ_OK) {
    seat_fail(s, __FILE__, __LINE__, "attaching a second port failed");
  }
  return s->second;
}

static void on_detached(void *argument) {
  *(bool *)argument = true;
}

void seat_detach_port(seat *s, sj__port *port) {
  bool is_detached = false;
  if (port == s->second) s->second = NULL;
  sj__port_detach(port, on_detached, &is_detached);
  if (is_detached) seat_fail(s, __FILE__, __LINE__, "detach completed inside the call");
  if (!seat_until(s, &is_detached)) {
    fprintf(stderr, "a port was not detached within five seconds\n");
    abort();
  }
}

static void finish(seat *s) {
  for (op *each = s->ops; each != NULL; each = each->next) {
    if (!wait_for(each)) seat_fail(s, __FILE__, __LINE__, "a call was never completed");
  }
  if (s->second != NULL) seat_detach_port(s, s->second);
  if (s->port != NULL) seat_detach_port(s, s->port);
}

void seat_close(seat *s) {
  finish(s);
  release(s);
}

/* --- Races ------------------------------------------------------------------------------ */

typedef struct racer {
  seat seat;
  sj__thread thread;
  pthread_barrier_t *gate;
  void (*body)(seat *racer);
} racer;

static void run_racer(void *argument) {
  racer *self = argument;
  bool is_attached = attach(&self->seat);
  (void)pthread_barrier_wait(self->gate);
  if (!is_attached) return;
  self->body(&self->seat);
  finish(&self->seat);
}

static void take_over_failure(seat *s, const seat *from) {
  if (!from->has_failed || s->has_failed) return;
  s->has_failed = true;
  memcpy(s->why, from->why, sizeof(s->why));
}

/*
 * Loops are made and freed here, not by the racers: libuv closes descriptors
 * behind ThreadSanitizer's back, which then takes their reuse for a race.
 */
void race(seat *s, unsigned count, void (*body)(seat *racer), void *shared) {
  pthread_barrier_t gate;
  racer *racers = sj__calloc(count, sizeof(*racers));
  SJ__REQUIRE(racers != NULL && pthread_barrier_init(&gate, NULL, count) == 0);
  for (unsigned i = 0; i < count; i++) {
    prepare(&racers[i].seat, s->suite, s->store);
    racers[i].seat.index = i;
    racers[i].seat.shared = shared;
    racers[i].gate = &gate;
    racers[i].body = body;
  }
  for (unsigned i = 0; i < count; i++) {
    SJ__REQUIRE(sj__thread_start(&racers[i].thread, "racer", run_racer, &racers[i]) == SJ_OK);
  }
  for (unsigned i = 0; i < count; i++) {
    sj__thread_join(racers[i].thread);
    take_over_failure(s, &racers[i].seat);
    release(&racers[i].seat);
  }
  (void)pthread_barrier_destroy(&gate);
  sj__free(racers);
}
