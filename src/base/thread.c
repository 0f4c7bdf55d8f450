#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"

static sj_status status_of(int error) {
  return error == 0 ? SJ_OK : SJ_NO_MEMORY;
}

sj_status sj__mutex_init(sj__mutex *mutex) {
  return status_of(pthread_mutex_init(mutex, NULL));
}

void sj__mutex_release(sj__mutex *mutex) {
  SJ__REQUIRE(pthread_mutex_destroy(mutex) == 0);
}

void sj__mutex_lock(sj__mutex *mutex) {
  SJ__REQUIRE(pthread_mutex_lock(mutex) == 0);
}

void sj__mutex_unlock(sj__mutex *mutex) {
  SJ__REQUIRE(pthread_mutex_unlock(mutex) == 0);
}

sj_status sj__cond_init(sj__cond *cond) {
  pthread_condattr_t attributes;
  if (pthread_condattr_init(&attributes) != 0) return SJ_NO_MEMORY;
  SJ__REQUIRE(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
  int error = pthread_cond_init(cond, &attributes);
  pthread_condattr_destroy(&attributes);
  return status_of(error);
}

void sj__cond_release(sj__cond *cond) {
  SJ__REQUIRE(pthread_cond_destroy(cond) == 0);
}

void sj__cond_wait(sj__cond *cond, sj__mutex *mutex) {
  SJ__REQUIRE(pthread_cond_wait(cond, mutex) == 0);
}

bool sj__cond_wait_for_ns(sj__cond *cond, sj__mutex *mutex, uint64_t timeout_ns) {
  /* The system's clock even in tests: the kernel waits by it, not by base/clock.h. */
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(timeout_ns / 1000000000);
  until.tv_nsec += (long)(timeout_ns % 1000000000);
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  int error = pthread_cond_timedwait(cond, mutex, &until);
  SJ__REQUIRE(error == 0 || error == ETIMEDOUT);
  return error == 0;
}

bool sj__cond_wait_for(sj__cond *cond, sj__mutex *mutex, uint64_t timeout_ms) {
  return sj__cond_wait_for_ns(cond, mutex, timeout_ms * 1000000);
}

void sj__cond_signal(sj__cond *cond) {
  SJ__REQUIRE(pthread_cond_signal(cond) == 0);
}

void sj__cond_broadcast(sj__cond *cond) {
  SJ__REQUIRE(pthread_cond_broadcast(cond) == 0);
}

typedef struct thread_start {
  sj__thread_fn *fn;
  void *argument;
  char name[16]; /* the kernel's limit */
} thread_start;

static void *thread_main(void *memory) {
  thread_start start = *(thread_start *)memory;
  sj__free(memory);
  pthread_setname_np(pthread_self(), start.name);
  start.fn(start.argument);
  return NULL;
}

sj_status sj__thread_start(sj__thread *thread, const char *name, sj__thread_fn *fn,
                           void *argument) {
  thread_start *start = sj__malloc(sizeof(*start));
  if (start == NULL) return SJ_NO_MEMORY;
  *start = (thread_start){.fn = fn, .argument = argument};
  snprintf(start->name, sizeof(start->name), "%s", name);
  sigset_t all, before;
  sigfillset(&all);
  SJ__REQUIRE(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
  int error = pthread_create(thread, NULL, thread_main, start);
  SJ__REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
  if (error != 0) sj__free(start);
  return status_of(error);
}

void sj__thread_join(sj__thread thread) {
  SJ__REQUIRE(pthread_join(thread, NULL) == 0);
}
