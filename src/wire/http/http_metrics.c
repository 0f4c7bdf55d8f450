#include <stdio.h>

#include "wire/http/http_private.h"

/* What http_server.h says that the server answers by itself. */
static const int refusal_statuses[] = {400, 408, 413, 414, 417, 431, 501, 503, 505};
_Static_assert(SJ__COUNT_OF(refusal_statuses) == SJ__HTTP_REFUSALS, "one counter a status");

static bool add_refusals(sj__http_metrics *out, sj__metrics *metrics) {
  char labels[32];
  for (size_t i = 0; i < SJ__HTTP_REFUSALS; i++) {
    snprintf(labels, sizeof(labels), "status=\"%d\"", refusal_statuses[i]);
    out->refused[i] =
        sj__metrics_add(metrics, SJ__COUNTER, "sojourn_http_refused_total",
                        "HTTP requests refused before they reached a handler.", labels);
    if (out->refused[i] == NULL) return false;
  }
  return true;
}

sj_status sj__http_metrics_init(sj__http_metrics *out, sj__metrics *metrics) {
  *out = (sj__http_metrics){
      .connections = sj__metrics_add(metrics, SJ__GAUGE, "sojourn_http_connections",
                                     "Open HTTP connections.", NULL),
      .accepted = sj__metrics_add(metrics, SJ__COUNTER, "sojourn_http_accepted_total",
                                  "HTTP connections accepted.", NULL),
      .turned_away = sj__metrics_add(metrics, SJ__COUNTER, "sojourn_http_turned_away_total",
                                     "HTTP connections turned away above the limit.", NULL),
      .received = sj__metrics_add(metrics, SJ__COUNTER, "sojourn_http_received_total",
                                  "Whole HTTP requests received.", NULL),
      .abandoned = sj__metrics_add(metrics, SJ__COUNTER, "sojourn_http_abandoned_total",
                                   "HTTP requests whose client left before the reply.", NULL),
      .write_timed_out =
          sj__metrics_add(metrics, SJ__COUNTER, "sojourn_http_write_timed_out_total",
                          "HTTP connections cut because their replies were not taken.", NULL),
  };
  bool complete = out->connections != NULL && out->accepted != NULL && out->turned_away != NULL &&
                  out->received != NULL && out->abandoned != NULL && out->write_timed_out != NULL;
  return complete && add_refusals(out, metrics) ? SJ_OK : SJ_NO_MEMORY;
}

void sj__http_server_count(sj__http_server *server, sj__http_event event) {
  const sj__http_metrics *metrics = server->options.metrics;
  if (metrics == NULL) return;
  switch (event) {
    case SJ__HTTP_COUNT_ACCEPTED:
      sj__metric_add(metrics->accepted, 1);
      sj__metric_add(metrics->connections, 1);
      break;
    case SJ__HTTP_COUNT_CLOSED:
      sj__metric_add(metrics->connections, UINT64_MAX); /* one less: gauges wrap */
      break;
    case SJ__HTTP_COUNT_TURNED_AWAY:
      sj__metric_add(metrics->turned_away, 1);
      break;
    case SJ__HTTP_COUNT_RECEIVED:
      sj__metric_add(metrics->received, 1);
      break;
    case SJ__HTTP_COUNT_ABANDONED:
      sj__metric_add(metrics->abandoned, 1);
      break;
    case SJ__HTTP_COUNT_WRITE_TIMED_OUT:
      sj__metric_add(metrics->write_timed_out, 1);
      break;
  }
}

void sj__http_server_count_refusal(sj__http_server *server, int status) {
  const sj__http_metrics *metrics = server->options.metrics;
  if (metrics == NULL) return;
  for (size_t i = 0; i < SJ__HTTP_REFUSALS; i++) {
    if (refusal_statuses[i] == status) {
      sj__metric_add(metrics->refused[i], 1);
      return;
    }
  }
  SJ__REQUIRE(!"a refusal that has no counter");
}
