/*
 * Memory. Everything that Sojourn allocates goes through here, so that tests can
 * count it and make it fail (docs/memory.md, also for third-party libraries).
 */
#ifndef SJ_BASE_ALLOC_H
#define SJ_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sj__allocator {
  void *(*malloc)(void *context, size_t size);
  void *(*realloc)(void *context, void *memory, size_t size);
  void (*free)(void *context, void *memory);
  void *context;
} sj__allocator;

/*
 * Replaces the allocator; NULL puts the C library's back. Before any other
 * call, from one thread: blocks must be freed by the allocator that made them.
 */
void sj__allocator_install(const sj__allocator *allocator);

/* NULL when out of memory, and then nothing has changed. Size 0 gives a unique pointer. */
void *sj__malloc(size_t size);
void *sj__calloc(size_t count, size_t size); /* zeroed; NULL when count * size overflows */
void *sj__realloc(void *memory, size_t size);
void *sj__memdup(const void *memory, size_t size);
char *sj__strdup(const char *text); /* NULL in, NULL out */

/* NULL is allowed. */
void sj__free(void *memory);

/* Overwrites so that the compiler can't leave it out, then frees. For secrets. */
void sj__free_secret(void *memory, size_t size);
void sj__wipe(void *memory, size_t size);

/* Checked size arithmetic: false when the result doesn't fit. */
bool sj__size_add(size_t a, size_t b, size_t *out);
bool sj__size_mul(size_t a, size_t b, size_t *out);

/*
 * Says what a programmer did wrong and aborts. Kept in release builds: a
 * session layer that goes on in an impossible state is worse than none.
 */
_Noreturn void sj__abort(const char *file, int line, const char *what);
#define SJ__REQUIRE(condition) ((condition) ? (void)0 : sj__abort(__FILE__, __LINE__, #condition))

#define SJ__CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define SJ__COUNT_OF(array)                     (sizeof(array) / sizeof((array)[0]))

#endif
