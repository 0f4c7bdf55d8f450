#include "engine_kit.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "loop/loop_sim.h"

#define TURNS_MAX 50000000 /* a call that takes more never ends */

/* --- The loop --------------------------------------------------------------------- */

void kit_open(kit *k, uint64_t seed, sj__keyring *keyring) {
  memset(k, 0, sizeof(*k));
  SJ__REQUIRE(sj__loop_sim_new(seed, KIT_WALL_MS, &k->loop) == SJ_OK);
  sj__random_install(sj__sim_random, k->loop);
  if (keyring != NULL) {
    k->keyring = sj__keyring_ref(keyring);
  } else {
    SJ__REQUIRE(sj__keyring_generate(KIT_WALL_MS - HOUR_MS, &k->keyring) == SJ_OK);
  }
}

void kit_close(kit *k) {
  sj__keyring_unref(k->keyring);
  sj__random_install(NULL, NULL);
  sj__loop_free(k->loop, NULL, NULL);
}

void kit_step(kit *k) {
  SJ__REQUIRE(sj__loop_sim_step(k->loop));
}

typedef struct pause {
  sj__timer timer;
  bool is_over;
} pause;

static void on_pause_over(sj__timer *timer) {
  SJ__CONTAINER_OF(timer, pause, timer)->is_over = true;
}

void kit_pass(kit *k, int64_t ms) {
  pause self = {.is_over = false};
  SJ__REQUIRE(sj__timer_start(k->loop, &self.timer, (uint64_t)ms, on_pause_over) == SJ_OK);
  while (!self.is_over) kit_step(k);
}

void kit_step_wall(kit *k, int64_t by_ms) {
  sj__loop_sim_step_wall(k->loop, by_ms);
}

/* --- Sites ------------------------------------------------------------------------ */

void site_options(sj_options *options) {
  sj_options_init(options);
  options->store = "memory:";
  options->accept_loss = true;
}

static void on_audit(void *context, const sj__audit_event *event) {
  site *s = context;
  size_t at = s->audited_count++ % AUDITED_MAX;
  snprintf(s->audited[at].what, sizeof(s->audited[at].what), "%s", event->what);
  snprintf(s->audited[at].code, sizeof(s->audited[at].code), "%s",
           event->code != NULL ? event->code : "");
}

size_t site_audited(const site *s, const char *what, const char *code) {
  size_t found = 0;
  for (size_t i = 0; i < s->audited_count && i < AUDITED_MAX; i++) {
    if (strcmp(s->audited[i].what, what) != 0) continue;
    if (code == NULL || strcmp(s->audited[i].code, code) == 0) found++;
  }
  return found;
}

/*
 * A store that several engines share: each engine owns and closes one of these,
 * the first one's site closes what is behind it.
 */
typedef struct shared_store {
  sj__store base;
  sj__store *inner;
} shared_store;

static sj_status shared_attach(sj__store *base, sj__loop *loop, sj__port **out) {
  return sj__store_attach(SJ__CONTAINER_OF(base, shared_store, base)->inner, loop, out);
}

static void shared_health(sj__store *base, sj__store_health *out) {
  sj__store_health_get(SJ__CONTAINER_OF(base, shared_store, base)->inner, out);
}

static void shared_close(sj__store *base) {
  sj__free(SJ__CONTAINER_OF(base, shared_store, base));
}

static const sj__store_ops shared_ops = {shared_attach, shared_health, shared_close};

static sj__store *share(sj__store *inner) {
  shared_store *shared = sj__calloc(1, sizeof(*shared));
  SJ__REQUIRE(shared != NULL);
  shared->base = (sj__store){&shared_ops, inner->scheme, inner->caps};
  shared->inner = inner;
  return &shared->base;
}

static void open_store(site *s, const sj_options *options) {
  sj__store_options store_options = {.realm = sj__slice_text(options->realm),
                                     .keyring = s->kit->keyring,
                                     .touch_every_ms = options->touch_every_ms};
  sj_error error;
  SJ__REQUIRE(sj__store_open(options->store, &store_options, &s->memory, &error) == SJ_OK);
  if (s->kit->wrap != NULL) s->memory = s->kit->wrap(s->memory, s->kit->wrap_context);
  SJ__REQUIRE(sj__fault_new(s->memory, NULL, &s->store) == SJ_OK);
}

static void open_engine(site *s, const sj_options *options) {
  sj_error error;
  SJ__REQUIRE(sj__engine_open(options, share(s->store), s->kit->keyring, NULL, &s->sessions,
                              &error) == SJ_OK);
  sj__engine_set_audit(s->sessions, on_audit, s);
  SJ__REQUIRE(sj__engine_attach(s->sessions, s->kit->loop, &s->worker) == SJ_OK);
  SJ__REQUIRE(sj__store_attach(s->memory, s->kit->loop, &s->port) == SJ_OK);
}

