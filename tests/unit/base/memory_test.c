/* alloc, arena and buffer: what hands out memory. */
#include "../unit.h"

#include "../../kit/failing_allocator.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buffer.h"

static void sizes_that_overflow_are_refused(void **state) {
  size_t out;
  assert_true(sj__size_add(SIZE_MAX - 1, 1, &out));
  assert_int_equal(out, SIZE_MAX);
  assert_false(sj__size_add(SIZE_MAX, 1, &out));
  assert_false(sj__size_mul(SIZE_MAX / 2 + 1, 2, &out));
  assert_null(sj__calloc(SIZE_MAX / 2 + 1, 2));
}

static void copies_and_empty_blocks(void **state) {
  char *text = sj__strdup("abc");
  assert_string_equal(text, "abc");
  sj__free(text);
  assert_null(sj__strdup(NULL));
  void *a = sj__malloc(0);
  void *b = sj__memdup(NULL, 0);
  assert_non_null(a);
  assert_non_null(b);
  assert_ptr_not_equal(a, b);
  a = sj__realloc(a, 0);
  assert_non_null(a);
  sj__free(a);
  sj__free_secret(b, 0);
  sj__free(NULL);
  sj__free_secret(NULL, 5);
}

static void secrets_are_wiped(void **state) {
  char secret[32];
  memset(secret, 's', sizeof(secret));
  sj__wipe(secret, sizeof(secret));
  for (size_t i = 0; i < sizeof(secret); i++) assert_int_equal(secret[i], 0);
}

static void arena_aligns_and_keeps_apart(void **state) {
  _Alignas(16) char first[64];
  sj__arena arena;
  sj__arena_init(&arena, first + 1, sizeof(first) - 1, 0);
  char *blocks[200];
  for (size_t i = 0; i < 200; i++) {
    blocks[i] = sj__arena_alloc(&arena, i + 1);
    assert_non_null(blocks[i]);
    assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
    memset(blocks[i], (int)i, i + 1);
  }
  for (size_t i = 0; i < 200; i++) {
    for (size_t j = 0; j <= i; j++) assert_int_equal((unsigned char)blocks[i][j], i);
  }
  assert_true(blocks[0] > first && blocks[0] < first + sizeof(first));
  sj__arena_release(&arena);
}

static void arena_uses_the_first_block_without_allocating(void **state) {
  _Alignas(16) char first[256];
  sj__arena arena;
  sj__arena_init(&arena, first, sizeof(first), 0);
  fail_allocations_from(0);
  assert_non_null(sj__arena_alloc(&arena, 256));
  assert_null(sj__arena_alloc(&arena, 1));
  fail_no_allocations();
  assert_non_null(sj__arena_alloc(&arena, 1));
  sj__arena_release(&arena);
}

static void arena_wipes_what_it_handed_out(void **state) {
  _Alignas(16) char first[128];
  memset(first, 'k', sizeof(first));
  sj__arena arena;
  sj__arena_init(&arena, first, sizeof(first), 0);
  memset(sj__arena_alloc(&arena, 48), 's', 48);
  sj__arena_reset(&arena);
  for (size_t i = 0; i < 48; i++) assert_int_equal(first[i], 0);
  assert_int_equal(first[48], 'k');
  memset(sj__arena_alloc(&arena, 100), 's', 100);
  char *heap = sj__arena_alloc(&arena, 1000);
  memset(heap, 's', 1000);
  sj__arena_reset(&arena);
  for (size_t i = 0; i < 100; i++) assert_int_equal(first[i], 0);
  for (size_t i = 0; i < 1000; i++) assert_int_equal(heap[i], 0);
  sj__arena_release(&arena);
}

static void arena_keeps_one_modest_block(void **state) {
  sj__arena arena;
  sj__arena_init(&arena, NULL, 0, 0);
  for (int i = 0; i < 10; i++) assert_non_null(sj__arena_alloc(&arena, 1000));
  sj__arena_reset(&arena);
  fail_allocations_from(0);
  assert_non_null(sj__arena_alloc(&arena, 4000));
  fail_no_allocations();
  assert_non_null(sj__arena_alloc(&arena, 1000000));
  size_t before = live_allocations();
  sj__arena_reset(&arena);
  assert_true(live_allocations() < before);
  sj__arena_release(&arena);
  assert_int_equal(live_allocations(), 0);
}

static void arena_holds_to_its_limit(void **state) {
  sj__arena arena;
  sj__arena_init(&arena, NULL, 0, 100);
  assert_non_null(sj__arena_alloc(&arena, 60));
  assert_null(sj__arena_alloc(&arena, 41));
  assert_non_null(sj__arena_alloc(&arena, 40));
  assert_null(sj__arena_alloc(&arena, 1));
  sj__arena_reset(&arena);
  assert_null(sj__arena_alloc(&arena, SIZE_MAX));
  assert_null(sj__arena_calloc(&arena, SIZE_MAX / 2, 3));
  assert_non_null(sj__arena_calloc(&arena, 10, 10));
  sj__arena_release(&arena);
}

