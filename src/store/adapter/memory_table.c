#include "store/adapter/memory_table.h"

#include <string.h>

#include "base/alloc.h"
#include "codec/bytes.h"

/* Records whose garbage time had moved that a sweep puts in place for one that it may remove. */
#define MOVES_PER_REMOVAL 8u

/* Big-endian, as sj__put_u64 writes, memcmp orders as numbers do. Times are never negative. */
static int64_t get_time(const uint8_t *key) {
  return (int64_t)sj__get_u64(key);
}

sj_status sj__memory_table_init(sj__memory_table *table, size_t limit, int64_t touch_every_ms) {
  memset(table, 0, sizeof(*table));
  table->by_key = SJ__KEY_TREE(sj__memory_item, by_key, key, node.hash);
  table->by_subject = SJ__KEY_TREE(sj__memory_item, by_subject, subject_key, node.hash);
  table->by_garbage = SJ__KEY_TREE(sj__memory_item, by_garbage, garbage_key, node.hash);
  table->marks_by_sequence = SJ__KEY_TREE(sj__memory_mark, by_sequence, sequence, node.hash);
  table->marks_by_garbage = SJ__KEY_TREE(sj__memory_mark, by_garbage, garbage_key, node.hash);
  table->limit = limit;
  table->touch_every_ms = touch_every_ms;
  sj_status status = sj__map_init(&table->items);
  return status == SJ_OK ? sj__map_init(&table->marks) : status;
}

void sj__memory_table_release(sj__memory_table *table) {
  sj__map_cursor cursor = {0, NULL};
  for (sj__map_node *node; (node = sj__map_next(&table->items, &cursor)) != NULL;) {
    sj__memory_item *item = SJ__CONTAINER_OF(node, sj__memory_item, node);
    sj__free_secret(item->bytes, item->size);
    sj__free(item);
  }
  cursor = (sj__map_cursor){0, NULL};
  for (sj__map_node *node; (node = sj__map_next(&table->marks, &cursor)) != NULL;) {
    sj__free(SJ__CONTAINER_OF(node, sj__memory_mark, node));
  }
  sj__map_release(&table->items);
  sj__map_release(&table->marks);
}

sj__memory_item *sj__memory_find(const sj__memory_table *table, const uint8_t *key) {
  sj__map_node *node = sj__map_find(&table->items, sj__slice(key, SJ__KEY_SIZE));
  return node != NULL ? SJ__CONTAINER_OF(node, sj__memory_item, node) : NULL;
}

sj_slice sj__memory_bytes(const sj__memory_item *item) {
  return sj__slice(item->bytes, item->size);
}

/* --- Orders ------------------------------------------------------------------ */

static int64_t garbage_at(const sj__memory_table *table, const sj__memory_item *item) {
  return sj__record_garbage_at_ms(sj__memory_bytes(item), table->touch_every_ms);
}

static void place_by_garbage(sj__memory_table *table, sj__memory_item *item, bool is_placed) {
  if (is_placed) sj__key_tree_remove(&table->by_garbage, &item->by_garbage);
  sj__put_u64(item->garbage_key, (uint64_t)garbage_at(table, item));
  memcpy(item->garbage_key + 8, item->key, SJ__KEY_SIZE);
  sj__key_tree_insert(&table->by_garbage, &item->by_garbage);
}

/*
 * Later garbage times are left to the sweep, which looks again: a touch or a
 * patch then moves nothing.
 */
static void place_earlier_by_garbage(sj__memory_table *table, sj__memory_item *item) {
  if (garbage_at(table, item) < get_time(item->garbage_key)) place_by_garbage(table, item, true);
}

static void place_by_subject(sj__memory_table *table, sj__memory_item *item,
                             const sj__record *record) {
  bool listed = record->state == SJ__ACTIVE && record->has_subject;
  uint8_t place[SJ__SUBJECT_KEY_SIZE];
  memcpy(place, record->subject_tag, SJ__TAG_SIZE);
  sj__put_u64(place + SJ__TAG_SIZE, (uint64_t)record->created_at_ms);
  memcpy(place + SJ__TAG_SIZE + 8, item->key, SJ__KEY_SIZE);
  if (item->is_listed && listed && memcmp(place, item->subject_key, sizeof(place)) == 0) return;
  if (item->is_listed) sj__key_tree_remove(&table->by_subject, &item->by_subject);
  item->is_listed = listed;
  memcpy(item->subject_key, place, sizeof(place));
  if (listed) sj__key_tree_insert(&table->by_subject, &item->by_subject);
}

