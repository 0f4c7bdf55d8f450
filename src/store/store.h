/*
 * The store interface: what the engine asks of whatever keeps sessions.
 *
 * A store is opened once a process; `sj__store_attach` gives a worker its port,
 * which owns connections and belongs to that worker's loop. Every operation is
 * one `sj__store_call`, filled by the caller and submitted to a port:
 *
 *   - the call is zeroed before its first use; `done` may submit it again;
 *   - asynchronous: `done` is called exactly once, on the port's loop, never
 *     from inside sj__store_submit;
 *   - `deadline_ms` is absolute on the loop's monotonic clock; past it the call
 *     completes with SJ_UNAVAILABLE (already past at submission: nothing is
 *     tried, SJ__APPLIED_NO);
 *   - `now_ms` is the engine's wall clock: a store never reads its own;
 *   - the call, and everything its inputs point to, is borrowed until `done`;
 *   - what results point to is the store's, and good until `done` returns;
 *   - cancelling is advice: `done` still comes, with SJ_CANCELLED or the result;
 *   - inputs that no correct caller sends (a malformed record or mark, an event
 *     beyond SJ__EVENT_MAX, limit or budget 0) are SJ_MISUSE and change nothing.
 *
 * Composites (compose/) are stores that wrap stores. The contract suite
 * (tests/contract) holds every store to what is written here, and shows with
 * broken ones that it would notice.
 */
#ifndef SJ_STORE_STORE_H
#define SJ_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/metrics.h"
#include "codec/mark.h"
#include "codec/record.h"
#include "loop/loop.h"

typedef struct sj__store sj__store;
typedef struct sj__port sj__port;
typedef struct sj__store_call sj__store_call;
typedef struct sj__store_frame sj__store_frame;
typedef void sj__store_done(sj__store_call *call);

#define SJ__CURSOR_MAX 64
/*
 * A position in a listing, opaque to callers; size 0: from the start, or
 * nothing follows. It stays good when what it points at goes. One that no
 * listing of that kind made is SJ_MISUSE or taken for a position: it may come
 * from outside, so it never does harm. A page may be shorter than `limit`:
 * cursor_next alone says whether anything follows.
 */
typedef struct sj__cursor {
  uint8_t size;
  uint8_t bytes[SJ__CURSOR_MAX];
} sj__cursor;

typedef enum sj__op {
  SJ__GET,
  SJ__PUT,
  SJ__TOUCH,
  SJ__END,
  SJ__MARK,
  SJ__MARKS,
  SJ__LIST,
  SJ__SCAN,
  SJ__SWEEP,
  SJ__PUBLISH,
  SJ__OP_COUNT
} sj__op;
const char *sj__op_name(sj__op op); /* "get" */

typedef enum sj__read_mode { SJ__CHEAP, SJ__AUTHORITY } sj__read_mode;

/* With SJ_UNAVAILABLE (and SJ_CANCELLED): was the write applied? */
typedef enum sj__applied { SJ__APPLIED_NO, SJ__APPLIED_UNKNOWN } sj__applied;

/*
 * How much a write may lose in a crash of this process or machine.
 * Stores with durability=interval spare only RELAXED ones a flush of their own.
 */
typedef enum sj__write_class {
  SJ__WRITE_DURABLE, /* creation, rotation, end, marks: flushed before `done` */
  SJ__WRITE_RELAXED  /* patches and touches */
} sj__write_class;

struct sj__store_call {
  sj__store_done *done;
  sj__op op;
  uint64_t deadline_ms;
  int64_t now_ms;

  union {
    /*
     * GET: a record of version >= at_least, in `record`.
     * SJ_OK (a tombstone too, whatever its version: ended outranks behind, and
     * the caller looks at the state); SJ_MISSING; SJ_BEHIND with the older
     * active record in `record`. SJ_MISSING and SJ_BEHIND
     * are said by the authority alone: a cheap read that finds them asks it.
     */
    struct {
      const uint8_t *key;
      uint64_t at_least;
      sj__read_mode mode;
    } get;

    /*
     * PUT: commits `record` if the stored version is `expected` and the stored
     * state active. expected 0: only if nothing is stored; any version may be
     * put. Keeps the greater last_seen. A terminal state may be committed.
     * Otherwise `record` holds what is stored, and the status is SJ_CONFLICT;
     * SJ_MISSING (expected > 0, nothing stored); SJ_ENDED (a tombstone stands).
     * SJ_TOO_LARGE (above caps.max_record), SJ_FULL: not applied. `event` as in
     * PUBLISH, or absent; handed on only if something was committed.
     * The index entry of a record with a subject tag exists from before the
     * record does until after it is gone.
     */
    struct {
      sj_slice record; /* encoded; codec/record.h */
      uint64_t expected;
      sj__write_class write_class;
      sj_slice event;
    } put;

