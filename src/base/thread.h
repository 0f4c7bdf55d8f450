/* Threads and locks: thin names over POSIX threads, so that what fails aborts in one place. */
#ifndef SJ_BASE_THREAD_H
#define SJ_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "sojourn/status.h"

typedef pthread_mutex_t sj__mutex;
typedef pthread_cond_t sj__cond; /* waits on the monotonic clock */
typedef pthread_t sj__thread;
typedef void sj__thread_fn(void *argument);

SJ_MUST_USE sj_status sj__mutex_init(sj__mutex *mutex);
void sj__mutex_release(sj__mutex *mutex);
void sj__mutex_lock(sj__mutex *mutex);
void sj__mutex_unlock(sj__mutex *mutex);

SJ_MUST_USE sj_status sj__cond_init(sj__cond *cond);
void sj__cond_release(sj__cond *cond);
void sj__cond_wait(sj__cond *cond, sj__mutex *mutex);
/* False: timed out. */
bool sj__cond_wait_for(sj__cond *cond, sj__mutex *mutex, uint64_t timeout_ms);
bool sj__cond_wait_for_ns(sj__cond *cond, sj__mutex *mutex, uint64_t timeout_ns);
void sj__cond_signal(sj__cond *cond);
void sj__cond_broadcast(sj__cond *cond);

/* All signals are blocked in the new thread. `name` (<= 15 bytes) shows in debuggers. */
SJ_MUST_USE sj_status sj__thread_start(sj__thread *thread, const char *name, sj__thread_fn *fn,
                                       void *argument);
void sj__thread_join(sj__thread thread);

#endif
