/* What every unit test includes first: cmocka and the headers it wants before it. */
#ifndef SJ_TESTS_UNIT_H
#define SJ_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"

#define assert_slice_text(slice, text)                                \
  do {                                                                \
    sj_slice sj__slice_ = (slice);                                    \
    const char *sj__text_ = (text);                                   \
    assert_int_equal(sj__slice_.size, strlen(sj__text_));             \
    assert_memory_equal(sj__slice_.data, sj__text_, sj__slice_.size); \
  } while (0)

#define assert_ok(call) assert_int_equal((call), SJ_OK)

#endif
