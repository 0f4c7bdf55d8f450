/*
 * What the files of the store lmdb: share. lmdb_store.c has ports and reading,
 * lmdb_writer.c the one thread that writes, lmdb_apply.c what it does to the
 * tables, lmdb_open.c the folder and who it belongs to.
 */
#ifndef SJ_STORE_ADAPTER_LMDB_PRIVATE_H
#define SJ_STORE_ADAPTER_LMDB_PRIVATE_H

#include <lmdb.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/thread.h"
#include "store/event_hub.h"
#include "store/registry.h"

#define SJ__LMDB_FORMAT      1
#define SJ__LMDB_RECORD_MAX  ((size_t)1024 * 1024)
#define SJ__LMDB_SUBJECT_KEY (SJ__TAG_SIZE + 8 + SJ__KEY_SIZE) /* tag | created_at | key */
#define SJ__LMDB_GARBAGE_KEY (4 + SJ__KEY_SIZE)                /* minute | key */
#define SJ__LMDB_RESERVE     ((size_t)8 << 20)                 /* kept for END and MARK */

typedef struct sj__lmdb_tables {
  MDB_dbi info;     /* format, realm, key.<kid> */
  MDB_dbi sessions; /* key -> record */
  MDB_dbi subjects; /* tag | created_at | key -> nothing */
  MDB_dbi garbage;  /* minute | key -> nothing: one entry a record, never later than it may go */
  MDB_dbi marks;    /* sequence -> mark */
  MDB_dbi mark_ids; /* the mark's MAC -> sequence */
} sj__lmdb_tables;

typedef struct sj__lmdb_store {
  sj__store base;
  MDB_env *env;
  sj__lmdb_tables tables;
  int lock_file;
  int data_file;
  size_t page_size;
  size_t max_size;  /* what records may take; the map is larger by the reserve */
  size_t allocated; /* of the data file, ahead of what is used */
  int64_t touch_every_ms;
  sj__event_hub hub;
  _Atomic bool writable; /* false: puts are refused as full */
  _Atomic unsigned ports;

  /* The writer's. */
  sj__thread writer;
  bool writer_runs;
  sj__mutex mutex; /* guards what follows */
  sj__cond wake;
  sj__list queue; /* of sj__store_call.link */
  bool stopping;
} sj__lmdb_store;

typedef struct sj__lmdb_port {
  sj__port base;
  sj__lmdb_store *store;
  MDB_txn *reader; /* reset between calls: no snapshot outlives one */
  size_t pending;
  bool is_detaching;
  sj__event_channel *channel;
  sj__task detached;
  void (*done)(void *argument);
  void *argument;
  sj_slice *items;
} sj__lmdb_port;

extern const sj__store_ops sj__lmdb_store_ops; /* lmdb_store.c */

#define SJ__LMDB_PAGE_ITEMS 1000u

static inline MDB_val sj__lmdb_val(const void *data, size_t size) {
  return (MDB_val){size, (void *)(uintptr_t)data};
}
static inline sj_slice sj__lmdb_slice(MDB_val value) {
  return sj__slice(value.mv_data, value.mv_size);
}

/* SJ_FULL, SJ_CORRUPT, SJ_UNAVAILABLE … for LMDB's own codes. */
sj_status sj__lmdb_status(int code);

/* lmdb_read.c: in a read transaction; results point into the map until it ends. */
sj_status sj__lmdb_read(sj__lmdb_port *port, MDB_txn *txn, sj__store_call *call);

/*
 * lmdb_apply.c: one write within a transaction. SJ_NO_MEMORY or a failure of
 * LMDB in *code spoils the transaction; any other status leaves it good.
 * What a refused put met is copied to a block in call->scratch[0], freed after `done`.
 */
sj_status sj__lmdb_apply(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call, int *code);

/* lmdb_writer.c */
SJ_MUST_USE sj_status sj__lmdb_writer_start(sj__lmdb_store *store);
void sj__lmdb_writer_stop(sj__lmdb_store *store); /* writes what is queued first */
void sj__lmdb_writer_add(sj__lmdb_store *store, sj__store_call *call);
/* Called on the port's loop when a write is done: completes the call. */
void sj__lmdb_written(sj__task *task);

#endif