    /*
     * TOUCH: raises last_seen of an existing active record; a lower or equal
     * value, an unknown key and a tombstone are SJ_OK and change nothing.
     * Neither version nor anything else moves. May be lost.
     */
    struct {
      const uint8_t *key;
      int64_t last_seen_ms;
    } touch;

    /*
     * END: leaves a tombstone with `reason` until `until_ms`, for an unknown
     * key too. Idempotent: the first reason stays, the greater `until` wins,
     * the version stays. SJ_OK; once acknowledged, GET never shows it active
     * again, whatever races. Must succeed when PUT says SJ_FULL.
     * *ended (result) says whether this call ended a live record.
     */
    struct {
      const uint8_t *key;
      const uint8_t *realm; /* 8 bytes: realm fingerprint for a tombstone of an unknown key */
      sj__reason reason;
      int64_t until_ms;
      sj_slice event;
    } end;

    /* MARK: keeps the encoded mark (codec/mark.h) until its until_ms. Durable, idempotent. */
    struct {
      sj_slice mark;
    } mark;

    /*
     * MARKS: marks from `cursor` on, in the order they were kept. `cursor_next`
     * is never empty: it is where to go on, even when nothing follows now
     * (tailing). A page without items: nothing follows now.
     */
    struct {
      sj__cursor cursor;
      uint32_t limit;
    } marks;

    /*
     * LIST: the records under a subject tag, active and not past garbage
     * time, ordered by created_at then key, from `cursor` on. Never misses a
     * live one, never shows a tombstone: each page is the index at one moment.
     * Expiry is the caller's to judge.
     */
    struct {
      const uint8_t *subject_tag;
      sj__cursor cursor;
      uint32_t limit;
    } list;

    /*
     * SCAN: every record that is stored throughout the scan (tombstones too: a
     * migration carries them) at least once, in any order.
     */
    struct {
      sj__cursor cursor;
      uint32_t limit;
    } scan;

    /*
     * SWEEP: removes at most `budget` records, tombstones and marks whose
     * garbage time is before `now_ms`. `count`: how many went;
     * `more`: whether another step would find work.
     */
    struct {
      uint32_t budget;
    } sweep;

    /* PUBLISH: hands `event` (at most SJ__EVENT_MAX bytes, MACed by the caller) to subscribers. */
    struct {
      sj_slice event;
    } publish;
  } in;

  /* --- results; set before `done` ---------------------------------------- */
  sj_status status;      /* SJ_OK MISSING ENDED BEHIND CONFLICT UNAVAILABLE TOO_LARGE FULL CORRUPT
                            CANCELLED MISUSE, nothing else */
  sj__applied applied;   /* writes, with SJ_UNAVAILABLE and SJ_CANCELLED */
  sj_slice record;       /* GET, PUT: an encoded record or absent */
  const sj_slice *items; /* MARKS, LIST, SCAN */
  size_t item_count;
  sj__cursor cursor_next;
  uint64_t count; /* SWEEP: removed; END: 1 if it ended a live record */
  bool more;      /* SWEEP */

  /* --- the store's, while it has the call: of composites only the frames --- */
  sj__store_frame *frames; /* what composites lay on it; innermost first */
  sj__task task;
  sj__list link;
  void *owner;
  void *scratch[4];
};

#define SJ__EVENT_MAX 128

typedef enum sj__durability {
  SJ__DURABILITY_NONE,     /* gone with the process */
  SJ__DURABILITY_INTERVAL, /* flushed now and then */
  SJ__DURABILITY_COMMIT    /* flushed before it is acknowledged */
} sj__durability;

typedef struct sj__store_caps {
  bool push;          /* subscribe brings other writers' events, live */
  bool volatile_data; /* may forget acknowledged writes by design: refused as sole keeper */
  bool ttl;           /* forgets by itself: no sweeping */
  bool atomic_index;  /* the index moves in the record's own commit */
  bool marks;         /* has MARK and MARKS */
  size_t max_record;  /* bytes, encoded */
  sj__durability durability;
  int64_t revocation_bound_ms; /* a cheap read may miss an end or a mark for as long; 0: never */
} sj__store_caps;

