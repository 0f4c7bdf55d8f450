/*
 * sojourn/sojourn.h - sessions for distributed applications, in your process.
 *
 * Open the sessions of a realm once (sj_open), attach a worker to each libuv
 * loop of yours (sj_attach), then start calls on that loop. Every call is
 * asynchronous and has one shape:
 *
 *     static void loaded(sj_call *call) {
 *       if (call->status == SJ_OK) use(call->session);
 *     }
 *     call->done = loaded;
 *     call->credential = cookie_value;
 *     sj_status status = sj_load(worker, call, NULL);
 *
 *   - A start that returns anything but SJ_OK never calls back.
 *   - A start that returns SJ_OK calls `done` exactly once, on the worker's
 *     loop, never from inside the start.
 *   - A call is zeroed before its first use. It and all that its inputs point to
 *     are borrowed until `done`; the structures of arguments are copied.
 *   - What results point to is the library's, and good until `done` returns.
 *   - `done` may start the same call again, or free it.
 *   - A start fails with SJ_NO_MEMORY alone; what is wrong with the arguments is
 *     told by `done`.
 *
 * What any call may end with, and is not said again below: SJ_UNAVAILABLE (the
 * store can't answer by the deadline, or the credential is sealed under a key
 * that this keyring doesn't have yet), SJ_CORRUPT (what the store holds was
 * damaged or tampered with), SJ_NO_MEMORY, SJ_NO_ENTROPY (of those that write or
 * hand out), SJ_CANCELLED (after sj_cancel alone). None of them says that a
 * session is not there.
 *
 * Threads: sj_open, sj_close and the sj_options_* calls from one thread; a
 * worker and its calls only on the thread of its loop.
 *
 * Units: durations and moments are milliseconds, moments since
 * 1970-01-01T00:00:00Z, sizes bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOJOURN_SOJOURN_H
#define SOJOURN_SOJOURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sojourn/slice.h"
#include "sojourn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SJ_VERSION_MAJOR 0
#define SJ_VERSION_MINOR 1
#define SJ_VERSION_PATCH 0

/* "0.1.0", of the library that is linked. Static. Any thread. */
SJ_API const char *sj_version(void);

struct uv_loop_s;

typedef struct sj_sessions sj_sessions; /* a realm's sessions; one a process */
typedef struct sj_worker sj_worker;     /* their part on one loop */

/* --- Options --------------------------------------------------------------- */

/* What to do when the store shows less than the presented credential proves (DESIGN.md 3). */
typedef enum sj_on_rollback {
  SJ_ROLLBACK_ACCEPT, /* go on with what the store has, committed above what was seen; audited */
  SJ_ROLLBACK_END     /* end the session */
} sj_on_rollback;

typedef enum sj_same_site { SJ_SAME_SITE_LAX, SJ_SAME_SITE_STRICT, SJ_SAME_SITE_NONE } sj_same_site;

typedef struct sj_options {
  size_t size; /* sizeof(sj_options), set by sj_options_init */

  const char *realm;        /* 1-64 of [A-Za-z0-9._-]; "default" */
  const char *store;        /* URL: "memory:", "lmdb:/var/lib/sojourn/store"; required */
  const char *keyring_file; /* mode 0600; required unless the store is "memory:" */
  bool keyring_create;      /* make the file if there is none; embedded stores only */
  bool accept_loss;         /* allow a store that forgets by design as the only one */
  uint8_t region;           /* 0-255; this deployment's number */

  int64_t idle_ms;          /* default idle_for of a session: 30 min */
  int64_t absolute_ms;      /* default absolute lifetime: 12 h */
  int64_t absolute_max_ms;  /* upper bound of what a creation may ask for: 30 d */
  int64_t touch_every_ms;   /* write last_seen back at most this often, 1 s to 1 h: 60 s */
  int64_t max_staleness_ms; /* how old a read may be that no credential speaks against, 0 to 30 s:
                               1 s */
  size_t attributes_max;    /* bytes of a session's attributes as compact JSON, to 1 MiB: 32 KiB */
  uint32_t max_sessions;    /* per subject, to 1,000: a creation or sign-in ends the oldest beyond
                               it; 0: no limit */
  sj_on_rollback on_rollback; /* SJ_ROLLBACK_ACCEPT */
  uint32_t timeout_ms;        /* a call's deadline unless it has its own, 10 to 60,000: 2,000 */

  const char *cookie_name;       /* NULL: __Host-sojourn, __Secure-sojourn with a domain, sojourn
                                    with cookie_insecure_dev */
  const char *cookie_domain;     /* NULL: host-only */
  sj_same_site cookie_same_site; /* SJ_SAME_SITE_LAX */
  bool cookie_insecure_dev;      /* no Secure: for plain http on loopback */
} sj_options;

