#include "daemon/audit.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/*
 * Whoever likes may send bad credentials by the thousand: of what is refused so
 * many lines are written a second, and the next one says how many were not.
 * What happens to sessions is told whole.
 */
#define REFUSALS_A_SECOND 10u

typedef struct allowance {
  _Atomic uint64_t second;
  _Atomic unsigned spent;
  _Atomic uint64_t omitted;
} allowance;

static allowance for_refusals, for_damage; /* a flood of the one must not hide the other */

static allowance *allowance_of(const sj__audit_event *event) {
  if (event->code != NULL && strcmp(event->code, "corrupt") == 0) return &for_damage;
  bool is_refusal = strcmp(event->what, "refused") == 0 || strcmp(event->what, "expired") == 0;
  return is_refusal ? &for_refusals : NULL;
}

/* Threads that meet at the turn of a second may spend one or two lines more. */
static bool spend(allowance *left, uint64_t *omitted) {
  uint64_t second = sj__monotonic_ms() / 1000;
  uint64_t seen = atomic_load(&left->second);
  if (seen != second && atomic_compare_exchange_strong(&left->second, &seen, second)) {
    atomic_store(&left->spent, 0);
  }
  if (atomic_fetch_add(&left->spent, 1) >= REFUSALS_A_SECOND) {
    atomic_fetch_add(&left->omitted, 1);
    return false;
  }
  *omitted = atomic_exchange(&left->omitted, 0);
  return true;
}

static void tell(void *context, const sj__audit_event *event) {
  uint64_t omitted = 0;
  allowance *limit = allowance_of(event);
  if (!sj__log_enabled(SJ__LOG_INFO) || (limit != NULL && !spend(limit, &omitted))) return;
  sj__log_field fields[5] = {SJ__FIELD_CSTR("event", event->what)};
  size_t count = 1;
  if (event->code != NULL) fields[count++] = SJ__FIELD_CSTR("code", event->code);
  if (event->sid.data != NULL) fields[count++] = SJ__FIELD("sid", event->sid);
  if (event->subject.data != NULL) fields[count++] = SJ__FIELD("subject", event->subject);
  if (omitted > 0) fields[count++] = SJ__FIELD_INT("omitted", omitted);
  sj__log_write(SJ__LOG_INFO, "session", fields, count);
}

void sj__audit_to_log(sj_sessions *sessions) {
  sj__engine_set_audit(sessions, tell, NULL);
}
