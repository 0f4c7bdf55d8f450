/*
 * The engine from inside: what the daemon and the tests use beside the public
 * calls of sojourn/sojourn.h.
 */
#ifndef SJ_SESSION_ENGINE_H
#define SJ_SESSION_ENGINE_H

#include "base/metrics.h"
#include "crypto/keyring.h"
#include "loop/loop.h"
#include "sojourn/sojourn.h"
#include "store/store.h"

/*
 * sj_open with parts that exist already: takes ownership of `store` (on success
 * alone) and a reference on `keyring`. Marks are replayed by the first worker,
 * see sj__engine_ready. `metrics` may be NULL and must outlive the sessions.
 */
SJ_MUST_USE sj_status sj__engine_open(const sj_options *options, sj__store *store,
                                      sj__keyring *keyring, sj__metrics *metrics, sj_sessions **out,
                                      sj_error *error);

/* sj_attach for a loop of ours. */
SJ_MUST_USE sj_status sj__engine_attach(sj_sessions *sessions, sj__loop *loop, sj_worker **out);

/* Marks are replayed and the store has answered once. Any thread. */
bool sj__engine_ready(const sj_sessions *sessions);
void sj__engine_health(sj_sessions *sessions, sj__store_health *out); /* any thread */
const sj_options *sj__engine_options(const sj_sessions *sessions);
/* "__Host-sojourn" and so on, by the options. Lives as long as the sessions. */
sj_slice sj__engine_cookie_name(const sj_sessions *sessions);
sj_sessions *sj__worker_sessions(sj_worker *worker);
/*
 * Whether a text is a credential of ours: a handle of any kind whose MAC
 * verifies under a live key. Says nothing about its session and asks no store.
 * For telling a foreign Bearer from a second credential (DESIGN.md 3).
 */
bool sj__engine_is_ours(sj_worker *worker, sj_slice credential);

/*
 * Audit: every created, rotated, ended, expired, refused and rolled-back
 * session; the engine calls the sink on the worker's thread. `sid` is public.
 */
typedef struct sj__audit_event {
  const char *what; /* "created" "rotated" "ended" "expired" "refused" "rolled_back" */
  const char *code; /* a reason or status code; NULL: none */
  sj_slice sid;     /* absent where none is known */
  sj_slice subject;
} sj__audit_event;
void sj__engine_set_audit(sj_sessions *sessions,
                          void (*sink)(void *context, const sj__audit_event *event), void *context);

#endif
