#include "store/compose/fault_plan.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/errors.h"

#define DEFAULT_DELAY_MS 20u
#define MAX_DELAY_MS     ((uint64_t)3600 * 1000)

static const char *const fault_names[SJ__FAULT_COUNT] = {
    [SJ__FAULT_NONE] = "none",       [SJ__FAULT_REFUSE] = "refuse", [SJ__FAULT_LOSE] = "lose",
    [SJ__FAULT_DELAY] = "delay",     [SJ__FAULT_HANG] = "hang",     [SJ__FAULT_LATE] = "late",
    [SJ__FAULT_CORRUPT] = "corrupt", [SJ__FAULT_FULL] = "full",     [SJ__FAULT_STALE] = "stale",
};

void sj__fault_chooser_reset(sj__fault_chooser *chooser, const sj__fault_plan *plan) {
  chooser->plan = plan != NULL ? *plan : (sj__fault_plan){0};
  if (chooser->plan.per_mille[SJ__FAULT_STALE] > 0) chooser->plan.keep_previous = true;
  if (chooser->plan.delay_ms == 0) chooser->plan.delay_ms = DEFAULT_DELAY_MS;
  chooser->random = chooser->plan.seed;
  chooser->step_count = 0;
}

sj_status sj__fault_chooser_add(sj__fault_chooser *chooser, const sj__fault_step *step) {
  if (chooser->step_count == SJ__FAULT_STEPS_MAX) return SJ_FULL;
  chooser->steps[chooser->step_count] = *step;
  if (step->times == 0) chooser->steps[chooser->step_count].times = 1;
  chooser->step_count++;
  return SJ_OK;
}