typedef struct sj__store_health {
  bool reachable;
  bool writable;
  int64_t lag_ms;       /* of the slowest replica that answers reads; 0: none */
  uint64_t used_bytes;  /* 0: not known */
  uint64_t limit_bytes; /* 0: none */
  uint64_t records;     /* estimate; 0: not known */
} sj__store_health;

/* Change events. `sequence` has no gaps within one subscription; a gap means events were lost. */
typedef struct sj__subscriber sj__subscriber;
struct sj__subscriber {
  void (*on_event)(sj__subscriber *subscriber, uint64_t sequence, sj_slice event);
  sj__list link; /* the port's */
};

/* What a store implements; the contracts stand at the calls below that lead to them. */
typedef struct sj__store_ops {
  sj_status (*attach)(sj__store *store, sj__loop *loop, sj__port **out);
  void (*health)(sj__store *store, sj__store_health *out); /* any thread, no waiting */
  void (*close)(sj__store *store); /* blocks; every port is detached; flushes and frees */
} sj__store_ops;

typedef struct sj__port_ops {
  void (*submit)(sj__port *port, sj__store_call *call);
  void (*cancel)(sj__port *port, sj__store_call *call);
  void (*subscribe)(sj__port *port, sj__subscriber *subscriber);
  void (*unsubscribe)(sj__port *port, sj__subscriber *subscriber);
  void (*detach)(sj__port *port, void (*done)(void *argument), void *argument);
} sj__port_ops;

/* First member of every implementation's own structure. */
struct sj__store {
  const sj__store_ops *ops;
  const char *scheme; /* "memory"; of the innermost store in composites */
  sj__store_caps caps;
};
struct sj__port {
  const sj__port_ops *ops;
  sj__store *store;
  sj__loop *loop;
};

/*
 * How a composite that passes a call on sees its completion, without a copy:
 * push a frame (which the composite owns) and submit the same call below; the
 * frame's `done` pops it, which puts the caller's back, and calls call->done.
 */
struct sj__store_frame {
  sj__store_done *done; /* the caller's, put aside */
  sj__store_frame *next;
};
void sj__store_frame_push(sj__store_call *call, sj__store_frame *frame, sj__store_done *done);
sj__store_frame *sj__store_frame_pop(sj__store_call *call);

/* --- Opening -------------------------------------------------------------- */

typedef struct sj__store_options {
  sj_slice realm;
  sj__keyring *keyring;   /* its fingerprints are kept; a foreign one is refused */
  int64_t touch_every_ms; /* for garbage times */
  sj__metrics *metrics;   /* may be NULL */
} sj__store_options;

/*
 * Opens the store that `url` names. Blocks; at start. Schemes: memory: lmdb:PATH
 * and, for tests, fault+URL and trace+URL.
 * SJ_INVALID (the URL: what is wrong, what is allowed, never a password),
 * SJ_BUSY (another process has it), SJ_MISMATCH (another realm, keyring or
 * format version), SJ_PERMISSION, SJ_IO, SJ_FULL, SJ_CORRUPT, SJ_NO_MEMORY,
 * SJ_UNSUPPORTED (scheme).
 */
SJ_MUST_USE sj_status sj__store_open(const char *url, const sj__store_options *options,
                                     sj__store **out, sj_error *error);
void sj__store_close(sj__store *store);

/* On the loop's thread. SJ_NO_MEMORY, SJ_UNAVAILABLE. */
SJ_MUST_USE sj_status sj__store_attach(sj__store *store, sj__loop *loop, sj__port **out);
/* Calls that are pending complete first (as SJ_CANCELLED where they can't); then `done`, later. */
void sj__port_detach(sj__port *port, void (*done)(void *argument), void *argument);

/* Clears the results, then starts the call. `done` and what the operation needs must be set. */
void sj__store_submit(sj__port *port, sj__store_call *call);
/* Only for a call that is pending on this port. */
void sj__store_cancel(sj__port *port, sj__store_call *call);
/*
 * on_event is called on the port's loop for every event committed from now on,
 * this port's own included, until unsubscribed; both are allowed inside
 * on_event. The subscriber is borrowed until then. Without caps.push nothing
 * may come.
 */
void sj__store_subscribe(sj__port *port, sj__subscriber *subscriber);
void sj__store_unsubscribe(sj__port *port, sj__subscriber *subscriber);
/* Any thread, no waiting. */
void sj__store_health_get(sj__store *store, sj__store_health *out);

#endif
