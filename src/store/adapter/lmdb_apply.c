/* Writing: what one call does to the tables within the group's transaction. */
#include <string.h>

#include "base/alloc.h"
#include "codec/bytes.h"
#include "store/adapter/lmdb_private.h"

#define TIME_MAX (((int64_t)1 << 48) - 1)

/* --- Keys of the indexes -------------------------------------------------------------- */

static void subject_key(const sj__record *record, uint8_t out[SJ__LMDB_SUBJECT_KEY]) {
  memcpy(out, record->subject_tag, SJ__TAG_SIZE);
  sj__put_u64(out + SJ__TAG_SIZE, (uint64_t)record->created_at_ms);
  memcpy(out + SJ__TAG_SIZE + 8, record->key, SJ__KEY_SIZE);
}

void sj__lmdb_put_time(uint8_t out[SJ__LMDB_GARBAGE_TIME], int64_t at_ms) {
  uint8_t whole[8];
  int64_t bounded = at_ms < 0 ? 0 : at_ms > TIME_MAX ? TIME_MAX : at_ms;
  sj__put_u64(whole, (uint64_t)bounded);
  memcpy(out, whole + 2, SJ__LMDB_GARBAGE_TIME);
}

static int put_empty(MDB_txn *txn, MDB_dbi table, const void *bytes, size_t size) {
  MDB_val key = sj__lmdb_val(bytes, size);
  MDB_val nothing = sj__lmdb_val("", 0);
  return mdb_put(txn, table, &key, &nothing, 0);
}

int sj__lmdb_delete(MDB_txn *txn, MDB_dbi table, const void *bytes, size_t size) {
  MDB_val key = sj__lmdb_val(bytes, size);
  int code = mdb_del(txn, table, &key, NULL);
  return code == MDB_NOTFOUND ? 0 : code;
}

int sj__lmdb_file_garbage(sj__lmdb_store *store, MDB_txn *txn, int64_t at_ms, const void *name,
                          size_t size) {
  uint8_t entry[SJ__LMDB_GARBAGE_KEY];
  sj__lmdb_put_time(entry, at_ms);
  memcpy(entry + SJ__LMDB_GARBAGE_TIME, name, size);
  return put_empty(txn, store->tables.garbage, entry, SJ__LMDB_GARBAGE_TIME + size);
}

/* --- Records ---------------------------------------------------------------------------- */

/* What is stored under a key. `bytes` point into the map: gone with the next write. */
typedef struct found {
  sj_status status; /* SJ_OK, SJ_MISSING, SJ_CORRUPT */
  sj_slice bytes;
  sj__record record;
  int64_t garbage_at_ms;
} found;

/* 0 or LMDB's code. */
static int find(sj__lmdb_store *store, MDB_txn *txn, const uint8_t *key, found *out) {
  MDB_val name = sj__lmdb_val(key, SJ__KEY_SIZE);
  MDB_val value;
  int code = mdb_get(txn, store->tables.sessions, &name, &value);
  if (code != 0) {
    out->status = SJ_MISSING;
    return code == MDB_NOTFOUND ? 0 : code;
  }
  out->bytes = sj__lmdb_slice(value);
  out->status = sj__record_parse(out->bytes, &out->record);
  if (out->status == SJ_OK) {
    out->garbage_at_ms = sj__record_garbage_at_ms(out->bytes, store->touch_every_ms);
  }
  return 0;
}

/* Index entries follow the record within its own commit. */
int sj__lmdb_move_index(sj__lmdb_store *store, MDB_txn *txn, const sj__record *before,
                        const sj__record *after) {
  uint8_t old_entry[SJ__LMDB_SUBJECT_KEY];
  uint8_t new_entry[SJ__LMDB_SUBJECT_KEY];
  bool had = before != NULL && before->state == SJ__ACTIVE && before->has_subject;
  bool has = after != NULL && after->state == SJ__ACTIVE && after->has_subject;
  if (had) subject_key(before, old_entry);
  if (has) subject_key(after, new_entry);
  if (had && has && memcmp(old_entry, new_entry, sizeof(old_entry)) == 0) return 0;
  int code = had ? sj__lmdb_delete(txn, store->tables.subjects, old_entry, sizeof(old_entry)) : 0;
  return code == 0 && has ? put_empty(txn, store->tables.subjects, new_entry, sizeof(new_entry))
                          : code;
}

