#include "base/metrics.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

struct sj__metrics {
  sj__metric *first;
  sj__metric **last;
};

typedef struct histogram_bound {
  uint64_t ns;
  const char *seconds;
} histogram_bound;

static const histogram_bound bounds[SJ__HISTOGRAM_BUCKETS] = {
    {25000, "2.5e-05"},  {50000, "5e-05"},    {100000, "0.0001"},  {250000, "0.00025"},
    {500000, "0.0005"},  {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},
    {10000000, "0.01"},  {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},
    {250000000, "0.25"}, {500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"},
    {5000000000, "5"},   {10000000000, "10"},
};

static uint64_t load(const _Atomic uint64_t *value) {
  return atomic_load_explicit(value, memory_order_relaxed);
}

static void add(_Atomic uint64_t *value, uint64_t n) {
  atomic_fetch_add_explicit(value, n, memory_order_relaxed);
}

sj__metrics *sj__metrics_new(void) {
  sj__metrics *metrics = sj__calloc(1, sizeof(*metrics));
  if (metrics != NULL) metrics->last = &metrics->first;
  return metrics;
}

static void metric_free(sj__metric *metric) {
  if (metric == NULL) return;
  sj__free((void *)(uintptr_t)metric->name);
  sj__free((void *)(uintptr_t)metric->help);
  sj__free((void *)(uintptr_t)metric->labels);
  sj__free(metric);
}

void sj__metrics_free(sj__metrics *metrics) {
  if (metrics == NULL) return;
  for (sj__metric *metric = metrics->first, *next; metric != NULL; metric = next) {
    next = metric->next;
    metric_free(metric);
  }
  sj__free(metrics);
}

sj__metric *sj__metrics_add(sj__metrics *metrics, sj__metric_type type, const char *name,
                            const char *help, const char *labels) {
  sj__metric *metric = sj__calloc(1, sizeof(*metric));
  if (metric == NULL) return NULL;
  metric->type = type;
  metric->name = sj__strdup(name);
  metric->help = sj__strdup(help);
  metric->labels = sj__strdup(labels);
  if (metric->name == NULL || metric->help == NULL || (labels != NULL && metric->labels == NULL)) {
    metric_free(metric);
    return NULL;
  }
  *metrics->last = metric;
  metrics->last = &metric->next;
  return metric;
}

void sj__metric_add(sj__metric *metric, uint64_t n) {
  if (metric != NULL) add(&metric->value, n);
}

void sj__metric_set(sj__metric *metric, int64_t value) {
  if (metric != NULL) atomic_store_explicit(&metric->value, (uint64_t)value, memory_order_relaxed);
}

void sj__metric_observe_ns(sj__metric *metric, uint64_t ns) {
  if (metric == NULL) return;
  size_t bucket = 0;
  while (bucket < SJ__HISTOGRAM_BUCKETS && ns > bounds[bucket].ns) bucket++;
  add(&metric->buckets[bucket], 1);
  add(&metric->sum_ns, ns);
}

uint64_t sj__metric_value(const sj__metric *metric) {
  if (metric == NULL) return 0;
  if (metric->type != SJ__HISTOGRAM) return load(&metric->value);
  uint64_t count = 0;
  for (size_t i = 0; i <= SJ__HISTOGRAM_BUCKETS; i++) count += load(&metric->buckets[i]);
  return count;
}

/* name_suffix{labels,le="…"} and the space before the value. */
static void render_name(const sj__metric *metric, const char *suffix, const char *le,
                        sj__buffer *out) {
  sj__buffer_append_text(out, metric->name);
  sj__buffer_append_text(out, suffix);
  if (metric->labels != NULL || le != NULL) {
    sj__buffer_append_char(out, '{');
    if (metric->labels != NULL) sj__buffer_append_text(out, metric->labels);
    if (metric->labels != NULL && le != NULL) sj__buffer_append_char(out, ',');
    if (le != NULL) sj__buffer_appendf(out, "le=\"%s\"", le);
    sj__buffer_append_char(out, '}');
  }
  sj__buffer_append_char(out, ' ');
}

static void render_value(const sj__metric *metric, uint64_t value, sj__buffer *out) {
  if (metric->type == SJ__GAUGE && (int64_t)value < 0) {
    sj__buffer_append_char(out, '-');
    value = 0 - value;
  }
  sj__buffer_append_u64(out, value);
  sj__buffer_append_char(out, '\n');
}

/* The count is summed from the same reads as the buckets, so that the two always agree. */
static void render_histogram(const sj__metric *metric, sj__buffer *out) {
  uint64_t count = 0;
  for (size_t i = 0; i <= SJ__HISTOGRAM_BUCKETS; i++) {
    count += load(&metric->buckets[i]);
    render_name(metric, "_bucket", i < SJ__HISTOGRAM_BUCKETS ? bounds[i].seconds : "+Inf", out);
    render_value(metric, count, out);
  }
  uint64_t sum_ns = load(&metric->sum_ns);
  render_name(metric, "_sum", NULL, out);
  sj__buffer_appendf(out, "%llu.%09llu\n", (unsigned long long)(sum_ns / 1000000000u),
                     (unsigned long long)(sum_ns % 1000000000u));
  render_name(metric, "_count", NULL, out);
  render_value(metric, count, out);
}

static void render_heading(const sj__metric *metric, sj__buffer *out) {
  static const char *const types[] = {"counter", "gauge", "histogram"};
  sj__buffer_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                     types[metric->type]);
}

void sj__metrics_render(const sj__metrics *metrics, sj__buffer *out) {
  const char *heading = "";
  for (const sj__metric *metric = metrics->first; metric != NULL; metric = metric->next) {
    if (strcmp(heading, metric->name) != 0) render_heading(metric, out);
    heading = metric->name;
    if (metric->type == SJ__HISTOGRAM) {
      render_histogram(metric, out);
    } else {
      render_name(metric, "", NULL, out);
      render_value(metric, load(&metric->value), out);
    }
  }
}
