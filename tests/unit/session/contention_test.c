/*
 * Eight workers on eight loops and threads patch distinct attributes of one
 * session, a thousand times each: all eight thousand land. Once more with an end
 * in the middle: nothing comes back.
 */
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

#include "base/thread.h"
#include "session/engine.h"

#define WORKERS 8
#define PATCHES 1000

typedef struct fixture {
  char folder[64];
  char keyring[128];
  char url[160];
  sj_sessions *sessions;
} fixture;

typedef struct patcher {
  fixture *fixture;
  unsigned index;
  sj__loop *loop;
  sj__thread thread;
  sj_worker *worker;
  sj_call call;
  const char *credential;
  char text[32];
  int next;         /* the number that is being written */
  int acknowledged; /* the last that landed */
  int again;        /* contended, and tried once more */
  sj_status last;
  int after_end; /* answered with success, though begun after the end was acknowledged */
  bool began_after_end;
  int limit;     /* of patches */
  int end_after; /* > 0: this one ends the session when that many of all have landed */
  bool is_ending;
} patcher;

static _Atomic int landed;
static _Atomic bool is_ended;

/* --- The store ---------------------------------------------------------------------- */

static bool on_disk;

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof(*f));
  sj_options options;
  sj_error error;
  sj_options_init(&options);
  options.timeout_ms = 30000; /* the machine may be loaded */
  options.store = "memory:";
  options.accept_loss = true;
  if (on_disk) {
    strcpy(f->folder, "/tmp/sojourn-contention-XXXXXX"); /* NOLINT: it fits */
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->keyring, sizeof(f->keyring), "%s/keyring", f->folder);
    snprintf(f->url, sizeof(f->url), "lmdb:%s/store?durability=interval", f->folder);
    options.store = f->url;
    options.keyring_file = f->keyring;
    options.keyring_create = true;
  }
  if (sj_open(&options, &f->sessions, &error) != SJ_OK) fail_msg("%s", error.message);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  static const char *const names[] = {"store/data.mdb", "store/lock.mdb", "store/sojourn.lock",
                                      "store",          "keyring",        ""};
  sj_close(f->sessions);
  for (size_t i = 0; on_disk && i < sizeof(names) / sizeof(names[0]); i++) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", f->folder, names[i]);
    (void)remove(path);
  }
  free(f);
  return 0;
}

/* --- One call on a loop of its own ------------------------------------------------------ */

typedef struct lone {
  sj__loop *loop;
  sj_worker *worker;
  sj_call call;
  sj_status status;
  char credential[128];
  char attributes[1024];
  uint64_t version;
} lone;

static void on_gone(void *argument) {
  sj__loop_stop(argument);
}

static void on_lone_done(sj_call *call) {
  lone *self = call->data;
  self->status = call->status;
  if (call->new_credential.data != NULL) {
    snprintf(self->credential, sizeof(self->credential), "%.*s", (int)call->new_credential.size,
             call->new_credential.data);
  }
  if (call->session != NULL) {
    self->version = call->session->version;
    snprintf(self->attributes, sizeof(self->attributes), "%.*s",
             (int)call->session->attributes.size, call->session->attributes.data);
  }
  sj__loop_stop(self->loop);
}

static void open_lone(lone *self, fixture *f) {
  memset(self, 0, sizeof(*self));
  self->call.done = on_lone_done;
  self->call.data = self;
  assert_ok(sj__loop_new(&self->loop));
  assert_ok(sj__engine_attach(f->sessions, self->loop, &self->worker));
}

static void close_lone(lone *self) {
  sj_detach(self->worker, on_gone, self->loop);
  sj__loop_run(self->loop);
  sj__loop_free(self->loop, NULL, NULL);
}

static void create_one(fixture *f, char credential[128]) {
  lone self;
  sj_create_args args = {.subject = SJ__SLICE("ada")};
  open_lone(&self, f);
  assert_ok(sj_create(self.worker, &self.call, &args));
  sj__loop_run(self.loop);
  assert_int_equal(self.status, SJ_OK);
  memcpy(credential, self.credential, sizeof(self.credential));
  close_lone(&self);
}

static void load_one(fixture *f, const char *credential, lone *self) {
  open_lone(self, f);
  self->call.credential = sj__slice_text(credential);
  self->call.strong = true;
  assert_ok(sj_load(self->worker, &self->call, NULL));
  sj__loop_run(self->loop);
  close_lone(self);
}

/* --- The patchers -------------------------------------------------------------------------- */

