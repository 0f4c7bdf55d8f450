/*
 * What the engine's files share. Start reading at request.c (the life of a
 * call), then load.c (reading and judging), then write.c (merging and committing).
 */
#ifndef SJ_SESSION_SESSION_PRIVATE_H
#define SJ_SESSION_SESSION_PRIVATE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/thread.h"
#include "codec/base64url.h"
#include "codec/handle.h"
#include "codec/record.h"
#include "crypto/gcm.h"
#include "session/engine.h"
#include "session/mark_set.h"

#define SJ__HOUR_MS ((int64_t)60 * 60 * 1000)
/* Tombstones and marks are kept that much beyond the last credential (DESIGN.md 2). */
#define SJ__TOMBSTONE_GRACE_MS (24 * SJ__HOUR_MS)
/* No session lives longer, whatever absolute_max was when it was made. */
#define SJ__ABSOLUTE_CAP_MS ((int64_t)400 * 24 * SJ__HOUR_MS)
#define SJ__COMMIT_TRIES    64 /* then SJ_CONTENDED, unless the deadline is first */
#define SJ__TOUCHED_SLOTS   256
#define SJ__BACKGROUND_MAX  4096 /* under way on one worker; beyond: dropped and counted */

typedef enum sj__kind {
  SJ__KIND_CREATE,
  SJ__KIND_LOAD,
  SJ__KIND_PATCH,
  SJ__KIND_ROTATE,
  SJ__KIND_END,
  SJ__KIND_GET_BY_SID,
  SJ__KIND_END_BY_SID,
  SJ__KIND_LIST,
  SJ__KIND_END_SUBJECT,
  SJ__KIND_REVOKE,
  SJ__KIND_BACKGROUND, /* touches, clean-up, mark replay, sweeping: nobody waits */
  SJ__KIND_COUNT
} sj__kind;

typedef struct sj__engine_metrics {
  sj__metric *calls[SJ__KIND_COUNT][SJ_STATUS_COUNT];
  sj__metric *seconds[SJ__KIND_COUNT];
  sj__metric *conflicts;
  sj__metric *unknown_outcomes;
  sj__metric *rollbacks;
  sj__metric *touches;
  sj__metric *marks;
  sj__metric *swept;
  sj__metric *dropped;
} sj__engine_metrics;

struct sj_sessions {
  sj_options options; /* its texts are in `texts` */
  sj__arena texts;
  sj_slice cookie_name;
  sj__store *store;
  sj__keyring *keyring;
  sj__mark_set *marks;
  sj__engine_metrics metrics;
  void (*audit)(void *context, const sj__audit_event *event);
  void *audit_context;
  _Atomic int64_t newest_birth_ms; /* the greatest created_at that was given out */
  _Atomic bool ready;
  _Atomic unsigned workers; /* attached now */
  _Atomic bool has_duty;    /* a worker does the chores */
  _Atomic bool lacks_room;  /* the store was full for somebody since the last step of sweeping */
  sj__mutex rotations_lock;
  sj__list rotations; /* requests, each the only one of this process that rotates its session */
  _Atomic uint64_t unread_told_ms; /* monotonic: the log was told of unreadable marks; 0: never */
};

typedef struct sj__request sj__request;
typedef void sj__step(sj__request *request);

struct sj_worker {
  sj_sessions *sessions;
  sj__loop *loop;
  sj__port *port;
  sj__vault *vault;
  sj__list active;  /* requests under way */
  sj__list waiting; /* accepted before the marks were replayed */
  sj__list idle;    /* for reuse */
  size_t idle_count;
  size_t background_count;
  bool ready;
  bool closing;
  bool adopted; /* the loop was made by sj_attach, and goes with the worker */
  bool on_duty; /* this one does the chores of the process */
  bool is_sweeping;
  uint64_t sweep_began_ns; /* the step under way, or the last */
  bool is_tailing;
  sj__timer chores_timer;
  sj__cursor marks_read;        /* up to here */
  int64_t steady_wall_ms;       /* the wall clock, … */
  uint64_t steady_monotonic_ms; /* … at this moment, when it was last believed */
  sj__task close_task;
  void (*closed)(void *argument);
  void *closed_argument;
  /* What was touched lately, so that a burst of checks writes back once. */
  struct {
    uint8_t key[SJ__KEY_SIZE];
    int64_t again_ms; /* not before this moment */
  } touched[SJ__TOUCHED_SLOTS];
};

