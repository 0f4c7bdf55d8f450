/* JSON Merge Patch: RFC 7396's own cases, what counts as a change, and the limits. */
#include "arenas.h"

#include "base/alloc.h"
#include "codec/json.h"

static void assert_merged(sj__arena *arena, const char *target, const char *patch,
                          const char *result, bool changed) {
  sj__buffer out;
  bool was_changed = !changed;
  sj_error error = {0};
  sj__buffer_init(&out, 0);
  sj__buffer_append_literal(&out, "before");
  sj_status status = sj__json_merge_patch(arena, sj__slice_text(target), sj__slice_text(patch),
                                          &out, &was_changed, &error);
  if (status != SJ_OK) fail_msg("%s + %s: %s", target, patch, error.message);
  sj__buffer_append_char(&out, '\0');
  assert_string_equal(out.data + strlen("before"), result);
  if (was_changed != changed) fail_msg("%s + %s: changed is %d", target, patch, was_changed);
  sj__buffer_release(&out);
}

/* Those of appendix A whose target and patch are objects. */
static void appendix_a(void **state) {
  static const struct {
    const char *target;
    const char *patch;
    const char *result;
  } cases[] = {
      {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
      {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
      {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
      {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
      {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
      {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
      {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
      {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
      {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
      {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    assert_merged(*state, cases[i].target, cases[i].patch, cases[i].result, true);
  }
}

/* Appendix A's patches that aren't objects replace the whole: attributes never stop being one. */
static void patches_that_are_no_object(void **state) {
  static const char *const patches[] = {"[\"c\"]", "null", "\"bar\"", "1", "true", "[]"};
  for (size_t i = 0; i < SJ__COUNT_OF(patches); i++) {
    sj__buffer out;
    bool changed = true;
    sj_error error = {0};
    sj__buffer_init(&out, 0);
    assert_int_equal(sj__json_merge_patch(*state, SJ__SLICE("{\"a\":1}"),
                                          sj__slice_text(patches[i]), &out, &changed, &error),
                     SJ_INVALID);
    assert_false(changed);
    assert_string_equal(error.message, "a merge patch must be a JSON object");
    sj__buffer_release(&out);
  }
}

static void unchanged(void **state) {
  static const struct {
    const char *target;
    const char *patch;
  } cases[] = {
      {"{\"a\":1}", "{}"},
      {"{}", "{}"},
      {"{\"a\":1}", "{\"a\":1}"},
      {"{\"a\":1}", "{\"b\":null}"},
      {"{\"a\":{\"b\":{}}}", "{\"a\":{\"b\":{\"c\":null}}}"},
      {"{\"a\":{}}", "{\"a\":{}}"},
      {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
      {"{\"a\":\"\xC3\xA9\"}", "{\"a\":\"\\u00e9\"}"},
      {"{\"a\":[1,{\"x\":1,\"y\":[]}]}", "{\"a\":[1,{\"y\":[],\"x\":1}]}"},
      {"{ \"a\" : 1 }", "{\"a\":1}"}, /* as it is, spaces included */
      {"{\"a\":true,\"b\":[false,null]}", "{\"a\":true,\"b\":[false,null]}"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    assert_merged(*state, cases[i].target, cases[i].patch, cases[i].target, false);
  }
  assert_merged(*state, "", "{}", "{}", false);
}

static void changed(void **state) {
  static const struct {
    const char *target;
    const char *patch;
    const char *result;
  } cases[] = {
      {"{\"a\":1}", "{\"a\":1.0}", "{\"a\":1.0}"}, /* numbers keep their text */
      {"{\"a\":1}", "{\"a\":\"1\"}", "{\"a\":\"1\"}"},
      {"{\"a\":[1,2]}", "{\"a\":[2,1]}", "{\"a\":[2,1]}"},
      {"{\"a\":[1]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}"},
      {"{\"a\":[{\"x\":1}]}", "{\"a\":[{\"y\":1}]}", "{\"a\":[{\"y\":1}]}"},
      {"{\"a\":[{\"x\":1}]}", "{\"a\":[{\"x\":1,\"y\":1}]}", "{\"a\":[{\"x\":1,\"y\":1}]}"},
      {"{\"a\":false}", "{\"a\":true}", "{\"a\":true}"},
      {"{\"a\":[null]}", "{\"a\":[false]}", "{\"a\":[false]}"},
      {"{\"a\":null}", "{\"a\":null}", "{}"},
      {"{\"a\":1}", "{\"a\":{}}", "{\"a\":{}}"},
      {"{\"a\":[]}", "{\"a\":{}}", "{\"a\":{}}"},
      {"{\"a\":{}}", "{\"a\":[]}", "{\"a\":[]}"},
      {"{}", "{\"a\":{\"b\":null}}", "{\"a\":{}}"},
      {"", "{\"a\":[null,{\"b\":null}]}", "{\"a\":[null,{\"b\":null}]}"}, /* arrays as they are */
      {"{\"z\":1,\"y\":{\"b\":1,\"a\":2}}", "{\"n\":0,\"y\":{\"c\":3},\"m\":0}",
       "{\"z\":1,\"y\":{\"b\":1,\"a\":2,\"c\":3},\"n\":0,\"m\":0}"},
      {"{\"a\":1e2}", "{\"b\":123456789012345678901234567890.10}",
       "{\"a\":1e2,\"b\":123456789012345678901234567890.10}"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    assert_merged(*state, cases[i].target, cases[i].patch, cases[i].result, true);
  }
}

static void damaged_targets(void **state) {
  static const char *const targets[] = {"[]", "1", "{", "{\"a\":1,\"a\":2}", "\"x\""};
  for (size_t i = 0; i < SJ__COUNT_OF(targets); i++) {
    sj__buffer out;
    bool changed;
    sj__buffer_init(&out, 0);
    assert_int_equal(sj__json_merge_patch(*state, sj__slice_text(targets[i]), SJ__SLICE("{}"), &out,
                                          &changed, NULL),
                     SJ_CORRUPT);
    sj__buffer_release(&out);
  }
}

static void size_is_bounded(void **state) {
  for (size_t max = 10; max <= 13; max++) {
    sj__buffer out;
    bool changed;
    sj__buffer_init(&out, max); /* {"a":1,"b":2} is 13 */
    assert_int_equal(sj__json_merge_patch(*state, SJ__SLICE("{\"a\":1}"), SJ__SLICE("{\"b\":2}"),
                                          &out, &changed, NULL),
                     max < 13 ? SJ_TOO_LARGE : SJ_OK);
    sj__buffer_release(&out);
  }
}

/* Wide on both sides, in opposite order: hashed, or this would take minutes under a sanitizer. */
static void wide(void **state) {
  sj__buffer target, patch, out;
  bool was_changed;
  sj__buffer_init(&target, 0);
  sj__buffer_init(&patch, 0);
  sj__buffer_init(&out, 0);
  for (int i = 0; i < 20000; i++) {
    sj__buffer_appendf(&target, "%c\"m%d\":%d", i > 0 ? ',' : '{', i, i);
    sj__buffer_appendf(&patch, "%c\"m%d\":%d", i > 0 ? ',' : '{', 19999 - i, 19999 - i);
  }
  sj__buffer_append_char(&target, '}');
  sj__buffer_append_char(&patch, '}');
  assert_int_equal(sj__json_merge_patch(*state, sj__buffer_slice(&target), sj__buffer_slice(&patch),
                                        &out, &was_changed, NULL),
                   SJ_OK);
  assert_false(was_changed);
  assert_int_equal(out.size, target.size);
  assert_memory_equal(out.data, target.data, out.size);
  sj__buffer_release(&target);
  sj__buffer_release(&patch);
  sj__buffer_release(&out);
}

static void largest_members(void **state) {
  static const struct {
    const char *object;
    size_t count;
    const char *text;
  } cases[] = {
      {"{}", 3, ""},
      {"[1]", 3, ""},
      {"not json", 3, ""},
      {"{\"a\":1}", 0, ""},
      {"{\"a\":1}", 3, "a (5 bytes)"},
      {"{\"a\":1,\"bb\":[1,2,3],\"c\":\"0123456789\"}", 2, "c (16 bytes), bb (12 bytes)"},
      {"{ \"a\" : [ 1 , 2 ] ,\"b\":10000 }", 9, "a (9 bytes), b (9 bytes)"},
      {"{\"q\\\"\\n\":1}", 1, "q\\\"\\n (9 bytes)"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__buffer out;
    sj__buffer_init(&out, 0);
    sj__json_describe_largest(*state, sj__slice_text(cases[i].object), cases[i].count, &out);
    sj__buffer_append_char(&out, '\0');
    assert_string_equal(out.data, cases[i].text);
    sj__buffer_release(&out);
  }
}

static void largest_of_many(void **state) {
  sj__buffer object, out;
  sj__buffer_init(&object, 0);
  sj__buffer_init(&out, 0);
  for (int i = 0; i < 100; i++) {
    sj__buffer_appendf(&object, "%c\"m%02d\":\"%0*d\"", i > 0 ? ',' : '{', i, (i * 37) % 100 + 1,
                       0);
  }
  sj__buffer_append_char(&object, '}');
  sj__json_describe_largest(*state, sj__buffer_slice(&object), 3, &out);
  sj__buffer_append_char(&out, '\0');
  assert_string_equal(out.data, "m27 (108 bytes), m54 (107 bytes), m81 (106 bytes)");
  sj__buffer_release(&object);
  sj__buffer_release(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(appendix_a, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(patches_that_are_no_object, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(unchanged, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(changed, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(damaged_targets, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(size_is_bounded, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(wide, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(largest_members, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(largest_of_many, set_up_arena, tear_down_arena),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
