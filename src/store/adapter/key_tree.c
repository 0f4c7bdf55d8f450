#include "store/adapter/key_tree.h"

#include <string.h>

#include "base/alloc.h"

static const uint8_t *key_of(const sj__key_tree *tree, const sj__key_node *node) {
  return (const uint8_t *)node + tree->key_offset;
}

static uint64_t priority_of(const sj__key_tree *tree, const sj__key_node *node) {
  uint64_t priority;
  memcpy(&priority, (const uint8_t *)node + tree->priority_offset, sizeof(priority));
  return priority;
}

static int compare(const sj__key_tree *tree, const sj__key_node *node, const uint8_t *key) {
  return memcmp(key_of(tree, node), key, tree->key_size);
}

/* Parts the nodes under `root` into those below `key` and the others. */
static void split(const sj__key_tree *tree, sj__key_node *root, const uint8_t *key,
                  sj__key_node **below, sj__key_node **above) {
  while (root != NULL) {
    if (compare(tree, root, key) < 0) {
      *below = root;
      below = &root->right;
      root = root->right;
    } else {
      *above = root;
      above = &root->left;
      root = root->left;
    }
  }
  *below = *above = NULL;
}

/* Every node under `low` is below every one under `high`. */
static sj__key_node *merge(const sj__key_tree *tree, sj__key_node *low, sj__key_node *high) {
  sj__key_node *root = NULL;
  sj__key_node **place = &root;
  while (low != NULL && high != NULL) {
    if (priority_of(tree, low) > priority_of(tree, high)) {
      *place = low;
      place = &low->right;
      low = low->right;
    } else {
      *place = high;
      place = &high->left;
      high = high->left;
    }
  }
  *place = low != NULL ? low : high;
  return root;
}

void sj__key_tree_insert(sj__key_tree *tree, sj__key_node *node) {
  const uint8_t *key = key_of(tree, node);
  uint64_t priority = priority_of(tree, node);
  sj__key_node **place = &tree->root;
  while (*place != NULL && priority_of(tree, *place) >= priority) {
    int order = compare(tree, *place, key);
    SJ__REQUIRE(order != 0);
    place = order < 0 ? &(*place)->right : &(*place)->left;
  }
  split(tree, *place, key, &node->left, &node->right);
  *place = node;
}

void sj__key_tree_remove(sj__key_tree *tree, sj__key_node *node) {
  const uint8_t *key = key_of(tree, node);
  sj__key_node **place = &tree->root;
  while (*place != node) {
    SJ__REQUIRE(*place != NULL);
    place = compare(tree, *place, key) < 0 ? &(*place)->right : &(*place)->left;
  }
  *place = merge(tree, node->left, node->right);
}

/* The first node whose key compares to `key` as `least` (0 or 1) or above. */
static sj__key_node *first_from(const sj__key_tree *tree, const uint8_t *key, int least) {
  sj__key_node *found = NULL;
  sj__key_node *node = tree->root;
  while (node != NULL) {
    if (key == NULL || compare(tree, node, key) >= least) {
      found = node;
      node = node->left;
    } else {
      node = node->right;
    }
  }
  return found;
}

sj__key_node *sj__key_tree_after(const sj__key_tree *tree, const uint8_t *key) {
  return first_from(tree, key, 1);
}

sj__key_node *sj__key_tree_from(const sj__key_tree *tree, const uint8_t *key) {
  return first_from(tree, key, 0);
}
