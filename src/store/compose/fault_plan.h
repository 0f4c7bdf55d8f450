/* Which fault befalls which call: the part of fault+ that decides. One thread at a time. */
#ifndef SJ_STORE_COMPOSE_FAULT_PLAN_H
#define SJ_STORE_COMPOSE_FAULT_PLAN_H

#include "store/compose/fault_store.h"
#include "store/registry.h"

#define SJ__FAULT_STEPS_MAX 64

typedef struct sj__fault_chooser {
  sj__fault_plan plan;
  uint64_t random; /* state */
  sj__fault_step steps[SJ__FAULT_STEPS_MAX];
  size_t step_count;
  uint64_t counts[SJ__FAULT_COUNT];
} sj__fault_chooser;

void sj__fault_chooser_reset(sj__fault_chooser *chooser, const sj__fault_plan *plan);
SJ_MUST_USE sj_status sj__fault_chooser_add(sj__fault_chooser *chooser, const sj__fault_step *step);
/* Decides and counts. *delay_ms is set for DELAY and LATE. */
sj__fault sj__fault_choose(sj__fault_chooser *chooser, const sj__store_call *call,
                           uint32_t *delay_ms);
/* A number below `bound`, by the plan's seed. */
uint32_t sj__fault_draw(sj__fault_chooser *chooser, uint32_t bound);

/* SJ_INVALID: an unknown parameter, or a value out of range. */
SJ_MUST_USE sj_status sj__fault_plan_parse(const sj__store_url *url, sj__fault_plan *out,
                                           sj_error *error);

#endif