/* SplitMix64: a run follows from its seed alone; nothing here is secret. */
uint32_t sj__fault_draw(sj__fault_chooser *chooser, uint32_t bound) {
  uint64_t z = (chooser->random += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return (uint32_t)(z % bound);
}

static bool is_write(sj__op op) {
  return op == SJ__PUT || op == SJ__TOUCH || op == SJ__END || op == SJ__MARK || op == SJ__PUBLISH;
}

static bool can_befall(sj__fault fault, const sj__store_call *call) {
  switch (fault) {
    case SJ__FAULT_LATE:
      return is_write(call->op);
    case SJ__FAULT_CORRUPT:
      return call->op == SJ__GET || call->op == SJ__PUT || call->op == SJ__LIST ||
             call->op == SJ__SCAN || call->op == SJ__MARKS;
    case SJ__FAULT_FULL:
      return call->op == SJ__PUT;
    case SJ__FAULT_STALE:
      return call->op == SJ__GET && call->in.get.mode == SJ__CHEAP;
    default:
      return true;
  }
}

static bool is_among(uint32_t ops, sj__op op) {
  return ops == 0 || (ops & SJ__FAULT_OP(op)) != 0;
}

static void drop_step(sj__fault_chooser *chooser, size_t index) {
  chooser->step_count--;
  for (size_t i = index; i < chooser->step_count; i++) chooser->steps[i] = chooser->steps[i + 1];
}

/* True: a step has decided about this call, be it to let it pass. */
static bool choose_step(sj__fault_chooser *chooser, const sj__store_call *call, sj__fault *fault,
                        uint32_t *delay_ms) {
  for (size_t i = 0; i < chooser->step_count; i++) {
    sj__fault_step *step = &chooser->steps[i];
    if (!is_among(step->ops, call->op) || !can_befall(step->fault, call)) continue;
    if (step->skip > 0) {
      step->skip--;
      *fault = SJ__FAULT_NONE;
      return true;
    }
    *fault = step->fault;
    if (step->delay_ms > 0) *delay_ms = step->delay_ms;
    if (--step->times == 0) drop_step(chooser, i);
    return true;
  }
  return false;
}

static sj__fault choose_by_chance(sj__fault_chooser *chooser, const sj__store_call *call) {
  if (!is_among(chooser->plan.ops, call->op)) return SJ__FAULT_NONE;
  uint32_t drawn = sj__fault_draw(chooser, 1000);
  for (int fault = 1; fault < SJ__FAULT_COUNT; fault++) {
    uint32_t chance = chooser->plan.per_mille[fault];
    if (drawn < chance) {
      return can_befall((sj__fault)fault, call) ? (sj__fault)fault : SJ__FAULT_NONE;
    }
    drawn -= chance;
  }
  return SJ__FAULT_NONE;
}

sj__fault sj__fault_choose(sj__fault_chooser *chooser, const sj__store_call *call,
                           uint32_t *delay_ms) {
  sj__fault fault = SJ__FAULT_NONE;
  *delay_ms = 1 + sj__fault_draw(chooser, chooser->plan.delay_ms);
  if (!choose_step(chooser, call, &fault, delay_ms)) fault = choose_by_chance(chooser, call);
  chooser->counts[fault]++;
  return fault;
}

/* --- The URL ----------------------------------------------------------------------- */

static sj_status parse_number(const sj__store_url *url, const char *name, uint64_t max,
                              uint64_t *value, sj_error *error) {
  sj_slice text = sj__store_url_get(url, name);
  if (text.data == NULL || sj__slice_to_u64(text, max, value)) return SJ_OK;
  return sj__fail(error, SJ_INVALID, "store URL: %s is a number from 0 to %llu", name,
                  (unsigned long long)max);
}

static sj_status parse_chances(const sj__store_url *url, sj__fault_plan *plan, sj_error *error) {
  uint64_t sum = 0;
  for (int fault = 1; fault < SJ__FAULT_COUNT; fault++) {
    char name[32];
    uint64_t value = 0;
    (void)snprintf(name, sizeof(name), "fault.%s", fault_names[fault]);
    sj_status status = parse_number(url, name, 1000, &value, error);
    if (status != SJ_OK) return status;
    plan->per_mille[fault] = (uint32_t)value;
    sum += value;
  }
  if (sum <= 1000) return SJ_OK;
  return sj__fail(error, SJ_INVALID, "store URL: the chances of fault. sum up to more than 1000");
}

static bool find_op(sj_slice name, uint32_t *ops) {
  for (int op = 0; op < SJ__OP_COUNT; op++) {
    if (!sj__slice_equal(name, sj__slice_text(sj__op_name((sj__op)op)))) continue;
    *ops |= SJ__FAULT_OP(op);
    return true;
  }
  return false;
}

static sj_status parse_ops(const sj__store_url *url, uint32_t *ops, sj_error *error) {
  sj_slice rest = sj__store_url_get(url, "fault.ops");
  while (rest.size > 0) {
    const char *comma = memchr(rest.data, ',', rest.size);
    size_t size = comma != NULL ? (size_t)(comma - rest.data) : rest.size;
    if (!find_op(sj__slice(rest.data, size), ops)) {
      return sj__fail(error, SJ_INVALID, "store URL: fault.ops is a list such as put,end");
    }
    size_t step = comma != NULL ? size + 1 : size;
    rest = sj__slice(rest.data + step, rest.size - step);
  }
  return SJ_OK;
}

sj_status sj__fault_plan_parse(const sj__store_url *url, sj__fault_plan *out, sj_error *error) {
  static const char *const allowed[] = {
      "fault.seed",    "fault.refuse", "fault.lose",  "fault.delay",    "fault.hang", "fault.late",
      "fault.corrupt", "fault.full",   "fault.stale", "fault.delay_ms", "fault.ops",  NULL};
  uint64_t seed = 1, delay_ms = DEFAULT_DELAY_MS;
  *out = (sj__fault_plan){0};
  sj_status status = sj__store_url_check(url, allowed, error);
  if (status == SJ_OK) status = parse_number(url, "fault.seed", UINT64_MAX, &seed, error);
  if (status == SJ_OK) status = parse_number(url, "fault.delay_ms", MAX_DELAY_MS, &delay_ms, error);
  if (status == SJ_OK) status = parse_chances(url, out, error);
  if (status == SJ_OK) status = parse_ops(url, &out->ops, error);
  out->seed = seed;
  out->delay_ms = (uint32_t)delay_ms;
  return status;
}
