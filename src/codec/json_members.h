/*
 * The members of one object by name, for json*.c: few are compared one by one,
 * many are hashed, so that no object however built costs quadratic time.
 */
#ifndef SJ_CODEC_JSON_MEMBERS_H
#define SJ_CODEC_JSON_MEMBERS_H

#include "base/map.h"
#include "codec/json.h"

typedef struct sj__json_member_node {
  sj__map_node node;
  sj_slice name;
  sj__json *value;
  bool seen; /* the user's mark; false at first */
} sj__json_member_node;

typedef struct sj__json_members {
  sj__json_member_node *nodes; /* in the object's order; in the arena */
  size_t count;
  bool hashed;
  sj__map map;
} sj__json_members;

/*
 * *duplicate (may be NULL) is the first member whose name came before, or NULL.
 * SJ_NO_MEMORY, SJ_NO_ENTROPY; release after success alone.
 */
SJ_MUST_USE sj_status sj__json_members_init(sj__json_members *members, sj__arena *arena,
                                            const sj__json *object,
                                            const sj__json_member_node **duplicate);
void sj__json_members_release(sj__json_members *members);
sj__json_member_node *sj__json_members_find(const sj__json_members *members, sj_slice name);

/* How many members or elements a container has; 0 for anything else. */
size_t sj__json_count(const sj__json *container);

#endif
