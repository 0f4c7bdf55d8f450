/*
 * The simulated loop. One step is one turn: an event or timer that is ready,
 * now and then several (as a real poll brings several), then all tasks. When
 * nothing is ready, virtual time jumps to what comes next.
 */
#include "loop/loop_sim.h"

#include <string.h>

#include "base/alloc.h"
#include "loop/sim_core.h"

/* Not zero, so that code that takes zero for "never" is found out. */
#define START_NS      UINT64_C(1000000000000)
#define STEP_NS       1000 /* a turn takes time: a busy loop must not stop the clock */
#define EVENTS_A_TURN 4

/* --- Chance --------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014): short, and good enough to choose by. */
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static uint64_t draw(sj__sim_loop *self) {
  self->random += 0x9e3779b97f4a7c15u;
  return mix(self->random);
}

uint64_t sj__sim_draw(sj__loop *loop, uint64_t bound) {
  SJ__REQUIRE(bound > 0);
  return draw(sj__sim_loop_of(loop)) % bound;
}

bool sj__sim_chance(sj__sim_loop *self, unsigned percent) {
  return sj__sim_draw(&self->loop, 100) < percent;
}

sj_status sj__sim_random(void *loop, void *out, size_t size) {
  uint8_t *bytes = out;
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)sj__sim_draw(loop, 256);
  return SJ_OK;
}

/*
 * r bytes read, e end of reading, w bytes taken, d drained, c connected,
 * f failed to connect, a accepted, x broken, t timer.
 */
void sj__sim_note(sj__sim_loop *self, char what, uint32_t id, uint64_t detail) {
  self->trace = mix(self->trace ^ self->now_ns);
  self->trace = mix(self->trace ^ ((uint64_t)id << 8) ^ (uint64_t)(unsigned char)what);
  self->trace = mix(self->trace ^ detail);
}

uint64_t sj__sim_trace(const sj__loop *loop) {
  return sj__sim_loop_of(loop)->trace;
}

void sj__sim_faults_init(sj__sim_faults *faults) {
  *faults = (sj__sim_faults){.delay_min_us = 10,
                             .delay_max_us = 500,
                             .window = 65536,
                             .short_read_percent = 25,
                             .short_write_percent = 25};
}

void sj__sim_set_faults(sj__loop *loop, const sj__sim_faults *faults) {
  SJ__REQUIRE(faults->delay_min_us <= faults->delay_max_us && faults->window > 0);
  sj__sim_loop_of(loop)->faults = *faults;
}

/* --- Events --------------------------------------------------------------- */

void sj__sim_event_init(sj__sim_event *event, void (*fn)(sj__sim_event *event)) {
  sj__list_init(&event->node);
  event->fn = fn;
}

void sj__sim_schedule(sj__sim_loop *self, sj__sim_event *event) {
  if (!sj__list_is_empty(&event->node)) return;
  const sj__sim_faults *faults = &self->faults;
  uint64_t spread_us = faults->delay_max_us - faults->delay_min_us;
  uint64_t delay_us = faults->delay_min_us + sj__sim_draw(&self->loop, spread_us + 1);
  event->at_ns = self->now_ns + delay_us * 1000;
  sj__list_append(&self->events, &event->node);
}

void sj__sim_unschedule(sj__sim_event *event) {
  sj__list_remove(&event->node);
}

static sj__sim_event *event_of(sj__list *node) {
  return SJ__CONTAINER_OF(node, sj__sim_event, node);
}

static uint64_t now_ms(const sj__loop *loop) {
  return sj__sim_loop_of(loop)->now_ns / 1000000;
}

static bool timer_is_ready(const sj__sim_loop *self) {
  uint64_t due_ms;
  return sj__timers_next(&self->loop, &due_ms) && due_ms <= now_ms(&self->loop);
}

/* One of those that are ready, each as likely as the other; NULL: none is. */
static sj__sim_event *pick_event(sj__sim_loop *self, uint64_t *ready) {
  sj__sim_event *picked = NULL;
  *ready = 0;
  SJ__LIST_FOR(node, &self->events) {
    if (event_of(node)->at_ns > self->now_ns) continue;
    if (sj__sim_draw(&self->loop, ++*ready) == 0) picked = event_of(node);
  }
  return picked;
}

