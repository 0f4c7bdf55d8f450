/* A problem document is JSON whatever its detail says, and says it. */
#include <stdint.h>

#include "base/alloc.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_document(sj__arena *arena, const sj__problem *problem, sj_slice document) {
  sj__json *root;
  sj_slice code, detail;
  uint64_t status = 0;
  SJ__REQUIRE(sj__json_parse(arena, document, &root, NULL) == SJ_OK && sj__json_is_object(root));
  SJ__REQUIRE(sj__json_u64(sj__json_member(root, "status"), 599, &status) && status >= 200);
  SJ__REQUIRE(status == (uint64_t)sj__status_http(problem->status));
  SJ__REQUIRE(sj__json_text(sj__json_member(root, "code"), &code) && code.size > 0);
  SJ__REQUIRE(sj__json_text(sj__json_member(root, "detail"), &detail));
  if (sj__utf8_valid(problem->detail)) SJ__REQUIRE(sj__slice_equal(detail, problem->detail));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  sj__problem problem = {.status = (sj_status)(data[0] % SJ_STATUS_COUNT),
                         .detail = sj__slice(data + 1, size - 1),
                         .applied = data[0] >= 128 ? "unknown" : NULL};
  sj__arena arena;
  sj__buffer out;
  sj__arena_init(&arena, NULL, 0, 0);
  sj__buffer_init(&out, 0);
  sj__problem_write(&problem, &out);
  SJ__REQUIRE(sj__buffer_status(&out) == SJ_OK);
  check_document(&arena, &problem, sj__buffer_slice(&out));
  sj__buffer_release(&out);
  sj__arena_release(&arena);
  return 0;
}