sj__memory_item *sj__memory_next_by_key(const sj__memory_table *table, const uint8_t *position) {
  sj__key_node *node = sj__key_tree_after(&table->by_key, position);
  return node != NULL ? SJ__CONTAINER_OF(node, sj__memory_item, by_key) : NULL;
}

sj__memory_item *sj__memory_next_of_subject(const sj__memory_table *table, const uint8_t *tag,
                                            const uint8_t *position) {
  uint8_t place[SJ__SUBJECT_KEY_SIZE] = {0};
  memcpy(place, tag, SJ__TAG_SIZE);
  if (position != NULL) memcpy(place + SJ__TAG_SIZE, position, sizeof(place) - SJ__TAG_SIZE);
  sj__key_node *node = position != NULL ? sj__key_tree_after(&table->by_subject, place)
                                        : sj__key_tree_from(&table->by_subject, place);
  if (node == NULL) return NULL;
  sj__memory_item *item = SJ__CONTAINER_OF(node, sj__memory_item, by_subject);
  return memcmp(item->subject_key, tag, SJ__TAG_SIZE) == 0 ? item : NULL;
}

/* --- Records ------------------------------------------------------------------- */

static bool has_room(const sj__memory_table *table, size_t growth) {
  return table->limit == 0 || growth == 0 ||
         (table->used <= table->limit && growth <= table->limit - table->used);
}

static sj_status add_item(sj__memory_table *table, const sj__record *record, sj_slice bytes) {
  sj__memory_item *item = sj__calloc(1, sizeof(*item));
  uint8_t *copy = sj__memdup(bytes.data, bytes.size);
  if (item != NULL) memcpy(item->key, record->key, SJ__KEY_SIZE);
  if (item == NULL || copy == NULL ||
      sj__map_insert(&table->items, &item->node, sj__slice(item->key, SJ__KEY_SIZE)) != SJ_OK) {
    sj__free(item);
    sj__free(copy);
    return SJ_FULL;
  }
  item->bytes = copy;
  item->size = bytes.size;
  sj__key_tree_insert(&table->by_key, &item->by_key);
  place_by_garbage(table, item, false);
  place_by_subject(table, item, record);
  table->used += sizeof(*item) + bytes.size;
  return SJ_OK;
}

static sj_status replace_item(sj__memory_table *table, sj__memory_item *item,
                              const sj__record *record, sj_slice bytes) {
  int64_t last_seen_ms = sj__record_last_seen_ms(sj__memory_bytes(item));
  if (bytes.size > item->size) {
    uint8_t *larger = sj__realloc(item->bytes, bytes.size);
    if (larger == NULL) return SJ_FULL;
    item->bytes = larger;
  }
  memcpy(item->bytes, bytes.data, bytes.size);
  if (bytes.size < item->size) { /* a tombstone must succeed: a failed shrinking keeps the block */
    uint8_t *smaller = sj__realloc(item->bytes, bytes.size);
    if (smaller != NULL) item->bytes = smaller;
  }
  table->used = table->used - item->size + bytes.size;
  item->size = bytes.size;
  if (last_seen_ms > record->last_seen_ms) sj__record_set_last_seen_ms(item->bytes, last_seen_ms);
  place_earlier_by_garbage(table, item);
  place_by_subject(table, item, record);
  return SJ_OK;
}

sj_status sj__memory_store_record(sj__memory_table *table, sj__memory_item *item,
                                  const sj__record *record, sj_slice bytes, bool reserved) {
  size_t growth = bytes.size + sizeof(*item);
  if (item != NULL) growth = bytes.size > item->size ? bytes.size - item->size : 0;
  if (!reserved && !has_room(table, growth)) return SJ_FULL;
  return item != NULL ? replace_item(table, item, record, bytes) : add_item(table, record, bytes);
}

void sj__memory_touch(sj__memory_table *table, sj__memory_item *item, int64_t last_seen_ms) {
  sj_slice bytes = sj__memory_bytes(item);
  if (sj__record_state(bytes) != SJ__ACTIVE) return;
  if (sj__record_last_seen_ms(bytes) >= last_seen_ms) return;
  sj__record_set_last_seen_ms(item->bytes, last_seen_ms);
}

