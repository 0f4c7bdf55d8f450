/* Writing: what one call does to the tables within the group's transaction. */
#include <string.h>

#include "base/alloc.h"
#include "codec/bytes.h"
#include "store/adapter/lmdb_private.h"

#define MINUTE_MS     60000
#define LOOKED_AT_MAX 4 /* times the budget of a sweep: entries that are filed again */

/* Every failure of LMDB spoils the transaction: it is said in *code and ends the call here. */
static sj_status failed(int code, int *out) {
  *out = code;
  return sj__lmdb_status(code);
}

/* --- Keys of the indexes -------------------------------------------------------------- */

static void subject_key(const sj__record *record, uint8_t out[SJ__LMDB_SUBJECT_KEY]) {
  memcpy(out, record->subject_tag, SJ__TAG_SIZE);
  sj__put_u64(out + SJ__TAG_SIZE, (uint64_t)record->created_at_ms);
  memcpy(out + SJ__TAG_SIZE + 8, record->key, SJ__KEY_SIZE);
}

static uint32_t minute_of(int64_t ms) {
  int64_t minute = ms / MINUTE_MS;
  return minute < 0 ? 0 : minute > UINT32_MAX ? UINT32_MAX : (uint32_t)minute;
}

static void garbage_key(int64_t garbage_at_ms, const uint8_t *key,
                        uint8_t out[SJ__LMDB_GARBAGE_KEY]) {
  sj__put_u32(out, minute_of(garbage_at_ms));
  memcpy(out + 4, key, SJ__KEY_SIZE);
}

static int put_empty(MDB_txn *txn, MDB_dbi table, const void *bytes, size_t size) {
  MDB_val key = sj__lmdb_val(bytes, size);
  MDB_val nothing = sj__lmdb_val("", 0);
  return mdb_put(txn, table, &key, &nothing, 0);
}

static int delete (MDB_txn *txn, MDB_dbi table, const void *bytes, size_t size) {
  MDB_val key = sj__lmdb_val(bytes, size);
  int code = mdb_del(txn, table, &key, NULL);
  return code == MDB_NOTFOUND ? 0 : code;
}

static int file_garbage(sj__lmdb_store *store, MDB_txn *txn, sj_slice record) {
  uint8_t entry[SJ__LMDB_GARBAGE_KEY];
  garbage_key(sj__record_garbage_at_ms(record, store->touch_every_ms), sj__record_key(record),
              entry);
  return put_empty(txn, store->tables.garbage, entry, sizeof(entry));
}

/* --- Records ---------------------------------------------------------------------------- */

/* 0, MDB_NOTFOUND, or a failure. `value` points into the map: gone with the next write. */
static int find(sj__lmdb_store *store, MDB_txn *txn, const uint8_t *key, MDB_val *value) {
  MDB_val name = sj__lmdb_val(key, SJ__KEY_SIZE);
  int code = mdb_get(txn, store->tables.sessions, &name, value);
  return code == 0 && value->mv_size < SJ__RECORD_HEADER_SIZE ? MDB_CORRUPTED : code;
}

static sj_status hand_back(sj__store_call *call, MDB_val stored, sj_status status) {
  call->scratch[0] = sj__memdup(stored.mv_data, stored.mv_size);
  if (call->scratch[0] == NULL) return SJ_UNAVAILABLE;
  call->record = sj__slice(call->scratch[0], stored.mv_size);
  return status;
}

/* Index entries follow the record within its own commit. */
static int move_index(sj__lmdb_store *store, MDB_txn *txn, const sj__record *before,
                      const sj__record *after) {
  uint8_t old_entry[SJ__LMDB_SUBJECT_KEY];
  uint8_t new_entry[SJ__LMDB_SUBJECT_KEY];
  bool had = before != NULL && before->state == SJ__ACTIVE && before->has_subject;
  bool has = after != NULL && after->state == SJ__ACTIVE && after->has_subject;
  if (had) subject_key(before, old_entry);
  if (has) subject_key(after, new_entry);
  if (had && has && memcmp(old_entry, new_entry, sizeof(old_entry)) == 0) return 0;
  int code = had ? delete (txn, store->tables.subjects, old_entry, sizeof(old_entry)) : 0;
  return code == 0 && has ? put_empty(txn, store->tables.subjects, new_entry, sizeof(new_entry))
                          : code;
}

static int write_record(sj__lmdb_store *store, MDB_txn *txn, sj_slice bytes, int64_t last_seen_ms) {
  MDB_val key = sj__lmdb_val(sj__record_key(bytes), SJ__KEY_SIZE);
  MDB_val value = sj__lmdb_val(bytes.data, bytes.size);
  int code = mdb_put(txn, store->tables.sessions, &key, &value, MDB_RESERVE);
  if (code != 0) return code;
  memcpy(value.mv_data, bytes.data, bytes.size);
  if (last_seen_ms > sj__record_last_seen_ms(bytes)) {
    sj__record_set_last_seen_ms(value.mv_data, last_seen_ms);
  }
  return 0;
}

