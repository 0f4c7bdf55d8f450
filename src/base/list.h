/* An intrusive, circular, doubly linked list. A node that is in no list points at itself. */
#ifndef SJ_BASE_LIST_H
#define SJ_BASE_LIST_H

#include <stdbool.h>

typedef struct sj__list {
  struct sj__list *next;
  struct sj__list *previous;
} sj__list;

static inline void sj__list_init(sj__list *node) {
  node->next = node->previous = node;
}
static inline bool sj__list_is_empty(const sj__list *head) {
  return head->next == head;
}
static inline void sj__list_insert_before(sj__list *position, sj__list *node) {
  node->previous = position->previous;
  node->next = position;
  position->previous->next = node;
  position->previous = node;
}
static inline void sj__list_append(sj__list *head, sj__list *node) {
  sj__list_insert_before(head, node);
}
static inline void sj__list_remove(sj__list *node) {
  node->previous->next = node->next;
  node->next->previous = node->previous;
  sj__list_init(node);
}
/* Moves everything from `from` to the end of `to`. */
static inline void sj__list_splice(sj__list *to, sj__list *from) {
  if (sj__list_is_empty(from)) return;
  from->next->previous = to->previous;
  to->previous->next = from->next;
  from->previous->next = to;
  to->previous = from->previous;
  sj__list_init(from);
}

/* NOLINTBEGIN(bugprone-macro-parentheses): `node` is the name that is declared. */
#define SJ__LIST_FOR(node, head) \
  for (sj__list *node = (head)->next; node != (head); node = node->next)
#define SJ__LIST_FOR_SAFE(node, head)                                            \
  for (sj__list *node = (head)->next, *node##_next = node->next; node != (head); \
       node = node##_next, node##_next = node->next)
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
