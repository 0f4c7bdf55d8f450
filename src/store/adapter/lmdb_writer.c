/*
 * The one thread that writes. It takes all that waits, applies it in one
 * transaction, commits (LMDB flushes data, then the page that makes it count)
 * and only then lets the loops complete their calls.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "store/adapter/lmdb_private.h"

#define GROUP_MAX        1024
#define ALLOCATE_STEP    ((size_t)16 << 20)
#define FREE_PAGES_SPARE 256 /* fewer free pages than this and records are refused */

sj_status sj__lmdb_status(int code) {
  switch (code) {
    case 0:
      return SJ_OK;
    case MDB_NOTFOUND:
      return SJ_MISSING;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return SJ_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
      return SJ_CORRUPT;
    default:
      return SJ_UNAVAILABLE;
  }
}

/* --- Room -------------------------------------------------------------------------------- */

/* Pages that LMDB may use again; table 0 is its list of them. */
static size_t free_pages(MDB_txn *txn) {
  size_t pages = 0;
  MDB_cursor *cursor;
  MDB_val key, value;
  if (mdb_cursor_open(txn, 0, &cursor) != 0) return 0;
  while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
    if (value.mv_size >= sizeof(size_t)) pages += *(const size_t *)value.mv_data;
  }
  mdb_cursor_close(cursor);
  return pages;
}

/* Keeps the file's blocks ahead of use, so that ending a session works on a full disk. */
static bool allocate_ahead(sj__lmdb_store *store, size_t used) {
  if (used + SJ__LMDB_RESERVE <= store->allocated) return true;
  size_t wanted = used + SJ__LMDB_RESERVE + ALLOCATE_STEP;
  if (fallocate(store->data_file, FALLOC_FL_KEEP_SIZE, 0, (off_t)wanted) != 0) {
    /* A file system that cannot reserve is no reason to stop; one that is full is. */
    return errno == EOPNOTSUPP;
  }
  store->allocated = wanted;
  return true;
}

static void judge_room(sj__lmdb_store *store, MDB_txn *txn) {
  MDB_envinfo info;
  mdb_env_info(store->env, &info);
  size_t used = (info.me_last_pgno + 1) * store->page_size;
  bool has_room = used < store->max_size && allocate_ahead(store, used);
  if (!has_room) has_room = free_pages(txn) > FREE_PAGES_SPARE;
  atomic_store(&store->writable, has_room);
}

/* --- Groups --------------------------------------------------------------------------------- */

static void set_failed(sj__store_call *call, sj_status status) {
  call->status = status;
  call->applied = SJ__APPLIED_NO;
  call->record = (sj_slice){NULL, 0};
}

static sj_slice event_of(const sj__store_call *call) {
  switch (call->op) {
    case SJ__PUT:
      return call->in.put.event;
    case SJ__END:
      return call->count > 0 ? call->in.end.event : (sj_slice){NULL, 0};
    case SJ__PUBLISH:
      return call->in.publish.event;
    default:
      return (sj_slice){NULL, 0};
  }
}

static void publish(sj__lmdb_store *store, const sj__store_call *call) {
  sj_slice event = event_of(call);
  if (call->status == SJ_OK && event.data != NULL) sj__event_hub_append(&store->hub, event);
}

/* 0: all of `calls` are answered and what they wrote is on the disk. */
static int write_group(sj__lmdb_store *store, sj__list *calls) {
  MDB_txn *txn;
  int code = mdb_txn_begin(store->env, NULL, 0, &txn);
  if (code != 0) return code;
  judge_room(store, txn);
  SJ__LIST_FOR(node, calls) {
    sj__store_call *call = SJ__CONTAINER_OF(node, sj__store_call, link);
    sj__free(call->scratch[0]);
    call->scratch[0] = NULL;
    call->status = sj__lmdb_apply(store, txn, call, &code);
    if (code != 0) {
      mdb_txn_abort(txn);
      return code;
    }
  }
  return mdb_txn_commit(txn);
}

/* After a failure: each for itself, so that one that doesn't fit spoils no other. */
static void write_singly(sj__lmdb_store *store, sj__list *calls) {
  sj__list rest;
  sj__list_init(&rest);
  sj__list_splice(&rest, calls);
  while (!sj__list_is_empty(&rest)) {
    sj__list one;
    sj__list *node = rest.next;
    sj__list_init(&one);
    sj__list_remove(node);
    sj__list_append(&one, node);
    int code = write_group(store, &one);
    if (code != 0) {
      set_failed(SJ__CONTAINER_OF(node, sj__store_call, link), sj__lmdb_status(code));
    }
    sj__list_splice(calls, &one);
  }
}

static void complete(sj__lmdb_store *store, sj__list *calls) {
  SJ__LIST_FOR(node, calls) publish(store, SJ__CONTAINER_OF(node, sj__store_call, link));
  sj__event_hub_wake(&store->hub);
  SJ__LIST_FOR_SAFE(node, calls) {
    sj__store_call *call = SJ__CONTAINER_OF(node, sj__store_call, link);
    const sj__lmdb_port *port = call->owner;
    sj__list_remove(node);
    call->task.fn = sj__lmdb_written;
    sj__loop_post(port->base.loop, &call->task);
  }
}

/* False: told to stop, and nothing is left to write. */
static bool take_group(sj__lmdb_store *store, sj__list *calls) {
  sj__mutex_lock(&store->mutex);
  while (sj__list_is_empty(&store->queue) && !store->stopping) {
    sj__cond_wait(&store->wake, &store->mutex);
  }
  for (int i = 0; i < GROUP_MAX && !sj__list_is_empty(&store->queue); i++) {
    sj__list *node = store->queue.next;
    sj__list_remove(node);
    sj__list_append(calls, node);
  }
  sj__mutex_unlock(&store->mutex);
  return !sj__list_is_empty(calls);
}

static void run(void *argument) {
  sj__lmdb_store *store = argument;
  sj__list calls;
  sj__list_init(&calls);
  while (take_group(store, &calls)) {
    if (write_group(store, &calls) != 0) write_singly(store, &calls);
    complete(store, &calls);
  }
}

void sj__lmdb_writer_add(sj__lmdb_store *store, sj__store_call *call) {
  sj__mutex_lock(&store->mutex);
  bool was_empty = sj__list_is_empty(&store->queue);
  sj__list_append(&store->queue, &call->link);
  if (was_empty) sj__cond_signal(&store->wake);
  sj__mutex_unlock(&store->mutex);
}

sj_status sj__lmdb_writer_start(sj__lmdb_store *store) {
  sj_status status = sj__thread_start(&store->writer, "lmdb-writer", run, store);
  store->writer_runs = status == SJ_OK;
  return status;
}

void sj__lmdb_writer_stop(sj__lmdb_store *store) {
  if (!store->writer_runs) return;
  sj__mutex_lock(&store->mutex);
  store->stopping = true;
  sj__cond_signal(&store->wake);
  sj__mutex_unlock(&store->mutex);
  sj__thread_join(store->writer);
}