static int write_record(sj__lmdb_store *store, MDB_txn *txn, sj_slice bytes, int64_t last_seen_ms,
                        int64_t *garbage_at_ms) {
  MDB_val key = sj__lmdb_val(sj__record_key(bytes), SJ__KEY_SIZE);
  MDB_val value = sj__lmdb_val(bytes.data, bytes.size);
  int code = mdb_put(txn, store->tables.sessions, &key, &value, MDB_RESERVE);
  if (code != 0) return code;
  memcpy(value.mv_data, bytes.data, bytes.size);
  if (last_seen_ms > sj__record_last_seen_ms(bytes)) {
    sj__record_set_last_seen_ms(value.mv_data, last_seen_ms);
  }
  *garbage_at_ms = sj__record_garbage_at_ms(sj__lmdb_slice(value), store->touch_every_ms);
  return 0;
}

/* `before` has the status OK or MISSING. A record that may go sooner than before is filed anew. */
static int replace(sj__lmdb_store *store, MDB_txn *txn, const found *before,
                   const sj__record *after, sj_slice bytes) {
  bool is_new = before->status == SJ_MISSING;
  int64_t last_seen_ms = is_new ? 0 : before->record.last_seen_ms;
  int64_t garbage_at_ms = 0;
  int code = sj__lmdb_move_index(store, txn, is_new ? NULL : &before->record, after);
  if (code == 0) code = write_record(store, txn, bytes, last_seen_ms, &garbage_at_ms);
  if (code != 0 || (!is_new && garbage_at_ms >= before->garbage_at_ms)) return code;
  return sj__lmdb_file_garbage(store, txn, garbage_at_ms, after->key, SJ__KEY_SIZE);
}

/* --- The operations ------------------------------------------------------------------------ */

static sj_status hand_back(sj__lmdb_write *write, const found *stored, sj_status status) {
  write->handed_back = sj__memdup(stored->bytes.data, stored->bytes.size);
  if (write->handed_back == NULL) return SJ_UNAVAILABLE;
  write->in.record = sj__slice(write->handed_back, stored->bytes.size);
  return status;
}

static bool take_room(sj__lmdb_store *store, size_t size) {
  if (store->room < size) return false;
  store->room -= size;
  return true;
}

static sj_status put(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write, int *code) {
  sj_slice bytes = write->in.in.put.record;
  uint64_t expected = write->in.in.put.expected;
  sj__record record;
  found stored;
  if (sj__record_parse(bytes, &record) != SJ_OK) return SJ_MISUSE;
  if ((*code = find(store, txn, record.key, &stored)) != 0) return SJ_UNAVAILABLE;
  if (stored.status == SJ_CORRUPT) return SJ_CORRUPT;
  if (stored.status == SJ_MISSING && expected != 0) return SJ_MISSING;
  if (stored.status == SJ_OK) {
    if (stored.record.state != SJ__ACTIVE) return hand_back(write, &stored, SJ_ENDED);
    if (stored.record.version != expected) return hand_back(write, &stored, SJ_CONFLICT);
  }
  if (record.state == SJ__ACTIVE && !take_room(store, bytes.size)) return SJ_FULL;
  *code = replace(store, txn, &stored, &record, bytes);
  write->has_changed = write->is_event_due = true;
  return SJ_OK;
}

static sj_status touch(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write, int *code) {
  int64_t last_seen_ms = write->in.in.touch.last_seen_ms;
  int64_t garbage_at_ms;
  found stored;
  if ((*code = find(store, txn, write->in.in.touch.key, &stored)) != 0) return SJ_UNAVAILABLE;
  if (stored.status != SJ_OK || stored.record.state != SJ__ACTIVE || store->room == 0 ||
      stored.record.last_seen_ms >= last_seen_ms) {
    return SJ_OK;
  }
  /* The value moves when it is written: from a copy. */
  void *copy = sj__memdup(stored.bytes.data, stored.bytes.size);
  if (copy == NULL) return SJ_OK;
  *code =
      write_record(store, txn, sj__slice(copy, stored.bytes.size), last_seen_ms, &garbage_at_ms);
  sj__free(copy);
  write->has_changed = true;
  return SJ_OK;
}

