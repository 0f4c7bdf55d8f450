#include "codec/problem.h"

#include <stdbool.h>

#include "base/alloc.h"
#include "base/text.h"

typedef struct face {
  sj_status status;
  int http;
} face;

/* DESIGN.md 7. Only these reach a client under their own code. */
static const face faces[] = {
    {SJ_BAD_REQUEST, 400},
    {SJ_NO_CREDENTIAL, 401},
    {SJ_BAD_CREDENTIAL, 401},
    {SJ_EXPIRED, 401},
    {SJ_ENDED, 401},
    {SJ_REPLAYED, 401},
    {SJ_UNKNOWN, 401},
    {SJ_FORBIDDEN, 403},
    {SJ_STEP_UP, 403},
    {SJ_NOT_FOUND, 404},
    {SJ_METHOD_NOT_ALLOWED, 405},
    {SJ_CONTENDED, 409},
    {SJ_VERSION_MISMATCH, 412},
    {SJ_TOO_LARGE, 413},
    {SJ_UNSUPPORTED_MEDIA_TYPE, 415},
    {SJ_LIMITED, 429},
    {SJ_CORRUPT, 500},
    {SJ_UNAVAILABLE, 503},
    {SJ_FULL, 507},
};

static const face *find_face(sj_status status) {
  for (size_t i = 0; i < SJ__COUNT_OF(faces); i++) {
    if (faces[i].status == status) return &faces[i];
  }
  return NULL;
}

/* What a status means to a client; SJ_STATUS_COUNT: nothing it may be told. */
static sj_status told_as(sj_status status) {
  if (find_face(status) != NULL) return status;
  switch (status) {
    case SJ_RETIRED_KEY:
      return SJ_BAD_CREDENTIAL;
    case SJ_UNSUPPORTED:
      return SJ_BAD_REQUEST;
    case SJ_UNKNOWN_KEY: /* another server may have a newer keyring: not the client's fault */
    case SJ_BEHIND:
    case SJ_CANCELLED:
    case SJ_NO_MEMORY:
    case SJ_NO_ENTROPY:
    case SJ_IO:
    case SJ_BUSY:
    case SJ_CLOSED:
    case SJ_TIMED_OUT:
      return SJ_UNAVAILABLE;
    default:
      return SJ_STATUS_COUNT;
  }
}

int sj__status_http(sj_status status) {
  if (status == SJ_OK) return 200;
  const face *found = find_face(told_as(status));
  return found != NULL ? found->http : 500;
}

const char *sj__problem_code(sj_status status) {
  sj_status told = told_as(status);
  return told != SJ_STATUS_COUNT ? sj_status_code(told) : "internal";
}

const char *sj__http_phrase(int http) {
  switch (http) {
#define PHRASE(status, phrase) \
  case status:                 \
    return phrase
    PHRASE(200, "OK");
    PHRASE(201, "Created");
    PHRASE(204, "No Content");
    PHRASE(304, "Not Modified");
    PHRASE(400, "Bad Request");
    PHRASE(401, "Unauthorized");
    PHRASE(403, "Forbidden");
    PHRASE(404, "Not Found");
    PHRASE(405, "Method Not Allowed");
    PHRASE(408, "Request Timeout");
    PHRASE(409, "Conflict");
    PHRASE(412, "Precondition Failed");
    PHRASE(413, "Content Too Large");
    PHRASE(414, "URI Too Long");
    PHRASE(415, "Unsupported Media Type");
    PHRASE(417, "Expectation Failed");
    PHRASE(429, "Too Many Requests");
    PHRASE(431, "Request Header Fields Too Large");
    PHRASE(500, "Internal Server Error");
    PHRASE(501, "Not Implemented");
    PHRASE(503, "Service Unavailable");
    PHRASE(505, "HTTP Version Not Supported");
    PHRASE(507, "Insufficient Storage");
#undef PHRASE
    default:
      return "Unknown";
  }
}

static void append_member(sj__buffer *out, const char *name, sj_slice value) {
  sj__buffer_append_literal(out, ",");
  sj__append_json_string(out, sj__slice_text(name));
  sj__buffer_append_literal(out, ":");
  sj__append_json_string(out, value);
}

void sj__problem_write(const sj__problem *problem, sj__buffer *out) {
  sj_status told = told_as(problem->status);
  int http = problem->http != 0 ? problem->http : sj__status_http(problem->status);
  sj_slice detail = problem->detail;
  if (detail.data == NULL) {
    detail = sj__slice_text(told != SJ_STATUS_COUNT ? sj_status_text(told) : "internal error");
  }
  sj__buffer_append_literal(out, "{\"type\":\"about:blank\"");
  append_member(out, "title", sj__slice_text(sj__http_phrase(http)));
  sj__buffer_append_literal(out, ",\"status\":");
  sj__buffer_append_u64(out, (uint64_t)http);
  append_member(out, "code", sj__slice_text(sj__problem_code(problem->status)));
  append_member(out, "detail", detail);
  if (problem->applied != NULL) append_member(out, "applied", sj__slice_text(problem->applied));
  sj__buffer_append_char(out, '}');
}
