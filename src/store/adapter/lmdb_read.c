/* Reading: on the caller's loop, straight from the map. */
#include <string.h>

#include "store/adapter/lmdb_private.h"

/* A cursor's first byte tells the listings apart: one of another kind is misuse. */
static bool position_of(const sj__cursor *cursor, char kind, size_t size, const uint8_t **out) {
  *out = NULL;
  if (cursor->size == 0) return true;
  if (cursor->size != 1 + size || cursor->bytes[0] != (uint8_t)kind) return false;
  *out = cursor->bytes + 1;
  return true;
}

static void set_position(sj__cursor *cursor, char kind, const void *position, size_t size) {
  cursor->size = (uint8_t)(1 + size);
  cursor->bytes[0] = (uint8_t)kind;
  memcpy(cursor->bytes + 1, position, size);
}

static sj_status get(sj__lmdb_port *port, MDB_txn *txn, sj__store_call *call) {
  MDB_val key = sj__lmdb_val(call->in.get.key, SJ__KEY_SIZE);
  MDB_val value;
  int code = mdb_get(txn, port->store->tables.sessions, &key, &value);
  if (code == MDB_NOTFOUND) return SJ_MISSING;
  if (code != 0) return sj__lmdb_status(code);
  if (value.mv_size < SJ__RECORD_HEADER_SIZE) return SJ_CORRUPT;
  call->record = sj__lmdb_slice(value);
  bool behind = sj__record_state(call->record) == SJ__ACTIVE &&
                sj__record_version(call->record) < call->in.get.at_least;
  return behind ? SJ_BEHIND : SJ_OK;
}

/* --- Listings ----------------------------------------------------------------------- */

/* Moves to the first entry after `position`, or to the first at all. */
static int seek_after(MDB_cursor *cursor, const void *position, size_t size, MDB_val *key,
                      MDB_val *value) {
  if (position == NULL) return mdb_cursor_get(cursor, key, value, MDB_FIRST);
  *key = sj__lmdb_val(position, size);
  int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
  bool is_there = code == 0 && key->mv_size == size && memcmp(key->mv_data, position, size) == 0;
  return is_there ? mdb_cursor_get(cursor, key, value, MDB_NEXT) : code;
}

static uint32_t bounded(uint32_t limit) {
  return limit < SJ__LMDB_PAGE_ITEMS ? limit : SJ__LMDB_PAGE_ITEMS;
}

