/*
 * What tests may do to the simulated loop (sj__loop_sim_new in loop.h) beyond
 * running it. Everything is drawn from the loop's seed, so that a failing seed
 * fails again.
 *
 * The network is in memory and belongs to one loop: listeners and those who
 * connect to them are on the same one. Addresses are written as for sockets;
 * no port, file or name of the machine is touched.
 */
#ifndef SJ_LOOP_LOOP_SIM_H
#define SJ_LOOP_LOOP_SIM_H

#include "loop/stream.h"

typedef struct sj__sim_faults {
  uint64_t delay_min_us;        /* of bytes and connections on their way */
  uint64_t delay_max_us;        /* >= delay_min_us */
  size_t window;                /* bytes that a connection takes before its reader reads; > 0 */
  unsigned short_read_percent;  /* of reads that get only a part of what has come */
  unsigned short_write_percent; /* of writes of which the network takes only a part */
  unsigned resets_per_million;  /* of deliveries: the connection breaks instead */
} sj__sim_faults;

/* 10 to 500 us, 64 KiB, 25 % short reads and short writes, no resets. */
void sj__sim_faults_init(sj__sim_faults *faults);
/* From now on. A new loop has what sj__sim_faults_init sets. */
void sj__sim_set_faults(sj__loop *loop, const sj__sim_faults *faults);

/* Breaks a connection: what is on its way is lost, both sides see SJ_IO. */
void sj__sim_reset(sj__stream *stream);

/*
 * A number that stands for all that has happened so far: what, when, to whom,
 * in which order. Two runs with the same number were the same.
 */
uint64_t sj__sim_trace(const sj__loop *loop);

/* A value below `bound` (> 0) from the loop's seed. */
uint64_t sj__sim_draw(sj__loop *loop, uint64_t bound);
/* Bytes from the loop's seed, for sj__random_install(sj__sim_random, loop). Never fails. */
SJ_MUST_USE sj_status sj__sim_random(void *loop, void *out, size_t size);

#endif