static void begin_next(patcher *self);

static void on_patched(sj_call *call) {
  patcher *self = call->data;
  self->last = call->status;
  if (self->is_ending) { /* that was the end */
    self->is_ending = false;
    atomic_store(&is_ended, call->status == SJ_OK);
    begin_next(self);
    return;
  }
  if (call->status == SJ_OK) {
    self->acknowledged = self->next++;
    if (self->began_after_end) self->after_end++;
    int sum = atomic_fetch_add(&landed, 1) + 1;
    self->is_ending = self->end_after > 0 && sum >= self->end_after;
    if (self->is_ending) self->end_after = 0;
  } else if (call->status == SJ_CONTENDED) {
    self->again++;
  } else {
    sj_detach(self->worker, on_gone, self->loop);
    return;
  }
  if (self->next > self->limit) {
    sj_detach(self->worker, on_gone, self->loop);
  } else {
    begin_next(self);
  }
}

static void begin_next(patcher *self) {
  snprintf(self->text, sizeof(self->text), "{\"w%u\":%d}", self->index, self->next);
  self->call.credential = sj__slice_text(self->credential);
  self->began_after_end = atomic_load(&is_ended);
  sj_status status = self->is_ending
                         ? sj_end(self->worker, &self->call)
                         : sj_patch(self->worker, &self->call, sj__slice_text(self->text), 0);
  if (status != SJ_OK) abort();
}

static void run_patcher(void *argument) {
  patcher *self = argument;
  if (sj__engine_attach(self->fixture->sessions, self->loop, &self->worker) != SJ_OK) abort();
  begin_next(self);
  sj__loop_run(self->loop);
}

/*
 * Loops are made and freed by one thread: libuv closes descriptors behind ThreadSanitizer's back.
 */
static void run_all(fixture *f, const char *credential, patcher *patchers, int end_after) {
  atomic_store(&landed, 0);
  atomic_store(&is_ended, false);
  for (unsigned i = 0; i < WORKERS; i++) {
    patcher *self = &patchers[i];
    *self = (patcher){.fixture = f, .index = i, .credential = credential, .next = 1};
    self->call.done = on_patched;
    self->call.data = self;
    self->end_after = i == 0 ? end_after : 0;
    self->limit = end_after > 0 ? INT_MAX : PATCHES; /* until it is told that it has ended */
    assert_ok(sj__loop_new(&self->loop));
  }
  for (unsigned i = 0; i < WORKERS; i++) {
    assert_ok(sj__thread_start(&patchers[i].thread, "patcher", run_patcher, &patchers[i]));
  }
  for (unsigned i = 0; i < WORKERS; i++) {
    sj__thread_join(patchers[i].thread);
    sj__loop_free(patchers[i].loop, NULL, NULL);
  }
}

static void test_eight_thousand_land(void **state) {
  char credential[128];
  lone end;
  static patcher patchers[WORKERS];
  create_one(*state, credential);
  run_all(*state, credential, patchers, 0);
  load_one(*state, credential, &end);
  assert_int_equal(end.status, SJ_OK);
  for (int i = 0; i < WORKERS; i++) {
    char wanted[32];
    assert_int_equal(patchers[i].last, SJ_OK);
    assert_int_equal(patchers[i].acknowledged, PATCHES);
    snprintf(wanted, sizeof(wanted), "\"w%d\":%d", i, PATCHES);
    assert_non_null(strstr(end.attributes, wanted));
  }
  /* Every one committed a version of its own, and nothing was committed twice. */
  assert_int_equal(end.version, 1 + WORKERS * PATCHES);
}

static void test_ended_in_the_middle_nothing_comes_back(void **state) {
  char credential[128];
  lone end;
  static patcher patchers[WORKERS];
  create_one(*state, credential);
  run_all(*state, credential, patchers, 2000);
  assert_true(atomic_load(&is_ended));
  for (int i = 0; i < WORKERS; i++) {
    assert_int_equal(patchers[i].last, SJ_ENDED);
    assert_int_equal(patchers[i].after_end, 0);
  }
  load_one(*state, credential, &end);
  assert_int_equal(end.status, SJ_ENDED);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(test_eight_thousand_land),
      CASE(test_ended_in_the_middle_nothing_comes_back),
  };
  int failed = cmocka_run_group_tests_name("memory", tests, NULL, NULL);
  on_disk = true;
  return failed + cmocka_run_group_tests_name("lmdb", tests, NULL, NULL);
}
