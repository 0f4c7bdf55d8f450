#include "store/compose/fault_previous.h"

#include "base/alloc.h"

typedef struct entry {
  sj__map_node node;
  uint8_t key[SJ__KEY_SIZE];
  sj_slice current; /* both allocated, or absent */
  sj_slice before;
} entry;

sj_status sj__fault_previous_init(sj__fault_previous *previous) {
  return sj__map_init(&previous->keys);
}

static void free_slice(sj_slice slice) {
  sj__free((void *)(uintptr_t)slice.data);
}

void sj__fault_previous_release(sj__fault_previous *previous) {
  sj__map_cursor cursor = {0, NULL};
  for (sj__map_node *node; (node = sj__map_next(&previous->keys, &cursor)) != NULL;) {
    entry *each = SJ__CONTAINER_OF(node, entry, node);
    free_slice(each->current);
    free_slice(each->before);
    sj__free(each);
  }
  sj__map_release(&previous->keys);
}

static entry *find(const sj__fault_previous *previous, const uint8_t *key) {
  sj__map_node *node = sj__map_find(&previous->keys, sj__slice(key, SJ__KEY_SIZE));
  return node != NULL ? SJ__CONTAINER_OF(node, entry, node) : NULL;
}

static entry *add(sj__fault_previous *previous, const uint8_t *key) {
  entry *each = sj__calloc(1, sizeof(*each));
  if (each == NULL) return NULL;
  memcpy(each->key, key, sizeof(each->key));
  sj_slice name = sj__slice(each->key, sizeof(each->key));
  if (sj__map_insert(&previous->keys, &each->node, name) == SJ_OK) return each;
  sj__free(each);
  return NULL;
}

void sj__fault_previous_note(sj__fault_previous *previous, const uint8_t key[SJ__KEY_SIZE],
                             sj_slice record) {
  entry *each = find(previous, key);
  if (each == NULL) each = add(previous, key);
  if (each == NULL) return;
  if (each->current.data != NULL) {
    free_slice(each->before);
    each->before = each->current;
  }
  const void *copy = record.size > 0 ? sj__memdup(record.data, record.size) : NULL;
  each->current = copy != NULL ? sj__slice(copy, record.size) : (sj_slice){NULL, 0};
}

sj_slice sj__fault_previous_get(const sj__fault_previous *previous,
                                const uint8_t key[SJ__KEY_SIZE]) {
  entry *each = find(previous, key);
  return each != NULL ? each->before : (sj_slice){NULL, 0};
}
