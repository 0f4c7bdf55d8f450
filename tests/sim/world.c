#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "loop/loop_sim.h"

#define SLOTS    3
#define SUBJECTS 2
#define SITES    4
#define BOUND_MS 1100 /* marks are tailed every second */

typedef struct world world;

/* A session as somebody knows it. */
typedef struct known {
  unsigned lineage; /* 0: none yet */
  char sid[SID_TEXT];
  char credential[128];
  uint64_t version;
} known;

/* What all clients of a slot share, as the tabs of one browser share its cookies. */
typedef struct jar {
  known newest;
  int subject;
  bool is_alive;
  bool is_creating;
} jar;

typedef struct view {
  known newest;
  known before; /* of the same sid; credential empty: none */
  uint32_t attempts;
} view;

typedef struct client {
  world *world;
  unsigned index;
  sj__timer timer;
  sj__timer cancel_timer;
  ask ask;
  bool is_asking;
  size_t op;
  unsigned slot;
  unsigned site;
  view views[SLOTS];
  char subject[8];
  char text[64];
  char sid[SID_TEXT];
  sj_create_args create;
  sj_rotate_args rotate;
} client;

struct world {
  const world_setup *setup;
  history *history;
  kit kit;
  site sites[SITES];
  bool is_closing[SITES];
  sj_options options;
  unsigned pending[SITES];
  jar jars[SLOTS];
  client clients[CLIENTS_MAX];
  unsigned lineages;
  bool is_over; /* nobody starts anything any more */
};

static uint64_t draw(world *w, uint64_t bound) {
  return sj__sim_draw(w->kit.loop, bound);
}

static bool chance(world *w, unsigned percent) {
  return draw(w, 100) < percent;
}

static void copy(char *out, size_t size, const char *from) {
  snprintf(out, size, "%s", from);
}

/* --- Answers ------------------------------------------------------------------------- */

static void read_values(const char *attributes, uint32_t values[CLIENTS_MAX]) {
  for (int i = 0; i < CLIENTS_MAX; i++) {
    char name[8];
    snprintf(name, sizeof(name), "\"c%d\":", i);
    const char *at = strstr(attributes, name);
    values[i] = at != NULL ? (uint32_t)strtoul(at + strlen(name), NULL, 10) : 0;
  }
}

static int subject_of(const answer *told) {
  return told->subject[0] == 'u' ? told->subject[1] - '0' : -1;
}

/* Told dead while it was written: what was written may have been seen before. */
static bool may_have_happened(const answer *told) {
  return strcmp(told->applied, "unknown") == 0 || told->status == SJ_ENDED ||
         told->status == SJ_EXPIRED || told->status == SJ_UNKNOWN;
}

static void note_answer(client *self) {
  op *each = &self->world->history->ops[self->op];
  const answer *told = &self->ask.answer;
  each->status = told->status;
  each->may_have_happened = told->status != SJ_OK && may_have_happened(told);
  each->has_session = told->has_session;
  if (told->has_session) {
    copy(each->result, sizeof(each->result), told->session.sid);
    each->version = told->session.version;
    each->subject = subject_of(told);
    read_values(told->attributes, each->values);
    each->has_committed =
        each->kind == OP_CREATE || each->kind == OP_PATCH || each->kind == OP_ROTATE;
  }
  if (told->listed > 0) {
    each->listed = sj__calloc(told->listed, sizeof(*each->listed));
    SJ__REQUIRE(each->listed != NULL);
    memcpy(each->listed, told->sids, told->listed * sizeof(*each->listed));
    each->listed_count = told->listed;
  }
  history_finish(self->world->history, self->op, sj__loop_now_ms(self->world->kit.loop));
}