void site_open(site *s, kit *k, const sj_options *options) {
  sj_options defaults;
  memset(s, 0, sizeof(*s));
  site_options(&defaults);
  s->kit = k;
  open_store(s, options != NULL ? options : &defaults);
  open_engine(s, options != NULL ? options : &defaults);
}

void site_open_beside(site *s, site *first, const sj_options *options) {
  sj_options defaults;
  memset(s, 0, sizeof(*s));
  site_options(&defaults);
  s->kit = first->kit;
  s->memory = first->memory;
  s->store = first->store;
  open_engine(s, options != NULL ? options : &defaults);
  s->store = NULL; /* the first one's to close */
}

void site_open_worker(site *s, site *first) {
  memset(s, 0, sizeof(*s));
  s->kit = first->kit;
  s->memory = first->memory;
  s->sessions = first->sessions;
  s->is_guest = true;
  SJ__REQUIRE(sj__engine_attach(s->sessions, s->kit->loop, &s->worker) == SJ_OK);
  SJ__REQUIRE(sj__store_attach(s->memory, s->kit->loop, &s->port) == SJ_OK);
}

static void on_detached(void *argument) {
  *(bool *)argument = true;
}

void site_close(site *s) {
  bool is_worker_gone = false;
  bool is_port_gone = false;
  sj_detach(s->worker, on_detached, &is_worker_gone);
  sj__port_detach(s->port, on_detached, &is_port_gone);
  while (!is_worker_gone || !is_port_gone) kit_step(s->kit);
  if (!s->is_guest) sj_close(s->sessions);
  if (s->store != NULL) sj__store_close(s->store);
}

void site_fault(site *s, sj__fault fault, uint32_t ops, uint32_t skip, uint32_t times) {
  sj__fault_step step = {.fault = fault, .ops = ops, .skip = skip, .times = times};
  SJ__REQUIRE(sj__fault_add_step(s->store, &step) == SJ_OK);
}

void site_no_faults(site *s) {
  sj__fault_set_plan(s->store, NULL);
}

/* --- Past the engine ---------------------------------------------------------------- */

typedef struct peek {
  sj__store_call call;
  bool is_done;
  char bytes[8192];
  size_t size;
} peek;

static void on_peeked(sj__store_call *call) {
  peek *self = SJ__CONTAINER_OF(call, peek, call);
  self->is_done = true;
  SJ__REQUIRE(call->record.size <= sizeof(self->bytes));
  self->size = call->record.size;
  if (self->size > 0) memcpy(self->bytes, call->record.data, self->size);
}

static sj_status run_peek(site *s, peek *self) {
  self->call.done = on_peeked;
  self->call.deadline_ms = UINT64_MAX;
  self->call.now_ms = sj__wall_ms();
  sj__store_submit(s->port, &self->call);
  while (!self->is_done) kit_step(s->kit);
  return self->call.status;
}

static sj_status peek_at(site *s, const char *sid, peek *self) {
  uint8_t key[SJ__KEY_SIZE];
  size_t size;
  SJ__REQUIRE(sj__base64url_decode(sj__slice_text(sid), key, &size) == SJ_OK &&
              size == sizeof(key));
  memset(self, 0, sizeof(*self));
  self->call.op = SJ__GET;
  self->call.in.get.key = key;
  self->call.in.get.mode = SJ__AUTHORITY;
  return run_peek(s, self);
}

sj_status site_stored(site *s, const char *sid, sj__record *out) {
  peek self;
  sj_status status = peek_at(s, sid, &self);
  if (status != SJ_OK) return status;
  status = sj__record_parse(sj__slice(self.bytes, self.size), out);
  out->sealed_meta = out->sealed_data = (sj_slice){NULL, 0};
  return status;
}

void site_copy(site *from, site *to, const char *sid) {
  peek self;
  SJ__REQUIRE(peek_at(from, sid, &self) == SJ_OK);
  peek put = {.call.op = SJ__PUT};
  put.call.in.put.record = sj__slice(self.bytes, self.size);
  SJ__REQUIRE(run_peek(to, &put) == SJ_OK);
}

/* --- Calls ------------------------------------------------------------------------- */

static void copy_text(char *out, size_t size, sj_slice from) {
  snprintf(out, size, "%.*s", (int)from.size, from.data != NULL ? from.data : "");
}

