/*
 * What strangers hand to the engine, on a memory store with two subjects'
 * sessions. The first byte chooses: a cursor of a listing, a credential, a sid.
 * No cursor shows another subject's session, no credential that was not issued
 * opens one, and a text that is not a sid names none.
 */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "session/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WALL_MS  INT64_C(1790000000000)
#define SESSIONS 5 /* of each subject */

static sj__loop *loop;
static sj_sessions *sessions;
static sj_worker *worker;
static sj_call call;
static char issued[2 * SESSIONS][128];
static char sids[2 * SESSIONS][SJ_SID_SIZE + 1];
static size_t issued_count;
static bool finished;

/* --- The engine, opened once ---------------------------------------------------------------- */

static void finish(sj_status started) {
  SJ__REQUIRE(started == SJ_OK);
  while (!finished) SJ__REQUIRE(sj__loop_sim_step(loop));
}

static void on_created(sj_call *done) {
  SJ__REQUIRE(done->status == SJ_OK && done->new_credential.size < sizeof(issued[0]));
  memcpy(issued[issued_count], done->new_credential.data, done->new_credential.size);
  memcpy(sids[issued_count++], done->session->sid, SJ_SID_SIZE);
  finished = true;
}

static void create(const char *subject) {
  const sj_create_args args = {.subject = sj__slice_text(subject)};
  call = (sj_call){.done = on_created};
  finished = false;
  finish(sj_create(worker, &call, &args));
}

static void open_once(void) {
  sj_options options;
  if (loop != NULL) return;
  SJ__REQUIRE(sj__loop_sim_new(1, WALL_MS, &loop) == SJ_OK);
  sj_options_init(&options);
  options.store = "memory:";
  options.accept_loss = true;
  SJ__REQUIRE(sj_open(&options, &sessions, NULL) == SJ_OK);
  SJ__REQUIRE(sj__engine_attach(sessions, loop, &worker) == SJ_OK);
  for (int i = 0; i < SESSIONS; i++) {
    create("ada");
    create("bob");
  }
}

/* --- Cursors ------------------------------------------------------------------------- */

static void on_listed(sj_call *done) {
  SJ__REQUIRE(done->status == SJ_OK || done->status == SJ_BAD_REQUEST);
  SJ__REQUIRE(done->session_count <= 2);
  for (size_t i = 0; i < done->session_count; i++) {
    SJ__REQUIRE(sj__slice_equal(done->sessions[i].subject, SJ__SLICE("ada")));
    SJ__REQUIRE(done->sessions[i].attributes.data == NULL);
  }
  finished = true;
}

static void list_from(sj_slice cursor) {
  call = (sj_call){.done = on_listed};
  finish(sj_list(worker, &call, SJ__SLICE("ada"), cursor, 2));
}

/* --- Credentials --------------------------------------------------------------------- */

static bool is_issued(sj_slice text) {
  for (size_t i = 0; i < issued_count; i++) {
    if (sj__slice_equal(text, sj__slice_text(issued[i]))) return true;
  }
  return false;
}

static void on_loaded(sj_call *done) {
  if (is_issued(done->credential)) {
    SJ__REQUIRE(done->status == SJ_OK || done->status == SJ_EXPIRED);
  } else {
    SJ__REQUIRE(done->session == NULL);
    SJ__REQUIRE(done->status == SJ_BAD_CREDENTIAL || done->status == SJ_NO_CREDENTIAL ||
                done->status == SJ_UNAVAILABLE);
  }
  finished = true;
}

/* "@N" stands for the N-th issued one: ids are random, so that no seed can hold one. */
static void load_with(sj_slice text) {
  char changed[128];
  if (text.size >= 2 && text.data[0] == '@') {
    size_t index = (unsigned char)text.data[1] % issued_count;
    size_t size = strlen(issued[index]);
    memcpy(changed, issued[index], size);
    for (size_t at = 2; text.size - at >= 2; at += 2) {
      size_t place = (unsigned char)text.data[at] % size;
      changed[place] = (char)(changed[place] ^ text.data[at + 1]);
    }
    text = sj__slice(changed, size);
  }
  call = (sj_call){.done = on_loaded, .credential = text};
  finish(sj_load(worker, &call, NULL));
}

/* --- Sids ---------------------------------------------------------------------------- */

static bool is_ours(sj_slice text) {
  for (size_t i = 0; i < issued_count; i++) {
    if (sj__slice_equal(text, sj__slice_text(sids[i]))) return true;
  }
  return false;
}

static sj_slice asked_sid;

static void on_found(sj_call *done) {
  if (!is_ours(asked_sid)) {
    SJ__REQUIRE(done->session == NULL);
    SJ__REQUIRE(done->status == SJ_NOT_FOUND || done->status == SJ_BAD_REQUEST);
  }
  finished = true;
}

static void get_by(sj_slice text) {
  asked_sid = text;
  call = (sj_call){.done = on_found};
  finish(sj_get_by_sid(worker, &call, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static void (*const inputs[])(sj_slice text) = {list_from, load_with, get_by};
  if (size == 0) return 0;
  open_once();
  finished = false;
  inputs[data[0] % SJ__COUNT_OF(inputs)](sj__slice(data + 1, size - 1));
  return 0;
}
