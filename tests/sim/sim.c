/*
 * sim [--seed N] [--count N] [--print]
 *
 * Runs `count` simulated worlds (world.h) from seed N on, each twice, and fails
 * if a guarantee was broken (checker.h) or the second run was not the first's
 * equal bit for bit. A seed that fails is printed with how to run it again.
 */
#include <stdlib.h>
#include <string.h>

#include "checker.h"
#include "world.h"

typedef struct tally {
  uint64_t operations;
  unsigned failed;
  uint64_t by_status[SJ_STATUS_COUNT];
} tally;

static void count(const history *h, tally *sum) {
  sum->operations += h->count;
  for (size_t i = 0; i < h->count; i++) sum->by_status[h->ops[i].status]++;
}

static bool run_seed(uint64_t seed, bool print, tally *sum) {
  world_setup setup;
  history first;
  history second;
  violations found = {.out = stdout};
  world_setup_by_seed(&setup, seed);
  world_run(&setup, &first);
  world_run(&setup, &second);
  bool is_good = history_check(&first, &found);
  bool is_repeated = history_hash(&first) == history_hash(&second);
  if (!is_repeated) printf("seed %llu ran differently the second time\n", (unsigned long long)seed);
  if (print) {
    history_print(&first, stdout);
    printf("hash %016llx\n", (unsigned long long)history_hash(&first));
  }
  count(&first, sum);
  history_release(&first);
  history_release(&second);
  if (is_good && is_repeated) return true;
  printf("FAILED seed %llu: %u violations; sim --seed %llu --count 1 --print\n",
         (unsigned long long)seed, found.total, (unsigned long long)seed);
  return false;
}

static void print_tally(const tally *sum, uint64_t seeds) {
  printf("%llu seeds, %llu operations:", (unsigned long long)seeds,
         (unsigned long long)sum->operations);
  for (int i = 0; i < SJ_STATUS_COUNT; i++) {
    if (sum->by_status[i] == 0) continue;
    printf(" %s %llu", sj_status_code((sj_status)i), (unsigned long long)sum->by_status[i]);
  }
  printf("\n");
}

int main(int argc, char **argv) {
  uint64_t seed = 1;
  uint64_t seeds = 200;
  bool print = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--print") == 0) {
      print = true;
    } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
      seed = strtoull(argv[++i], NULL, 10);
    } else if (i + 1 < argc && strcmp(argv[i], "--count") == 0) {
      seeds = strtoull(argv[++i], NULL, 10);
    } else {
      fprintf(stderr, "usage: sim [--seed N] [--count N] [--print]\n");
      return 2;
    }
  }
  tally sum = {0};
  for (uint64_t i = 0; i < seeds; i++) {
    if (!run_seed(seed + i, print, &sum)) sum.failed++;
  }
  print_tally(&sum, seeds);
  printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)(seeds - sum.failed),
         (unsigned long long)sum.failed);
  return sum.failed == 0 ? 0 : 1;
}
