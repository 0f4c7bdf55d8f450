/*
 * Counters, gauges and latency histograms. Written by any thread with relaxed
 * atomics and no lock, read by whoever renders them (front/ops).
 *
 * Names and labels follow Prometheus: `sojourn_` first, base units (seconds,
 * bytes), `_total` for counters.
 */
#ifndef SJ_BASE_METRICS_H
#define SJ_BASE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buffer.h"

/* Upper bounds of the latency buckets in nanoseconds: 25 us … 10 s, then +Inf. */
#define SJ__HISTOGRAM_BUCKETS 18

typedef enum sj__metric_type { SJ__COUNTER, SJ__GAUGE, SJ__HISTOGRAM } sj__metric_type;

typedef struct sj__metric {
  struct sj__metric *next; /* set by registering */
  sj__metric_type type;
  const char *name;        /* static */
  const char *help;        /* static */
  const char *labels;      /* static, as in the text format: `op="load",outcome="ok"`, or NULL */
  _Atomic uint64_t value;  /* counter; gauge (as int64_t); unused by histograms */
  _Atomic uint64_t sum_ns; /* histogram */
  _Atomic uint64_t buckets[SJ__HISTOGRAM_BUCKETS + 1];
} sj__metric;

typedef struct sj__metrics sj__metrics; /* a registry */

sj__metrics *sj__metrics_new(void); /* NULL: no memory */
void sj__metrics_free(sj__metrics *metrics);
/*
 * Makes and registers one. The registry owns it; `name`, `help` and `labels`
 * are copied, and `help` is one line without a backslash. Metrics of one name must be made one
 * after the other. NULL: no memory. At start, from one thread.
 */
sj__metric *sj__metrics_add(sj__metrics *metrics, sj__metric_type type, const char *name,
                            const char *help, const char *labels);

/* NULL metrics are allowed and do nothing: code that counts need not ask. */
void sj__metric_add(sj__metric *metric, uint64_t n);
void sj__metric_set(sj__metric *metric, int64_t value);
void sj__metric_observe_ns(sj__metric *metric, uint64_t ns);
/* A counter's or gauge's value; how many a histogram has seen. NULL: 0. */
uint64_t sj__metric_value(const sj__metric *metric);

/* Prometheus text format 0.0.4, whole registry. */
void sj__metrics_render(const sj__metrics *metrics, sj__buffer *out);

#endif
