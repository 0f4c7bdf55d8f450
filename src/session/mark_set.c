#include "session/mark_set.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"
#include "base/thread.h"

#define BUCKETS 4096 /* a power of two */

/* Published once, by a release store into its bucket, and never changed after. */
typedef struct node {
  struct node *next;
  sj__mark mark;
} node;

struct sj__mark_set {
  sj__mutex writers;
  uint64_t seed[2];
  _Atomic size_t count;
  _Atomic int64_t newest_ms;
  _Atomic(node *) realm; /* these name everything: a list of their own */
  _Atomic(node *) buckets[BUCKETS];
};

sj__mark_set *sj__mark_set_new(void) {
  sj__mark_set *set = sj__calloc(1, sizeof(*set));
  if (set == NULL) return NULL;
  if (sj__random(set->seed, sizeof(set->seed)) != SJ_OK || sj__mutex_init(&set->writers) != SJ_OK) {
    sj__free(set);
    return NULL;
  }
  atomic_init(&set->newest_ms, INT64_MIN);
  return set;
}

static void free_list(node *list) {
  while (list != NULL) {
    node *next = list->next;
    sj__free(list);
    list = next;
  }
}

void sj__mark_set_free(sj__mark_set *set) {
  if (set == NULL) return;
  free_list(atomic_load_explicit(&set->realm, memory_order_relaxed));
  for (size_t i = 0; i < BUCKETS; i++) {
    free_list(atomic_load_explicit(&set->buckets[i], memory_order_relaxed));
  }
  sj__mutex_release(&set->writers);
  sj__free(set);
}

static size_t bucket_of(const sj__mark_set *set, const uint8_t value[SJ__TAG_SIZE]) {
  return (size_t)sj__siphash(set->seed, value, SJ__TAG_SIZE) & (BUCKETS - 1);
}

static bool is_same(const sj__mark *a, const sj__mark *b) {
  return a->kid == b->kid && a->scope == b->scope && a->moment_ms == b->moment_ms &&
         a->has_except == b->has_except && memcmp(a->value, b->value, SJ__TAG_SIZE) == 0 &&
         (!a->has_except || memcmp(a->except, b->except, SJ__KEY_SIZE) == 0);
}

static void raise_newest(sj__mark_set *set, int64_t moment_ms) {
  if (moment_ms > atomic_load_explicit(&set->newest_ms, memory_order_relaxed)) {
    atomic_store_explicit(&set->newest_ms, moment_ms, memory_order_release);
  }
}

sj_status sj__mark_set_add(sj__mark_set *set, const sj__mark *mark) {
  _Atomic(node *) *list =
      mark->scope == SJ__MARK_REALM ? &set->realm : &set->buckets[bucket_of(set, mark->value)];
  sj_status status = SJ_OK;
  sj__mutex_lock(&set->writers);
  node *first = atomic_load_explicit(list, memory_order_relaxed);
  const node *same = first;
  while (same != NULL && !is_same(&same->mark, mark)) same = same->next;
  if (same == NULL) {
    node *fresh = sj__malloc(sizeof(*fresh));
    if (fresh == NULL) {
      status = SJ_NO_MEMORY;
    } else {
      *fresh = (node){first, *mark};
      atomic_store_explicit(list, fresh, memory_order_release);
      raise_newest(set, mark->moment_ms);
      atomic_fetch_add_explicit(&set->count, 1, memory_order_relaxed);
    }
  }
  sj__mutex_unlock(&set->writers);
  return status;
}

static bool list_names(const _Atomic(node *) *list, const sj__record *record) {
  const node *at = atomic_load_explicit(list, memory_order_acquire);
  while (at != NULL && !sj__mark_names(&at->mark, record)) at = at->next;
  return at != NULL;
}

bool sj__mark_set_names(const sj__mark_set *set, const sj__record *record) {
  if (atomic_load_explicit(&set->count, memory_order_acquire) == 0) return false;
  return list_names(&set->realm, record) ||
         list_names(&set->buckets[bucket_of(set, record->key)], record) ||
         (record->has_subject &&
          list_names(&set->buckets[bucket_of(set, record->subject_tag)], record));
}

int64_t sj__mark_set_newest_ms(const sj__mark_set *set) {
  return atomic_load_explicit(&set->newest_ms, memory_order_acquire);
}