/* False: nothing is ready. */
static bool run_one(sj__sim_loop *self) {
  uint64_t ready;
  sj__sim_event *event = pick_event(self, &ready);
  bool timer = timer_is_ready(self);
  if (timer && sj__sim_draw(&self->loop, ready + 1) == 0) {
    sj__sim_note(self, 't', 0, self->loop.timers.entries[0].order);
    sj__timers_fire_one(&self->loop, now_ms(&self->loop));
  } else if (event != NULL) {
    sj__sim_unschedule(event);
    event->fn(event);
  }
  return timer || event != NULL;
}

/* To the next thing that will happen. False: there is none. */
static bool move_time(sj__sim_loop *self) {
  uint64_t next_ns = UINT64_MAX;
  uint64_t due_ms;
  if (sj__timers_next(&self->loop, &due_ms) && due_ms < UINT64_MAX / 1000000) {
    next_ns = due_ms * 1000000;
  }
  SJ__LIST_FOR(node, &self->events) {
    if (event_of(node)->at_ns < next_ns) next_ns = event_of(node)->at_ns;
  }
  if (next_ns == UINT64_MAX) return false;
  if (next_ns > self->now_ns) self->now_ns = next_ns;
  return true;
}

bool sj__loop_sim_step(sj__loop *loop) {
  sj__sim_loop *self = sj__sim_loop_of(loop);
  sj__loop_collect(loop);
  if (!sj__loop_has_tasks(loop)) {
    if (!move_time(self)) return false;
    for (int i = 0; i < EVENTS_A_TURN && run_one(self); i++) {
      if (!sj__sim_chance(self, 25)) break;
    }
  }
  sj__loop_settle(loop);
  self->now_ns += STEP_NS;
  return true;
}

void sj__loop_sim_step_wall(sj__loop *loop, int64_t by_ms) {
  sj__sim_loop_of(loop)->wall_offset_ms += by_ms;
}

/* --- Life ----------------------------------------------------------------- */

static void wake(sj__loop *loop) {}

static void run(sj__loop *loop) {
  while (!loop->stopping && sj__loop_sim_step(loop)) continue;
  loop->stopping = false;
}

static void sim_free(sj__loop *loop, void (*done)(void *argument), void *argument) {
  sj__sim_loop *self = sj__sim_loop_of(loop);
  while (loop->live_count > 0 || sj__loop_has_tasks(loop)) {
    SJ__REQUIRE(sj__loop_sim_step(loop));
  }
  sj__clock_install(NULL);
  sj__loop_release(loop);
  sj__free(self);
  if (done != NULL) done(argument);
}

static sj_status on_signal(sj__loop *loop, int signum, void (*fn)(void *argument, int signum),
                           void *argument) {
  return SJ_UNSUPPORTED;
}

static const sj__loop_ops sim_ops = {
    .now_ms = now_ms,
    .wake = wake,
    .run = run,
    .free = sim_free,
    .on_signal = on_signal,
    .listen = sj__sim_listen,
    .connect = sj__sim_connect,
};

static uint64_t clock_monotonic_ns(void *context) {
  return ((sj__sim_loop *)context)->now_ns;
}

static int64_t clock_wall_ms(void *context) {
  const sj__sim_loop *self = context;
  return self->wall_offset_ms + (int64_t)(self->now_ns / 1000000);
}

sj_status sj__loop_sim_new(uint64_t seed, int64_t wall_ms, sj__loop **out) {
  sj__sim_loop *self = sj__calloc(1, sizeof(*self));
  if (self == NULL) return SJ_NO_MEMORY;
  if (sj__loop_init(&self->loop, &sim_ops) != SJ_OK) {
    sj__free(self);
    return SJ_NO_MEMORY;
  }
  self->random = seed;
  self->now_ns = START_NS;
  self->wall_offset_ms = wall_ms - (int64_t)(START_NS / 1000000);
  self->clock = (sj__clock){clock_wall_ms, clock_monotonic_ns, self};
  self->next_port = 40000;
  sj__sim_faults_init(&self->faults);
  sj__list_init(&self->events);
  sj__list_init(&self->listeners);
  sj__clock_install(&self->clock);
  *out = &self->loop;
  return SJ_OK;
}
