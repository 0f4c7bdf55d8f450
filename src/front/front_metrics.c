/*
 * Requests and latencies by route, outcomes by code. Every series is made at
 * start, so that counting neither looks up nor allocates.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/metrics.h"
#include "codec/problem.h"
#include "front/exchange.h"

#define ROUTES_MAX 24

typedef enum status_class { CLASS_2XX, CLASS_4XX, CLASS_5XX, CLASS_COUNT } status_class;

typedef struct route_metrics {
  sj__metric *requests[CLASS_COUNT];
  sj__metric *latency;
} route_metrics;

struct sj__front_metrics {
  route_metrics routes[ROUTES_MAX + 1];  /* the last: no route */
  sj__metric *outcomes[SJ_STATUS_COUNT]; /* by status; several share what has one code */
  sj__metric *ready;
  sj__metric *reachable;
  sj__metric *writable;
  sj__metric *used;
  sj__metric *limit;
  sj__metric *records;
};

static const char *route_label(size_t i) {
  return i < sj__route_count ? sj__routes[i].pattern : "other";
}

static bool add_requests(sj__front_metrics *metrics, sj__metrics *registry) {
  static const char *const classes[CLASS_COUNT] = {"2xx", "4xx", "5xx"};
  char labels[128];
  for (size_t i = 0; i <= sj__route_count; i++) {
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
      snprintf(labels, sizeof labels, "route=\"%s\",status=\"%s\"", route_label(i), classes[class]);
      sj__metric *metric =
          sj__metrics_add(registry, SJ__COUNTER, "sojourn_http_requests_total",
                          "Requests answered, by route and class of status.", labels);
      if (metric == NULL) return false;
      metrics->routes[i].requests[class] = metric;
    }
  }
  return true;
}

static bool add_latencies(sj__front_metrics *metrics, sj__metrics *registry) {
  char labels[128];
  for (size_t i = 0; i <= sj__route_count; i++) {
    snprintf(labels, sizeof labels, "route=\"%s\"", route_label(i));
    sj__metric *metric =
        sj__metrics_add(registry, SJ__HISTOGRAM, "sojourn_http_request_duration_seconds",
                        "From a whole request read to its reply handed over.", labels);
    if (metric == NULL) return false;
    metrics->routes[i].latency = metric;
  }
  return true;
}

/* One series a code: statuses that are told alike are counted alike. */
static sj__metric *outcome_metric(const sj__front_metrics *metrics, int before, const char *code) {
  for (int i = 0; i < before; i++) {
    const char *known = i == SJ_OK ? "ok" : sj__problem_code((sj_status)i);
    if (strcmp(known, code) == 0) return metrics->outcomes[i];
  }
  return NULL;
}

static bool add_outcomes(sj__front_metrics *metrics, sj__metrics *registry) {
  char labels[64];
  for (int i = 0; i < SJ_STATUS_COUNT; i++) {
    const char *code = i == SJ_OK ? "ok" : sj__problem_code((sj_status)i);
    metrics->outcomes[i] = outcome_metric(metrics, i, code);
    if (metrics->outcomes[i] != NULL) continue;
    snprintf(labels, sizeof labels, "outcome=\"%s\"", code);
    metrics->outcomes[i] =
        sj__metrics_add(registry, SJ__COUNTER, "sojourn_http_outcomes_total",
                        "Requests answered, by the code of what they ended in.", labels);
    if (metrics->outcomes[i] == NULL) return false;
  }
  return true;
}

static bool add_store(sj__front_metrics *metrics, sj__metrics *registry) {
  const struct {
    sj__metric **metric;
    const char *name;
    const char *help;
  } gauges[] = {
      {&metrics->ready, "sojourn_ready", "1 once marks are replayed and the store has answered."},
      {&metrics->reachable, "sojourn_store_reachable",
       "1 if the store has answered its latest call."},
      {&metrics->writable, "sojourn_store_writable", "1 while the store takes writes."},
      {&metrics->used, "sojourn_store_used_bytes", "What the store holds; 0: not known."},
      {&metrics->limit, "sojourn_store_limit_bytes", "What the store may hold; 0: no limit."},
      {&metrics->records, "sojourn_store_records", "Records kept, an estimate; 0: not known."},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(gauges); i++) {
    *gauges[i].metric = sj__metrics_add(registry, SJ__GAUGE, gauges[i].name, gauges[i].help, NULL);
    if (*gauges[i].metric == NULL) return false;
  }
  return true;
}

sj__front_metrics *sj__front_metrics_new(sj__metrics *registry) {
  SJ__REQUIRE(sj__route_count <= ROUTES_MAX);
  sj__front_metrics *metrics = sj__calloc(1, sizeof *metrics);
  if (metrics == NULL) return NULL;
  if (add_requests(metrics, registry) && add_latencies(metrics, registry) &&
      add_outcomes(metrics, registry) && add_store(metrics, registry)) {
    return metrics;
  }
  sj__front_metrics_free(metrics);
  return NULL;
}

void sj__front_metrics_free(sj__front_metrics *metrics) {
  sj__free(metrics);
}

void sj__front_metrics_count(sj__front_metrics *metrics, const sj__route *route, int http,
                             sj_status outcome, uint64_t elapsed_ns) {
  if (metrics == NULL) return;
  bool known = route >= sj__routes && route < sj__routes + sj__route_count;
  route_metrics *of_route =
      &metrics->routes[known ? (size_t)(route - sj__routes) : sj__route_count];
  status_class class = http >= 500 ? CLASS_5XX : http >= 400 ? CLASS_4XX : CLASS_2XX;
  sj__metric_add(of_route->requests[class], 1);
  sj__metric_add(metrics->outcomes[outcome], 1);
  sj__metric_observe_ns(of_route->latency, elapsed_ns);
}

void sj__front_metrics_set_store(sj__front_metrics *metrics, bool ready,
                                 const sj__store_health *health) {
  if (metrics == NULL) return;
  sj__metric_set(metrics->ready, ready ? 1 : 0);
  sj__metric_set(metrics->reachable, health->reachable ? 1 : 0);
  sj__metric_set(metrics->writable, health->writable ? 1 : 0);
  sj__metric_set(metrics->used, (int64_t)health->used_bytes);
  sj__metric_set(metrics->limit, (int64_t)health->limit_bytes);
  sj__metric_set(metrics->records, (int64_t)health->records);
}