/* A session as it was read: the encoded record in the request's arena, taken apart. */
typedef struct sj__loaded {
  sj_slice bytes;
  sj__record record;
  sj__meta meta;
  sj_slice attributes; /* absent: left sealed */
} sj__loaded;

struct sj__request {
  sj_worker *worker;
  sj_call *call; /* NULL: nobody waits */
  sj__kind kind;
  sj__list link; /* worker->active, ->waiting or ->idle */
  sj__arena arena;
  sj__step *begin; /* the first step, once the worker is ready */
  sj__step *next;  /* where the store's answer goes */
  sj__task start_task;
  sj__timer timer; /* backing off */
  bool cancelled;
  bool in_store;
  uint64_t started_ns;
  uint64_t deadline_ms; /* on the loop's clock */
  int64_t now_ms;       /* wall, when the request began */
  sj__store_call store_call;

  /* The presented credential. */
  sj__handle handle;
  uint8_t key[SJ__KEY_SIZE]; /* of the session in question */
  uint8_t id[SJ__ID_SIZE];   /* of the session that is handed back (secret) */

  /* Reading. */
  sj__read_mode mode;
  bool want_attributes;
  bool rolled_back; /* the store lost what the client had seen; it was accepted */
  sj__loaded loaded;
  sj__step *judged; /* after a read was found good */

  /* Writing: what is to be committed. */
  sj__step *committed;
  sj__step *undo;     /* called when the request ends with anything but SJ_OK */
  sj__step *on_ended; /* the record was ended before the commit; NULL: SJ_ENDED is told */
  sj__step *remerge;  /* merges again onto `loaded` after a conflict */
  sj_slice encoded;
  sj_slice committing;      /* the attributes in `encoded`, in clear */
  sj__meta committing_meta; /* and its meta */
  uint64_t expected;
  uint8_t write_id[SJ__WRITE_ID_SIZE];
  sj__write_class write_class;
  unsigned tries;
  bool outcome_unknown; /* a write's answer was lost, and it isn't found out yet */
  bool has_written;     /* something of what the caller asked for is stored */

  /* Each kind's own. */
  sj_slice patch;
  uint64_t if_version;
  sj_create_args create;
  sj_rotate_args rotate;
  bool created;      /* create: the record is stored */
  sj__list rotation; /* rotate: sessions->rotations, while has_turn */
  bool has_turn;
  sj__record successor; /* rotate: what is stored of it */
  bool successor_stored;
  uint8_t successor_key[SJ__KEY_SIZE];
  uint8_t successor_id[SJ__ID_SIZE]; /* secret */
  sj_slice successor_bytes;
  sj_slice successor_attributes;
  uint8_t old_key[SJ__KEY_SIZE];
  sj__record old_record;
  sj_slice subject;
  bool has_except;
  uint8_t except_family[SJ__KEY_SIZE];
  size_t key_index; /* which of the keyring's keys a listing or marking is at */
  sj__cursor cursor;
  uint32_t limit;
  int64_t moment_ms;
  sj__reason reason;
  int64_t until_ms;
  uint8_t mark_bytes[SJ__MARK_SIZE];
  struct sj__found *found; /* sessions that a listing found */
  size_t found_count;
  struct sj__ending *endings; /* one a session, all under way at once */
  size_t endings_left;
  uint64_t ended;
  sj__step *collected;
  sj__step *all_ended;
  uint8_t tag[SJ__TAG_SIZE];
  sj_slice list_cursor; /* list: the cursor; end_subject: the sid that is spared */
  bool ignore_marks;
  sj__mark_scope scope;
  sj__mark mark;
  sj__step *marked;
  sj__step *within_limit;
  sj__loaded *kept; /* the answer, while others are listed */
  uint8_t kept_key[SJ__KEY_SIZE];

