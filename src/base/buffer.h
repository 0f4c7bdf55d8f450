/*
 * A growable run of bytes that is written at its end.
 *
 * Errors stick: after the first failed append every later one does nothing, so
 * a caller writes a whole document and looks once, at sj__buffer_status.
 *
 * value type: init / release. Not thread-safe.
 */
#ifndef SJ_BASE_BUFFER_H
#define SJ_BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "sojourn/status.h"

typedef struct sj__buffer {
  char *data; /* NULL until something is written */
  size_t size;
  size_t capacity;
  size_t max;       /* of size; 0: none */
  sj_status status; /* SJ_OK, SJ_NO_MEMORY or SJ_TOO_LARGE */
} sj__buffer;

void sj__buffer_init(sj__buffer *buffer, size_t max);
void sj__buffer_release(sj__buffer *buffer); /* wipes */
void sj__buffer_reset(sj__buffer *buffer);   /* size 0 and no error; capacity kept */

void sj__buffer_append(sj__buffer *buffer, const void *data, size_t size);
void sj__buffer_append_slice(sj__buffer *buffer, sj_slice slice);
void sj__buffer_append_text(sj__buffer *buffer, const char *text);
void sj__buffer_append_char(sj__buffer *buffer, char c);
void sj__buffer_append_u64(sj__buffer *buffer, uint64_t value); /* decimal */
void sj__buffer_appendf(sj__buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sj__buffer_appendv(sj__buffer *buffer, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
#define sj__buffer_append_literal(buffer, literal) \
  sj__buffer_append((buffer), (literal), sizeof(literal) - 1)

/* Room for `size` more bytes at data + size; the caller writes and adds to size. NULL on error. */
char *sj__buffer_reserve(sj__buffer *buffer, size_t size);
/* Drops the first `size` bytes. */
void sj__buffer_consume(sj__buffer *buffer, size_t size);

SJ_MUST_USE sj_status sj__buffer_status(const sj__buffer *buffer);
static inline sj_slice sj__buffer_slice(const sj__buffer *buffer) {
  return sj__slice(buffer->data != NULL ? buffer->data : "", buffer->size);
}

#endif
