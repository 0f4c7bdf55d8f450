/*
 * An ordered set of nodes that the caller embeds: a treap, whose balance comes
 * from each node's random priority. Nodes are ordered by a key of fixed size
 * that lies at a fixed distance from the node, as memcmp orders bytes.
 *
 * Not thread-safe. Never allocates.
 */
#ifndef SJ_STORE_ADAPTER_KEY_TREE_H
#define SJ_STORE_ADAPTER_KEY_TREE_H

#include <stddef.h>
#include <stdint.h>

typedef struct sj__key_node {
  struct sj__key_node *left;
  struct sj__key_node *right;
} sj__key_node;

typedef struct sj__key_tree {
  sj__key_node *root;
  ptrdiff_t key_offset;      /* from the node to its key */
  ptrdiff_t priority_offset; /* from the node to a uint64_t that nobody outside can choose */
  size_t key_size;
} sj__key_tree;

/* Over the nodes `member` of `type`, whose keys are in its array `key`. */
#define SJ__KEY_TREE(type, member, key, priority)                                           \
  ((sj__key_tree){NULL, (ptrdiff_t)offsetof(type, key) - (ptrdiff_t)offsetof(type, member), \
                  (ptrdiff_t)offsetof(type, priority) - (ptrdiff_t)offsetof(type, member),  \
                  sizeof(((type *)0)->key)})

/* No node with the same key may be in the tree (aborts); key and priority stay while it is. */
void sj__key_tree_insert(sj__key_tree *tree, sj__key_node *node);
/* The node must be in the tree (aborts). */
void sj__key_tree_remove(sj__key_tree *tree, sj__key_node *node);
/* The first node whose key is above `key` (key_size bytes; NULL: the very first). NULL: none. */
sj__key_node *sj__key_tree_after(const sj__key_tree *tree, const uint8_t *key);
/* The same for a key at or above `key`. */
sj__key_node *sj__key_tree_from(const sj__key_tree *tree, const uint8_t *key);

#endif
