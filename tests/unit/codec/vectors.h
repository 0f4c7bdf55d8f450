/* Reading the JSON files of tests/vectors. Header only. */
#ifndef SJ_TESTS_CODEC_VECTORS_H
#define SJ_TESTS_CODEC_VECTORS_H

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

#include "../../kit/hex.h"
#include "codec/json.h"

/* The folder: VECTORS from the build, or another to see whether the checks notice. */
static const char *vectors_folder = VECTORS;

/* Parses a file of the folder into the arena. */
static inline sj__json *read_vectors(sj__arena *arena, const char *name) {
  char path[4096];
  sj__json *root = NULL;
  sj_error error = {0};
  snprintf(path, sizeof(path), "%s/%s", vectors_folder, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *text = sj__arena_alloc(arena, 1 << 20);
  size_t size = fread(text, 1, 1 << 20, file);
  fclose(file);
  if (sj__json_parse(arena, sj__slice(text, size), &root, &error) != SJ_OK) {
    fail_msg("%s: %s", path, error.message);
  }
  return root;
}

static inline bool is_null(const sj__json *object, const char *name) {
  return sj__json_is_null(sj__json_member(object, name));
}

static inline sj_slice text_of(const sj__json *object, const char *name) {
  sj_slice text = {NULL, 0};
  assert_true(sj__json_text(sj__json_member(object, name), &text));
  return text;
}

/* {NULL,0} where it is null or absent. */
static inline sj_slice text_or_none(const sj__json *object, const char *name) {
  const sj__json *member = sj__json_member(object, name);
  return member == NULL || sj__json_is_null(member) ? (sj_slice){NULL, 0} : text_of(object, name);
}

static inline bool flag_of(const sj__json *object, const char *name) {
  bool flag = false;
  assert_true(sj__json_bool(sj__json_member(object, name), &flag));
  return flag;
}

/* A number, or a text of one where JavaScript's numbers would not hold it. */
static inline uint64_t number_of(const sj__json *object, const char *name) {
  sj__json *member = sj__json_member(object, name);
  uint64_t value = 0;
  sj_slice text;
  if (!sj__json_text(member, &text)) assert_true(sj__json_number(member, &text));
  assert_true(sj__slice_to_u64(text, UINT64_MAX, &value));
  return value;
}

static inline int64_t signed_of(const sj__json *object, const char *name) {
  sj__json *member = sj__json_member(object, name);
  sj_slice text;
  if (!sj__json_text(member, &text)) assert_true(sj__json_number(member, &text));
  bool negative = text.size > 0 && text.data[0] == '-';
  if (negative) text = sj__slice(text.data + 1, text.size - 1);
  uint64_t value = 0;
  assert_true(sj__slice_to_u64(text, INT64_MAX, &value));
  return negative ? -(int64_t)value : (int64_t)value;
}

/* Hexadecimal digits, into the arena. */
static inline sj_slice bytes_in(sj__arena *arena, sj_slice text) {
  const char *copy = sj__arena_dup(arena, text).data;
  return hex_bytes(copy, sj__arena_alloc(arena, text.size / 2 + 1));
}

static inline sj_slice bytes_of(sj__arena *arena, const sj__json *object, const char *name) {
  return bytes_in(arena, text_of(object, name));
}

static inline void assert_bytes(const void *actual, size_t size, sj_slice expected) {
  assert_int_equal(size, expected.size);
  if (size > 0) assert_memory_equal(actual, expected.data, size);
}

static inline void assert_text(sj_slice actual, sj_slice expected) {
  assert_int_equal(actual.data == NULL, expected.data == NULL);
  assert_bytes(actual.data, actual.size, expected);
}

#endif