static void learn(client *self, const op *each) {
  view *mine = &self->views[self->slot];
  jar *shared = &self->world->jars[self->slot];
  const answer *told = &self->ask.answer;
  if (told->credential[0] == '\0' || each->lineage != mine->newest.lineage) return;
  bool is_same_sid = strcmp(mine->newest.sid, told->session.sid) == 0;
  if (is_same_sid && told->session.version <= mine->newest.version) return;
  mine->before = is_same_sid ? mine->newest : (known){.lineage = 0};
  copy(mine->newest.sid, sizeof(mine->newest.sid), told->session.sid);
  copy(mine->newest.credential, sizeof(mine->newest.credential), told->credential);
  mine->newest.version = told->session.version;
  if (shared->newest.lineage == each->lineage && shared->newest.version < mine->newest.version) {
    shared->newest = mine->newest;
    shared->subject = subject_of(told);
  }
}

static void note_dead(client *self, const op *each) {
  jar *shared = &self->world->jars[self->slot];
  bool is_dead = each->status == SJ_ENDED || each->status == SJ_EXPIRED ||
                 each->status == SJ_UNKNOWN || (each->kind == OP_END && each->status == SJ_OK);
  if (!is_dead || shared->newest.lineage != each->lineage) return;
  if (strcmp(shared->newest.sid, each->sid) == 0) {
    shared->is_alive = false;
  } else {
    self->views[self->slot].newest.lineage = 0; /* takes the shared one the next time */
  }
}

static void note_created(client *self, const op *each) {
  jar *shared = &self->world->jars[self->slot];
  view *mine = &self->views[self->slot];
  shared->is_creating = false;
  if (each->status != SJ_OK) return;
  *mine = (view){.newest.lineage = each->lineage, .attempts = 1};
  shared->newest = (known){.lineage = each->lineage};
  shared->is_alive = true;
  learn(self, each);
}

static void rest(client *self);

/* From the kit's `done`, which has copied the answer. */
static void on_answered(sj_call *call) {
  ask *asked = call->data;
  client *self = SJ__CONTAINER_OF(asked, client, ask);
  ask_take(asked, call);
  sj__timer_stop(self->world->kit.loop, &self->cancel_timer);
  note_answer(self);
  const op *each = &self->world->history->ops[self->op];
  if (each->kind == OP_CREATE) {
    note_created(self, each);
  } else if (each->kind != OP_LIST && each->kind != OP_END_ALL) {
    learn(self, each);
    note_dead(self, each);
  }
  self->is_asking = false;
  self->world->pending[self->site]--;
  rest(self);
}

/* --- Questions ----------------------------------------------------------------------- */

static void on_cancel(sj__timer *timer) {
  client *self = SJ__CONTAINER_OF(timer, client, cancel_timer);
  sj_cancel(self->world->sites[self->site].worker, &self->ask.call);
}

static bool choose_site(client *self) {
  world *w = self->world;
  self->site = (unsigned)draw(w, w->setup->engines);
  return !w->is_closing[self->site];
}

static void begin(client *self, op *each) {
  world *w = self->world;
  each->client = self->index;
  self->op = history_start(w->history, each, sj__loop_now_ms(w->kit.loop));
  self->is_asking = true;
  w->pending[self->site]++;
  ask_init(&self->ask, &w->sites[self->site]);
  self->ask.call.done = on_answered;
  if (chance(w, 10)) self->ask.call.timeout_ms = 3 + (uint32_t)draw(w, 60);
  if (w->setup->has_faults && chance(w, 4)) {
    SJ__REQUIRE(sj__timer_start(w->kit.loop, &self->cancel_timer, draw(w, 4), on_cancel) == SJ_OK);
  }
}

static sj_worker *worker_of(client *self) {
  return self->world->sites[self->site].worker;
}

static sj_slice next_attempt(client *self, op *each) {
  each->attempt = ++self->views[self->slot].attempts;
  snprintf(self->text, sizeof(self->text), "{\"c%u\":%u}", self->index, each->attempt);
  return sj__slice_text(self->text);
}

