/*
 * A request line and, apart from it, a Host field. The parts of an accepted
 * line are cut from it, hold only what RFC 3986 allows, and make up the line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http/http_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(sj_slice part, sj_slice whole) {
  return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

static void check_bytes(sj_slice part, const char *forbidden) {
  for (size_t i = 0; i < part.size; i++) {
    unsigned char c = (unsigned char)part.data[i];
    SJ__REQUIRE(c > 0x20 && c < 0x7f && strchr(forbidden, c) == NULL);
  }
}

static void check_line(const sj__http_exchange *exchange, sj_slice line) {
  const sj__http_request *request = &exchange->request;
  bool star = sj__slice_equal(request->path, SJ__SLICE("*"));
  SJ__REQUIRE(is_within(request->method_text, line) && request->method_text.data == line.data);
  SJ__REQUIRE(request->path.size > 0 && (request->path.data[0] == '/' || star));
  SJ__REQUIRE(!star || request->method == SJ__HTTP_OPTIONS);
  check_bytes(request->method_text, "()<>@,;:\\\"/[]?={}");
  check_bytes(request->path, "\"<>\\^`{|}#[]?");
  check_bytes(request->query, "\"<>\\^`{|}#[]");
  if (request->host.data != NULL) {
    SJ__REQUIRE(is_within(request->host, line) && sj__http_host_is_valid(request->host));
    return;
  }
  sj__buffer joined;
  sj__buffer_init(&joined, 0);
  sj__buffer_append_slice(&joined, request->method_text);
  sj__buffer_append_char(&joined, ' ');
  sj__buffer_append_slice(&joined, request->path);
  if (request->query.data != NULL) sj__buffer_append_char(&joined, '?');
  sj__buffer_append_slice(&joined, request->query);
  sj__buffer_append_text(&joined, exchange->is_http_1_0 ? " HTTP/1.0" : " HTTP/1.1");
  SJ__REQUIRE(sj__slice_equal(sj__buffer_slice(&joined), line));
  sj__buffer_release(&joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static sj__http_exchange exchange;
  sj__http_refusal refusal = {0, NULL};
  sj_slice line = sj__slice(size > 0 ? (const char *)data : "", size);
  sj__http_exchange_init(&exchange, NULL);
  if (sj__http_read_request_line(&exchange, line, &refusal)) {
    SJ__REQUIRE(refusal.status == 0);
    check_line(&exchange, line);
  } else {
    SJ__REQUIRE(refusal.status == 400 || refusal.status == 501 || refusal.status == 505);
    SJ__REQUIRE(refusal.why != NULL);
  }
  sj__http_exchange_clear(&exchange);
  if (sj__http_host_is_valid(line)) check_bytes(line, "/?#@\\\"<>^`{|}");
  return 0;
}
