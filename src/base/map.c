#include "base/map.h"

#include <stdbool.h>

#include "base/alloc.h"
#include "base/random.h"

#define BUCKETS_MIN 16u

sj_status sj__map_init(sj__map *map) {
  *map = (sj__map){0};
  return sj__random(map->seed, sizeof(map->seed));
}

void sj__map_release(sj__map *map) {
  sj__free(map->buckets);
  *map = (sj__map){0};
}

static sj__map_node **bucket_of(const sj__map *map, uint64_t hash) {
  return &map->buckets[hash & (map->bucket_count - 1)];
}

static void push(sj__map *map, sj__map_node *node) {
  sj__map_node **bucket = bucket_of(map, node->hash);
  node->next = *bucket;
  *bucket = node;
}

/* False when there is no memory for it: the map goes on with longer chains. */
static bool grow(sj__map *map) {
  size_t old_count = map->bucket_count;
  size_t new_count;
  if (!sj__size_mul(old_count > 0 ? old_count : BUCKETS_MIN / 2, 2, &new_count)) return false;
  sj__map_node **buckets = sj__calloc(new_count, sizeof(sj__map_node *));
  if (buckets == NULL) return false;
  sj__map_node **old = map->buckets;
  map->buckets = buckets;
  map->bucket_count = new_count;
  for (size_t i = 0; i < old_count; i++) {
    for (sj__map_node *node = old[i], *next; node != NULL; node = next) {
      next = node->next;
      push(map, node);
    }
  }
  sj__free(old);
  return true;
}

sj__map_node *sj__map_find(const sj__map *map, sj_slice key) {
  if (map->count == 0) return NULL;
  uint64_t hash = sj__siphash(map->seed, key.data, key.size);
  sj__map_node *node = *bucket_of(map, hash);
  while (node != NULL && (node->hash != hash || !sj__slice_equal(node->key, key))) {
    node = node->next;
  }
  return node;
}

sj_status sj__map_insert(sj__map *map, sj__map_node *node, sj_slice key) {
  if (map->count >= map->bucket_count && !grow(map) && map->bucket_count == 0) {
    return SJ_NO_MEMORY;
  }
  node->hash = sj__siphash(map->seed, key.data, key.size);
  node->key = key;
  push(map, node);
  map->count++;
  return SJ_OK;
}

void sj__map_remove(sj__map *map, sj__map_node *node) {
  SJ__REQUIRE(map->count > 0);
  sj__map_node **link = bucket_of(map, node->hash);
  while (*link != node) {
    SJ__REQUIRE(*link != NULL);
    link = &(*link)->next;
  }
  *link = node->next;
  node->next = NULL;
  map->count--;
}

sj__map_node *sj__map_next(const sj__map *map, sj__map_cursor *cursor) {
  sj__map_node *node = cursor->next;
  while (node == NULL) {
    if (cursor->bucket >= map->bucket_count) return NULL;
    node = map->buckets[cursor->bucket++];
  }
  cursor->next = node->next;
  return node;
}
