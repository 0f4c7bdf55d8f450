/*
 * An allocator for tests that counts live blocks and fails on request. Header
 * only: one program, one copy. Thread-safe counting, settings from one thread.
 */
#ifndef SJ_TESTS_FAILING_ALLOCATOR_H
#define SJ_TESTS_FAILING_ALLOCATOR_H

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"

static _Atomic long failing_allocator_countdown_ = -1; /* -1: never fails */
static _Atomic long failing_allocator_live_;
static _Atomic bool failing_allocator_once_;
static _Atomic bool failing_allocator_failed_; /* since it was asked to */
static _Atomic size_t failing_allocator_made_;
static _Atomic size_t failing_allocator_bytes_;

static inline bool failing_allocator_must_fail_(void) {
  failing_allocator_made_++;
  if (failing_allocator_countdown_ < 0) return false;
  if (failing_allocator_countdown_ > 0) {
    failing_allocator_countdown_--;
    return false;
  }
  failing_allocator_failed_ = true;
  if (failing_allocator_once_) failing_allocator_countdown_ = -1;
  return true;
}

static inline void *failing_allocator_malloc_(void *context, size_t size) {
  if (failing_allocator_must_fail_()) return NULL;
  failing_allocator_bytes_ += size;
  void *memory = malloc(size);
  if (memory != NULL) failing_allocator_live_++;
  return memory;
}

static inline void *failing_allocator_realloc_(void *context, void *memory, size_t size) {
  if (failing_allocator_must_fail_()) return NULL;
  failing_allocator_bytes_ += size;
  void *moved = realloc(memory, size);
  if (memory == NULL && moved != NULL) failing_allocator_live_++;
  return moved;
}

static inline void failing_allocator_free_(void *context, void *memory) {
  failing_allocator_live_--;
  free(memory);
}

static inline void install_failing_allocator(void) {
  static const sj__allocator allocator = {failing_allocator_malloc_, failing_allocator_realloc_,
                                          failing_allocator_free_, NULL};
  sj__allocator_install(&allocator);
}

/* The `skip` next allocations succeed; then all fail until fail_no_allocations. */
static inline void fail_allocations_from(long skip) {
  failing_allocator_failed_ = false;
  failing_allocator_once_ = false;
  failing_allocator_countdown_ = skip;
}

/* The `skip` next allocations succeed, one fails, the rest succeed. */
static inline void fail_one_allocation(long skip) {
  failing_allocator_failed_ = false;
  failing_allocator_once_ = true;
  failing_allocator_countdown_ = skip;
}

/* True if a failure that was asked for has not happened yet. */
static inline bool fail_no_allocations(void) {
  bool pending = failing_allocator_countdown_ >= 0 && !failing_allocator_failed_;
  failing_allocator_countdown_ = -1;
  return pending;
}

/* Every one that was asked for, failed or not. */
static inline size_t allocations_made(void) {
  return failing_allocator_made_;
}

/* Of all blocks that were given out, freed or not. */
static inline size_t bytes_given_out(void) {
  return failing_allocator_bytes_;
}

static inline size_t live_allocations(void) {
  return (size_t)failing_allocator_live_;
}

#endif
