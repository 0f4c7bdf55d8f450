/*
 * What the files of the store lmdb: share.
 *
 *   lmdb_folder.c  the folder, its lock, its files' modes and sizes
 *   lmdb_open.c    the URL, the tables, whose they are
 *   lmdb_store.c   ports: reads on the loop, writes handed to the writer
 *   lmdb_writer.c  the one thread that writes, in groups
 *   lmdb_room.c    how much of the disk may be used, and what is kept back
 *   lmdb_trouble.c what the log is told when it cannot be written
 *   lmdb_apply.c, lmdb_sweep.c   what one write does to the tables
 *   lmdb_read.c    what one read finds in them
 */
#ifndef SJ_STORE_ADAPTER_LMDB_PRIVATE_H
#define SJ_STORE_ADAPTER_LMDB_PRIVATE_H

#include <lmdb.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "store/call_inputs.h"
#include "store/event_hub.h"
#include "store/registry.h"

#define SJ__LMDB_FORMAT       1
#define SJ__LMDB_PATH_MAX     3000
#define SJ__LMDB_RECORD_MAX   ((size_t)1024 * 1024)
#define SJ__LMDB_SUBJECT_KEY  (SJ__TAG_SIZE + 8 + SJ__KEY_SIZE) /* tag | created_at | key */
#define SJ__LMDB_SEQUENCE     8
#define SJ__LMDB_GARBAGE_TIME 6
#define SJ__LMDB_GARBAGE_KEY  (SJ__LMDB_GARBAGE_TIME + SJ__KEY_SIZE)      /* time | key */
#define SJ__LMDB_GARBAGE_MARK (SJ__LMDB_GARBAGE_TIME + SJ__LMDB_SEQUENCE) /* time | sequence */
#define SJ__LMDB_RESERVE      ((size_t)8 << 20) /* beyond max_size, kept for END and MARK */

typedef struct sj__lmdb_tables {
  MDB_dbi info;     /* format, realm, key.<kid>, marks (the last sequence) */
  MDB_dbi sessions; /* key -> record */
  MDB_dbi subjects; /* tag | created_at | key -> nothing */
  MDB_dbi garbage;  /* what to look at when: each record has an entry no later than it may go */
  MDB_dbi marks;    /* sequence -> mark */
  MDB_dbi mark_ids; /* the mark's MAC -> sequence */
} sj__lmdb_tables;

/* What the log knows, and when (monotonic) each line was last written; 0: never. The writer's. */
typedef struct sj__lmdb_trouble {
  bool is_full;
  bool is_failing;
  uint64_t failures; /* that no line has told of */
  uint64_t full_told_ms, room_told_ms;
  uint64_t failure_told_ms, commit_told_ms;
  uint64_t flush_told_ms;
} sj__lmdb_trouble;

typedef struct sj__lmdb_store {
  sj__store base;
  MDB_env *env;
  sj__lmdb_tables tables;
  int lock_file;
  int data_file;
  size_t page_size;
  size_t max_size; /* what records may take; the map is larger by the reserve */
  int64_t touch_every_ms;
  uint64_t interval_ms; /* durability=interval; 0: every commit is flushed */
  sj__event_hub hub;
  _Atomic bool writable;   /* false: full, as far as sessions of usual size go */
  _Atomic bool is_broken;  /* LMDB gave up: a page that counts could not be written */
  _Atomic bool is_failing; /* the latest commit could not be written, and not for want of room */
  _Atomic unsigned ports;

  /* The writer's alone. */
  size_t allocated;       /* of the data file, ahead of what is used */
  size_t room;            /* bytes that puts of this group may still add */
  MDB_txn *survey;        /* a read transaction for looking at the free pages; reset between uses */
  size_t last_group;      /* writes in it */
  uint64_t commit_ns;     /* how long its commit took */
  unsigned missed, skips; /* gathering in vain, and how many groups go without it for that */
  bool is_loose;          /* something is committed that no flush has made sure of */
  uint64_t loose_since_ms;
  sj__lmdb_trouble trouble;

  sj__thread writer;
  bool writer_runs;
  sj__mutex mutex; /* guards what follows */
  sj__cond wake;
  sj__list queue; /* of sj__lmdb_write.link */
  size_t queued;
  size_t wanted; /* the writer is woken when so many are queued */
  bool stopping;

  /* NULL without a registry. */
  sj__metric *writes;
  sj__metric *commits;
  sj__metric *flushes;
  sj__metric *commit_seconds;
} sj__lmdb_store;

typedef struct sj__lmdb_port {
  sj__port base;
  sj__lmdb_store *store;
  MDB_txn *reader; /* reset between calls: no snapshot outlives one */
  size_t pending;  /* reads, and writes until the writer has done with them */
  bool is_detaching;
  sj__event_channel *channel;
  sj__task detached;
  void (*done)(void *argument);
  void *argument;
  sj_slice *items;
} sj__lmdb_port;

/*
 * A write on its way through the writer: a copy of the call and of all that its
 * inputs point to, so that the call itself can be completed at its deadline
 * whatever the disk does.
 */
