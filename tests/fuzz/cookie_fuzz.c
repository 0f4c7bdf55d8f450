/*
 * The input is read as a Cookie field. What is found is cut from it, the count
 * does not depend on where the field is split into two, and what can be written
 * as a cookie is found again.
 */
#include <stdint.h>

#include "base/alloc.h"
#include "codec/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_find(sj_slice value) {
  sj__set_cookie cookie = {.name = SJ__SLICE("__Host-s"), .value = value, .secure = true};
  sj__buffer out;
  sj__buffer_init(&out, 0);
  if (sj__set_cookie_write(&cookie, &out, NULL) == SJ_OK) {
    sj_slice found = {NULL, 0};
    bool differ = false;
    SJ__REQUIRE(sj__cookie_find(sj__buffer_slice(&out), cookie.name, &found, &differ) == 1);
    SJ__REQUIRE(sj__slice_equal(found, value) && !differ);
  }
  sj__buffer_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sj_slice header = sj__slice(data, size);
  sj_slice name = SJ__SLICE("s"), value = {NULL, 0};
  bool differ = false;
  size_t count = sj__cookie_find(header, name, &value, &differ);
  SJ__REQUIRE((count > 0) == (value.data != NULL));
  SJ__REQUIRE(!differ || count > 1);
  if (count > 0) {
    const char *start = (const char *)data;
    SJ__REQUIRE(value.data >= start && value.data + value.size <= start + size);
    SJ__REQUIRE(memchr(value.data, ';', value.size) == NULL);
  }
  for (size_t i = 0; i < size; i++) {
    if (data[i] != ';') continue;
    sj_slice first = {NULL, 0};
    bool halves_differ = false;
    size_t halves = sj__cookie_find(sj__slice(data, i), name, &first, &halves_differ);
    halves += sj__cookie_find(sj__slice(data + i, size - i), name, &first, &halves_differ);
    SJ__REQUIRE(halves == count && halves_differ == differ && sj__slice_equal(first, value));
    break;
  }
  write_and_find(header);
  return 0;
}
