/*
 * Random bytes from the system's CSPRNG (getrandom(2)), replaceable by tests.
 * There is no fall-back: where the source fails, so does what needed it.
 */
#ifndef SJ_BASE_RANDOM_H
#define SJ_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "sojourn/status.h"

typedef sj_status sj__random_fn(void *context, void *out, size_t size);

/* NULL puts the system's source back. Before threads start. */
void sj__random_install(sj__random_fn *fn, void *context);

/* Fills `out`. SJ_NO_ENTROPY: the source failed and `out` is zeroed. Any thread. */
SJ_MUST_USE sj_status sj__random(void *out, size_t size);

/*
 * Draws what this thread's next few calls will ask for (at most
 * SJ__RANDOM_AHEAD_MAX bytes) in one system call; sj__random_forget drops what
 * they left. Nothing is drawn where so much is left already. Only within one piece of work that
 * neither waits nor forks: bytes that lie in memory could be given out twice by a fork or a copied
 * machine (docs/decisions/random.md). Where the source fails, the calls themselves do.
 */
#define SJ__RANDOM_AHEAD_MAX 64
void sj__random_ahead(size_t size);
void sj__random_forget(void);

/* A value below `bound` (> 0), unbiased; for jitter and sampling, 0 when the source fails. */
uint64_t sj__random_below(uint64_t bound);

#endif
