/*
 * Makes the store it wraps fail as stores do, by a seeded plan of chances, or
 * by a script of single steps, so that a run can be repeated. For tests.
 *
 * URL: fault+URL with, each optional,
 *
 *     fault.seed=N          of the chances' random numbers; 1
 *     fault.refuse=N fault.lose=N fault.delay=N fault.hang=N fault.late=N
 *     fault.corrupt=N fault.full=N fault.stale=N
 *                           chances in a thousand; together at most 1000; 0
 *     fault.delay_ms=N      delays are drawn from 1 to this; 20
 *     fault.ops=put,end     only these operations; all
 *
 * What stays after "fault." is taken away is the inner store's.
 */
#ifndef SJ_STORE_COMPOSE_FAULT_STORE_H
#define SJ_STORE_COMPOSE_FAULT_STORE_H

#include "store/store.h"

typedef enum sj__fault {
  SJ__FAULT_NONE,
  SJ__FAULT_REFUSE,  /* not carried out: SJ_UNAVAILABLE, applied no */
  SJ__FAULT_LOSE,    /* carried out, the answer lost: SJ_UNAVAILABLE, applied unknown */
  SJ__FAULT_DELAY,   /* carried out later, or not at all if the deadline comes first */
  SJ__FAULT_HANG,    /* not carried out: SJ_UNAVAILABLE, applied unknown, at the deadline */
  SJ__FAULT_LATE,    /* writes: SJ_UNAVAILABLE, applied unknown, at once; carried out later */
  SJ__FAULT_CORRUPT, /* one bit of one returned record or mark is flipped */
  SJ__FAULT_FULL,    /* PUT: not carried out, SJ_FULL */
  SJ__FAULT_STALE,   /* cheap GET: what was stored before the last write, if new enough */
  SJ__FAULT_COUNT
} sj__fault;

/* Bits of a set of operations; 0 is all of them. */
#define SJ__FAULT_OP(op) (1u << (op))

typedef struct sj__fault_plan {
  uint64_t seed;
  uint32_t per_mille[SJ__FAULT_COUNT]; /* of the calls that the fault can befall */
  uint32_t ops;
  uint32_t delay_ms;  /* delays are drawn from 1 to this; 0: 20 */
  bool keep_previous; /* remember what writes replace, for steps that are STALE */
} sj__fault_plan;

typedef struct sj__fault_step {
  sj__fault fault;
  uint32_t ops;
  uint32_t skip;     /* that many calls of `ops` pass first */
  uint32_t times;    /* 0: once */
  uint32_t delay_ms; /* DELAY and LATE; 0: as the plan draws it */
} sj__fault_step;

/* Owns `inner` from success on. `plan` NULL: no chances. SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__fault_new(sj__store *inner, const sj__fault_plan *plan, sj__store **out);

/* These take a store made by sj__fault_new or by a URL that begins with fault+. Any thread. */

/* Replaces the plan, its random numbers included, and drops what is left of the script. */
void sj__fault_set_plan(sj__store *store, const sj__fault_plan *plan);
/*
 * Adds a step to the script. Each call is looked at by the first step whose
 * `ops` hold it and whose fault can befall it; calls that no step wants are the
 * plan's. SJ_FULL: more than 64 steps.
 */
SJ_MUST_USE sj_status sj__fault_add_step(sj__store *store, const sj__fault_step *step);
/* How often it was done. */
uint64_t sj__fault_count(sj__store *store, sj__fault fault);

#endif
