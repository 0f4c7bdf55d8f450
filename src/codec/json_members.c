#include "codec/json_members.h"

#include "base/alloc.h"
#include "base/text.h"

/* Up to this many, comparing beats hashing. */
#define LINEAR_MAX     16
#define NAME_SHOWN_MAX 64

static sj__json_member_node *find_among(const sj__json_members *members, size_t count,
                                        sj_slice name) {
  for (size_t i = 0; i < count; i++) {
    if (sj__slice_equal(members->nodes[i].name, name)) return &members->nodes[i];
  }
  return NULL;
}

sj__json_member_node *sj__json_members_find(const sj__json_members *members, sj_slice name) {
  if (!members->hashed) return find_among(members, members->count, name);
  sj__map_node *node = sj__map_find(&members->map, name);
  return node != NULL ? SJ__CONTAINER_OF(node, sj__json_member_node, node) : NULL;
}

static sj_status add(sj__json_members *members, size_t position,
                     const sj__json_member_node **duplicate) {
  sj__json_member_node *node = &members->nodes[position];
  bool known = members->hashed ? sj__map_find(&members->map, node->name) != NULL
                               : find_among(members, position, node->name) != NULL;
  if (known && duplicate != NULL && *duplicate == NULL) *duplicate = node;
  if (known || !members->hashed) return SJ_OK;
  return sj__map_insert(&members->map, &node->node, node->name);
}

sj_status sj__json_members_init(sj__json_members *members, sj__arena *arena, const sj__json *object,
                                const sj__json_member_node **duplicate) {
  *members = (sj__json_members){.count = sj__json_count(object)};
  if (duplicate != NULL) *duplicate = NULL;
  members->nodes = sj__arena_calloc(arena, members->count, sizeof *members->nodes);
  if (members->nodes == NULL) return SJ_NO_MEMORY;
  if (members->count > LINEAR_MAX) {
    sj_status status = sj__map_init(&members->map);
    if (status != SJ_OK) return status;
    members->hashed = true;
  }
  sj__json_cursor cursor = {0};
  for (size_t i = 0; i < members->count; i++) {
    members->nodes[i].value = sj__json_next(object, &cursor, &members->nodes[i].name);
    sj_status status = add(members, i, duplicate);
    if (status != SJ_OK) {
      sj__json_members_release(members);
      return status;
    }
  }
  return SJ_OK;
}

void sj__json_members_release(sj__json_members *members) {
  if (members->hashed) sj__map_release(&members->map);
  members->hashed = false;
}

void sj__json_append_name(sj__buffer *out, sj_slice name) {
  if (name.size > NAME_SHOWN_MAX) name.size = sj__utf8_floor(name.data, NAME_SHOWN_MAX);
  sj__buffer quoted;
  sj__buffer_init(&quoted, 0);
  sj__append_json_string(&quoted, name);
  if (quoted.size >= 2) sj__buffer_append(out, quoted.data + 1, quoted.size - 2);
  sj__buffer_release(&quoted);
}