  /* Results that outlive a step. */
  sj_session view;
};

/* --- request.c: the life of a call ------------------------------------------ */

/* A request for `call` whose first step is `begin`. NULL: no memory. Nothing runs yet. */
sj__request *sj__request_new(sj_worker *worker, sj_call *call, sj__kind kind, sj__step *begin);
/* Lets it run, from a task of the loop. */
void sj__request_start(sj__request *request);
/* One without a caller. NULL: too many, or no memory; counted. */
sj__request *sj__background_new(sj_worker *worker, sj__step *begin);
/* Ends it: fills the call, counts, calls done. The request is gone. */
void sj__request_finish(sj__request *request, sj_status status);
void sj__request_fail(sj__request *request, sj_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Submits request->store_call (op and inputs set), whose answer goes to `next`. */
void sj__request_submit(sj__request *request, sj__op op, sj__step *next);
/* Goes on with `next` after `delay_ms`; past the deadline finishes as unavailable. */
void sj__request_after(sj__request *request, uint64_t delay_ms, sj__step *next);
/* The status of a store call that wasn't the wanted one, as the caller is told it. */
void sj__request_store_failed(sj__request *request);
/* The deadline, counted from now. */
void sj__request_renew(sj__request *request);
uint64_t sj__request_left_ms(const sj__request *request); /* until the deadline; 0: past it */
/* Frees one that lies idle. */
void sj__request_free(sj__request *request);
/* Starts what has waited. */
void sj__worker_set_ready(sj_worker *worker);
void sj__worker_maybe_close(sj_worker *worker);
void sj__audit(const sj__request *request, const char *what, const char *code);

/* --- credential.c ------------------------------------------------------------ */

/* Decodes call->credential into handle, key and id. SJ_OK or a verdict. */
SJ_MUST_USE sj_status sj__present(sj__request *request);
/* Sets new_credential and set_cookie for `record` under request->id. */
SJ_MUST_USE sj_status sj__issue(sj__request *request, const sj__record *record);
SJ_MUST_USE sj_status sj__clear_cookie(sj__request *request);
SJ_MUST_USE sj_status sj__sid_parse(sj_slice sid, uint8_t key[SJ__KEY_SIZE]);

/* --- expiry.c: pure ------------------------------------------------------------ */

typedef enum sj__life { SJ__ALIVE, SJ__IDLED_OUT, SJ__OVER } sj__life;
/* SJ__OVER: past absolute_at; SJ__IDLED_OUT: only by last_seen, which a stale read may show too
 * low. */
sj__life sj__life_of(const sj__record *record, int64_t touch_every_ms, int64_t now_ms);
int64_t sj__expires_ms(const sj__record *record, int64_t touch_every_ms);
/* How long a touch may wait: touch_every, and at most a tenth of idle_for. */
int64_t sj__touch_interval_ms(int64_t idle_for_ms, int64_t touch_every_ms);

/* --- load.c -------------------------------------------------------------------- */

/* Reads request->key and goes on with `judged` if the session is good; finishes otherwise. */
void sj__read(sj__request *request, sj__read_mode mode, sj__step *judged);
/* Takes stored bytes over (copied into the arena) and opens meta. */
SJ_MUST_USE sj_status sj__loaded_open(sj__request *request, sj_slice bytes);
/* The same without a copy, good while `bytes` are: the attributes can't be had afterwards. */
SJ_MUST_USE sj_status sj__loaded_borrow(sj__request *request, sj_slice bytes);
/* What a caller is told of a record that is sealed under a key that this keyring can't use. */
sj_status sj__told_of_key(sj_status status);
/*
 * Judges request->loaded: SJ_OK, or the verdict; SJ_BEHIND and idle SJ_EXPIRED want the authority.
 */
SJ_MUST_USE sj_status sj__judge(sj__request *request);
/* What to do with a stored record that a conflicting write met: open, judge, or finish. */
bool sj__reload(sj__request *request);
/* Fills the call's session from what is loaded and finishes with SJ_OK. */
void sj__answer(sj__request *request, bool hand_out);
void sj__view_fill(const sj__request *request, const sj__loaded *loaded, sj_session *view);
void sj__touch_later(sj__request *request);

/* --- write.c -------------------------------------------------------------------- */

/*
 * Commits request->encoded (key and version within) over `expected`, resolves
 * unknown outcomes by the write id, and goes on: `committed`, or `remerge`
 * with the stored record in `loaded` after a conflict; finishes otherwise.
 */
void sj__commit(sj__request *request, uint64_t expected, sj__step *committed, sj__step *remerge);
/* What sj__encode draws. */
#define SJ__ENCODE_RANDOM (SJ__WRITE_ID_SIZE + 2 * SJ__GCM_NONCE_SIZE)
/* Shifts a fresh write id into the record. SJ_NO_ENTROPY. */
SJ_MUST_USE sj_status sj__stamp(sj__request *request, sj__record *record);
/*
 * Stamps the record (SJ_NO_ENTROPY) and seals it with meta and attributes under the active key
 * into request->encoded. What those two point to is shown once it is committed,
 * and must last until the request ends.
 */
SJ_MUST_USE sj_status sj__encode(sj__request *request, sj__record *record, const sj__meta *meta,
                                 sj_slice attributes);
/* Merges a patch; finishes the request and returns false when it can't be. */
bool sj__merge(sj__request *request, sj_slice target, sj_slice patch, sj_slice *merged,
               bool *changed);

/* --- create.c --- */

/* Draws request->id and derives request->key. SJ_NO_ENTROPY. */
SJ_MUST_USE sj_status sj__new_identity(sj__request *request);
/* created_at of what is made now: after every known mark. */
int64_t sj__birth_ms(sj__request *request);
/* False: the request has been finished as SJ_BAD_REQUEST. Absent values are good. */
bool sj__check_subject(sj__request *request, sj_slice subject);
bool sj__check_name(sj__request *request, const char *what, sj_slice name);
bool sj__check_amr(sj__request *request, sj_slice amr);

/* --- rotate.c --- */

/* Lets the next rotation of the same session go on, if this request was one. */
void sj__rotation_leave(sj__request *request);

/* --- end.c ----------------------------------------------------------------------- */

/* Ends `key` in the background, again and again until it is acknowledged. */
void sj__end_later(sj_worker *worker, const uint8_t key[SJ__KEY_SIZE], sj__reason reason,
                   int64_t until_ms);
int64_t sj__tombstone_until(const sj__request *request, const sj__record *record);
void sj__end_input(sj__request *request, const uint8_t *key, sj__reason reason, int64_t until_ms);

/* --- list.c, subject.c ------------------------------------------------------------- */

typedef struct sj__found {
  sj_session view;
  uint8_t key[SJ__KEY_SIZE];
  uint8_t family[SJ__KEY_SIZE];
  int64_t until_ms;
} sj__found;

/*
 * Collects the live sessions of request->subject into `found`, from key_index
 * and cursor on, at most `limit`, then `next`. Where more follow, key_index is
 * below the keyring's count.
 */
void sj__collect(sj__request *request, sj__step *next);
SJ_MUST_USE sj_status sj__subject_tag(sj__request *request, size_t key_index, sj_slice subject,
                                      uint8_t tag[SJ__TAG_SIZE]);
/* Ends the oldest sessions of the subject beyond max_sessions, then `next`. */
void sj__enforce_max_sessions(sj__request *request, sj__step *next);
/* Writes a mark of subject, moment_ms and except_family under every live key, then `next`. */
void sj__mark_all(sj__request *request, sj__mark_scope scope, sj__step *next);

/* --- options.c --------------------------------------------------------------------- */

SJ_MUST_USE sj_status sj__options_check(const sj_options *options, sj_error *error);
SJ_MUST_USE sj_status sj__options_copy(sj_sessions *sessions, const sj_options *options);
void sj__engine_metrics_init(sj__engine_metrics *own, sj__metrics *metrics);

#endif
