/*
 * The checker at work: worlds on stores that are broken on purpose (the contract
 * suite's), and with clients that forget. Each must be found out within a few
 * seeds, by a violation of the kind that the defect brings about.
 */
#include <string.h>

#include "base/alloc.h"

#include "checker.h"
#include "world.h"

#include "../contract/broken_store.h"

#define SEEDS     60
#define BIT(kind) (1u << (kind))

typedef struct expectation {
  const char *defect; /* NULL: none; the clients forget */
  unsigned kinds;
} expectation;

static const expectation expected[] = {
    {"cas_ignored", BIT(LOST_UPDATE)},
    {"cas_ignored", BIT(DOUBLE_COMMIT)},
    {"cas_not_atomic", BIT(LOST_UPDATE)},
    {"put_overwrites_tombstone", BIT(RESURRECTION)},
    {"index_shows_dead", BIT(RESURRECTION)},
    {"index_loses_entry", BIT(UNLISTED)},
    {"authority_reads_stale", BIT(STALE_STRONG_READ)},
    {"conflict_returns_wrong_record", BIT(PHANTOM) | BIT(LOST_UPDATE) | BIT(DOUBLE_COMMIT)},
    {"sweep_takes_the_living", BIT(LOST_SESSION)},
    {NULL, BIT(READ_YOUR_WRITES)},
    {NULL, BIT(MONOTONIC_READS)},
};

static sj__store *wrap(sj__store *inner, const void *context) {
  sj__store *out;
  SJ__REQUIRE(broken_new(inner, context, &out) == SJ_OK);
  return out;
}

static const defect *find_defect(const char *name) {
  for (size_t i = 0; i < defect_count; i++) {
    if (strcmp(defects[i].name, name) == 0) return &defects[i];
  }
  fprintf(stderr, "no such defect: %s\n", name);
  return NULL;
}

static unsigned run(const expectation *each, uint64_t seed) {
  history h;
  world_setup setup;
  violations found = {.out = NULL};
  world_setup_by_seed(&setup, seed);
  setup.max_sessions = 0;
  if (each->defect != NULL) {
    setup.wrap = wrap;
    setup.wrap_context = find_defect(each->defect);
  } else {
    setup.forgets = setup.has_faults = setup.has_stale_reads = true;
  }
  world_run(&setup, &h);
  (void)history_check(&h, &found);
  history_release(&h);
  unsigned kinds = 0;
  for (int kind = 0; kind < VIOLATION_COUNT; kind++) {
    if (found.counts[kind] > 0) kinds |= BIT(kind);
  }
  return kinds;
}

static bool is_noticed(const expectation *each) {
  const char *name = each->defect != NULL ? each->defect : "clients forget";
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    unsigned kinds = run(each, seed) & each->kinds;
    if (kinds == 0) continue;
    printf("noticed  %s, as %s, by seed %llu\n", name,
           violation_name((violation_kind)__builtin_ctz(kinds)), (unsigned long long)seed);
    return true;
  }
  printf("MISSED   %s, in %d seeds\n", name, SEEDS);
  return false;
}

int main(void) {
  size_t missed = 0;
  for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
    if (!is_noticed(&expected[i])) missed++;
  }
  printf("%zu passed, %zu failed, 0 skipped\n", sizeof(expected) / sizeof(expected[0]) - missed,
         missed);
  return missed == 0 ? 0 : 1;
}
