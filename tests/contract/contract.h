/*
 * The contract suite: every clause of store/store.h, by name, against any store.
 *
 * A clause is a function over a `seat`: a loop, a port of the store under test
 * on it, and memory that lives until the clause has ended (a broken store may
 * complete a call twice, so calls are never on the stack). Calls are made one
 * at a time and waited for (`run`), or started and waited for later.
 */
#ifndef SJ_TESTS_CONTRACT_H
#define SJ_TESTS_CONTRACT_H

#include <stdio.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/thread.h"
#include "store/store.h"

typedef struct suite suite;
typedef struct seat seat;
typedef struct op op;

/* --- Clauses ------------------------------------------------------------------ */

enum {
  NEEDS_REOPEN = 1 << 0, /* a store that persists: --reopen */
  NEEDS_SMALL = 1 << 1,  /* a store that is soon full: --small URL */
  NEEDS_PUSH = 1 << 2,   /* caps.push */
  NEEDS_MARKS = 1 << 3,  /* caps.marks */
  NEEDS_SWEEP = 1 << 4   /* !caps.ttl */
};

typedef struct clause {
  const char *name;
  void (*run)(seat *s);
  unsigned needs;
} clause;

/* Each ends with a clause whose name is NULL. */
extern const clause call_clauses[];
extern const clause get_clauses[];
extern const clause put_clauses[];
extern const clause touch_end_clauses[];
extern const clause list_clauses[];
extern const clause scan_sweep_clauses[];
extern const clause mark_clauses[];
extern const clause event_clauses[];
extern const clause race_clauses[];
extern const clause reopen_clauses[];

/* --- The suite ------------------------------------------------------------------- */

struct suite {
  const char *url;       /* opened for every clause */
  const char *small_url; /* NULL: NEEDS_SMALL is skipped */
  bool reopen;
  unsigned effort; /* how often things are repeated; 10 is usual */
  sj_status (*open)(suite *self, const char *url, sj__store **out, sj_error *error);
  void *context; /* of open */
  sj__store_options options;
  const char *only; /* clause names must begin with it; NULL: all */
  bool quiet;       /* print failures alone */

  sj__store *store; /* of the clause that runs */
  bool has_passed;  /* the last one */
  unsigned passed, failed, skipped;
};

/* Fills options (realm, a new keyring, …). Aborts without memory. */
void suite_init(suite *self, const char *url);
void suite_release(suite *self);
/* Opens by URL, as sj__store_open. The default of suite.open. */
sj_status suite_open_url(suite *self, const char *url, sj__store **out, sj_error *error);
/* Runs every clause; calls `report` (may be NULL) after each. */
void suite_run(suite *self, void (*report)(suite *self, const clause *each));

/* --- Seats -------------------------------------------------------------------------- */

struct seat {
  suite *suite;
  sj__store *store;
  sj__loop *loop;
  sj__port *port;
  sj__port *second; /* NULL: none */
  sj__arena arena;
  int64_t now_ms; /* the engine's */
  unsigned index; /* in a race */
  void *shared;   /* of a race */
  op *ops;        /* all that were made, newest first */
  op *waited;     /* sj__loop_run goes on until it is done */
  bool is_running;
  bool has_failed;
  bool is_skipped; /* by the clause itself */
  char why[512];
};

/* Attaches a port of `store` to a new loop; false: failed, with `why`. */
bool seat_open(seat *s, suite *of, sj__store *store);
/* Waits for everything that is under way, detaches, frees. */
void seat_close(seat *s);
/* A second port on the same loop; one at a time. Detached with the seat at the latest. */
sj__port *seat_second_port(seat *s);
void seat_detach_port(seat *s, sj__port *port);
/* Runs the loop for that long. */
void seat_rest(seat *s, uint64_t ms);
/* Runs the loop until *flag or five seconds have passed. */
bool seat_until(seat *s, const bool *flag);

/*
 * Runs `body` in `count` threads at once, each with a seat on the suite's
 * store; a failed one fails `s`. `shared` is theirs in common.
 */
void race(seat *s, unsigned count, void (*body)(seat *racer), void *shared);

