/*
 * Counts and times every call on the store it wraps, and changes nothing else:
 *
 *     sojourn_store_calls_total{op,outcome}   counter
 *     sojourn_store_seconds{op}               histogram
 *
 * At debug level every completion is logged with its operation, outcome, sid
 * (where the operation has one) and duration. Costs two readings of the
 * monotonic clock and a few atomic additions a call; no allocation in steady
 * state. URL: trace+URL, no parameters.
 */
#ifndef SJ_STORE_COMPOSE_TRACE_STORE_H
#define SJ_STORE_COMPOSE_TRACE_STORE_H

#include "store/store.h"

/* Owns `inner` from success on. `metrics` (may be NULL) outlives the store. SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__trace_new(sj__store *inner, sj__metrics *metrics, sj__store **out);

#endif
