/*
 * A bump allocator for what lives and dies together: one request, one call.
 *
 * value type: init / release. Not thread-safe.
 */
#ifndef SJ_BASE_ARENA_H
#define SJ_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

typedef struct sj__arena_block sj__arena_block;

typedef struct sj__arena {
  char *next;
  char *end;
  sj__arena_block *blocks; /* newest first */
  size_t used;             /* bytes handed out since the last reset */
  size_t limit;            /* of `used`; 0: none */
  void *first;             /* the caller's first block, or NULL */
  size_t first_size;
  size_t first_used; /* set when the first heap block is made */
} sj__arena;

/*
 * `first` (may be NULL) is memory of the caller's that is used before any is
 * allocated; it must outlive the arena. `limit` bounds the bytes handed out
 * between resets (0: no bound).
 */
void sj__arena_init(sj__arena *arena, void *first, size_t first_size, size_t limit);

/* Aligned for any type. NULL when out of memory or over the limit. */
void *sj__arena_alloc(sj__arena *arena, size_t size);
void *sj__arena_calloc(sj__arena *arena, size_t count, size_t size);

/* A copy followed by a NUL that the slice doesn't count. {NULL,0} when out of memory. */
sj_slice sj__arena_dup(sj__arena *arena, sj_slice slice);
char *sj__arena_printf(sj__arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Wipes what was handed out and keeps one block of modest size for the next use. */
void sj__arena_reset(sj__arena *arena);
/* Wipes and frees everything. The arena may be initialised again. */
void sj__arena_release(sj__arena *arena);

#endif
