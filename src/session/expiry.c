/* Lifetimes (DESIGN.md 2): pure functions of a record and a moment. */
#include "session/session_private.h"

static int64_t add_clamped(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Touches are lazy and may be lost: idleness has touch_every of slack, absolute expiry none. */
static int64_t idle_until_ms(const sj__record *record, int64_t touch_every_ms) {
  return add_clamped(add_clamped(record->last_seen_ms, record->idle_for_ms), touch_every_ms);
}

sj__life sj__life_of(const sj__record *record, int64_t touch_every_ms, int64_t now_ms) {
  if (now_ms >= record->absolute_at_ms) return SJ__OVER;
  return now_ms >= idle_until_ms(record, touch_every_ms) ? SJ__IDLED_OUT : SJ__ALIVE;
}

int64_t sj__expires_ms(const sj__record *record, int64_t touch_every_ms) {
  int64_t idle_ms = idle_until_ms(record, touch_every_ms);
  return idle_ms < record->absolute_at_ms ? idle_ms : record->absolute_at_ms;
}

int64_t sj__touch_interval_ms(int64_t idle_for_ms, int64_t touch_every_ms) {
  return idle_for_ms / 10 < touch_every_ms ? idle_for_ms / 10 : touch_every_ms;
}
