/*
 * Time. Wall time (what sessions are judged by) and monotonic time (what
 * deadlines are measured by), both replaceable by tests.
 */
#ifndef SJ_BASE_CLOCK_H
#define SJ_BASE_CLOCK_H

#include <stdint.h>

typedef struct sj__clock {
  int64_t (*wall_ms)(void *context);       /* since 1970-01-01T00:00:00Z */
  uint64_t (*monotonic_ns)(void *context); /* from any start; never goes back */
  void *context;
} sj__clock;

/* NULL puts the system's clock back. The clock must outlive its use. Any thread may then read. */
void sj__clock_install(const sj__clock *clock);

int64_t sj__wall_ms(void);
uint64_t sj__monotonic_ns(void);
static inline uint64_t sj__monotonic_ms(void) {
  return sj__monotonic_ns() / 1000000u;
}

#endif
