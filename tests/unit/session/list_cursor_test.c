/* Cursors that listings are asked to go on from, where the keyring has changed meanwhile. */
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "codec/base64url.h"
#include "loop/loop.h"
#include "session/engine.h"

#define RETIRED_KID 1
#define ACTIVE_KID  2
#define KEYRING                                           \
  "sojourn-keyring 1\n"                                   \
  "kid=1 state=retired activates=2026-01-01T00:00:00Z "   \
  "secret=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"  \
  "kid=2 state=published activates=2026-02-01T00:00:00Z " \
  "secret=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8\n"

typedef struct fixture {
  char keyring[64];
  sj__loop *loop;
  sj_sessions *sessions;
  sj_worker *worker;
  sj_call call;
  bool done;
  sj_status status;
  size_t listed;
} fixture;

static void on_done(sj_call *call) {
  fixture *f = call->data;
  f->status = call->status;
  f->listed = call->session_count;
  f->done = true;
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof(*f));
  sj_options options;
  snprintf(f->keyring, sizeof(f->keyring), "/tmp/sojourn-keyring-XXXXXX");
  int fd = mkstemp(f->keyring); /* 0600 */
  if (fd < 0 || write(fd, KEYRING, strlen(KEYRING)) != (ssize_t)strlen(KEYRING)) return -1;
  close(fd);
  sj_options_init(&options);
  options.store = "memory:";
  options.accept_loss = true;
  options.keyring_file = f->keyring;
  assert_ok(sj__loop_sim_new(1, 1790000000000, &f->loop));
  assert_ok(sj_open(&options, &f->sessions, NULL));
  assert_ok(sj__engine_attach(f->sessions, f->loop, &f->worker));
  *state = f;
  return 0;
}

static void on_detached(void *argument) {
  ((fixture *)argument)->done = true;
}

static void run(fixture *f) {
  f->done = false;
  while (!f->done) assert_true(sj__loop_sim_step(f->loop));
}

static int tear_down(void **state) {
  fixture *f = *state;
  sj_detach(f->worker, on_detached, f);
  run(f);
  sj__loop_free(f->loop, NULL, NULL);
  sj_close(f->sessions);
  unlink(f->keyring);
  free(f);
  return 0;
}

static void create(fixture *f) {
  const sj_create_args args = {.subject = SJ__SLICE("ada")};
  f->call = (sj_call){.done = on_done, .data = f};
  assert_ok(sj_create(f->worker, &f->call, &args));
  run(f);
  assert_ok(f->status);
}

/* A cursor of `kid` behind the last session that there can be. */
static size_t list_behind_the_last(fixture *f, uint8_t kid) {
  uint8_t bytes[2 + 8 + 16];
  char text[SJ__BASE64URL_SIZE(sizeof(bytes))];
  memset(bytes, 0xff, sizeof(bytes));
  bytes[0] = kid;
  bytes[1] = 'l';
  sj_slice cursor = sj__slice(text, sj__base64url_encode(bytes, sizeof(bytes), text));
  f->call = (sj_call){.done = on_done, .data = f};
  assert_ok(sj_list(f->worker, &f->call, SJ__SLICE("ada"), cursor, 10));
  run(f);
  assert_ok(f->status);
  return f->listed;
}

/* The position was among the retired key's sessions: of the next key's, all are still to come. */
static void a_key_that_retired_between_two_pages_hides_no_session(void **state) {
  fixture *f = *state;
  create(f);
  create(f);
  assert_int_equal(list_behind_the_last(f, ACTIVE_KID), 0);
  assert_int_equal(list_behind_the_last(f, RETIRED_KID), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_key_that_retired_between_two_pages_hides_no_session, set_up,
                                      tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