void ask_take(ask *a, const sj_call *call) {
  answer *to = &a->answer;
  memset(to, 0, sizeof(*to));
  a->dones++;
  to->status = call->status;
  to->newer = call->newer;
  to->count = call->count;
  snprintf(to->applied, sizeof(to->applied), "%s", call->applied != NULL ? call->applied : "");
  copy_text(to->detail, sizeof(to->detail), call->detail);
  copy_text(to->credential, sizeof(to->credential), call->new_credential);
  copy_text(to->set_cookie, sizeof(to->set_cookie), call->set_cookie);
  copy_text(to->next_cursor, sizeof(to->next_cursor), call->next_cursor);
  to->listed = call->session_count;
  for (size_t i = 0; i < call->session_count; i++) {
    memcpy(to->sids[i], call->sessions[i].sid, sizeof(to->sids[i]));
  }
  to->has_session = call->session != NULL;
  if (!to->has_session) return;
  to->session = *call->session;
  copy_text(to->subject, sizeof(to->subject), call->session->subject);
  copy_text(to->amr, sizeof(to->amr), call->session->amr);
  copy_text(to->attributes, sizeof(to->attributes), call->session->attributes);
}

static void on_done(sj_call *call) {
  ask_take(call->data, call);
}

void ask_init(ask *a, site *s) {
  memset(a, 0, sizeof(*a));
  a->site = s;
  a->call.done = on_done;
  a->call.data = a;
}

void ask_present(ask *a, const char *credential) {
  if (credential == NULL) {
    a->call.credential = (sj_slice){NULL, 0};
    return;
  }
  snprintf(a->credential, sizeof(a->credential), "%s", credential);
  a->call.credential = sj__slice_text(a->credential);
}

const answer *ask_wait(ask *a, sj_status started) {
  SJ__REQUIRE(started == SJ_OK);
  for (long turns = 0; a->dones == 0; turns++) {
    SJ__REQUIRE(turns < TURNS_MAX);
    kit_step(a->site->kit);
  }
  SJ__REQUIRE(a->dones == 1);
  return &a->answer;
}

static ask *fresh(site *s, const char *credential) {
  char copy[sizeof(s->ask.credential)] = "";
  if (credential != NULL) snprintf(copy, sizeof(copy), "%s", credential);
  ask_init(&s->ask, s);
  ask_present(&s->ask, credential != NULL ? copy : NULL);
  return &s->ask;
}

const char *keep(const char *text) {
  static char kept[8][256];
  static unsigned next;
  char *out = kept[next++ % 8];
  snprintf(out, sizeof(kept[0]), "%s", text);
  return out;
}

const answer *create(site *s, const char *subject, const char *attributes) {
  sj_create_args args = {.subject = sj__slice_text(subject),
                         .attributes = sj__slice_text(attributes)};
  ask *a = fresh(s, NULL);
  return ask_wait(a, sj_create(s->worker, &a->call, &args));
}

const answer *load(site *s, const char *credential) {
  ask *a = fresh(s, credential);
  return ask_wait(a, sj_load(s->worker, &a->call, NULL));
}

const answer *patch_if(site *s, const char *credential, const char *merge_patch, uint64_t version) {
  ask *a = fresh(s, credential);
  return ask_wait(a, sj_patch(s->worker, &a->call, sj__slice_text(merge_patch), version));
}

const answer *patch(site *s, const char *credential, const char *merge_patch) {
  return patch_if(s, credential, merge_patch, 0);
}

const answer *rotate(site *s, const char *credential, const sj_rotate_args *args) {
  ask *a = fresh(s, credential);
  return ask_wait(a, sj_rotate(s->worker, &a->call, args));
}

const answer *sign_in(site *s, const char *credential, const char *subject) {
  sj_rotate_args args = {.subject = sj__slice_text(subject), .auth_level = -1};
  return rotate(s, credential, &args);
}

const answer *end(site *s, const char *credential) {
  ask *a = fresh(s, credential);
  return ask_wait(a, sj_end(s->worker, &a->call));
}

const answer *list(site *s, const char *subject, const char *cursor, uint32_t limit) {
  const char *from = cursor != NULL ? keep(cursor) : NULL;
  ask *a = fresh(s, NULL);
  return ask_wait(
      a, sj_list(s->worker, &a->call, sj__slice_text(subject), sj__slice_text(from), limit));
}

const answer *end_subject(site *s, const char *subject, const char *except) {
  const char *sid = except != NULL ? keep(except) : NULL;
  ask *a = fresh(s, NULL);
  return ask_wait(
      a, sj_end_subject(s->worker, &a->call, sj__slice_text(subject), sj__slice_text(sid)));
}

const answer *get_by_sid(site *s, const char *sid) {
  const char *copy = keep(sid);
  ask *a = fresh(s, NULL);
  return ask_wait(a, sj_get_by_sid(s->worker, &a->call, sj__slice_text(copy)));
}