/* Sets every default above; `store` and `keyring_file` stay NULL. */
SJ_API void sj_options_init(sj_options *options);

/* --- Opening and attaching -------------------------------------------------- */

/*
 * Checks the options, reads the keyring and opens the store. Blocks: call at
 * start. `options` is copied. On failure `error` (may be NULL) says what was
 * wrong and what is allowed. Revocations are read by the workers: calls that are
 * started before that wait for it, until their deadlines.
 * SJ_INVALID (an option), SJ_MISSING (keyring file), SJ_PERMISSION (keyring
 * file), SJ_BUSY (the store is another process's), SJ_MISMATCH (the store is of
 * another realm, keyring or format), SJ_UNSUPPORTED (scheme), SJ_IO, SJ_FULL,
 * SJ_CORRUPT, SJ_NO_ENTROPY, SJ_NO_MEMORY. Free with sj_close.
 */
SJ_API SJ_MUST_USE sj_status sj_open(const sj_options *options, sj_sessions **out, sj_error *error);

/* Flushes and closes the store. Blocks. Every worker must be gone (aborts). NULL allowed. */
SJ_API void sj_close(sj_sessions *sessions);

/*
 * Attaches to a libuv loop that the host runs, and which must outlive the worker.
 * On that loop's thread. One worker of the process also sweeps and follows
 * revocations. SJ_NO_MEMORY, SJ_UNAVAILABLE, SJ_IO: nothing is attached. Ended
 * with sj_detach.
 */
SJ_API SJ_MUST_USE sj_status sj_attach(sj_sessions *sessions, struct uv_loop_s *loop,
                                       sj_worker **out);

/*
 * Ends a worker: calls that are pending complete first, by their deadlines at
 * the latest, and what goes on in the background is tried once more; then
 * `done(argument)` (may be NULL) comes from a later turn of the loop and the
 * worker no longer exists. No call may be started after this (aborts).
 */
SJ_API void sj_detach(sj_worker *worker, void (*done)(void *argument), void *argument);

/* --- Sessions ---------------------------------------------------------------- */

typedef enum sj_carrier {
  SJ_CARRIER_COOKIE = 1,
  SJ_CARRIER_SEALED = 2, /* not yet: SJ_UNSUPPORTED */
  SJ_CARRIER_TOKEN = 3   /* not yet: SJ_UNSUPPORTED */
} sj_carrier;

#define SJ_SID_SIZE 22

typedef struct sj_session {
  char sid[SJ_SID_SIZE + 1]; /* public; for logs and lists */
  sj_slice subject;          /* absent: anonymous */
  uint64_t version;
  sj_carrier carrier;
  int64_t created_ms;
  int64_t last_seen_ms;
  int64_t expires_ms;  /* the moment from which it is refused if nothing happens till then */
  int64_t absolute_ms; /* the moment that nothing prolongs */
  sj_slice device;     /* absent: none given; the same for the next two */
  sj_slice address;
  sj_slice user_agent;
  uint8_t auth_level;
  sj_slice amr;        /* JSON array of strings; absent: none given */
  int64_t auth_at_ms;  /* last change of subject, level or amr */
  sj_slice attributes; /* a JSON object; absent where they were not asked for or can't be read
                          (without the client's credential nobody can) */
} sj_session;