static sj_status end(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write, int *code) {
  const sj__store_call *call = &write->in;
  sj__record tombstone;
  found stored;
  if ((*code = find(store, txn, call->in.end.key, &stored)) != 0) return SJ_UNAVAILABLE;
  if (stored.status == SJ_CORRUPT) return SJ_CORRUPT;
  bool is_known = stored.status == SJ_OK;
  bool was_ended = is_known && stored.record.state == SJ__ENDED;
  if (was_ended && stored.record.until_ms >= call->in.end.until_ms) return SJ_OK;
  if (was_ended) {
    tombstone = stored.record;
    tombstone.until_ms = call->in.end.until_ms;
  } else {
    sj__record_make_tombstone(&tombstone, is_known ? &stored.record : NULL, call->in.end.key,
                              call->in.end.realm, call->in.end.reason, call->in.end.until_ms);
  }
  uint8_t header[SJ__RECORD_HEADER_SIZE];
  sj__record_write_header(&tombstone, header);
  *code = replace(store, txn, &stored, &tombstone, sj__slice(header, sizeof(header)));
  write->in.count = is_known && !was_ended ? 1 : 0;
  write->has_changed = true;
  write->is_event_due = !was_ended;
  return SJ_OK;
}

/* One more than any mark ever had: a cursor that has seen all stays behind what comes. */
static int next_sequence(sj__lmdb_store *store, MDB_txn *txn, uint8_t out[SJ__LMDB_SEQUENCE]) {
  MDB_val key = sj__lmdb_val("marks", 5);
  MDB_val value;
  uint64_t last = 0;
  int code = mdb_get(txn, store->tables.info, &key, &value);
  if (code == 0 && value.mv_size != SJ__LMDB_SEQUENCE) return MDB_CORRUPTED;
  if (code == 0) last = sj__get_u64(value.mv_data);
  if (code != 0 && code != MDB_NOTFOUND) return code;
  sj__put_u64(out, last + 1);
  value = sj__lmdb_val(out, SJ__LMDB_SEQUENCE);
  return mdb_put(txn, store->tables.info, &key, &value, 0);
}

static int keep_mark(sj__lmdb_store *store, MDB_txn *txn, sj_slice bytes, MDB_val *id) {
  uint8_t sequence[SJ__LMDB_SEQUENCE];
  int code = next_sequence(store, txn, sequence);
  if (code != 0) return code;
  MDB_val key = sj__lmdb_val(sequence, sizeof(sequence));
  MDB_val value = sj__lmdb_val(bytes.data, bytes.size);
  code = mdb_put(txn, store->tables.marks, &key, &value, MDB_APPEND);
  if (code == 0) code = mdb_put(txn, store->tables.mark_ids, id, &key, 0);
  if (code != 0) return code;
  return sj__lmdb_file_garbage(store, txn, sj__mark_until_ms(bytes), sequence, sizeof(sequence));
}

static sj_status mark(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write, int *code) {
  sj_slice bytes = write->in.in.mark.mark;
  MDB_val id = sj__lmdb_val(bytes.data + SJ__MARK_SIZE - 16, 16);
  MDB_val value;
  *code = mdb_get(txn, store->tables.mark_ids, &id, &value);
  if (*code == 0) return SJ_OK; /* kept already */
  if (*code == MDB_NOTFOUND) *code = keep_mark(store, txn, bytes, &id);
  write->has_changed = true;
  return SJ_OK;
}

static sj_status sweep(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write, int *code) {
  if (write->in.in.sweep.budget == 0) return SJ_MISUSE;
  *code = sj__lmdb_sweep(store, txn, write);
  return SJ_OK;
}

sj_status sj__lmdb_apply(sj__lmdb_store *store, MDB_txn *txn, sj__lmdb_write *write, int *code) {
  *code = 0;
  write->has_changed = write->is_event_due = false;
  write->in.count = 0;
  write->in.more = false;
  switch (write->in.op) {
    case SJ__PUT:
      return put(store, txn, write, code);
    case SJ__TOUCH:
      return touch(store, txn, write, code);
    case SJ__END:
      return end(store, txn, write, code);
    case SJ__MARK:
      return mark(store, txn, write, code);
    case SJ__SWEEP:
      return sweep(store, txn, write, code);
    case SJ__PUBLISH:
      write->is_event_due = true;
      return SJ_OK;
    default:
      return SJ_MISUSE;
  }
}
