#include "front/input.h"

#include "base/alloc.h"
#include "base/errors.h"
#include "codec/units.h"

/* --- Queries and path segments ------------------------------------------------ */

static bool needs_decoding(sj_slice text, bool plus_is_space) {
  return text.size > 0 && (memchr(text.data, '%', text.size) != NULL ||
                           (plus_is_space && memchr(text.data, '+', text.size) != NULL) ||
                           memchr(text.data, '\0', text.size) != NULL);
}

sj_status sj__input_decode(sj__arena *arena, sj_slice text, bool plus_is_space, sj_slice *out) {
  *out = text;
  if (!needs_decoding(text, plus_is_space)) return SJ_OK;
  sj__buffer decoded;
  sj__buffer_init(&decoded, 0);
  sj_status status = sj__percent_decode(&decoded, text, plus_is_space);
  if (status == SJ_OK) *out = sj__arena_dup(arena, sj__buffer_slice(&decoded));
  sj__buffer_release(&decoded);
  if (status == SJ_INVALID) return SJ_BAD_REQUEST;
  return status == SJ_OK && out->data == NULL ? SJ_NO_MEMORY : status;
}

static sj_slice take_until(sj_slice *rest, char end) {
  const char *found = rest->size > 0 ? memchr(rest->data, end, rest->size) : NULL;
  sj_slice part = found != NULL ? sj__slice(rest->data, (size_t)(found - rest->data)) : *rest;
  size_t used = found != NULL ? part.size + 1 : part.size;
  *rest = sj__slice(rest->data + used, rest->size - used);
  return part;
}

static sj_status refuse_parameter(sj_error *error, const char *what, sj_slice name,
                                  const char *const *names, size_t count) {
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj__buffer_append_text(&text, what);
  sj__buffer_append_literal(&text, " query parameter \"");
  sj__json_append_name(&text, name);
  sj__buffer_append_literal(&text, "\"; allowed here: ");
  for (size_t i = 0; i < count; i++) {
    sj__buffer_appendf(&text, "%s%s", i > 0 ? ", " : "", names[i]);
  }
  if (count == 0) sj__buffer_append_literal(&text, "none");
  sj_slice message = sj__buffer_slice(&text);
  sj_status status = sj__fail(error, SJ_BAD_REQUEST, "%.*s", (int)message.size, message.data);
  sj__buffer_release(&text);
  return status;
}

static sj_status read_parameter(sj__arena *arena, sj_slice pair, const char *const *names,
                                size_t count, sj_slice *values, sj_error *error) {
  sj_slice name = take_until(&pair, '=');
  sj_slice value;
  if (sj__input_decode(arena, name, true, &name) != SJ_OK ||
      sj__input_decode(arena, pair, true, &value) != SJ_OK) {
    return sj__fail(error, SJ_BAD_REQUEST, "the query has a malformed %% escape or a NUL");
  }
  /* RFC 6750 2.3's place for a credential: no credential for us, and no mistake (DESIGN.md 3). */
  if (sj__slice_equal(name, SJ__SLICE("access_token"))) return SJ_OK;
  for (size_t i = 0; i < count; i++) {
    if (!sj__slice_equal(name, sj__slice_text(names[i]))) continue;
    if (values[i].data != NULL) return refuse_parameter(error, "repeated", name, names, count);
    values[i] = value;
    return SJ_OK;
  }
  return refuse_parameter(error, "unknown", name, names, count);
}