static void arena_copies_and_formats(void **state) {
  sj__arena arena;
  sj__arena_init(&arena, NULL, 0, 0);
  sj_slice copy = sj__arena_dup(&arena, SJ__SLICE("abc"));
  assert_slice_text(copy, "abc");
  assert_int_equal(copy.data[3], '\0');
  assert_non_null(sj__arena_dup(&arena, (sj_slice){NULL, 0}).data);
  assert_string_equal(sj__arena_printf(&arena, "%s-%d", "x", 12), "x-12");
  fail_allocations_from(0);
  char big[5000];
  memset(big, 'b', sizeof(big));
  assert_null(sj__arena_dup(&arena, sj__slice(big, sizeof(big))).data);
  assert_null(sj__arena_printf(&arena, "%5000d", 1));
  fail_no_allocations();
  sj__arena_release(&arena);
}

static void buffer_collects(void **state) {
  sj__buffer buffer;
  sj__buffer_init(&buffer, 0);
  assert_slice_text(sj__buffer_slice(&buffer), "");
  sj__buffer_append_literal(&buffer, "a=");
  sj__buffer_append_u64(&buffer, 0);
  sj__buffer_append_char(&buffer, ' ');
  sj__buffer_append_u64(&buffer, UINT64_MAX);
  sj__buffer_appendf(&buffer, " %03d ", 7);
  sj__buffer_append_text(&buffer, "x");
  sj__buffer_append_slice(&buffer, (sj_slice){NULL, 0});
  sj__buffer_append_slice(&buffer, SJ__SLICE("y"));
  assert_slice_text(sj__buffer_slice(&buffer), "a=0 18446744073709551615 007 xy");
  sj__buffer_consume(&buffer, 2);
  assert_slice_text(sj__buffer_slice(&buffer), "0 18446744073709551615 007 xy");
  sj__buffer_reset(&buffer);
  sj__buffer_appendf(&buffer, "%1000d", 1);
  assert_int_equal(buffer.size, 1000);
  assert_ok(sj__buffer_status(&buffer));
  sj__buffer_release(&buffer);
  assert_null(buffer.data);
}

static void buffer_errors_stick(void **state) {
  sj__buffer buffer;
  sj__buffer_init(&buffer, 8);
  sj__buffer_append_text(&buffer, "12345678");
  assert_ok(sj__buffer_status(&buffer));
  sj__buffer_append_char(&buffer, '9');
  assert_int_equal(sj__buffer_status(&buffer), SJ_TOO_LARGE);
  sj__buffer_consume(&buffer, 8);
  sj__buffer_append_char(&buffer, '1');
  assert_int_equal(buffer.size, 0);
  assert_null(sj__buffer_reserve(&buffer, 0));
  sj__buffer_reset(&buffer);
  sj__buffer_append_char(&buffer, '1');
  assert_ok(sj__buffer_status(&buffer));
  sj__buffer_release(&buffer);

  sj__buffer_init(&buffer, 0);
  fail_allocations_from(0);
  sj__buffer_append_char(&buffer, '1');
  sj__buffer_appendf(&buffer, "%1000d", 1);
  fail_no_allocations();
  sj__buffer_append_char(&buffer, '1');
  assert_int_equal(sj__buffer_status(&buffer), SJ_NO_MEMORY);
  assert_int_equal(buffer.size, 0);
  assert_null(sj__buffer_reserve(&buffer, SIZE_MAX));
  sj__buffer_release(&buffer);
}

static void buffer_reserve_is_written_in_place(void **state) {
  sj__buffer buffer;
  sj__buffer_init(&buffer, 0);
  sj__buffer_append_text(&buffer, "ab");
  char *room = sj__buffer_reserve(&buffer, 200);
  memset(room, 'c', 200);
  buffer.size += 200;
  assert_int_equal(buffer.data[1], 'b');
  assert_int_equal(buffer.data[201], 'c');
  assert_null(sj__buffer_reserve(&buffer, SIZE_MAX));
  assert_int_equal(sj__buffer_status(&buffer), SJ_TOO_LARGE);
  sj__buffer_release(&buffer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes_that_overflow_are_refused),
      cmocka_unit_test(copies_and_empty_blocks),
      cmocka_unit_test(secrets_are_wiped),
      cmocka_unit_test(arena_aligns_and_keeps_apart),
      cmocka_unit_test(arena_uses_the_first_block_without_allocating),
      cmocka_unit_test(arena_wipes_what_it_handed_out),
      cmocka_unit_test(arena_keeps_one_modest_block),
      cmocka_unit_test(arena_holds_to_its_limit),
      cmocka_unit_test(arena_copies_and_formats),
      cmocka_unit_test(buffer_collects),
      cmocka_unit_test(buffer_errors_stick),
      cmocka_unit_test(buffer_reserve_is_written_in_place),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/base/memory", tests, NULL, NULL);
}
