/* The JSON reader and writer. */
#include "arenas.h"

#include "codec/json.h"

#include <stdio.h>

#include "base/alloc.h"

static void compact_form(void **state) {
  static const struct {
    const char *text;
    const char *compact;
  } cases[] = {
      {"{}", "{}"},
      {" [ ] ", "[]"},
      {"\t{ \"b\" : 1 ,\n\"a\" : [ true , false , null ] }\r\n",
       "{\"b\":1,\"a\":[true,false,null]}"},
      {"[0,-0,1.50,1e5,1E+05,123456789012345678901234567890,1e999]",
       "[0,-0,1.50,1e5,1E+05,123456789012345678901234567890,1e999]"},
      {"\"\\u0061\\u00e9\\ud83d\\ude00\\/\"", "\"a\xC3\xA9\xF0\x9F\x98\x80/\""},
      {"\"\\u0000\\u001f\\\"\\\\\\n\"", "\"\\u0000\\u001f\\\"\\\\\\n\""},
      {"{\"\":{\"a\":{\"a\":{}}}}", "{\"\":{\"a\":{\"a\":{}}}}"},
      {"7", "7"},
      {"null", "null"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__json *root;
    sj__buffer out;
    sj__buffer_init(&out, 0);
    assert_int_equal(sj__json_parse(*state, sj__slice_text(cases[i].text), &root, NULL), SJ_OK);
    sj__json_write(root, &out);
    assert_slice_text(sj__buffer_slice(&out), cases[i].compact);
    sj__buffer_release(&out);
  }
}

static void malformed(void **state) {
  static const char *const cases[] = {
      "",
      " ",
      "{",
      "}",
      "[",
      "[1",
      "[1,",
      "[1,]",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\":1,}",
      "{a:1}",
      "{'a':1}",
      "{1:2}",
      "[1 2]",
      "{} {}",
      "{}x",
      "{},",
      "nul",
      "nulll",
      "True",
      "tru",
      "+1",
      "01",
      "1.",
      ".5",
      "1e",
      "1e+",
      "-",
      "--1",
      "0x10",
      "NaN",
      "Infinity",
      "-Infinity",
      "\"",
      "\"a",
      "\"\\x\"",
      "\"\\u12\"",
      "\"\\u12G4\"",
      "\"\\ud800\"",
      "\"\\udc00\"",
      "\"\\ud800\\u0041\"",
      "\"\t\"",
      "\"\n\"",
      "\"\x01\"",
      "// c\n{}",
      "/* c */{}",
      "\xEF\xBB\xBF{}",
      /* RFC 3629: over-long, surrogate, too large, cut, stray */
      "\"\xC0\xAF\"",
      "\"\xE0\x80\xAF\"",
      "\"\xED\xA0\x80\"",
      "\"\xF4\x90\x80\x80\"",
      "\"\xF5\x80\x80\x80\"",
      "\"\xE2\x82\"",
      "\"\xE2\x82",
      "\"\x80\"",
      "\"\xFF\"",
      "\"\xC3(\"",
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__json *root;
    sj_error error = {0};
    sj_status status = sj__json_parse(*state, sj__slice_text(cases[i]), &root, &error);
    if (status != SJ_INVALID) fail_msg("case %zu '%s': %s", i, cases[i], sj_status_code(status));
    assert_null(root);
    assert_int_equal(error.status, SJ_INVALID);
    assert_non_null(strstr(error.message, "not JSON at byte "));
  }
  sj__json *root;
  assert_int_equal(sj__json_parse(*state, sj__slice("{}\0", 3), &root, NULL), SJ_INVALID);
  assert_int_equal(sj__json_parse(*state, sj__slice("\"a\0b\"", 5), &root, NULL), SJ_INVALID);
  assert_int_equal(sj__json_parse(*state, (sj_slice){NULL, 0}, &root, NULL), SJ_INVALID);
}

/* What is wrong must be told by place, never by value: attributes are secret. */
static void errors_quote_no_value(void **state) {
  sj__json *root;
  sj_error error = {0};
  sj_slice text = sj__slice_text("{\"card\":\"4111-1111\" \"hunter2\"}");
  assert_int_equal(sj__json_parse(*state, text, &root, &error), SJ_INVALID);
  assert_null(strstr(error.message, "4111"));
  assert_null(strstr(error.message, "hunter2"));
  assert_non_null(strstr(error.message, "byte 20"));
}

static void duplicates(void **state) {
  static const struct {
    const char *text;
    const char *message;
  } cases[] = {
      {"{\"a\":1,\"a\":2}", "duplicate member \"a\" at byte 7"},
      {"{\"a\":1,\"\\u0061\":2}", "duplicate member \"a\" at byte 7"},
      {"[{\"x\":{\"b\":1,\"c\":{},\"b\":null}}]", "duplicate member \"b\" at byte 20"},
      {"{\"\":1,\"\":2}", "duplicate member \"\" at byte 6"},
      {"{\"a\\n\":1,\"a\\n\":2}", "duplicate member \"a\\n\" at byte 9"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__json *root;
    sj_error error = {0};
    sj_slice text = sj__slice_text(cases[i].text);
    assert_int_equal(sj__json_parse(*state, text, &root, &error), SJ_INVALID);
    assert_null(root);
    assert_string_equal(error.message, cases[i].message);
  }
  sj__json *root;
  sj_slice fine = sj__slice_text("{\"a\":{\"a\":{\"a\":1}},\"A\":2,\"a\\u0000\":3}");
  assert_int_equal(sj__json_parse(*state, fine, &root, NULL), SJ_OK);
}

static void long_duplicate_name_is_cut_between_characters(void **state) {
  char name[80], text[200];
  memset(name, 'n', sizeof name);
  memcpy(name + 63, "\xC3\xA9", 2); /* the 64th byte splits it */
  snprintf(text, sizeof text, "{\"%.70s\":1,\"%.70s\":2}", name, name);
  sj__json *root;
  sj_error error = {0};
  assert_int_equal(sj__json_parse(*state, sj__slice_text(text), &root, &error), SJ_INVALID);
  char expected[120];
  snprintf(expected, sizeof expected, "duplicate member \"%.63s\" at byte 76", name);
  assert_string_equal(error.message, expected);
}

/* {"m00000":0,…} with `count` members, and the first again at the end if asked. */
static char *wide_object(size_t count, bool repeat) {
  size_t room = count * 16 + 32;
  char *text = malloc(room);
  size_t size = 1;
  text[0] = '{';
  for (size_t i = 0; i < count; i++) {
    size += (size_t)snprintf(text + size, room - size, "%s\"m%05zu\":%zu", i > 0 ? "," : "", i, i);
  }
  snprintf(text + size, room - size, "%s}", repeat ? ",\"m00000\":null" : "");
  return text;
}

static void wide_objects(void **state) {
  for (int repeat = 0; repeat < 2; repeat++) {
    char *text = wide_object(10000, repeat != 0);
    sj__json *root;
    sj_error error = {0};
    sj_status status = sj__json_parse(*state, sj__slice_text(text), &root, &error);
    assert_int_equal(status, repeat != 0 ? SJ_INVALID : SJ_OK);
    if (repeat != 0) assert_non_null(strstr(error.message, "duplicate member \"m00000\""));
    free(text);
  }
}

static char *nested(size_t depth, char open, char close) {
  char *text = malloc(2 * depth + 1);
  memset(text, open, depth);
  memset(text + depth, close, depth);
  text[2 * depth] = '\0';
  return text;
}

static void depth_is_bounded(void **state) {
  static const struct {
    size_t depth;
    sj_status status;
  } cases[] = {{1, SJ_OK}, {32, SJ_OK}, {33, SJ_TOO_LARGE}, {100000, SJ_TOO_LARGE}};
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    char *text = nested(cases[i].depth, '[', ']');
    sj__json *root;
    sj_error error = {0};
    assert_int_equal(sj__json_parse(*state, sj__slice_text(text), &root, &error), cases[i].status);
    if (cases[i].status != SJ_OK) {
      assert_string_equal(error.message, "nested deeper than 32 at byte 32");
    }
    free(text);
  }
  sj__json *root; /* brackets in strings and beside each other are no depth */
  sj_slice flat = sj__slice_text("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\",[],[],[],[]]");
  assert_int_equal(sj__json_parse(*state, flat, &root, NULL), SJ_OK);
}

static void values_by_type(void **state) {
  sj__json *root;
  sj_slice text = sj__slice_text(
      "{\"s\":\"x\",\"n\":42,\"t\":true,\"z\":null,\"a\":[],\"o\":{},"
      "\"e\":1e2,\"m\":-1,\"r\":1.0,\"e0\":\"\"}");
  assert_int_equal(sj__json_parse(*state, text, &root, NULL), SJ_OK);
  sj_slice string;
  uint64_t number = 7;
  bool boolean = false;
  assert_true(sj__json_is_object(root));
  assert_true(sj__json_text(sj__json_member(root, "s"), &string));
  assert_slice_text(string, "x");
  assert_true(sj__json_text(sj__json_member(root, "e0"), &string));
  assert_non_null(string.data);
  assert_false(sj__json_text(sj__json_member(root, "n"), &string));
  assert_true(sj__json_u64(sj__json_member(root, "n"), 42, &number));
  assert_int_equal(number, 42);
  assert_false(sj__json_u64(sj__json_member(root, "n"), 41, &number));
  assert_false(sj__json_u64(sj__json_member(root, "e"), 1000, &number));
  assert_false(sj__json_u64(sj__json_member(root, "m"), 1000, &number));
  assert_false(sj__json_u64(sj__json_member(root, "r"), 1000, &number));
  assert_false(sj__json_u64(sj__json_member(root, "s"), 1000, &number));
  assert_int_equal(number, 42);
  assert_true(sj__json_number(sj__json_member(root, "r"), &string));
  assert_slice_text(string, "1.0");
  assert_true(sj__json_bool(sj__json_member(root, "t"), &boolean) && boolean);
  assert_false(sj__json_bool(sj__json_member(root, "z"), &boolean));
  assert_true(sj__json_is_null(sj__json_member(root, "z")));
  assert_true(sj__json_is_array(sj__json_member(root, "a")));
  assert_false(sj__json_is_array(sj__json_member(root, "o")));
  assert_null(sj__json_member(root, "absent"));
  assert_null(sj__json_member(sj__json_member(root, "a"), "s"));
}

static void walking(void **state) {
  sj__json *root;
  sj_slice text = sj__slice_text("{\"a\":[1,[2,2],3],\"b\":{\"c\":1},\"d\":4}");
  assert_int_equal(sj__json_parse(*state, text, &root, NULL), SJ_OK);
  char names[8] = "";
  sj_slice name;
  sj__json_cursor cursor = {0};
  while (sj__json_next(root, &cursor, &name) != NULL) strncat(names, name.data, name.size);
  assert_string_equal(names, "abd");
  size_t elements = 0;
  sj__json *array = sj__json_member(root, "a");
  for (cursor = (sj__json_cursor){0}; sj__json_next(array, &cursor, &name) != NULL; elements++) {
    assert_null(name.data);
  }
  assert_int_equal(elements, 3);
  cursor = (sj__json_cursor){0};
  assert_null(sj__json_next(sj__json_member(root, "d"), &cursor, &name));
}

/* Every allocation of a parse fails once: a clear answer, nothing leaked (ASan looks). */
static size_t allocations_left;
static void *failing_malloc(void *context, size_t size) {
  (void)context;
  return allocations_left-- > 0 ? malloc(size) : (allocations_left = 0, NULL);
}
static void *failing_realloc(void *context, void *memory, size_t size) {
  (void)context;
  return allocations_left-- > 0 ? realloc(memory, size) : (allocations_left = 0, NULL);
}
static void plain_free(void *context, void *memory) {
  (void)context;
  free(memory);
}

static void out_of_memory(void **state) {
  (void)state;
  const sj__allocator allocator = {failing_malloc, failing_realloc, plain_free, NULL};
  char *text = wide_object(40, false);
  sj_status status = SJ_NO_MEMORY;
  size_t tried = 0;
  sj__allocator_install(&allocator);
  for (; status != SJ_OK && tried < 1000; tried++) {
    sj__arena arena;
    sj__json *root;
    sj__arena_init(&arena, NULL, 0, 0);
    allocations_left = tried;
    status = sj__json_parse(&arena, sj__slice_text(text), &root, NULL);
    if (status != SJ_OK) assert_int_equal(status, SJ_NO_MEMORY);
    sj__arena_release(&arena);
  }
  sj__allocator_install(NULL);
  free(text);
  assert_int_equal(status, SJ_OK);
  assert_true(tried > 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(compact_form, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(malformed, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(errors_quote_no_value, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(duplicates, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(long_duplicate_name_is_cut_between_characters, set_up_arena,
                                      tear_down_arena),
      cmocka_unit_test_setup_teardown(wide_objects, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(depth_is_bounded, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(values_by_type, set_up_arena, tear_down_arena),
      cmocka_unit_test_setup_teardown(walking, set_up_arena, tear_down_arena),
      cmocka_unit_test(out_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
