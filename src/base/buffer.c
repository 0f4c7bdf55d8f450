#include "base/buffer.h"

#include <stdio.h>

#include "base/alloc.h"

#define CAPACITY_MIN 64u

void sj__buffer_init(sj__buffer *buffer, size_t max) {
  *buffer = (sj__buffer){.max = max};
}

void sj__buffer_release(sj__buffer *buffer) {
  sj__free_secret(buffer->data, buffer->capacity);
  sj__buffer_init(buffer, buffer->max);
}

void sj__buffer_reset(sj__buffer *buffer) {
  buffer->size = 0;
  buffer->status = SJ_OK;
}

/* A new block rather than realloc, which could leave a copy of a secret behind. */
static bool grow(sj__buffer *buffer, size_t needed) {
  size_t capacity = buffer->capacity > 0 ? buffer->capacity : CAPACITY_MIN;
  while (capacity < needed) {
    if (!sj__size_mul(capacity, 2, &capacity)) capacity = needed;
  }
  char *data = sj__malloc(capacity);
  if (data == NULL) return false;
  if (buffer->data != NULL) memcpy(data, buffer->data, buffer->size);
  sj__free_secret(buffer->data, buffer->size);
  buffer->data = data;
  buffer->capacity = capacity;
  return true;
}

char *sj__buffer_reserve(sj__buffer *buffer, size_t size) {
  if (buffer->status != SJ_OK) return NULL;
  size_t needed;
  if (!sj__size_add(buffer->size, size, &needed) || (buffer->max != 0 && needed > buffer->max)) {
    buffer->status = SJ_TOO_LARGE;
    return NULL;
  }
  if ((needed > buffer->capacity || buffer->data == NULL) && !grow(buffer, needed)) {
    buffer->status = SJ_NO_MEMORY;
    return NULL;
  }
  return buffer->data + buffer->size;
}

void sj__buffer_append(sj__buffer *buffer, const void *data, size_t size) {
  if (size == 0) return;
  char *room = sj__buffer_reserve(buffer, size);
  if (room == NULL) return;
  memcpy(room, data, size);
  buffer->size += size;
}

void sj__buffer_append_slice(sj__buffer *buffer, sj_slice slice) {
  sj__buffer_append(buffer, slice.data, slice.size);
}

void sj__buffer_append_text(sj__buffer *buffer, const char *text) {
  sj__buffer_append(buffer, text, strlen(text));
}

void sj__buffer_append_char(sj__buffer *buffer, char c) {
  sj__buffer_append(buffer, &c, 1);
}

void sj__buffer_append_u64(sj__buffer *buffer, uint64_t value) {
  char digits[SJ__U64_DIGITS];
  sj__buffer_append_slice(buffer, sj__slice_of_u64(value, digits));
}

void sj__buffer_appendf(sj__buffer *buffer, const char *format, ...) {
  va_list args;
  va_start(args, format);
  sj__buffer_appendv(buffer, format, args);
  va_end(args);
}

/* vsnprintf writes a NUL too, which `max` does not count: hence the way round. */
static void append_long(sj__buffer *buffer, size_t size, const char *format, va_list args) {
  char *text = sj__malloc(size + 1);
  if (text == NULL) {
    if (buffer->status == SJ_OK) buffer->status = SJ_NO_MEMORY;
    return;
  }
  vsnprintf(text, size + 1, format, args);
  sj__buffer_append(buffer, text, size);
  sj__free_secret(text, size + 1);
}

void sj__buffer_appendv(sj__buffer *buffer, const char *format, va_list args) {
  char text[256];
  va_list again;
  va_copy(again, args);
  int size = vsnprintf(text, sizeof(text), format, args);
  SJ__REQUIRE(size >= 0);
  if ((size_t)size < sizeof(text)) {
    sj__buffer_append(buffer, text, (size_t)size);
  } else {
    append_long(buffer, (size_t)size, format, again);
  }
  sj__wipe(text, sizeof(text));
  va_end(again);
}

void sj__buffer_consume(sj__buffer *buffer, size_t size) {
  SJ__REQUIRE(size <= buffer->size);
  if (size == 0) return;
  buffer->size -= size;
  memmove(buffer->data, buffer->data + size, buffer->size);
}

sj_status sj__buffer_status(const sj__buffer *buffer) {
  return buffer->status;
}