static int replace(sj__lmdb_store *store, MDB_txn *txn, const sj__record *before,
                   const sj__record *after, sj_slice bytes) {
  int code = move_index(store, txn, before, after);
  if (code == 0) code = write_record(store, txn, bytes, before != NULL ? before->last_seen_ms : 0);
  /* One garbage entry a record, from its first write; the sweep files it again. */
  return code == 0 && before == NULL ? file_garbage(store, txn, bytes) : code;
}

/* --- The operations ------------------------------------------------------------------------ */

static sj_status put(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call, int *code) {
  sj_slice bytes = call->in.put.record;
  uint64_t expected = call->in.put.expected;
  sj__record record, stored;
  MDB_val value;
  if (bytes.size > SJ__LMDB_RECORD_MAX) return SJ_TOO_LARGE;
  if (sj__record_parse(bytes, &record) != SJ_OK || call->in.put.event.size > SJ__EVENT_MAX) {
    return SJ_MISUSE;
  }
  int found = find(store, txn, record.key, &value);
  if (found != 0 && found != MDB_NOTFOUND) return failed(found, code);
  if (found == MDB_NOTFOUND && expected != 0) return SJ_MISSING;
  if (found == 0) {
    if (sj__record_parse(sj__lmdb_slice(value), &stored) != SJ_OK) return SJ_CORRUPT;
    if (stored.state != SJ__ACTIVE) return hand_back(call, value, SJ_ENDED);
    if (expected == 0 || stored.version != expected) return hand_back(call, value, SJ_CONFLICT);
  }
  if (record.state == SJ__ACTIVE && !atomic_load(&store->writable)) return SJ_FULL;
  int done = replace(store, txn, found == 0 ? &stored : NULL, &record, bytes);
  return done == 0 ? SJ_OK : failed(done, code);
}

static sj_status touch(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call, int *code) {
  MDB_val value;
  int found = find(store, txn, call->in.touch.key, &value);
  if (found == MDB_NOTFOUND) return SJ_OK;
  if (found != 0) return failed(found, code);
  sj_slice bytes = sj__lmdb_slice(value);
  if (sj__record_state(bytes) != SJ__ACTIVE || !atomic_load(&store->writable) ||
      sj__record_last_seen_ms(bytes) >= call->in.touch.last_seen_ms) {
    return SJ_OK;
  }
  /* The value moves when it is written: from a copy. */
  void *copy = sj__memdup(bytes.data, bytes.size);
  if (copy == NULL) return SJ_OK;
  int done = write_record(store, txn, sj__slice(copy, bytes.size), call->in.touch.last_seen_ms);
  sj__free(copy);
  return done == 0 ? SJ_OK : failed(done, code);
}

static sj_status end(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call, int *code) {
  sj__record stored, tombstone;
  MDB_val value;
  if (call->in.end.event.size > SJ__EVENT_MAX) return SJ_MISUSE;
  int found = find(store, txn, call->in.end.key, &value);
  if (found != 0 && found != MDB_NOTFOUND) return failed(found, code);
  if (found == 0 && sj__record_parse(sj__lmdb_slice(value), &stored) != SJ_OK) return SJ_CORRUPT;
  bool was_ended = found == 0 && stored.state == SJ__ENDED;
  if (was_ended && stored.until_ms >= call->in.end.until_ms) return SJ_OK;
  if (was_ended) {
    tombstone = stored;
    tombstone.until_ms = call->in.end.until_ms;
  } else {
    sj__record_make_tombstone(&tombstone, found == 0 ? &stored : NULL, call->in.end.key,
                              call->in.end.realm, call->in.end.reason, call->in.end.until_ms);
  }
  uint8_t header[SJ__RECORD_HEADER_SIZE];
  sj__record_write_header(&tombstone, header);
  int done = replace(store, txn, found == 0 ? &stored : NULL, &tombstone,
                     sj__slice(header, sizeof(header)));
  if (done != 0) return failed(done, code);
  call->count = found == 0 && !was_ended ? 1 : 0;
  return SJ_OK;
}

