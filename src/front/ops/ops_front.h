/* What runs the daemon looks at: liveness, readiness, metrics. */
#ifndef SJ_FRONT_OPS_OPS_FRONT_H
#define SJ_FRONT_OPS_OPS_FRONT_H

#include "front/exchange.h"

/* 200 while the loop turns. */
void sj__ops_health(sj__exchange *exchange);
/* 503 until marks are replayed and the store has answered. */
void sj__ops_ready(sj__exchange *exchange);
/* Prometheus text format 0.0.4. */
void sj__ops_metrics(sj__exchange *exchange);

#endif