static void remove_item(sj__memory_table *table, sj__memory_item *item) {
  if (item->is_listed) sj__key_tree_remove(&table->by_subject, &item->by_subject);
  sj__key_tree_remove(&table->by_key, &item->by_key);
  sj__key_tree_remove(&table->by_garbage, &item->by_garbage);
  sj__map_remove(&table->items, &item->node);
  table->used -= sizeof(*item) + item->size;
  sj__free_secret(item->bytes, item->size);
  sj__free(item);
}

/* --- Marks --------------------------------------------------------------------- */

sj_status sj__memory_add_mark(sj__memory_table *table, sj_slice bytes) {
  if (sj__map_find(&table->marks, bytes) != NULL) return SJ_OK;
  sj__memory_mark *mark = sj__calloc(1, sizeof(*mark));
  if (mark == NULL) return SJ_FULL;
  memcpy(mark->bytes, bytes.data, sizeof(mark->bytes));
  sj_slice key = sj__slice(mark->bytes, sizeof(mark->bytes));
  if (sj__map_insert(&table->marks, &mark->node, key) != SJ_OK) {
    sj__free(mark);
    return SJ_FULL;
  }
  sj__put_u64(mark->sequence, ++table->mark_sequence);
  sj__put_u64(mark->garbage_key, (uint64_t)sj__mark_until_ms(bytes));
  memcpy(mark->garbage_key + 8, mark->sequence, 8);
  sj__key_tree_insert(&table->marks_by_sequence, &mark->by_sequence);
  sj__key_tree_insert(&table->marks_by_garbage, &mark->by_garbage);
  table->used += sizeof(*mark);
  return SJ_OK;
}

sj__memory_mark *sj__memory_next_mark(const sj__memory_table *table, const uint8_t *position) {
  sj__key_node *node = sj__key_tree_after(&table->marks_by_sequence, position);
  return node != NULL ? SJ__CONTAINER_OF(node, sj__memory_mark, by_sequence) : NULL;
}

static void remove_mark(sj__memory_table *table, sj__memory_mark *mark) {
  sj__key_tree_remove(&table->marks_by_sequence, &mark->by_sequence);
  sj__key_tree_remove(&table->marks_by_garbage, &mark->by_garbage);
  sj__map_remove(&table->marks, &mark->node);
  table->used -= sizeof(*mark);
  sj__free(mark);
}

/* --- Sweeping ------------------------------------------------------------------ */

static sj__memory_item *first_garbage(const sj__memory_table *table, int64_t now_ms) {
  sj__key_node *node = sj__key_tree_after(&table->by_garbage, NULL);
  if (node == NULL) return NULL;
  sj__memory_item *item = SJ__CONTAINER_OF(node, sj__memory_item, by_garbage);
  return get_time(item->garbage_key) < now_ms ? item : NULL;
}

static sj__memory_mark *first_garbage_mark(const sj__memory_table *table, int64_t now_ms) {
  sj__key_node *node = sj__key_tree_after(&table->marks_by_garbage, NULL);
  if (node == NULL) return NULL;
  sj__memory_mark *mark = SJ__CONTAINER_OF(node, sj__memory_mark, by_garbage);
  return get_time(mark->garbage_key) < now_ms ? mark : NULL;
}

uint64_t sj__memory_sweep(sj__memory_table *table, int64_t now_ms, uint32_t budget, bool *more) {
  uint64_t removed = 0;
  uint64_t moves = (uint64_t)budget * MOVES_PER_REMOVAL;
  sj__memory_item *item = NULL;
  while (removed < budget && moves > 0 && (item = first_garbage(table, now_ms)) != NULL) {
    if (garbage_at(table, item) < now_ms) {
      remove_item(table, item);
      removed++;
    } else {
      place_by_garbage(table, item, true);
      moves--;
    }
  }
  sj__memory_mark *mark;
  while (removed < budget && (mark = first_garbage_mark(table, now_ms)) != NULL) {
    remove_mark(table, mark);
    removed++;
  }
  *more = first_garbage(table, now_ms) != NULL || first_garbage_mark(table, now_ms) != NULL;
  return removed;
}
