/*
 * How much may be written. Two bounds: max_size, by what is alive in the file,
 * and the disk, whose blocks are allocated ahead of use. Between either bound and
 * the end there are SJ__LMDB_RESERVE bytes, so that ending a session and keeping
 * a mark work when everything else is refused: they add little, but every commit
 * needs fresh pages before it frees the old ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "store/adapter/lmdb_private.h"

#define ALLOCATE_STEP ((size_t)8 << 20)
#define SPARE         ((size_t)1 << 20) /* of free pages, left for commits on a full disk */
#define MARGIN        ((size_t)64 << 10)
#define ORDINARY      ((size_t)32 << 10) /* with less room than this the store is called full */

/* LMDB's table 0 lists free pages: per transaction a count, then the numbers. */
size_t sj__lmdb_free_bytes(const sj__lmdb_store *store, MDB_txn *txn) {
  size_t pages = 0;
  MDB_cursor *cursor;
  MDB_val key, value;
  if (mdb_cursor_open(txn, 0, &cursor) != 0) return 0;
  while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
    size_t count = 0;
    if (value.mv_size >= sizeof(count)) memcpy(&count, value.mv_data, sizeof(count));
    pages += count;
  }
  mdb_cursor_close(cursor);
  return pages * store->page_size;
}

static size_t survey_free_bytes(sj__lmdb_store *store) {
  if (mdb_txn_renew(store->survey) != 0) return 0;
  size_t bytes = sj__lmdb_free_bytes(store, store->survey);
  mdb_txn_reset(store->survey);
  return bytes;
}

static bool allocate(sj__lmdb_store *store, size_t size) {
  if (fallocate(store->data_file, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) != 0) {
    /* A file system that cannot reserve is no reason to stop; one that is full is. */
    return errno == EOPNOTSUPP || errno == ENOSYS;
  }
  store->allocated = size;
  return true;
}

/* Keeps blocks ahead of what is used: false when the disk has none to give. */
static bool allocate_ahead(sj__lmdb_store *store, size_t used) {
  size_t least = used + SJ__LMDB_RESERVE;
  return least <= store->allocated || allocate(store, least + ALLOCATE_STEP) ||
         allocate(store, least);
}

static size_t less(size_t from, size_t what) {
  return from > what ? from - what : 0;
}

void sj__lmdb_judge_room(sj__lmdb_store *store) {
  MDB_envinfo info;
  mdb_env_info(store->env, &info);
  size_t used = (info.me_last_pgno + 1) * store->page_size;
  bool has_blocks = allocate_ahead(store, used);
  store->room = less(store->max_size, used + MARGIN);
  if (store->room < SJ__LMDB_RESERVE || !has_blocks) {
    size_t free_bytes = survey_free_bytes(store);
    store->room = less(store->max_size, less(used, free_bytes) + MARGIN);
    if (!has_blocks && store->room > less(free_bytes, SPARE)) store->room = less(free_bytes, SPARE);
  }
  sj__lmdb_note_room(store, store->room >= ORDINARY, has_blocks);
}

/* LMDB says EIO when a write was cut short, which is how a disk that fills up begins. */
bool sj__lmdb_is_full(const sj__lmdb_store *store, int code) {
  struct statvfs disk;
  struct rlimit limit;
  MDB_envinfo info;
  if (code != EIO) return sj__lmdb_status(code) == SJ_FULL;
  mdb_env_info(store->env, &info);
  size_t used = (info.me_last_pgno + 1) * store->page_size;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < used + SJ__LMDB_RESERVE) return true;
  return fstatvfs(store->data_file, &disk) == 0 &&
         (uint64_t)disk.f_bavail * disk.f_frsize < SJ__LMDB_RESERVE;
}
