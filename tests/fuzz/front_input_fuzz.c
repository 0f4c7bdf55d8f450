/*
 * What requests say beside their credential. The first byte chooses: a query
 * string, the query of /check, an If-Match field, a body with its type.
 */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "front/check/check_front.h"
#include "front/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void query(sj__arena *arena, sj_slice text) {
  static const char *const names[] = {"cursor", "limit"};
  sj_slice values[2], first;
  sj_error error = {0};
  sj_status status = sj__query_parse(arena, text, names, 2, values, &error);
  SJ__REQUIRE(status == SJ_OK || (status == SJ_BAD_REQUEST && error.message[0] != '\0'));
  if (status != SJ_OK) return;
  /* Twice the same parameter is refused. */
  sj__buffer twice;
  sj__buffer_init(&twice, 0);
  sj__buffer_append_slice(&twice, text);
  sj__buffer_append_literal(&twice, "&limit=1&limit=1");
  SJ__REQUIRE(sj__query_parse(arena, sj__buffer_slice(&twice), names, 2, values, NULL) ==
              SJ_BAD_REQUEST);
  sj__buffer_release(&twice);
  SJ__REQUIRE(sj__input_decode(arena, text, false, &first) != SJ_OK || first.size <= text.size);
}

static void check_query(sj__arena *arena, sj_slice text) {
  sj__check_query parsed = {0};
  sj_error error = {0};
  sj_status status = sj__check_query_parse(arena, text, &parsed, &error);
  SJ__REQUIRE(status == SJ_OK || (status == SJ_FORBIDDEN && error.message[0] != '\0'));
}

static void if_match(sj__arena *arena, sj_slice text) {
  const sj__http_field field = {SJ__SLICE("if-match"), sj__slice_trim(text)};
  const sj__http_request request = {.fields = &field, .field_count = 1, .arena = arena};
  uint64_t version = 0;
  sj_error error = {0};
  sj_status status = sj__if_match_parse(&request, &version, &error);
  SJ__REQUIRE(status == SJ_OK || (status == SJ_BAD_REQUEST && error.message[0] != '\0'));
  /* 0 would make a conditional write an unconditional one. */
  if (status == SJ_OK && version == 0) {
    SJ__REQUIRE(sj__slice_equal(field.value, SJ__SLICE("*")));
  }
}

static void body(sj__arena *arena, sj_slice text) {
  const char *end = text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
  if (end == NULL) return;
  sj_slice type = sj__slice_trim(sj__slice(text.data, (size_t)(end - text.data)));
  const sj__http_field field = {SJ__SLICE("Content-Type"), type};
  const sj__http_request request = {
      .fields = &field,
      .field_count = 1,
      .arena = arena,
      .body = sj__slice(end + 1, text.size - (size_t)(end + 1 - text.data)),
  };
  sj__json *object = NULL;
  sj_slice sent;
  sj_error error = {0};
  sj_status status = sj__body_parse(&request, "application/json", &object, &sent, &error);
  if (status == SJ_OK) {
    SJ__REQUIRE(sj__json_is_object(object) && sent.size >= 2);
  } else {
    SJ__REQUIRE(status == error.status && error.message[0] != '\0');
    SJ__REQUIRE(status == SJ_BAD_REQUEST || status == SJ_UNSUPPORTED_MEDIA_TYPE);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static void (*const readings[])(sj__arena * arena, sj_slice text) = {query, check_query, if_match,
                                                                       body};
  if (size == 0) return 0;
  sj__arena arena;
  sj__arena_init(&arena, NULL, 0, 0);
  readings[data[0] % SJ__COUNT_OF(readings)](&arena, sj__slice(data + 1, size - 1));
  sj__arena_release(&arena);
  return 0;
}
