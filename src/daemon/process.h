/* The process itself: what it denies others, what it may use, and what it tells about itself. */
#ifndef SJ_DAEMON_PROCESS_H
#define SJ_DAEMON_PROCESS_H

#include <stddef.h>

#include "base/metrics.h"
#include "sojourn/status.h"

/*
 * Before anything secret is read: files are made for us alone (umask 077), no
 * core is ever dumped and no other process of our user reads our memory, since
 * it holds keys; as many descriptors as the hard limit allows.
 */
void sj__process_harden(void);

/* SIGTERM and SIGINT exit with status 1 from now on, at once: when no loop looks for them. */
void sj__process_end_on_signal(void);

/* Cores that this process may run on, at least 1. */
size_t sj__process_cores(void);

/* process_* as Prometheus' client libraries name them. */
typedef struct sj__process_metrics {
  sj__metric *resident_bytes;
  sj__metric *virtual_bytes;
  sj__metric *open_descriptors;
  sj__metric *max_descriptors;
  sj__metric *threads;
} sj__process_metrics;

/* SJ_NO_MEMORY. The start time is set here. */
SJ_MUST_USE sj_status sj__process_metrics_init(sj__process_metrics *self, sj__metrics *metrics);
/* Reads /proc/self; what can't be read keeps its value. Some 20 us: once a scrape. Any thread. */
void sj__process_metrics_update(sj__process_metrics *self);

#endif
