/*
 * Engines for tests: on the simulated loop, so that time is virtual and nobody
 * sleeps, each over a memory: store whose faults the test scripts
 * (store/compose/fault_store.h). Everything that goes wrong in here aborts.
 */
#ifndef SJ_TESTS_ENGINE_KIT_H
#define SJ_TESTS_ENGINE_KIT_H

#include "base/list.h"
#include "codec/record.h"
#include "session/engine.h"
#include "store/compose/fault_store.h"

#define KIT_WALL_MS ((int64_t)1790000000000)
#define MINUTE_MS   ((int64_t)60000)
#define HOUR_MS     (60 * MINUTE_MS)

typedef struct kit {
  sj__loop *loop;
  sj__keyring *keyring;
  /* Lays something over the memory: store of sites that are opened; NULL: nothing. */
  sj__store *(*wrap)(sj__store *inner, const void *context);
  const void *wrap_context;
} kit;

/* What a call was told, copied. Texts are empty where nothing was given. */
typedef struct answer {
  sj_status status;
  char applied[8];
  char detail[512];
  bool newer;
  bool has_session;
  char credential[128];
  char set_cookie[512];
  sj_session session; /* its slices point nowhere; see the next ones */
  char subject[256];
  char amr[64];
  char attributes[2048];
  uint64_t count;
  size_t listed;
  char sids[100][SJ_SID_SIZE + 1];
  char next_cursor[128];
} answer;

typedef struct site site;

/* One call. Its inputs that are texts are copied when it starts. */
typedef struct ask {
  sj_call call;
  site *site;
  unsigned dones;
  bool is_started;
  char credential[128];
  answer answer;
} ask;

#define AUDITED_MAX 64

/* One engine with one worker on one store. */
struct site {
  kit *kit;
  sj__store *memory; /* what the faults wrap */
  sj__store *store;
  sj__port *port; /* on `memory`: past the faults */
  sj_sessions *sessions;
  sj_worker *worker;
  bool is_guest; /* `sessions` is another site's */
  ask ask;       /* of the calls that wait */
  struct {
    char what[16];
    char code[24];
  } audited[AUDITED_MAX];
  size_t audited_count;
};

/* `keyring` NULL: one is made. A reference is taken. */
void kit_open(kit *k, uint64_t seed, sj__keyring *keyring);
void kit_close(kit *k);
/* One turn of the loop; aborts when nothing is left to happen. */
void kit_step(kit *k);
/* Runs until that much virtual time has passed. */
void kit_pass(kit *k, int64_t ms);
/* Moves the wall clock alone. */
void kit_step_wall(kit *k, int64_t by_ms);

/* sj_options_init, then what tests on memory: need. */
void site_options(sj_options *options);
/* `options` NULL: those of site_options. */
void site_open(site *s, kit *k, const sj_options *options);
void site_close(site *s);
/* Another engine on the same store: another process, as far as it can tell. */
void site_open_beside(site *s, site *first, const sj_options *options);
/* Another worker of the same engine. Closed before the first. */
void site_open_worker(site *s, site *first);
/* How often that was audited; `code` NULL: with any. */
size_t site_audited(const site *s, const char *what, const char *code);
/* Script of the store's faults: `times` calls of `ops`, after `skip` of them. */
void site_fault(site *s, sj__fault fault, uint32_t ops, uint32_t skip, uint32_t times);
void site_no_faults(site *s);

/* What the store holds: SJ_OK, SJ_MISSING. Past the faults. */
sj_status site_stored(site *s, const char *sid, sj__record *out);
/* Writes the record that `from` holds into the store of `to`, where nothing is stored. */
void site_copy(site *from, site *to, const char *sid);

/* --- Calls, each waited for; the answer is good until the site's next call --------- */

void ask_init(ask *a, site *s);
/* What `done` does: copies the answer. For those who set another. */
void ask_take(ask *a, const sj_call *call);
/* The start's status must be SJ_OK; waits until the call is done. */
const answer *ask_wait(ask *a, sj_status started);
/* Sets the credential, copied; NULL: none. */
void ask_present(ask *a, const char *credential);

const answer *create(site *s, const char *subject, const char *attributes);
const answer *load(site *s, const char *credential);
const answer *patch(site *s, const char *credential, const char *merge_patch);
const answer *patch_if(site *s, const char *credential, const char *merge_patch, uint64_t version);
const answer *sign_in(site *s, const char *credential, const char *subject);
const answer *rotate(site *s, const char *credential, const sj_rotate_args *args);
const answer *end(site *s, const char *credential);
const answer *list(site *s, const char *subject, const char *cursor, uint32_t limit);
const answer *end_subject(site *s, const char *subject, const char *except);
const answer *get_by_sid(site *s, const char *sid);

/* A copy of a text that the next call would overwrite, in one of eight buffers by turns. */
const char *keep(const char *text);

#endif