static sj_status scan(sj__lmdb_port *port, MDB_txn *txn, sj__store_call *call) {
  const uint8_t *position;
  MDB_cursor *cursor;
  MDB_val key, value;
  if (call->in.scan.limit == 0) return SJ_MISUSE;
  if (!position_of(&call->in.scan.cursor, 's', SJ__KEY_SIZE, &position)) return SJ_MISUSE;
  int code = mdb_cursor_open(txn, port->store->tables.sessions, &cursor);
  if (code != 0) return sj__lmdb_status(code);
  uint8_t last[SJ__KEY_SIZE] = {0};
  code = seek_after(cursor, position, SJ__KEY_SIZE, &key, &value);
  while (code == 0 && call->item_count < bounded(call->in.scan.limit)) {
    memcpy(last, key.mv_data, sizeof(last));
    port->items[call->item_count++] = sj__lmdb_slice(value);
    code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  if (code == 0) set_position(&call->cursor_next, 's', last, sizeof(last));
  call->items = port->items;
  return code == 0 || code == MDB_NOTFOUND ? SJ_OK : sj__lmdb_status(code);
}

static sj_status marks(sj__lmdb_port *port, MDB_txn *txn, sj__store_call *call) {
  static const uint8_t start[8];
  const uint8_t *position;
  MDB_cursor *cursor;
  MDB_val key, value;
  if (call->in.marks.limit == 0) return SJ_MISUSE;
  if (!position_of(&call->in.marks.cursor, 'm', 8, &position)) return SJ_MISUSE;
  int code = mdb_cursor_open(txn, port->store->tables.marks, &cursor);
  if (code != 0) return sj__lmdb_status(code);
  set_position(&call->cursor_next, 'm', position != NULL ? position : start, 8);
  code = seek_after(cursor, position, 8, &key, &value);
  while (code == 0 && call->item_count < bounded(call->in.marks.limit)) {
    set_position(&call->cursor_next, 'm', key.mv_data, 8);
    port->items[call->item_count++] = sj__lmdb_slice(value);
    code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  call->items = port->items;
  return code == 0 || code == MDB_NOTFOUND ? SJ_OK : sj__lmdb_status(code);
}

/* The record that an index entry leads to, if it is one to show. */
static bool follow(sj__lmdb_port *port, MDB_txn *txn, const sj__store_call *call,
                   const uint8_t *entry, MDB_val *value) {
  MDB_val key = sj__lmdb_val(entry + SJ__TAG_SIZE + 8, SJ__KEY_SIZE);
  if (mdb_get(txn, port->store->tables.sessions, &key, value) != 0) return false;
  if (value->mv_size < SJ__RECORD_HEADER_SIZE) return false;
  sj_slice bytes = sj__lmdb_slice(*value);
  const uint8_t *tag = sj__record_subject_tag(bytes);
  return sj__record_state(bytes) == SJ__ACTIVE && tag != NULL &&
         memcmp(tag, entry, SJ__TAG_SIZE) == 0 &&
         sj__record_garbage_at_ms(bytes, port->store->touch_every_ms) >= call->now_ms;
}

static int seek_subject(MDB_cursor *cursor, const uint8_t *tag, const uint8_t *position,
                        MDB_val *key, MDB_val *value) {
  uint8_t from[SJ__LMDB_SUBJECT_KEY] = {0};
  memcpy(from, tag, SJ__TAG_SIZE);
  if (position != NULL) {
    memcpy(from + SJ__TAG_SIZE, position, 8 + SJ__KEY_SIZE);
    return seek_after(cursor, from, sizeof(from), key, value);
  }
  *key = sj__lmdb_val(from, sizeof(from));
  int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
  return code;
}

static bool is_of_subject(const MDB_val *key, const uint8_t *tag) {
  return key->mv_size == SJ__LMDB_SUBJECT_KEY && memcmp(key->mv_data, tag, SJ__TAG_SIZE) == 0;
}

static sj_status list(sj__lmdb_port *port, MDB_txn *txn, sj__store_call *call) {
  const uint8_t *tag = call->in.list.subject_tag;
  const uint8_t *position;
  uint8_t last[8 + SJ__KEY_SIZE] = {0};
  MDB_cursor *cursor;
  MDB_val key, value;
  if (call->in.list.limit == 0) return SJ_MISUSE;
  if (!position_of(&call->in.list.cursor, 'l', sizeof(last), &position)) return SJ_MISUSE;
  int code = mdb_cursor_open(txn, port->store->tables.subjects, &cursor);
  if (code != 0) return sj__lmdb_status(code);
  code = seek_subject(cursor, tag, position, &key, &value);
  while (code == 0 && is_of_subject(&key, tag) && call->item_count < bounded(call->in.list.limit)) {
    MDB_val record;
    memcpy(last, (const uint8_t *)key.mv_data + SJ__TAG_SIZE, sizeof(last));
    if (follow(port, txn, call, key.mv_data, &record)) {
      port->items[call->item_count++] = sj__lmdb_slice(record);
    }
    code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  bool more = code == 0 && is_of_subject(&key, tag);
  mdb_cursor_close(cursor);
  if (more) set_position(&call->cursor_next, 'l', last, sizeof(last));
  call->items = port->items;
  return code == 0 || code == MDB_NOTFOUND ? SJ_OK : sj__lmdb_status(code);
}

sj_status sj__lmdb_read(sj__lmdb_port *port, MDB_txn *txn, sj__store_call *call) {
  switch (call->op) {
    case SJ__GET:
      return get(port, txn, call);
    case SJ__MARKS:
      return marks(port, txn, call);
    case SJ__LIST:
      return list(port, txn, call);
    case SJ__SCAN:
      return scan(port, txn, call);
    default:
      return SJ_MISUSE;
  }
}
