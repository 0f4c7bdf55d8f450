/* Problem documents and the HTTP face of every status. */
#include "../unit.h"

#include "codec/problem.h"

#include "base/alloc.h"

/* Each status of the table, once: a new one must be decided here. */
static const struct {
  sj_status status;
  int http;
  const char *code;
} faces[] = {
    {SJ_OK, 200, NULL},
    {SJ_MISSING, 500, "internal"},
    {SJ_ENDED, 401, "ended"},
    {SJ_BEHIND, 503, "unavailable"},
    {SJ_CONFLICT, 500, "internal"},
    {SJ_UNAVAILABLE, 503, "unavailable"},
    {SJ_TOO_LARGE, 413, "too_large"},
    {SJ_FULL, 507, "full"},
    {SJ_CORRUPT, 500, "corrupt"},
    {SJ_CANCELLED, 503, "unavailable"},
    {SJ_MISUSE, 500, "internal"},
    {SJ_NO_CREDENTIAL, 401, "no_credential"},
    {SJ_BAD_CREDENTIAL, 401, "bad_credential"},
    {SJ_EXPIRED, 401, "expired"},
    {SJ_REPLAYED, 401, "replayed"},
    {SJ_UNKNOWN, 401, "unknown"},
    {SJ_UNKNOWN_KEY, 503, "unavailable"},
    {SJ_RETIRED_KEY, 401, "bad_credential"},
    {SJ_STEP_UP, 403, "step_up"},
    {SJ_LIMITED, 429, "limited"},
    {SJ_FORBIDDEN, 403, "forbidden"},
    {SJ_NOT_FOUND, 404, "not_found"},
    {SJ_METHOD_NOT_ALLOWED, 405, "method_not_allowed"},
    {SJ_BAD_REQUEST, 400, "bad_request"},
    {SJ_UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type"},
    {SJ_VERSION_MISMATCH, 412, "version_mismatch"},
    {SJ_CONTENDED, 409, "contended"},
    {SJ_INVALID, 500, "internal"},
    {SJ_NO_MEMORY, 503, "unavailable"},
    {SJ_NO_ENTROPY, 503, "unavailable"},
    {SJ_IO, 503, "unavailable"},
    {SJ_PERMISSION, 500, "internal"},
    {SJ_BUSY, 503, "unavailable"},
    {SJ_MISMATCH, 500, "internal"},
    {SJ_CLOSED, 503, "unavailable"},
    {SJ_TIMED_OUT, 503, "unavailable"},
    {SJ_UNSUPPORTED, 400, "bad_request"},
};

static void every_status(void **state) {
  (void)state;
  bool seen[SJ_STATUS_COUNT] = {false};
  for (size_t i = 0; i < SJ__COUNT_OF(faces); i++) {
    seen[faces[i].status] = true;
    if (sj__status_http(faces[i].status) != faces[i].http) {
      fail_msg("%s is %d", sj_status_code(faces[i].status), sj__status_http(faces[i].status));
    }
    if (faces[i].code != NULL) {
      assert_string_equal(sj__problem_code(faces[i].status), faces[i].code);
    }
    assert_string_not_equal(sj__http_phrase(faces[i].http), "Unknown");
  }
  for (int i = 0; i < SJ_STATUS_COUNT; i++) assert_true(seen[i]);
}

static void assert_written(sj__problem problem, const char *text) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__problem_write(&problem, &out);
  sj__buffer_append_char(&out, '\0');
  assert_string_equal(out.data, text);
  sj__buffer_release(&out);
}

static void documents(void **state) {
  (void)state;
  assert_written((sj__problem){.status = SJ_EXPIRED},
                 "{\"type\":\"about:blank\",\"title\":\"Unauthorized\",\"status\":401,"
                 "\"code\":\"expired\",\"detail\":\"the session has expired\"}");
  assert_written((sj__problem){.status = SJ_UNAVAILABLE, .applied = "unknown"},
                 "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
                 "\"code\":\"unavailable\",\"detail\":\"the store cannot answer now\","
                 "\"applied\":\"unknown\"}");
  assert_written((sj__problem){.status = SJ_LIMITED, .http = 403},
                 "{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403,"
                 "\"code\":\"limited\",\"detail\":\"too many requests\"}");
  assert_written((sj__problem){.status = SJ_BAD_REQUEST, .detail = SJ__SLICE("say \"hi\"\n")},
                 "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                 "\"code\":\"bad_request\",\"detail\":\"say \\\"hi\\\"\\n\"}");
}

/* Our own troubles are told as what they mean to a client, never as what they are. */
static void internals_stay_inside(void **state) {
  (void)state;
  assert_written((sj__problem){.status = SJ_UNKNOWN_KEY},
                 "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
                 "\"code\":\"unavailable\",\"detail\":\"the store cannot answer now\"}");
  assert_written((sj__problem){.status = SJ_RETIRED_KEY},
                 "{\"type\":\"about:blank\",\"title\":\"Unauthorized\",\"status\":401,"
                 "\"code\":\"bad_credential\",\"detail\":\"the session credential is not valid\"}");
  assert_written((sj__problem){.status = SJ_MISUSE},
                 "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500,"
                 "\"code\":\"internal\",\"detail\":\"internal error\"}");
}

/* RFC 9110 15, RFC 6585, RFC 4918: those that the HTTP server answers by itself too. */
static void phrases(void **state) {
  static const struct {
    int http;
    const char *phrase;
  } known[] = {
      {200, "OK"},
      {201, "Created"},
      {204, "No Content"},
      {304, "Not Modified"},
      {408, "Request Timeout"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {417, "Expectation Failed"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {501, "Not Implemented"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
      {599, "Unknown"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(known); i++) {
    assert_string_equal(sj__http_phrase(known[i].http), known[i].phrase);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_status),
      cmocka_unit_test(phrases),
      cmocka_unit_test(documents),
      cmocka_unit_test(internals_stay_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
