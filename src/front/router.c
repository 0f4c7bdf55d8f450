#include "front/router.h"

#include <string.h>

/* Takes "/segment" off the front of `rest`; false: there is none. */
static bool take_segment(sj_slice *rest, sj_slice *segment) {
  if (rest->size == 0 || rest->data[0] != '/') return false;
  const char *start = rest->data + 1;
  size_t left = rest->size - 1;
  const char *end = memchr(start, '/', left);
  *segment = sj__slice(start, end != NULL ? (size_t)(end - start) : left);
  *rest = sj__slice(start + segment->size, left - segment->size);
  return true;
}

static bool is_parameter(sj_slice segment) {
  return segment.size > 0 && segment.data[0] == '{';
}

/*
 * Paths compare byte by byte, before decoding: an encoded letter or slash, a
 * dot segment or a doubled slash is another path, here as for any proxy.
 */
static bool fits(const char *pattern, sj_slice path, sj_slice parameters[SJ__ROUTE_PARAMETERS]) {
  sj_slice expected_rest = sj__slice_text(pattern);
  sj_slice expected, actual;
  size_t found = 0;
  while (take_segment(&expected_rest, &expected)) {
    if (!take_segment(&path, &actual)) return false;
    if (is_parameter(expected)) {
      if (actual.size == 0) return false;
      parameters[found++] = actual;
    } else if (!sj__slice_equal(expected, actual)) {
      return false;
    }
  }
  return path.size == 0;
}

const sj__route *sj__route_find(const sj__route *routes, size_t count, sj_slice path,
                                sj_slice parameters[SJ__ROUTE_PARAMETERS]) {
  for (size_t i = 0; i < count; i++) {
    if (fits(routes[i].pattern, path, parameters)) return &routes[i];
  }
  return NULL;
}

sj__route_handler *sj__route_handler_of(const sj__route *route, sj__http_method method) {
  if (method == SJ__HTTP_HEAD) method = SJ__HTTP_GET;
  for (size_t i = 0; i < SJ__ROUTE_METHODS && route->methods[i].handler != NULL; i++) {
    const sj__route_method *candidate = &route->methods[i];
    if (candidate->method == method || candidate->method == SJ__HTTP_OTHER) {
      return candidate->handler;
    }
  }
  return NULL;
}

void sj__route_append_allow(const sj__route *route, sj__buffer *out) {
  static const char *const names[] = {
      [SJ__HTTP_GET] = "GET, HEAD, ", [SJ__HTTP_POST] = "POST, ",     [SJ__HTTP_PUT] = "PUT, ",
      [SJ__HTTP_PATCH] = "PATCH, ",   [SJ__HTTP_DELETE] = "DELETE, ",
  };
  for (size_t i = 0; i < SJ__ROUTE_METHODS && route->methods[i].handler != NULL; i++) {
    sj__buffer_append_text(out, names[route->methods[i].method]);
  }
  sj__buffer_append_literal(out, "OPTIONS");
}