/* Records a failure (the first one stays). Returns false. */
bool seat_fail(seat *s, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* In functions that have a `seat *s` and return nothing. */
#define EXPECT(condition)                                 \
  do {                                                    \
    if (!(condition)) {                                   \
      seat_fail(s, __FILE__, __LINE__, "%s", #condition); \
      return;                                             \
    }                                                     \
  } while (0)
#define EXPECT_STATUS(op_, expected)                                                              \
  do {                                                                                            \
    const op *op__ = (op_);                                                                       \
    if (op__->status != (expected)) {                                                             \
      seat_fail(s, __FILE__, __LINE__, "%s answered %s, not %s (%s)", sj__op_name(op__->call.op), \
                sj_status_code(op__->status), sj_status_code(expected), #op_);                    \
      return;                                                                                     \
    }                                                                                             \
  } while (0)

/* --- Calls ------------------------------------------------------------------------------ */

/* A call and what became of it: results are copied, so that they can be looked at later. */
struct op {
  sj__store_call call;
  seat *seat;
  sj__port *port; /* NULL: the seat's */
  op *next;
  void (*then)(op *self); /* inside the completion, before results are copied; may be NULL */
  bool in_start;          /* sj__store_submit has not returned */
  bool done_in_start;
  unsigned starts, dones;
  sj_status status;
  sj__applied applied;
  sj_slice record;
  const sj_slice *items;
  size_t item_count;
  uint64_t count;
};

/* Made with a deadline of five seconds; change `call` before it is started. */
op *op_get(seat *s, const uint8_t *key, uint64_t at_least, sj__read_mode mode);
op *op_put(seat *s, sj_slice record, uint64_t expected);
op *op_touch(seat *s, const uint8_t *key, int64_t last_seen_ms);
op *op_end(seat *s, const uint8_t *key, sj__reason reason, int64_t until_ms);
op *op_mark(seat *s, sj_slice mark);
op *op_marks(seat *s, const sj__cursor *cursor, uint32_t limit); /* cursor NULL: the start */
op *op_list(seat *s, const uint8_t *tag, const sj__cursor *cursor, uint32_t limit);
op *op_scan(seat *s, const sj__cursor *cursor, uint32_t limit);
op *op_sweep(seat *s, int64_t now_ms, uint32_t budget);
op *op_publish(seat *s, sj_slice event);

void start(op *self);
bool wait_for(op *self); /* false: no completion within ten seconds */
op *run(op *self);       /* start and wait; fails the seat when nothing comes */

/* Short for the usual ones. */
op *get(seat *s, const uint8_t *key); /* from the authority */
op *put(seat *s, sj_slice record, uint64_t expected);
op *end(seat *s, const uint8_t *key);

/* --- Records and marks -------------------------------------------------------------------- */

typedef struct key16 {
  uint8_t bytes[SJ__KEY_SIZE];
} key16;

key16 random_key(seat *s);

/* An active session of now, version 1, with random write ids; `tag` NULL: anonymous. */
sj__record new_record(seat *s, const uint8_t *key, const uint8_t *tag);
/* The next version of it, with a new write id before the older ones. */
void next_version(seat *s, sj__record *record);
/* Encoded with `data_size` bytes of made-up sealed data. Lives as long as the seat. */
sj_slice encode(seat *s, const sj__record *record, size_t data_size);
/* The tombstone that a rotation commits: the record at its version, ended. */
sj_slice encode_ended(seat *s, const sj__record *record, sj__reason reason, int64_t until_ms);
/* Creates a new session of `tag` (may be NULL) and returns its key. */
key16 create(seat *s, const uint8_t *tag);

/* A mark that only this one is, good until `until_ms`. */
sj_slice new_mark(seat *s, int64_t until_ms);

/* Of an encoded record; 0 where there is none. */
uint64_t version_of(sj_slice record);
int64_t last_seen_of(sj_slice record);
sj__state state_of(sj_slice record);

/* Whether items hold the record of `key`. */
bool has_key(const op *listing, const uint8_t *key);
bool same(sj_slice a, sj_slice b);
/* The same but for last_seen. */
bool same_but_last_seen(sj_slice a, sj_slice b);

#endif
