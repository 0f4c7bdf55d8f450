/*
 * A simulated world: several engines, as processes of one deployment, on one
 * store, and clients that create, read, patch, rotate, list and end sessions
 * which they share. Everything follows from the seed: time, order, faults.
 */
#ifndef SJ_TESTS_WORLD_H
#define SJ_TESTS_WORLD_H

#include "history.h"

#include "engine_kit.h"

typedef struct world_setup {
  uint64_t seed;
  unsigned engines;      /* 1 to 4 */
  bool is_one_process;   /* the engines are workers of one */
  unsigned clients;      /* 1 to CLIENTS_MAX */
  unsigned operations;   /* about as many */
  uint32_t max_sessions; /* of the policy; 0: none */
  bool has_faults;       /* lost, late, refused, hanging and delayed answers */
  bool has_stale_reads;  /* with faults: cheap reads that show what was before */
  bool has_restarts;     /* of engines */
  bool has_clock_steps;  /* by up to 20 s, either way */
  bool forgets;          /* clients present an old credential and take it for the newest */
  /* Lays something over the store; NULL: nothing. */
  sj__store *(*wrap)(sj__store *inner, const void *context);
  const void *wrap_context;
} world_setup;

/* What the seed chooses: engines, clients, faults and so on, from the small to the wild. */
void world_setup_by_seed(world_setup *setup, uint64_t seed);

/* Runs it to its end. `h` is initialised here. */
void world_run(const world_setup *setup, history *h);

#endif
