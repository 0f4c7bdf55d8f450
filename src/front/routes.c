/* The table of DESIGN.md 7. Kept in step with docs/openapi.yaml by tests/e2e/api.test.mjs. */
#include "base/alloc.h"
#include "front/check/check_front.h"
#include "front/exchange.h"
#include "front/ops/ops_front.h"
#include "front/sessions/sessions_front.h"

const sj__route sj__routes[] = {
    {"/check", SJ__ROLE_CHECK, false, false, {{SJ__HTTP_OTHER, sj__check}}},
    {"/v1/session",
     SJ__ROLE_APP,
     true,
     false,
     {{SJ__HTTP_GET, sj__session_get},
      {SJ__HTTP_PATCH, sj__session_patch},
      {SJ__HTTP_DELETE, sj__session_end}}},
    {"/v1/session/rotate", SJ__ROLE_APP, true, false, {{SJ__HTTP_POST, sj__session_rotate}}},
    {"/v1/sessions", SJ__ROLE_APP, true, true, {{SJ__HTTP_POST, sj__session_create}}},
    {"/v1/subjects/{subject}/sessions",
     SJ__ROLE_APP,
     true,
     true,
     {{SJ__HTTP_GET, sj__subject_list}, {SJ__HTTP_DELETE, sj__subject_end}}},
    {"/v1/subjects/{subject}/sessions/{sid}",
     SJ__ROLE_APP,
     true,
     true,
     {{SJ__HTTP_DELETE, sj__subject_end_one}}},
    {"/v1/sessions/{sid}",
     SJ__ROLE_ADMIN,
     true,
     true,
     {{SJ__HTTP_GET, sj__admin_get}, {SJ__HTTP_DELETE, sj__admin_end}}},
    {"/v1/revocations", SJ__ROLE_ADMIN, true, true, {{SJ__HTTP_POST, sj__admin_revoke}}},
    {"/healthz", 0, false, false, {{SJ__HTTP_GET, sj__ops_health}}},
    {"/readyz", 0, false, false, {{SJ__HTTP_GET, sj__ops_ready}}},
    {"/metrics", SJ__ROLE_METRICS, true, true, {{SJ__HTTP_GET, sj__ops_metrics}}},
};

const size_t sj__route_count = SJ__COUNT_OF(sj__routes);