static int next_sequence(sj__lmdb_store *store, MDB_txn *txn, uint64_t *out) {
  MDB_cursor *cursor;
  MDB_val key, value;
  *out = 1;
  int code = mdb_cursor_open(txn, store->tables.marks, &cursor);
  if (code != 0) return code;
  code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
  if (code == 0) *out = sj__get_u64(key.mv_data) + 1;
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

static sj_status mark(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call, int *code) {
  sj_slice bytes = call->in.mark.mark;
  if (bytes.size != SJ__MARK_SIZE) return SJ_MISUSE;
  MDB_val id = sj__lmdb_val(bytes.data + SJ__MARK_SIZE - 16, 16);
  MDB_val value;
  int done = mdb_get(txn, store->tables.mark_ids, &id, &value);
  if (done == 0) return SJ_OK; /* kept already */
  uint64_t sequence;
  uint8_t place[8];
  if (done == MDB_NOTFOUND) done = next_sequence(store, txn, &sequence);
  if (done != 0) return failed(done, code);
  sj__put_u64(place, sequence);
  MDB_val key = sj__lmdb_val(place, sizeof(place));
  value = sj__lmdb_val(bytes.data, bytes.size);
  done = mdb_put(txn, store->tables.marks, &key, &value, 0);
  if (done == 0) done = mdb_put(txn, store->tables.mark_ids, &id, &key, 0);
  return done == 0 ? SJ_OK : failed(done, code);
}

/* --- Sweeping --------------------------------------------------------------------------------- */

/* One garbage entry: removed with its record, or filed where it belongs by now. */
static int sweep_entry(sj__lmdb_store *store, MDB_txn *txn, const uint8_t *entry, int64_t now_ms,
                       uint64_t *removed) {
  sj__record record;
  MDB_val value;
  int found = find(store, txn, entry + 4, &value);
  if (found != 0 && found != MDB_NOTFOUND) return found;
  int code = 0;
  if (found == 0) {
    sj_slice bytes = sj__lmdb_slice(value);
    int64_t garbage_at_ms = sj__record_garbage_at_ms(bytes, store->touch_every_ms);
    if (garbage_at_ms >= now_ms) {
      if (minute_of(garbage_at_ms) == sj__get_u32(entry)) return 0; /* later in this minute */
      code = file_garbage(store, txn, bytes);
      return code == 0 ? delete (txn, store->tables.garbage, entry, SJ__LMDB_GARBAGE_KEY) : code;
    }
    if (sj__record_parse(bytes, &record) == SJ_OK) code = move_index(store, txn, &record, NULL);
    if (code == 0) code = delete (txn, store->tables.sessions, entry + 4, SJ__KEY_SIZE);
    (*removed)++;
  }
  return code == 0 ? delete (txn, store->tables.garbage, entry, SJ__LMDB_GARBAGE_KEY) : code;
}

static int sweep_records(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call) {
  uint8_t entry[SJ__LMDB_GARBAGE_KEY] = {0};
  uint32_t looked_at = 0;
  MDB_cursor *cursor;
  int code = mdb_cursor_open(txn, store->tables.garbage, &cursor);
  if (code != 0) return code;
  for (;;) {
    MDB_val key = sj__lmdb_val(entry, sizeof(entry));
    MDB_val value;
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (code != 0 || sj__get_u32(key.mv_data) > minute_of(call->now_ms)) break;
    if (call->count >= call->in.sweep.budget ||
        looked_at++ >= LOOKED_AT_MAX * call->in.sweep.budget) {
      call->more = true;
      break;
    }
    memcpy(entry, key.mv_data, sizeof(entry));
    code = sweep_entry(store, txn, entry, call->now_ms, &call->count);
    if (code != 0) break;
    /* On from just behind it, whether it went or stayed. */
    for (size_t i = sizeof(entry); i > 0 && ++entry[i - 1] == 0; i--) continue;
  }
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

static int sweep_marks(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call) {
  MDB_cursor *cursor;
  MDB_val key, value;
  int code = mdb_cursor_open(txn, store->tables.marks, &cursor);
  if (code != 0) return code;
  code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  while (code == 0 && call->count < call->in.sweep.budget) {
    if (value.mv_size == SJ__MARK_SIZE && sj__mark_until_ms(sj__lmdb_slice(value)) < call->now_ms) {
      MDB_val id = sj__lmdb_val((const char *)value.mv_data + SJ__MARK_SIZE - 16, 16);
      code = mdb_del(txn, store->tables.mark_ids, &id, NULL);
      if (code == 0 || code == MDB_NOTFOUND) code = mdb_cursor_del(cursor, 0);
      if (code != 0) break;
      call->count++;
    }
    code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  if (code == 0) call->more = true;
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

static sj_status sweep(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call, int *code) {
  if (call->in.sweep.budget == 0) return SJ_MISUSE;
  int done = sweep_records(store, txn, call);
  if (done == 0 && !call->more) done = sweep_marks(store, txn, call);
  return done == 0 ? SJ_OK : failed(done, code);
}

sj_status sj__lmdb_apply(sj__lmdb_store *store, MDB_txn *txn, sj__store_call *call, int *code) {
  call->count = 0;
  call->more = false;
  switch (call->op) {
    case SJ__PUT:
      return put(store, txn, call, code);
    case SJ__TOUCH:
      return touch(store, txn, call, code);
    case SJ__END:
      return end(store, txn, call, code);
    case SJ__MARK:
      return mark(store, txn, call, code);
    case SJ__SWEEP:
      return sweep(store, txn, call, code);
    case SJ__PUBLISH:
      return call->in.publish.event.size > SJ__EVENT_MAX ? SJ_MISUSE : SJ_OK;
    default:
      return SJ_MISUSE;
  }
}
