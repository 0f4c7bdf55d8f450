#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *system_malloc(void *context, size_t size) {
  return malloc(size);
}

static void *system_realloc(void *context, void *memory, size_t size) {
  return realloc(memory, size);
}

static void system_free(void *context, void *memory) {
  free(memory);
}

static const sj__allocator system_allocator = {system_malloc, system_realloc, system_free, NULL};
static sj__allocator current = {system_malloc, system_realloc, system_free, NULL};

void sj__allocator_install(const sj__allocator *allocator) {
  current = allocator != NULL ? *allocator : system_allocator;
}

/* ISO C lets malloc(0) be NULL, which here would read as "out of memory". */
static size_t at_least_one(size_t size) {
  return size > 0 ? size : 1;
}

void *sj__malloc(size_t size) {
  return current.malloc(current.context, at_least_one(size));
}

void *sj__calloc(size_t count, size_t size) {
  size_t total;
  if (!sj__size_mul(count, size, &total)) return NULL;
  void *memory = sj__malloc(total);
  if (memory != NULL) memset(memory, 0, total);
  return memory;
}

void *sj__realloc(void *memory, size_t size) {
  return current.realloc(current.context, memory, at_least_one(size));
}

void *sj__memdup(const void *memory, size_t size) {
  void *copy = sj__malloc(size);
  if (copy != NULL && size > 0) memcpy(copy, memory, size);
  return copy;
}

char *sj__strdup(const char *text) {
  return text != NULL ? sj__memdup(text, strlen(text) + 1) : NULL;
}

void sj__free(void *memory) {
  if (memory != NULL) current.free(current.context, memory);
}

void sj__wipe(void *memory, size_t size) {
  if (size > 0) explicit_bzero(memory, size);
}

void sj__free_secret(void *memory, size_t size) {
  if (memory == NULL) return;
  sj__wipe(memory, size);
  sj__free(memory);
}

bool sj__size_add(size_t a, size_t b, size_t *out) {
  return !__builtin_add_overflow(a, b, out);
}

bool sj__size_mul(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}

void sj__abort(const char *file, int line, const char *what) {
  fprintf(stderr, "sojourn: %s:%d: broken rule: %s\n", file, line, what);
  abort();
}
