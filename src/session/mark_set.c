#include "session/mark_set.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"
#include "base/thread.h"

#define BUCKETS 4096 /* a power of two */

/*
 * Published once, by a release store into its bucket. Of two marks that differ
 * in their moments alone the later says it all: only the moment ever changes,
 * and only grows, so that who revokes again and again adds nothing to a list
 * that checks walk.
 */
typedef struct node {
  struct node *next;
  sj__mark mark; /* but its moment */
  _Atomic int64_t moment_ms;
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

static bool is_same_scope(const sj__mark *a, const sj__mark *b) {
  return a->kid == b->kid && a->scope == b->scope && memcmp(a->value, b->value, SJ__TAG_SIZE) == 0;
}

static bool spares_the_same(const sj__mark *a, const sj__mark *b) {
  return a->has_except == b->has_except &&
         (!a->has_except || memcmp(a->except, b->except, SJ__KEY_SIZE) == 0);
}

/* Whatever `mark` names, `known` names as well. */
static bool is_covered(const node *known, const sj__mark *mark) {
  return is_same_scope(&known->mark, mark) &&
         (!known->mark.has_except || spares_the_same(&known->mark, mark)) &&
         atomic_load_explicit(&known->moment_ms, memory_order_relaxed) >= mark->moment_ms;
}

static void raise_newest(sj__mark_set *set, int64_t moment_ms) {
  if (moment_ms > atomic_load_explicit(&set->newest_ms, memory_order_relaxed)) {
    atomic_store_explicit(&set->newest_ms, moment_ms, memory_order_release);
  }
}

/* The list with one more, or with the one raised that differs in its moment alone. */
static sj_status add_to(sj__mark_set *set, _Atomic(node *) *list, const sj__mark *mark) {
  node *first = atomic_load_explicit(list, memory_order_relaxed);
  for (node *at = first; at != NULL; at = at->next) {
    if (is_covered(at, mark)) return SJ_OK;
    if (is_same_scope(&at->mark, mark) && spares_the_same(&at->mark, mark)) {
      atomic_store_explicit(&at->moment_ms, mark->moment_ms, memory_order_release);
      return SJ_OK;
    }
  }
  node *fresh = sj__malloc(sizeof(*fresh));
  if (fresh == NULL) return SJ_NO_MEMORY;
  fresh->next = first;
  fresh->mark = *mark;
  atomic_init(&fresh->moment_ms, mark->moment_ms);
  atomic_store_explicit(list, fresh, memory_order_release);
  atomic_fetch_add_explicit(&set->count, 1, memory_order_release);
  return SJ_OK;
}

sj_status sj__mark_set_add(sj__mark_set *set, const sj__mark *mark) {
  _Atomic(node *) *list =
      mark->scope == SJ__MARK_REALM ? &set->realm : &set->buckets[bucket_of(set, mark->value)];
  sj__mutex_lock(&set->writers);
  sj_status status = add_to(set, list, mark);
  if (status == SJ_OK) raise_newest(set, mark->moment_ms);
  sj__mutex_unlock(&set->writers);
  return status;
}

static bool names(const node *at, const sj__record *record) {
  sj__mark mark = at->mark;
  mark.moment_ms = atomic_load_explicit(&at->moment_ms, memory_order_acquire);
  return sj__mark_names(&mark, record);
}

static bool list_names(const _Atomic(node *) *list, const sj__record *record) {
  const node *at = atomic_load_explicit(list, memory_order_acquire);
  while (at != NULL && !names(at, record)) at = at->next;
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
