#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

#define ALIGNMENT  _Alignof(max_align_t)
#define BLOCK_MIN  4096u
#define BLOCK_MAX  65536u /* larger ones are made only for a single large request */
#define BLOCK_KEPT BLOCK_MAX

struct sj__arena_block {
  sj__arena_block *next;
  size_t size; /* of bytes */
  size_t used; /* kept up to date for all but the newest */
  _Alignas(max_align_t) char bytes[];
};

static void use_first(sj__arena *arena) {
  arena->next = arena->first;
  arena->end = arena->first != NULL ? (char *)arena->first + arena->first_size : NULL;
}

void sj__arena_init(sj__arena *arena, void *first, size_t first_size, size_t limit) {
  *arena = (sj__arena){.limit = limit, .first = first, .first_size = first_size};
  use_first(arena);
}

/* Notes how far the present block was used, before another takes its place. */
static void settle(sj__arena *arena) {
  if (arena->blocks != NULL) {
    arena->blocks->used = (size_t)(arena->next - arena->blocks->bytes);
  } else if (arena->first != NULL) {
    arena->first_used = (size_t)(arena->next - (char *)arena->first);
  }
}

static bool add_block(sj__arena *arena, size_t needed) {
  size_t size = arena->blocks != NULL ? arena->blocks->size * 2 : BLOCK_MIN;
  if (size > BLOCK_MAX) size = BLOCK_MAX;
  if (size < needed) size = needed;
  size_t total;
  if (!sj__size_add(size, sizeof(sj__arena_block), &total)) return false;
  sj__arena_block *block = sj__malloc(total);
  if (block == NULL) return false;
  settle(arena);
  *block = (sj__arena_block){.next = arena->blocks, .size = size};
  arena->blocks = block;
  arena->next = block->bytes;
  arena->end = block->bytes + size;
  return true;
}

/* Bytes to skip so that the next address is aligned: the caller's block may start anywhere. */
static size_t padding_of(const sj__arena *arena) {
  return (size_t)(-(uintptr_t)arena->next & (ALIGNMENT - 1));
}

void *sj__arena_alloc(sj__arena *arena, size_t size) {
  if (size == 0) size = 1;
  size_t used;
  if (!sj__size_add(arena->used, size, &used)) return NULL;
  if (arena->limit != 0 && used > arena->limit) return NULL;
  size_t padding = padding_of(arena);
  size_t room = (size_t)(arena->end - arena->next);
  if (padding > room || size > room - padding) {
    if (!add_block(arena, size)) return NULL;
    padding = 0;
  }
  char *memory = arena->next + padding;
  arena->next = memory + size;
  arena->used = used;
  return memory;
}

void *sj__arena_calloc(sj__arena *arena, size_t count, size_t size) {
  size_t total;
  if (!sj__size_mul(count, size, &total)) return NULL;
  void *memory = sj__arena_alloc(arena, total);
  if (memory != NULL) memset(memory, 0, total);
  return memory;
}

sj_slice sj__arena_dup(sj__arena *arena, sj_slice slice) {
  size_t total;
  if (!sj__size_add(slice.size, 1, &total)) return (sj_slice){NULL, 0};
  char *copy = sj__arena_alloc(arena, total);
  if (copy == NULL) return (sj_slice){NULL, 0};
  if (slice.size > 0) memcpy(copy, slice.data, slice.size);
  copy[slice.size] = '\0';
  return (sj_slice){copy, slice.size};
}

char *sj__arena_printf(sj__arena *arena, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  char *text = size >= 0 ? sj__arena_alloc(arena, (size_t)size + 1) : NULL;
  if (text != NULL) vsnprintf(text, (size_t)size + 1, format, again);
  va_end(again);
  va_end(args);
  return text;
}

static void wipe_all(sj__arena *arena) {
  settle(arena);
  if (arena->first != NULL) sj__wipe(arena->first, arena->first_used);
  for (sj__arena_block *block = arena->blocks; block != NULL; block = block->next) {
    sj__wipe(block->bytes, block->used);
  }
  arena->first_used = 0;
}

static void free_blocks(sj__arena_block *block) {
  while (block != NULL) {
    sj__arena_block *next = block->next;
    sj__free(block);
    block = next;
  }
}

void sj__arena_reset(sj__arena *arena) {
  wipe_all(arena);
  arena->used = 0;
  sj__arena_block *kept = arena->blocks;
  if (kept != NULL && kept->size <= BLOCK_KEPT) {
    free_blocks(kept->next);
    kept->next = NULL;
    arena->next = kept->bytes;
    arena->end = kept->bytes + kept->size;
    return;
  }
  free_blocks(kept);
  arena->blocks = NULL;
  use_first(arena);
}

void sj__arena_release(sj__arena *arena) {
  wipe_all(arena);
  free_blocks(arena->blocks);
  sj__arena_init(arena, arena->first, arena->first_size, arena->limit);
}