typedef struct sj_call sj_call;
typedef void sj_done(sj_call *call);

struct sj_call {
  /* --- set by the caller --- */
  sj_done *done;
  void *data;
  uint32_t timeout_ms; /* 0: the options' */
  sj_slice credential; /* what the client presented; for calls that take one */
  bool strong;         /* read from the store's authority */

  /* --- results --- */
  sj_status status;
  sj_slice detail;     /* one sentence for the caller, never a secret; absent: sj_status_text */
  const char *applied; /* a write that failed with SJ_UNAVAILABLE, SJ_CANCELLED, SJ_NO_MEMORY or
                          SJ_NO_ENTROPY: "no" or "unknown" (it may have happened, or a part of it);
                          else NULL. Static. */
  const sj_session *session; /* NULL: none to show */
  bool newer; /* the session is newer than the presented credential: hand on the next two */
  sj_slice new_credential; /* absent: the client keeps what it has */
  sj_slice set_cookie;     /* a Set-Cookie field value: the new credential, or the clearing one */
  uint64_t count;          /* sj_end_subject: how many ended */
  const sj_session *sessions; /* sj_list */
  size_t session_count;
  sj_slice next_cursor; /* sj_list; absent: that was the last page */

  /* --- the library's --- */
  void *state;
};

typedef struct sj_create_args {
  sj_slice subject;    /* absent: anonymous; <= 255 bytes of UTF-8 without control characters */
  sj_slice attributes; /* a JSON object; absent: {} */
  sj_slice device; /* <= 255 bytes, as subject; the same for address and user_agent (<= 1,024) */
  sj_slice address;
  sj_slice user_agent;
  uint8_t auth_level;
  sj_slice amr;        /* JSON array of at most 16 strings, or absent */
  sj_carrier carrier;  /* 0: cookie */
  int64_t idle_ms;     /* 0: the options'; 1 s <= idle <= absolute <= absolute_max */
  int64_t absolute_ms; /* 0: the options' */
} sj_create_args;

/*
 * Makes a session, and ends the subject's oldest beyond max_sessions first. One
 * that was made and can't be answered is ended in the background.
 * SJ_OK: session, new_credential, set_cookie.
 * SJ_BAD_REQUEST (an argument; `detail` says which and what is allowed),
 * SJ_TOO_LARGE (detail names the largest attributes), SJ_FULL, SJ_UNSUPPORTED
 * (carrier).
 */
SJ_API SJ_MUST_USE sj_status sj_create(sj_worker *worker, sj_call *call,
                                       const sj_create_args *args);

typedef struct sj_load_args {
  bool without_attributes; /* leave data sealed: what a check needs */
} sj_load_args;

/*
 * Reads by the presented credential; never older than it proves.
 * SJ_OK: session; with `newer` also new_credential and set_cookie.
 * SJ_NO_CREDENTIAL (none was presented), SJ_BAD_CREDENTIAL (malformed, a wrong
 * MAC, a retired key), SJ_EXPIRED, SJ_ENDED, SJ_UNKNOWN (nothing is stored).
 * Where the store lost what the credential proves, a load commits (on_rollback),
 * and may end as sj_patch does.
 * `args` may be NULL.
 */
SJ_API SJ_MUST_USE sj_status sj_load(sj_worker *worker, sj_call *call, const sj_load_args *args);

/*
 * JSON Merge Patch (RFC 7396) on the attributes. `if_version` 0: merge onto
 * whatever is newest; else only onto that version (SJ_VERSION_MISMATCH).
 * A patch that changes nothing commits nothing, which is judged by the store's
 * authority. SJ_OK as sj_load, and new_credential and set_cookie always when
 * something was committed. Errors of sj_load, and SJ_BAD_REQUEST (no object of
 * JSON), SJ_TOO_LARGE (detail names the largest attributes), SJ_CONTENDED (too
 * many others write; nothing was applied), SJ_FULL.
 */