sj_status sj__query_parse(sj__arena *arena, sj_slice query, const char *const *names, size_t count,
                          sj_slice *values, sj_error *error) {
  for (size_t i = 0; i < count; i++) values[i] = (sj_slice){NULL, 0};
  while (query.size > 0) {
    sj_slice pair = take_until(&query, '&');
    if (pair.size == 0) continue;
    sj_status status = read_parameter(arena, pair, names, count, values, error);
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}

/* --- Bodies ------------------------------------------------------------------- */

static bool is_utf8_charset(sj_slice parameter) {
  parameter = sj__slice_trim(parameter);
  return sj__slice_equal_nocase(parameter, SJ__SLICE("charset=utf-8")) ||
         sj__slice_equal_nocase(parameter, SJ__SLICE("charset=\"utf-8\""));
}

/* RFC 9110 8.3.1: a type without case, then parameters after semicolons. */
static bool is_type(sj_slice value, const char *type) {
  sj_slice essence = sj__slice_trim(take_until(&value, ';'));
  if (!sj__slice_equal_nocase(essence, sj__slice_text(type))) return false;
  while (value.size > 0) {
    sj_slice parameter = take_until(&value, ';');
    if (sj__slice_trim(parameter).size > 0 && !is_utf8_charset(parameter)) return false;
  }
  return true;
}

static sj_status check_type(const sj__http_request *request, const char *type, sj_error *error) {
  size_t types, encodings;
  sj_slice value = sj__http_field_get(request, "Content-Type", &types);
  sj_slice encoding = sj__http_field_get(request, "Content-Encoding", &encodings);
  if (encodings > 0 && !sj__slice_equal_nocase(encoding, SJ__SLICE("identity"))) {
    return sj__fail(error, SJ_UNSUPPORTED_MEDIA_TYPE, "bodies are taken without Content-Encoding");
  }
  if (types != 1 || !is_type(value, type)) {
    return sj__fail(error, SJ_UNSUPPORTED_MEDIA_TYPE, "the body must be %s in UTF-8", type);
  }
  return SJ_OK;
}

sj_status sj__body_parse(const sj__http_request *request, const char *type, sj__json **object,
                         sj_slice *text, sj_error *error) {
  sj_slice body = SJ__SLICE("{}");
  if (request->body.size > 0) {
    sj_status status = check_type(request, type, error);
    if (status != SJ_OK) return status;
    body = request->body;
  }
  if (text != NULL) *text = body;
  sj_status status = sj__json_parse(request->arena, body, object, error);
  if (status == SJ_INVALID || status == SJ_TOO_LARGE) {
    if (error != NULL) error->status = SJ_BAD_REQUEST;
    return SJ_BAD_REQUEST;
  }
  if (status == SJ_OK && !sj__json_is_object(*object)) {
    return sj__fail(error, SJ_BAD_REQUEST, "the body must be a JSON object");
  }
  return status;
}

/* --- Conditions ----------------------------------------------------------------- */

sj_status sj__if_match_parse(const sj__http_request *request, uint64_t *version, sj_error *error) {
  size_t count;
  sj_slice tag = sj__http_field_get(request, "If-Match", &count);
  *version = 0;
  if (count == 0 || (count == 1 && sj__slice_equal(tag, SJ__SLICE("*")))) return SJ_OK;
  bool weak = sj__slice_starts(tag, SJ__SLICE("W/"));
  if (weak) tag = sj__slice(tag.data + 2, tag.size - 2);
  bool one = count == 1 && tag.size >= 2 && tag.data[0] == '"' && tag.data[tag.size - 1] == '"';
  if (one) tag = sj__slice(tag.data + 1, tag.size - 2);
  if (!one || memchr(tag.data, '"', tag.size) != NULL) {
    return sj__fail(error, SJ_BAD_REQUEST, "If-Match must be one entity tag, such as \"3\", or *");
  }
  /* RFC 9110 13.1.1: a weak tag never matches; no session has version 0. */
  if (weak || !sj__slice_to_u64(tag, UINT64_MAX, version) || *version == 0) *version = UINT64_MAX;
  return SJ_OK;
}

sj_status sj__consistency_parse(const sj__http_request *request, bool *strong, sj_error *error) {
  size_t count;
  sj_slice value = sj__http_field_get(request, "Sojourn-Consistency", &count);
  *strong = count > 0;
  if (count == 0 || (count == 1 && sj__slice_equal(value, SJ__SLICE("strong")))) return SJ_OK;
  return sj__fail(error, SJ_BAD_REQUEST, "Sojourn-Consistency must be \"strong\"");
}