static sj_slice choose_subject(client *self, op *each) {
  each->subject = (int)draw(self->world, SUBJECTS);
  snprintf(self->subject, sizeof(self->subject), "u%d", each->subject);
  return sj__slice_text(self->subject);
}

static void ask_create(client *self) {
  world *w = self->world;
  op each = {.kind = OP_CREATE, .lineage = ++w->lineages, .subject = -1};
  w->jars[self->slot].is_creating = true;
  self->views[self->slot].attempts = 0;
  self->create = (sj_create_args){.attributes = next_attempt(self, &each)};
  if (chance(w, 70)) self->create.subject = choose_subject(self, &each);
  begin(self, &each);
  SJ__REQUIRE(sj_create(worker_of(self), &self->ask.call, &self->create) == SJ_OK);
}

static void ask_list(client *self) {
  op each = {.kind = OP_LIST};
  sj_slice subject = choose_subject(self, &each);
  begin(self, &each);
  SJ__REQUIRE(sj_list(worker_of(self), &self->ask.call, subject, (sj_slice){NULL, 0}, 100) ==
              SJ_OK);
}

static void ask_end_all(client *self) {
  world *w = self->world;
  op each = {.kind = OP_END_ALL};
  sj_slice subject = choose_subject(self, &each);
  const jar *shared = &w->jars[self->slot];
  if (shared->is_alive && shared->subject == each.subject && chance(w, 50)) {
    copy(each.sid, sizeof(each.sid), shared->newest.sid);
  }
  copy(self->sid, sizeof(self->sid), each.sid);
  begin(self, &each);
  sj_slice spared = self->sid[0] != '\0' ? sj__slice_text(self->sid) : (sj_slice){NULL, 0};
  SJ__REQUIRE(sj_end_subject(worker_of(self), &self->ask.call, subject, spared) == SJ_OK);
}

static op_kind choose_kind(world *w) {
  uint64_t drawn = draw(w, 100);
  if (drawn < 45) return OP_PATCH;
  if (drawn < 87) return OP_LOAD;
  return drawn < 95 ? OP_ROTATE : OP_END;
}

static void start_presented(client *self, op *each) {
  sj_worker *worker = worker_of(self);
  sj_call *call = &self->ask.call;
  sj_status status = SJ_OK;
  if (each->kind == OP_PATCH) status = sj_patch(worker, call, sj__slice_text(self->text), 0);
  if (each->kind == OP_LOAD) status = sj_load(worker, call, NULL);
  if (each->kind == OP_ROTATE) status = sj_rotate(worker, call, &self->rotate);
  if (each->kind == OP_END) status = sj_end(worker, call);
  SJ__REQUIRE(status == SJ_OK);
}

static void ask_presented(client *self, op_kind kind) {
  world *w = self->world;
  view *mine = &self->views[self->slot];
  op each = {.kind = kind, .lineage = mine->newest.lineage, .subject = -1, .is_newest = true};
  bool has_old = mine->before.credential[0] != '\0';
  bool is_old = has_old && chance(w, w->setup->forgets ? 60 : 15);
  const known *from = is_old ? &mine->before : &mine->newest;
  each.is_newest = !is_old || w->setup->forgets;
  each.is_strong = kind == OP_LOAD && chance(w, 25);
  each.seen = from->version;
  copy(each.sid, sizeof(each.sid), from->sid);
  if (kind == OP_PATCH) (void)next_attempt(self, &each);
  if (kind == OP_ROTATE) {
    self->rotate =
        (sj_rotate_args){.auth_level = (int)draw(w, 3), .attributes = next_attempt(self, &each)};
    /* A sign-in of whom the session has already, or of the first it gets. */
    if (w->jars[self->slot].subject < 0 && chance(w, 50)) {
      self->rotate.subject = choose_subject(self, &each);
      each.subject = -1;
    }
  }
  char credential[sizeof(from->credential)];
  copy(credential, sizeof(credential), from->credential);
  begin(self, &each);
  ask_present(&self->ask, credential);
  self->ask.call.strong = each.is_strong;
  start_presented(self, &each);
}

