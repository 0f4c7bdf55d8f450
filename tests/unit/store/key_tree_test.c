#include "../unit.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/random.h"
#include "store/adapter/key_tree.h"

typedef struct entry {
  sj__key_node node;
  uint64_t priority;
  uint8_t key[2];
  bool in;
} entry;

#define COUNT 1000

static entry entries[COUNT];

static sj__key_tree new_tree(void) {
  for (unsigned i = 0; i < COUNT; i++) {
    entries[i] =
        (entry){.priority = sj__random_below(UINT64_MAX), .key = {(uint8_t)(i >> 8), (uint8_t)i}};
  }
  return SJ__KEY_TREE(entry, node, key, priority);
}

/* Walks the whole tree and compares it with what is marked as in. */
static void assert_same(const sj__key_tree *tree) {
  const uint8_t *position = NULL;
  for (unsigned i = 0; i < COUNT; i++) {
    if (!entries[i].in) continue;
    sj__key_node *node = sj__key_tree_after(tree, position);
    assert_ptr_equal(node, &entries[i].node);
    position = entries[i].key;
  }
  assert_null(sj__key_tree_after(tree, position));
}

static void keeps_order_under_random_changes(void **state) {
  sj__key_tree tree = new_tree();
  for (unsigned step = 0; step < 20000; step++) {
    entry *each = &entries[sj__random_below(COUNT)];
    if (each->in) {
      sj__key_tree_remove(&tree, &each->node);
    } else {
      sj__key_tree_insert(&tree, &each->node);
    }
    each->in = !each->in;
    if (step % 500 == 0) assert_same(&tree);
  }
  assert_same(&tree);
}

static void finds_from_keys_that_are_not_there(void **state) {
  sj__key_tree tree = new_tree();
  for (unsigned i = 10; i < COUNT; i += 10) sj__key_tree_insert(&tree, &entries[i].node);
  assert_ptr_equal(sj__key_tree_after(&tree, entries[10].key), &entries[20].node);
  assert_ptr_equal(sj__key_tree_from(&tree, entries[10].key), &entries[10].node);
  assert_ptr_equal(sj__key_tree_after(&tree, entries[11].key), &entries[20].node);
  assert_ptr_equal(sj__key_tree_from(&tree, entries[11].key), &entries[20].node);
  assert_null(sj__key_tree_after(&tree, entries[990].key));
  assert_null(sj__key_tree_from(&tree, entries[991].key));
}

static void an_empty_tree_has_nothing(void **state) {
  sj__key_tree tree = new_tree();
  assert_null(sj__key_tree_after(&tree, NULL));
  assert_null(sj__key_tree_from(&tree, entries[0].key));
}

static unsigned depth(const sj__key_node *node) {
  if (node == NULL) return 0;
  unsigned left = depth(node->left), right = depth(node->right);
  return 1 + (left > right ? left : right);
}

/* Keys in ascending order are the worst case of a tree without balance. */
static void stays_flat_for_ascending_keys(void **state) {
  sj__key_tree tree = new_tree();
  for (unsigned i = 0; i < COUNT; i++) sj__key_tree_insert(&tree, &entries[i].node);
  assert_in_range(depth(tree.root), 10, 60);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_order_under_random_changes),
      cmocka_unit_test(finds_from_keys_that_are_not_there),
      cmocka_unit_test(an_empty_tree_has_nothing),
      cmocka_unit_test(stays_flat_for_ascending_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
