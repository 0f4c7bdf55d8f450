/*
 * What memory: keeps: records, marks, and the orders in which they are listed
 * and swept. Knows nothing of calls, threads or ports (memory_store.c does);
 * one thread at a time.
 */
#ifndef SJ_STORE_ADAPTER_MEMORY_TABLE_H
#define SJ_STORE_ADAPTER_MEMORY_TABLE_H

#include "base/map.h"
#include "codec/mark.h"
#include "codec/record.h"
#include "store/adapter/key_tree.h"

#define SJ__SUBJECT_KEY_SIZE (SJ__TAG_SIZE + 8 + SJ__KEY_SIZE) /* tag | created_at | key */

typedef struct sj__memory_item {
  sj__map_node node; /* its hash is the trees' priority */
  sj__key_node by_key;
  sj__key_node by_subject; /* only while is_listed */
  sj__key_node by_garbage;
  uint8_t key[SJ__KEY_SIZE];
  uint8_t subject_key[SJ__SUBJECT_KEY_SIZE];
  uint8_t garbage_key[8 + SJ__KEY_SIZE]; /* at or before the record's garbage time | key */
  bool is_listed;
  size_t size;
  uint8_t *bytes; /* the encoded record */
} sj__memory_item;

typedef struct sj__memory_mark {
  sj__map_node node;
  sj__key_node by_sequence;
  sj__key_node by_garbage;
  uint8_t sequence[8];
  uint8_t garbage_key[8 + 8]; /* until | sequence */
  uint8_t bytes[SJ__MARK_SIZE];
} sj__memory_mark;

typedef struct sj__memory_table {
  sj__map items;
  sj__key_tree by_key;
  sj__key_tree by_subject;
  sj__key_tree by_garbage;
  sj__map marks;
  sj__key_tree marks_by_sequence;
  sj__key_tree marks_by_garbage;
  uint64_t mark_sequence; /* of the newest */
  size_t used;            /* bytes */
  size_t limit;           /* bytes; 0: none */
  int64_t touch_every_ms;
} sj__memory_table;

/* SJ_NO_ENTROPY. */
SJ_MUST_USE sj_status sj__memory_table_init(sj__memory_table *table, size_t limit,
                                            int64_t touch_every_ms);
void sj__memory_table_release(sj__memory_table *table); /* wipes what it kept */

sj__memory_item *sj__memory_find(const sj__memory_table *table, const uint8_t *key);
sj_slice sj__memory_bytes(const sj__memory_item *item);

/*
 * Stores `bytes`, which parsed to `record`, in `item` (NULL: under a new one).
 * Keeps the greater last_seen. SJ_FULL: over the limit, unless `reserved`
 * allows it, or out of memory; nothing has changed.
 */
SJ_MUST_USE sj_status sj__memory_store_record(sj__memory_table *table, sj__memory_item *item,
                                              const sj__record *record, sj_slice bytes,
                                              bool reserved);
/* Raises last_seen of an active record; anything else changes nothing. */
void sj__memory_touch(sj__memory_table *table, sj__memory_item *item, int64_t last_seen_ms);

/*
 * What follows `position` in each order (NULL: the first): a key, created_at |
 * key, a sequence. NULL: nothing does.
 */
sj__memory_item *sj__memory_next_by_key(const sj__memory_table *table, const uint8_t *position);
sj__memory_item *sj__memory_next_of_subject(const sj__memory_table *table, const uint8_t *tag,
                                            const uint8_t *position);
sj__memory_mark *sj__memory_next_mark(const sj__memory_table *table, const uint8_t *position);

/* Idempotent. SJ_FULL: out of memory. */
SJ_MUST_USE sj_status sj__memory_add_mark(sj__memory_table *table, sj_slice bytes);

/* Removes at most `budget` of what is garbage at `now_ms`; *more: some is left. */
uint64_t sj__memory_sweep(sj__memory_table *table, int64_t now_ms, uint32_t budget, bool *more);

#endif
