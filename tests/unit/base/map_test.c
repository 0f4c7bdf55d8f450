#include "../unit.h"

#include <stdio.h>

#include "../../kit/failing_allocator.h"
#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"

typedef struct entry {
  sj__map_node node;
  char key[16];
  bool seen;
} entry;

/*
 * Key 00 01 … 0f, messages "", 00, 00 01, … From an independent Python version that
 * also gives the paper's answer for SipHash-2-4 (a129ca6149be45e5 for 15 bytes).
 */
static void siphash_matches_known_answers(void **state) {
  static const uint64_t seed[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
  static const uint64_t expected[] = {
      0xabac0158050fc4dcu, 0xc9f49bf37d57ca93u, 0x82cb9b024dc7d44du, 0x8bf80ab8e7ddf7fbu,
      0xcf75576088d38328u, 0xdef9d52f49533b67u, 0xc50d2b50c59f22a7u, 0xd3927d989bb11140u,
      0x369095118d299a8eu, 0x25a48eb36c063de4u, 0x79de85ee92ff097fu, 0x70c118c1f94dc352u,
      0x78a384b157b4d9a2u, 0x306f760c1229ffa7u, 0x605aa111c0f95d34u, 0xd320d86d2a519956u,
      0xcc4fdd1a7d908b66u, 0x9cf2689063dbd80cu, 0x8ffc389cb473e63eu, 0xf21f9de58d297d1cu,
      0xc0dc2f46a6cce040u, 0xb992abfe2b45f844u, 0x7ffe7b9ba320872eu, 0x525a0e7fdae6c123u,
      0xf464aeb267349c8cu, 0x45cd5928705b0979u, 0x3a3e35e3ca9913a5u, 0xa91dc74e4ade3b35u,
      0xfb0bed02ef6cd00du, 0x88d93cb44ab1e1f4u, 0x540f11d643c5e663u, 0x2370dd1f8c21d1bcu,
      0x81157b6c16a7b60du, 0x4d54b9e57a8ff9bfu, 0x759f12781f2a753eu, 0xcea1a3bebf186b91u,
      0x2cf508d3ada26206u, 0xb6101c2da3c33057u, 0xb3f47496ae3a36a1u, 0x626b57547b108392u,
      0xc1d2363299e41531u, 0x667cc1923f1ad944u, 0x65704ffec8138825u, 0x24f280d1c28949a6u,
      0xc2ca1cedfaf8876bu, 0xc2164bfc9f042196u, 0xa16e9c9368b1d623u, 0x49fb169c8b5114fdu,
      0x9f3143f8df074c46u, 0xc6fdaf2412cc86b3u, 0x7eaf49d10a52098fu, 0x1cf313559d292f9au,
      0xc44a30dda2f41f12u, 0x36fae98943a71ed0u, 0x318fb34c73f0bce6u, 0xa27abf3670a7e980u,
      0xb4bcc0db243c6d75u, 0x23f8d852fdb71513u, 0x8f035f4da67d8a08u, 0xd89cd0e5b7e8f148u,
      0xf6f4e6bcf7a644eeu, 0xaec59ad80f1837f2u, 0xc3b2f6154b6694e0u, 0x9d199062b7bbb3a8u,
  };
  uint8_t message[64];
  for (size_t i = 0; i < sizeof(message); i++) message[i] = (uint8_t)i;
  for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
    assert_true(sj__siphash(seed, message, i) == expected[i]);
  }
}

static entry *make_entries(sj__map *map, size_t count) {
  entry *entries = sj__calloc(count, sizeof(entry));
  for (size_t i = 0; i < count; i++) {
    int size = snprintf(entries[i].key, sizeof(entries[i].key), "key-%zu", i);
    assert_ok(sj__map_insert(map, &entries[i].node, sj__slice(entries[i].key, (size_t)size)));
  }
  return entries;
}

static void finds_what_was_inserted(void **state) {
  sj__map map;
  assert_ok(sj__map_init(&map));
  assert_null(sj__map_find(&map, SJ__SLICE("key-1")));
  entry *entries = make_entries(&map, 5000);
  assert_int_equal(map.count, 5000);
  for (size_t i = 0; i < 5000; i++) {
    assert_ptr_equal(sj__map_find(&map, sj__slice_text(entries[i].key)), &entries[i].node);
  }
  assert_null(sj__map_find(&map, SJ__SLICE("key-5000")));
  assert_null(sj__map_find(&map, SJ__SLICE("")));
  for (size_t i = 0; i < 5000; i += 2) sj__map_remove(&map, &entries[i].node);
  for (size_t i = 0; i < 5000; i++) {
    sj__map_node *found = sj__map_find(&map, sj__slice_text(entries[i].key));
    assert_ptr_equal(found, i % 2 == 0 ? NULL : &entries[i].node);
  }
  sj__map_release(&map);
  sj__free(entries);
}

static void walks_every_node_once_while_removing(void **state) {
  sj__map map;
  assert_ok(sj__map_init(&map));
  sj__map_cursor empty = {0, NULL};
  assert_null(sj__map_next(&map, &empty));
  entry *entries = make_entries(&map, 1000);
  sj__map_cursor cursor = {0, NULL};
  size_t count = 0;
  for (sj__map_node *node; (node = sj__map_next(&map, &cursor)) != NULL; count++) {
    entry *found = SJ__CONTAINER_OF(node, entry, node);
    assert_false(found->seen);
    found->seen = true;
    sj__map_remove(&map, node);
  }
  assert_int_equal(count, 1000);
  assert_int_equal(map.count, 0);
  sj__map_release(&map);
  sj__free(entries);
}

static void lives_with_memory_that_is_short(void **state) {
  sj__map map;
  assert_ok(sj__map_init(&map));
  entry first = {.key = "first"};
  fail_allocations_from(0);
  assert_int_equal(sj__map_insert(&map, &first.node, sj__slice_text(first.key)), SJ_NO_MEMORY);
  fail_no_allocations();
  assert_int_equal(map.count, 0);
  assert_ok(sj__map_insert(&map, &first.node, sj__slice_text(first.key)));
  entry *entries = sj__calloc(100, sizeof(entry));
  fail_allocations_from(0);
  for (size_t i = 0; i < 100; i++) {
    snprintf(entries[i].key, sizeof(entries[i].key), "%zu", i);
    assert_ok(sj__map_insert(&map, &entries[i].node, sj__slice_text(entries[i].key)));
  }
  fail_no_allocations();
  assert_non_null(sj__map_find(&map, SJ__SLICE("first")));
  assert_non_null(sj__map_find(&map, SJ__SLICE("99")));
  sj__map_release(&map);
  sj__free(entries);
}

static void seeds_differ(void **state) {
  sj__map a, b;
  assert_ok(sj__map_init(&a));
  assert_ok(sj__map_init(&b));
  assert_memory_not_equal(a.seed, b.seed, sizeof(a.seed));
  sj__map_release(&a);
  sj__map_release(&b);
}

static sj_status broken_source(void *context, void *out, size_t size) {
  return SJ_IO;
}

static void needs_a_seed(void **state) {
  sj__map map;
  sj__random_install(broken_source, NULL);
  assert_int_equal(sj__map_init(&map), SJ_NO_ENTROPY);
  sj__random_install(NULL, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(siphash_matches_known_answers),
      cmocka_unit_test(finds_what_was_inserted),
      cmocka_unit_test(walks_every_node_once_while_removing),
      cmocka_unit_test(lives_with_memory_that_is_short),
      cmocka_unit_test(seeds_differ),
      cmocka_unit_test(needs_a_seed),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/base/map", tests, NULL, NULL);
}
