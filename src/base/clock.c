#include "base/clock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

static _Atomic(const sj__clock *) installed;

void sj__clock_install(const sj__clock *clock) {
  atomic_store_explicit(&installed, clock, memory_order_release);
}

int64_t sj__wall_ms(void) {
  const sj__clock *clock = atomic_load_explicit(&installed, memory_order_acquire);
  if (clock != NULL) return clock->wall_ms(clock->context);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t sj__monotonic_ns(void) {
  const sj__clock *clock = atomic_load_explicit(&installed, memory_order_acquire);
  if (clock != NULL) return clock->monotonic_ns(clock->context);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
