/*
 * The input is a target and a patch with a byte 0x1E between them. A merge is an object, applying
 * the patch again changes nothing, and `changed` is true exactly when the result differs.
 */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_result(sj__arena *arena, sj_slice target, sj_slice patch, sj_slice result,
                         bool changed) {
  sj__json *before, *after;
  bool equal, changed_again;
  SJ__REQUIRE(sj__json_parse(arena, result, &after, NULL) == SJ_OK && sj__json_is_object(after));
  sj_slice text = target.size > 0 ? target : SJ__SLICE("{}");
  SJ__REQUIRE(sj__json_parse(arena, text, &before, NULL) == SJ_OK);
  SJ__REQUIRE(sj__json_equal(arena, before, after, &equal) == SJ_OK && equal == !changed);
  sj__buffer again;
  sj__buffer_init(&again, 0);
  SJ__REQUIRE(sj__json_merge_patch(arena, result, patch, &again, &changed_again, NULL) == SJ_OK);
  SJ__REQUIRE(!changed_again && sj__slice_equal(sj__buffer_slice(&again), result));
  sj__buffer_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *split = size > 0 ? memchr(data, 0x1E, size) : NULL;
  if (split == NULL) return 0;
  sj_slice target = sj__slice(data, (size_t)(split - data));
  sj_slice patch = sj__slice(split + 1, size - target.size - 1);
  sj__arena arena;
  sj__buffer out;
  bool changed = true;
  sj__arena_init(&arena, NULL, 0, 0);
  sj__buffer_init(&out, 0);
  sj_status status = sj__json_merge_patch(&arena, target, patch, &out, &changed, NULL);
  if (status == SJ_OK) {
    check_result(&arena, target, patch, sj__buffer_slice(&out), changed);
  } else {
    SJ__REQUIRE(status == SJ_INVALID || status == SJ_CORRUPT || status == SJ_TOO_LARGE);
  }
  sj__buffer_release(&out);
  sj__arena_release(&arena);
  return 0;
}