static void on_due(sj__timer *timer) {
  client *self = SJ__CONTAINER_OF(timer, client, timer);
  world *w = self->world;
  if (w->is_over) return;
  self->slot = (unsigned)draw(w, SLOTS);
  jar *shared = &w->jars[self->slot];
  if (!choose_site(self)) {
    rest(self);
  } else if (chance(w, 6)) {
    ask_list(self);
  } else if (chance(w, 2)) {
    ask_end_all(self);
  } else if (shared->is_alive) {
    view *mine = &self->views[self->slot];
    if (mine->newest.lineage != shared->newest.lineage) {
      uint32_t attempts = mine->newest.lineage == 0 ? mine->attempts : 0;
      *mine = (view){.newest = shared->newest, .attempts = attempts};
    }
    ask_presented(self, choose_kind(w));
  } else if (!shared->is_creating) {
    ask_create(self);
  } else {
    rest(self);
  }
}

static void rest(client *self) {
  world *w = self->world;
  uint64_t ms = chance(w, 1) ? draw(w, 90000) : draw(w, 12);
  SJ__REQUIRE(sj__timer_start(w->kit.loop, &self->timer, ms, on_due) == SJ_OK);
}

/* --- The run ---------------------------------------------------------------------------- */

static void set_faults(world *w) {
  sj__fault_plan plan = {.seed = w->setup->seed,
                         .delay_ms = 20,
                         .keep_previous = w->setup->has_stale_reads,
                         .ops = SJ__FAULT_OP(SJ__GET) | SJ__FAULT_OP(SJ__PUT) |
                                SJ__FAULT_OP(SJ__TOUCH) | SJ__FAULT_OP(SJ__END) |
                                SJ__FAULT_OP(SJ__MARK) | SJ__FAULT_OP(SJ__LIST)};
  plan.per_mille[SJ__FAULT_REFUSE] = 20;
  plan.per_mille[SJ__FAULT_LOSE] = 40;
  plan.per_mille[SJ__FAULT_DELAY] = 150;
  plan.per_mille[SJ__FAULT_HANG] = 10;
  plan.per_mille[SJ__FAULT_LATE] = 30;
  plan.per_mille[SJ__FAULT_FULL] = 5;
  plan.per_mille[SJ__FAULT_STALE] = w->setup->has_stale_reads ? 100 : 0;
  sj__fault_set_plan(w->sites[0].store, &plan);
}

static void open_site(world *w, unsigned at) {
  if (w->setup->is_one_process) {
    site_open_worker(&w->sites[at], &w->sites[0]);
  } else {
    site_open_beside(&w->sites[at], &w->sites[0], &w->options);
  }
}

static void open_world(world *w) {
  const world_setup *setup = w->setup;
  kit_open(&w->kit, setup->seed, NULL);
  w->kit.wrap = setup->wrap;
  w->kit.wrap_context = setup->wrap_context;
  site_options(&w->options);
  w->options.max_sessions = setup->max_sessions;
  site_open(&w->sites[0], &w->kit, &w->options);
  for (unsigned i = 1; i < setup->engines; i++) open_site(w, i);
  if (setup->has_faults) set_faults(w);
  for (unsigned i = 0; i < SLOTS; i++) w->jars[i].subject = -1;
  for (unsigned i = 0; i < setup->clients; i++) {
    w->clients[i].world = w;
    w->clients[i].index = i;
    rest(&w->clients[i]);
  }
}

static void close_world(world *w) {
  for (unsigned i = w->setup->engines; i-- > 0;) site_close(&w->sites[i]);
  kit_close(&w->kit);
}

static bool is_idle(const world *w) {
  for (unsigned i = 0; i < w->setup->clients; i++) {
    if (w->clients[i].is_asking) return false;
  }
  return true;
}