typedef struct sj__lmdb_write {
  sj__store_call in; /* inputs; results until they are handed over */
  sj__list link;     /* store->queue, then the writer's group */
  bool is_queued;    /* in the queue; under its mutex */
  bool is_tried;     /* a commit was attempted with it */
  bool has_changed;  /* the tables differ from before */
  bool is_event_due;
  void *handed_back; /* what a refused put met */

  sj__lmdb_port *port;  /* what follows is the loop's alone */
  sj__store_call *call; /* NULL: completed already */
  sj__timer deadline;
  sj__task task; /* brings it back from the writer; or completes it when that never had it */
  uint8_t bytes[];
} sj__lmdb_write;

extern const sj__store_ops sj__lmdb_store_ops; /* lmdb_store.c */

#define SJ__LMDB_PAGE_ITEMS 1000u

static inline MDB_val sj__lmdb_val(const void *data, size_t size) {
  return (MDB_val){size, (void *)(uintptr_t)data};
}
static inline sj_slice sj__lmdb_slice(MDB_val value) {
  return sj__slice(value.mv_data, value.mv_size);
}

/* lmdb_folder.c: what is judged before anything in the folder is touched; each says why not. */

/* SJ_BUSY: open already, here or in another process. */
SJ_MUST_USE sj_status sj__lmdb_take_lock(const char *path, int *lock_file, sj_error *error);
/* SJ_PERMISSION: others may read or write the data. *size is 0 for a new store. */
SJ_MUST_USE sj_status sj__lmdb_judge_file(const char *path, size_t *size, sj_error *error);
/* Lowers *max_size to what RLIMIT_FSIZE leaves. SJ_FULL: too little. */
SJ_MUST_USE sj_status sj__lmdb_bound_by_limits(size_t *max_size, sj_error *error);
/* SJ_CORRUPT: the file ends before what it says is used. */
SJ_MUST_USE sj_status sj__lmdb_judge_length(int data_file, size_t used, const char *path,
                                            sj_error *error);

/*
 * False: the folder holds another file than the one that is open, or none. What
 * is written then is gone with the process, so nothing may be acknowledged.
 */
bool sj__lmdb_is_in_place(const sj__lmdb_store *store);

/* lmdb_open.c: releases whatever is there, of a store that may be opened in part only. */
void sj__lmdb_free(sj__lmdb_store *store);

/* SJ_FULL, SJ_CORRUPT, SJ_UNAVAILABLE … for LMDB's own codes. */
sj_status sj__lmdb_status(int code);

/* lmdb_read.c: in a read transaction; results point into the map until it ends. */
sj_status sj__lmdb_read(sj__lmdb_port *port, MDB_txn *txn, sj__store_call *call);

/*
 * lmdb_apply.c: one write within a transaction; sets has_changed and
 * is_event_due. A failure of LMDB in *code spoils the transaction; with 0 there
 * it stays good, whatever the status is.
 */
sj_status sj__lmdb_apply(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write, int *code);

/* Shared by lmdb_apply.c and lmdb_sweep.c: 0 or LMDB's code. */
int sj__lmdb_delete(MDB_txn *txn, MDB_dbi table, const void *key, size_t size);
int sj__lmdb_file_garbage(sj__lmdb_store *store, MDB_txn *txn, int64_t at_ms, const void *name,
                          size_t size);
int sj__lmdb_move_index(sj__lmdb_store *store, MDB_txn *txn, const sj__record *before,
                        const sj__record *after);
void sj__lmdb_put_time(uint8_t out[SJ__LMDB_GARBAGE_TIME], int64_t at_ms);

/* lmdb_sweep.c */
int sj__lmdb_sweep(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write);

/* lmdb_room.c: sets store->room and store->writable before a group is applied. The writer's. */
void sj__lmdb_judge_room(sj__lmdb_store *store);
/* Whether a commit that failed with `code` did so for want of room. */
bool sj__lmdb_is_full(const sj__lmdb_store *store, int code);
/* Bytes in pages that hold nothing and can be used again, as `txn` (reading) sees them. */
size_t sj__lmdb_free_bytes(const sj__lmdb_store *store, MDB_txn *txn);

/* lmdb_trouble.c: each sets what health() says, and tells the log what is new. The writer's. */
#define SJ__LMDB_DISPLACED ENOENT /* LMDB itself never says so of an open store */
void sj__lmdb_note_room(sj__lmdb_store *store, bool has_room, bool has_blocks);
void sj__lmdb_note_failure(sj__lmdb_store *store, int code);
void sj__lmdb_note_commit(sj__lmdb_store *store);
void sj__lmdb_note_flush_failure(sj__lmdb_store *store, int code);

/* lmdb_writer.c */
SJ_MUST_USE sj_status sj__lmdb_writer_start(sj__lmdb_store *store);
void sj__lmdb_writer_stop(sj__lmdb_store *store); /* writes what is queued first */
void sj__lmdb_writer_add(sj__lmdb_store *store, sj__lmdb_write *write);
/* False: the writer has it already. */
bool sj__lmdb_writer_take_back(sj__lmdb_store *store, sj__lmdb_write *write);

/* lmdb_store.c: called on the port's loop when the writer has done with it. */
void sj__lmdb_written(sj__task *task);

#endif
