/* Which route a path is, which methods it has. */
#include "../unit.h"

#include "base/alloc.h"
#include "front/exchange.h"
#include "front/router.h"

static const sj__route *find(const char *path, sj_slice parameters[SJ__ROUTE_PARAMETERS]) {
  parameters[0] = parameters[1] = (sj_slice){NULL, 0};
  return sj__route_find(sj__routes, sj__route_count, sj__slice_text(path), parameters);
}

static void assert_route(const char *path, const char *pattern, const char *first,
                         const char *second) {
  sj_slice parameters[SJ__ROUTE_PARAMETERS];
  const sj__route *route = find(path, parameters);
  assert_non_null(route);
  assert_string_equal(route->pattern, pattern);
  assert_true(sj__slice_equal(parameters[0], sj__slice_text(first)));
  assert_true(sj__slice_equal(parameters[1], sj__slice_text(second)));
}

static void finds_routes_and_their_parameters(void **state) {
  assert_route("/check", "/check", NULL, NULL);
  assert_route("/v1/session", "/v1/session", NULL, NULL);
  assert_route("/v1/sessions", "/v1/sessions", NULL, NULL);
  assert_route("/v1/sessions/x", "/v1/sessions/{sid}", "x", NULL);
  assert_route("/v1/subjects/a%2Fb/sessions", "/v1/subjects/{subject}/sessions", "a%2Fb", NULL);
  assert_route("/v1/subjects/sessions/sessions/sessions", "/v1/subjects/{subject}/sessions/{sid}",
               "sessions", "sessions");
  assert_route("/v1/subjects/../sessions", "/v1/subjects/{subject}/sessions", "..", NULL);
}

static void finds_nothing_else(void **state) {
  static const char *const paths[] = {"",
                                      "/",
                                      "*",
                                      "check",
                                      "//check",
                                      "/check/",
                                      "/Check",
                                      "/chec",
                                      "/checks",
                                      "/%63heck",
                                      "/v1/session/",
                                      "/v1//session",
                                      "/v1/.",
                                      "/v1",
                                      "/v1/",
                                      "/v1/sessions/",
                                      "/v1/sessions//",
                                      "/v1/sessions/a/",
                                      "/v1/sessions/a/b",
                                      "/v1/subjects//sessions",
                                      "/v1/subjects/a/sessions/",
                                      "/{subject}"};
  sj_slice parameters[SJ__ROUTE_PARAMETERS];
  for (size_t i = 0; i < SJ__COUNT_OF(paths); i++) {
    if (find(paths[i], parameters) != NULL) fail_msg("found %s", paths[i]);
  }
}

/* Each has a role or is open to all, and a label that can stand in a metric. */
static void every_route_is_found_by_its_own_pattern(void **state) {
  sj_slice parameters[SJ__ROUTE_PARAMETERS];
  for (size_t i = 0; i < sj__route_count; i++) {
    const sj__route *route = &sj__routes[i];
    assert_ptr_equal(find(route->pattern, parameters), route);
    assert_non_null(route->methods[0].handler);
    assert_true(!route->bearer_is_key || route->needs_key);
    assert_true(!route->needs_key || route->role != 0);
    assert_null(strpbrk(route->pattern, "\"\\\n"));
  }
}

static void methods_and_what_is_allowed(void **state) {
  sj_slice parameters[SJ__ROUTE_PARAMETERS];
  const sj__route *own = find("/v1/session", parameters);
  assert_ptr_equal(sj__route_handler_of(own, SJ__HTTP_GET),
                   sj__route_handler_of(own, SJ__HTTP_HEAD));
  assert_non_null(sj__route_handler_of(own, SJ__HTTP_PATCH));
  assert_null(sj__route_handler_of(own, SJ__HTTP_PUT));
  assert_null(sj__route_handler_of(own, SJ__HTTP_OTHER));
  assert_null(sj__route_handler_of(own, SJ__HTTP_OPTIONS));
  sj__buffer allow;
  sj__buffer_init(&allow, 0);
  sj__route_append_allow(own, &allow);
  assert_true(
      sj__slice_equal(sj__buffer_slice(&allow), SJ__SLICE("GET, HEAD, PATCH, DELETE, OPTIONS")));
  sj__buffer_release(&allow);
  const sj__route *check = find("/check", parameters);
  for (int method = SJ__HTTP_OTHER; method <= SJ__HTTP_OPTIONS; method++) {
    assert_non_null(sj__route_handler_of(check, (sj__http_method)method));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_routes_and_their_parameters),
      cmocka_unit_test(finds_nothing_else),
      cmocka_unit_test(every_route_is_found_by_its_own_pattern),
      cmocka_unit_test(methods_and_what_is_allowed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