/* An engine goes, with what it has under way, and comes back: it replays the marks. */
static void restart_one(world *w) {
  unsigned at = 1 + (unsigned)draw(w, w->setup->engines - 1);
  w->is_closing[at] = true;
  while (w->pending[at] > 0) kit_step(&w->kit);
  site_close(&w->sites[at]);
  open_site(w, at);
  w->is_closing[at] = false;
}

static void disturb(world *w) {
  const world_setup *setup = w->setup;
  if (setup->has_restarts && setup->engines > 1 && draw(w, 4000) == 0) restart_one(w);
  if (setup->has_clock_steps && draw(w, 2000) == 0) {
    kit_step_wall(&w->kit, (int64_t)draw(w, 40001) - 20000);
  }
}

/* Everything has settled: what is alive is read once more, strongly, and listed. */
static void look_again(world *w) {
  client *self = &w->clients[0];
  for (unsigned i = 0; i < SLOTS; i++) {
    if (!w->jars[i].is_alive) continue;
    const known *newest = &w->jars[i].newest;
    op each = {.kind = OP_LOAD,
               .lineage = newest->lineage,
               .subject = -1,
               .is_strong = true,
               .is_final = true,
               .is_newest = true,
               .seen = newest->version};
    copy(each.sid, sizeof(each.sid), newest->sid);
    self->slot = i;
    self->site = 0;
    begin(self, &each);
    ask_present(&self->ask, newest->credential);
    self->ask.call.strong = true;
    self->ask.call.timeout_ms = 0;
    SJ__REQUIRE(sj_load(worker_of(self), &self->ask.call, NULL) == SJ_OK);
    while (self->is_asking) kit_step(&w->kit);
  }
  for (int subject = 0; subject < SUBJECTS; subject++) {
    op each = {.kind = OP_LIST, .subject = subject, .is_final = true};
    self->site = 0;
    snprintf(self->subject, sizeof(self->subject), "u%d", subject);
    begin(self, &each);
    self->ask.call.timeout_ms = 0;
    SJ__REQUIRE(sj_list(worker_of(self), &self->ask.call, sj__slice_text(self->subject),
                        (sj_slice){NULL, 0}, 100) == SJ_OK);
    while (self->is_asking) kit_step(&w->kit);
  }
}

void world_run(const world_setup *setup, history *h) {
  world *w = sj__calloc(1, sizeof(*w));
  SJ__REQUIRE(w != NULL && setup->engines <= SITES && setup->clients <= CLIENTS_MAX);
  w->setup = setup;
  w->history = h;
  history_init(h);
  h->max_sessions = setup->max_sessions;
  h->bound_ms = setup->is_one_process || setup->engines == 1 ? 0 : BOUND_MS;
  h->has_stale_reads = setup->has_stale_reads;
  open_world(w);
  while (h->count < setup->operations) {
    kit_step(&w->kit);
    disturb(w);
  }
  w->is_over = true;
  while (!is_idle(w)) kit_step(&w->kit);
  site_no_faults(&w->sites[0]);
  kit_pass(&w->kit, 120000);
  look_again(w);
  kit_pass(&w->kit, 120000);
  close_world(w);
  sj__free(w);
}

/* --- By seed ------------------------------------------------------------------------------ */

void world_setup_by_seed(world_setup *setup, uint64_t seed) {
  *setup = (world_setup){
      .seed = seed,
      .engines = 1 + (unsigned)(seed % 4),
      .is_one_process = seed / 4 % 2 == 0,
      .clients = 2 + (unsigned)(seed / 4 % 7),
      .operations = 250,
      .max_sessions = seed % 5 == 4 ? 1 + (uint32_t)(seed % 3) : 0,
      .has_faults = seed % 3 != 0,
      .has_stale_reads = seed % 3 == 2,
      .has_restarts = seed % 2 == 1,
      .has_clock_steps = seed % 7 == 3,
  };
}