SJ_API SJ_MUST_USE sj_status sj_patch(sj_worker *worker, sj_call *call, sj_slice merge_patch,
                                      uint64_t if_version);

typedef struct sj_rotate_args {
  sj_slice subject;    /* absent: keep; given: a sign-in (new family, created, absolute, auth time).
                          Another than before: attributes, level and amr start empty */
  sj_slice attributes; /* merge patch; absent: none */
  int auth_level;      /* 0-255; < 0: keep */
  sj_slice amr;        /* absent: keep */
  uint64_t if_version; /* as sj_patch */
} sj_rotate_args;

/*
 * A new id; the old one is dead once it is answered. A successor that can't be
 * answered is ended. Results and errors as sj_patch, SJ_CONTENDED too when the
 * successor was ended before it was answered (max_sessions): the old one lives.
 */
SJ_API SJ_MUST_USE sj_status sj_rotate(sj_worker *worker, sj_call *call,
                                       const sj_rotate_args *args);

/*
 * Ends the presented session. SJ_OK for any credential whose MAC is valid, with
 * the set_cookie that clears it. During an outage: SJ_UNAVAILABLE, set_cookie
 * set as well, and the worker keeps trying in the background as long as it lives.
 * SJ_NO_CREDENTIAL, SJ_BAD_CREDENTIAL.
 */
SJ_API SJ_MUST_USE sj_status sj_end(sj_worker *worker, sj_call *call);

/* Metadata of one session by its sid (no attributes). SJ_NOT_FOUND: unknown or ended. */
SJ_API SJ_MUST_USE sj_status sj_get_by_sid(sj_worker *worker, sj_call *call, sj_slice sid);

/*
 * Ends one by its sid. With `subject` given, only if it is that subject's
 * ("my devices"). SJ_NOT_FOUND: unknown, ended, or another's. SJ_BAD_REQUEST.
 */
SJ_API SJ_MUST_USE sj_status sj_end_by_sid(sj_worker *worker, sj_call *call, sj_slice subject,
                                           sj_slice sid);

/*
 * A subject's live sessions, oldest first: sessions, session_count, next_cursor.
 * `limit` 1-100 (0: 50); a page may be shorter than that, next_cursor alone says
 * whether another follows. Damaged sessions are passed over (and audited).
 * SJ_BAD_REQUEST (subject, cursor, limit).
 */
SJ_API SJ_MUST_USE sj_status sj_list(sj_worker *worker, sj_call *call, sj_slice subject,
                                     sj_slice cursor, uint32_t limit);

/*
 * Ends all of a subject's sessions created until now, but the one with
 * `except_sid` (absent, or not the subject's: none spared), whose whole family is
 * spared. Writes a mark first: with SJ_UNAVAILABLE and applied "unknown" they may
 * be refused already; asked again, it ends the rest. `count`: how many ended.
 * SJ_BAD_REQUEST (subject, except_sid).
 */
SJ_API SJ_MUST_USE sj_status sj_end_subject(sj_worker *worker, sj_call *call, sj_slice subject,
                                            sj_slice except_sid);

/*
 * A mark: everything of `subject`, or of `client`, or (both absent) of the
 * realm, created at or before `before_ms`, is refused from now on by this
 * process, and within two seconds by others on the same store.
 * SJ_BAD_REQUEST: both given or malformed, or a moment before 1970 or to come.
 */
SJ_API SJ_MUST_USE sj_status sj_revoke(sj_worker *worker, sj_call *call, sj_slice subject,
                                       sj_slice client, int64_t before_ms);

/*
 * Advice: `done` still comes, later, with SJ_CANCELLED or the result. A call that
 * is not pending (or was zeroed and never started): nothing happens.
 */
SJ_API void sj_cancel(sj_worker *worker, sj_call *call);

#ifdef __cplusplus
}
#endif

#endif
