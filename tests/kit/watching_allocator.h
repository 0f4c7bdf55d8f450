/*
 * An allocator that looks into every block that is given back: whether one of
 * the watched secrets is still in it. Header only; one thread.
 */
#ifndef SJ_TESTS_WATCHING_ALLOCATOR_H
#define SJ_TESTS_WATCHING_ALLOCATOR_H

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/slice.h"

#define WATCHED_MAX 64

static sj_slice watched_[WATCHED_MAX];
static size_t watched_count_;
static size_t watched_found_;
static size_t watched_freed_;

/* `secret` is to live as long as it is watched. */
static inline void watch_secret(const void *secret, size_t size) {
  SJ__REQUIRE(watched_count_ < WATCHED_MAX);
  watched_[watched_count_++] = sj__slice(secret, size);
}

static inline void watch_nothing(void) {
  watched_count_ = watched_found_ = watched_freed_ = 0;
}

/* How often a watched secret stood in a block when it was freed; of how many blocks. */
static inline size_t secrets_left_behind(void) {
  return watched_found_;
}
static inline size_t blocks_watched(void) {
  return watched_freed_;
}

static inline void watch_block_(const void *memory) {
  size_t size = malloc_usable_size((void *)(uintptr_t)memory);
  watched_freed_++;
  for (size_t i = 0; i < watched_count_; i++) {
    if (memmem(memory, size, watched_[i].data, watched_[i].size) != NULL) watched_found_++;
  }
}

static inline void *watching_malloc_(void *context, size_t size) {
  /* Zeroed, so that an earlier life of the block is not held against this one. */
  return calloc(1, size);
}

/* A block that moves is one that is given back. */
static inline void *watching_realloc_(void *context, void *memory, size_t size) {
  void *moved = calloc(1, size);
  if (moved == NULL || memory == NULL) return moved;
  size_t old_size = malloc_usable_size(memory);
  memcpy(moved, memory, old_size < size ? old_size : size);
  watch_block_(memory);
  free(memory);
  return moved;
}

static inline void watching_free_(void *context, void *memory) {
  watch_block_(memory);
  free(memory);
}

static inline void install_watching_allocator(void) {
  static const sj__allocator allocator = {watching_malloc_, watching_realloc_, watching_free_,
                                          NULL};
  sj__allocator_install(&allocator);
}

#endif
