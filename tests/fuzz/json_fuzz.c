/* Whatever is JSON to us is written back as JSON that says the same, once and for all. */
#include <stdint.h>

#include "base/alloc.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sj__arena arena;
  sj__arena_init(&arena, NULL, 0, 0);
  sj__json *root, *again;
  sj_error error = {0};
  sj_status status = sj__json_parse(&arena, sj__slice(data, size), &root, &error);
  SJ__REQUIRE((status == SJ_OK) == (root != NULL));
  SJ__REQUIRE((status == SJ_OK) == (error.message[0] == '\0'));
  if (status == SJ_OK) {
    sj__buffer first, second;
    bool equal = false;
    sj__buffer_init(&first, 0);
    sj__buffer_init(&second, 0);
    sj__json_write(root, &first);
    SJ__REQUIRE(sj__json_parse(&arena, sj__buffer_slice(&first), &again, NULL) == SJ_OK);
    SJ__REQUIRE(sj__json_equal(&arena, root, again, &equal) == SJ_OK && equal);
    sj__json_write(again, &second);
    SJ__REQUIRE(sj__slice_equal(sj__buffer_slice(&first), sj__buffer_slice(&second)));
    sj__json_describe_largest(&arena, sj__slice(data, size), 3, &second);
    sj__buffer_release(&first);
    sj__buffer_release(&second);
  }
  sj__arena_release(&arena);
  return 0;
}
