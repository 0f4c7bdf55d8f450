/*
 * Sweeping: the table of garbage is ordered by time, and an entry means "look
 * here by then". What may go goes; what has lived on is filed again for later,
 * so no use of a session has to move its entry. A session may have several
 * entries (its end came nearer); those that are left over point at nothing.
 */
#include <string.h>

#include "base/clock.h"
#include "codec/bytes.h"
#include "store/adapter/lmdb_private.h"

#define LOOKED_AT_MAX 4  /* times the budget: entries that lead to nothing or are filed again */
#define LOOKED_AT_MIN 16 /* however slow it is, a step gets on */
#define STEP_NS       2000000u /* pages that aren't in memory yet take long, and writers wait */

static int delete_mark(sj__lmdb_store *store, MDB_txn *txn, const uint8_t *sequence) {
  MDB_val key = sj__lmdb_val(sequence, SJ__LMDB_SEQUENCE);
  MDB_val value;
  uint8_t id[16];
  int code = mdb_get(txn, store->tables.marks, &key, &value);
  if (code != 0) return code == MDB_NOTFOUND ? 0 : code;
  if (value.mv_size == SJ__MARK_SIZE) {
    memcpy(id, (const char *)value.mv_data + SJ__MARK_SIZE - sizeof(id), sizeof(id));
    code = sj__lmdb_delete(txn, store->tables.mark_ids, id, sizeof(id));
  }
  return code == 0 ? sj__lmdb_delete(txn, store->tables.marks, sequence, SJ__LMDB_SEQUENCE) : code;
}

static int delete_session(sj__lmdb_store *store, MDB_txn *txn, const uint8_t *key, sj_slice bytes) {
  sj__record record;
  int code = 0;
  if (sj__record_parse(bytes, &record) == SJ_OK) {
    code = sj__lmdb_move_index(store, txn, &record, NULL);
  }
  return code == 0 ? sj__lmdb_delete(txn, store->tables.sessions, key, SJ__KEY_SIZE) : code;
}

/* What the entry of a session leads to: gone, filed again, or nothing. */
static int sweep_session(sj__lmdb_store *store, MDB_txn *txn, const uint8_t *key, int64_t now_ms,
                         uint64_t *removed) {
  MDB_val name = sj__lmdb_val(key, SJ__KEY_SIZE);
  MDB_val value;
  int code = mdb_get(txn, store->tables.sessions, &name, &value);
  if (code != 0) return code == MDB_NOTFOUND ? 0 : code;
  /* Damaged beyond reading: kept for whoever looks. */
  if (value.mv_size < SJ__RECORD_HEADER_SIZE) return 0;
  sj_slice bytes = sj__lmdb_slice(value);
  int64_t garbage_at_ms = sj__record_garbage_at_ms(bytes, store->touch_every_ms);
  if (garbage_at_ms >= now_ms) {
    return sj__lmdb_file_garbage(store, txn, garbage_at_ms, key, SJ__KEY_SIZE);
  }
  (*removed)++;
  return delete_session(store, txn, key, bytes);
}

static int sweep_entry(sj__lmdb_store *store, MDB_txn *txn, sj_slice entry, int64_t now_ms,
                       uint64_t *removed) {
  const uint8_t *name = (const uint8_t *)entry.data + SJ__LMDB_GARBAGE_TIME;
  int code = 0;
  if (entry.size == SJ__LMDB_GARBAGE_MARK) {
    code = delete_mark(store, txn, name);
    (*removed)++;
  } else if (entry.size == SJ__LMDB_GARBAGE_KEY) {
    code = sweep_session(store, txn, name, now_ms, removed);
  }
  return code == 0 ? sj__lmdb_delete(txn, store->tables.garbage, entry.data, entry.size) : code;
}

/* The first entry, if its time is before `now_ms`: copied, since deleting moves pages. */
static int next_due(sj__lmdb_store *store, MDB_txn *txn, int64_t now_ms, uint8_t *bytes,
                    size_t *size) {
  uint8_t limit[SJ__LMDB_GARBAGE_TIME];
  MDB_cursor *cursor;
  MDB_val key, value;
  int code = mdb_cursor_open(txn, store->tables.garbage, &cursor);
  if (code != 0) return code;
  code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  sj__lmdb_put_time(limit, now_ms);
  if (code == 0 && memcmp(key.mv_data, limit, sizeof(limit)) >= 0) code = MDB_NOTFOUND;
  if (code == 0) {
    *size = key.mv_size < SJ__LMDB_GARBAGE_KEY ? key.mv_size : SJ__LMDB_GARBAGE_KEY;
    memcpy(bytes, key.mv_data, *size);
  }
  mdb_cursor_close(cursor);
  return code;
}

static bool is_enough(const sj__store_call *call, uint64_t looked_at, uint64_t began_ns) {
  uint64_t budget = call->in.sweep.budget;
  if (call->count >= budget || looked_at >= LOOKED_AT_MAX * budget) return true;
  return looked_at >= LOOKED_AT_MIN && sj__monotonic_ns() - began_ns >= STEP_NS;
}

int sj__lmdb_sweep(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write) {
  sj__store_call *call = &write->in;
  uint8_t entry[SJ__LMDB_GARBAGE_KEY];
  uint64_t began_ns = sj__monotonic_ns();
  uint64_t looked_at = 0;
  size_t size;
  int code;
  while ((code = next_due(store, txn, call->now_ms, entry, &size)) == 0) {
    if (is_enough(call, looked_at++, began_ns)) {
      call->more = true;
      return 0;
    }
    code = sweep_entry(store, txn, sj__slice(entry, size), call->now_ms, &call->count);
    if (code != 0) return code;
    write->has_changed = true;
  }
  return code == MDB_NOTFOUND ? 0 : code;
}
