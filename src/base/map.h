/*
 * An intrusive hash map from bytes to nodes that the caller embeds and owns.
 * Keys are hashed with a seed drawn at init, so that nobody outside can choose
 * colliding keys (docs/decisions/hash-map.md).
 *
 * value type: init / release. Not thread-safe.
 */
#ifndef SJ_BASE_MAP_H
#define SJ_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "sojourn/status.h"

typedef struct sj__map_node {
  struct sj__map_node *next;
  uint64_t hash;
  sj_slice key; /* borrowed: must live and stay as long as the node is in the map */
} sj__map_node;

typedef struct sj__map {
  sj__map_node **buckets;
  size_t bucket_count; /* a power of two, or 0 */
  size_t count;
  uint64_t seed[2];
} sj__map;

SJ_MUST_USE sj_status sj__map_init(sj__map *map); /* SJ_NO_ENTROPY */
void sj__map_release(sj__map *map);               /* frees buckets, not nodes */

sj__map_node *sj__map_find(const sj__map *map, sj_slice key); /* NULL: none */
/* The key must not be in the map. SJ_NO_MEMORY only when the first bucket array can't be had. */
SJ_MUST_USE sj_status sj__map_insert(sj__map *map, sj__map_node *node, sj_slice key);
/* The node must be in the map. */
void sj__map_remove(sj__map *map, sj__map_node *node);
/* Any order; the node returned by `next` may be removed before the following call. */
typedef struct sj__map_cursor {
  size_t bucket;
  sj__map_node *next;
} sj__map_cursor;
sj__map_node *sj__map_next(const sj__map *map, sj__map_cursor *cursor); /* start from {0, NULL} */

/* SipHash-1-3 of a run of bytes. */
uint64_t sj__siphash(const uint64_t seed[2], const void *data, size_t size);

#endif
