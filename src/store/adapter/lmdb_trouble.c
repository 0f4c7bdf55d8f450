/*
 * What the log is told of a store that cannot be written: when it begins, and
 * when it is over. Under load every group fails alike, so that each of these
 * lines comes at most once a minute, with the number of those that were spared.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/adapter/lmdb_private.h"

#define SILENCE_MS 60000u

static bool may_tell(uint64_t *told_ms) {
  uint64_t now_ms = sj__monotonic_ms();
  if (*told_ms != 0 && now_ms - *told_ms < SILENCE_MS) return false;
  *told_ms = now_ms;
  return true;
}

void sj__lmdb_note_room(sj__lmdb_store *store, bool has_room, bool has_blocks) {
  sj__lmdb_trouble *trouble = &store->trouble;
  atomic_store(&store->writable, has_room);
  if (trouble->is_full != has_room) return;
  if (!may_tell(has_room ? &trouble->room_told_ms : &trouble->full_told_ms)) return;
  trouble->is_full = !has_room;
  if (has_room) {
    SJ__LOG(SJ__LOG_INFO, "the store has room again");
  } else {
    SJ__LOG(SJ__LOG_WARNING, "the store is full: creations and patches are refused",
            SJ__FIELD_CSTR("reason", has_blocks ? "max_size is reached" : "the disk is full"));
  }
}

void sj__lmdb_note_failure(sj__lmdb_store *store, int code) {
  sj__lmdb_trouble *trouble = &store->trouble;
  bool is_full = sj__lmdb_is_full(store, code);
  trouble->failures++;
  if (!is_full) atomic_store(&store->is_failing, true);
  if (!may_tell(&trouble->failure_told_ms)) return;
  if (!is_full) trouble->is_failing = true;
  if (code == SJ__LMDB_DISPLACED) {
    SJ__LOG(SJ__LOG_ERROR, "the store's file has been removed or replaced: nothing is written",
            SJ__FIELD_INT("failures", trouble->failures));
  } else {
    SJ__LOG(SJ__LOG_WARNING, "a commit has failed", SJ__FIELD_CSTR("reason", mdb_strerror(code)),
            SJ__FIELD_INT("failures", trouble->failures));
  }
  trouble->failures = 0;
}

void sj__lmdb_note_commit(sj__lmdb_store *store) {
  sj__lmdb_trouble *trouble = &store->trouble;
  atomic_store(&store->is_failing, false);
  if (!trouble->is_failing || !may_tell(&trouble->commit_told_ms)) return;
  trouble->is_failing = false;
  SJ__LOG(SJ__LOG_INFO, "the store is written again");
}

void sj__lmdb_note_flush_failure(sj__lmdb_store *store, int code) {
  if (!may_tell(&store->trouble.flush_told_ms)) return;
  SJ__LOG(SJ__LOG_ERROR, "a flush has failed", SJ__FIELD_CSTR("reason", mdb_strerror(code)));
}
