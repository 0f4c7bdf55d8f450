/*
 * A document of configuration as a small tree: what YAML (the file) and JSON
 * (lists in the environment) have in common. Scalars stay text; what they mean
 * is the table's affair.
 */
#ifndef SJ_DAEMON_CONFIG_NODE_H
#define SJ_DAEMON_CONFIG_NODE_H

#include <stdbool.h>

#include "base/arena.h"
#include "sojourn/status.h"

typedef enum sj__config_node_kind {
  SJ__NODE_NOTHING, /* no value: "key:", "~", "null" */
  SJ__NODE_SCALAR,
  SJ__NODE_LIST,
  SJ__NODE_MAP
} sj__config_node_kind;

typedef struct sj__config_node sj__config_node;
struct sj__config_node {
  sj__config_node_kind kind;
  unsigned line;          /* from 1 */
  sj_slice name;          /* of a map's member */
  sj_slice text;          /* of a scalar */
  sj__config_node *first; /* of a list or map, in the order of the file */
  sj__config_node *last;
  sj__config_node *next; /* sibling */
  size_t count;
};

#define SJ__CONFIG_DEPTH_MAX    6u
#define SJ__CONFIG_CHILDREN_MAX 256u /* of one list or map */

/* NULL: no memory. */
sj__config_node *sj__config_node_new(sj__arena *arena, sj__config_node_kind kind, unsigned line);
void sj__config_node_append(sj__config_node *parent, sj__config_node *child);
sj__config_node *sj__config_node_member(const sj__config_node *map, sj_slice name); /* NULL: none */

/*
 * One YAML 1.1 document whose root is a map (an empty one gives an empty map).
 * Refused: anchors, aliases, tags, duplicate keys, keys that are no scalars,
 * several documents, more than SJ__CONFIG_DEPTH_MAX levels or
 * SJ__CONFIG_CHILDREN_MAX elements. `name` is the
 * file's, for errors: "NAME:LINE: why". SJ_INVALID, SJ_NO_MEMORY.
 */
SJ_MUST_USE sj_status sj__config_yaml_parse(sj__arena *arena, const char *name, sj_slice text,
                                            sj__config_node **root, sj_error *error);

/* One JSON document (codec/json.h), for a list in the environment. SJ_INVALID, SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__config_json_parse(sj__arena *arena, sj_slice text, sj__config_node **root,
                                            sj_error *error);

#define SJ__CONFIG_SHOWN_SIZE 72
/*
 * A key or value for an error: at most 64 bytes, what is not printable ASCII as '?'. Returns out.
 */
const char *sj__config_shown(sj_slice text, char out[SJ__CONFIG_SHOWN_SIZE]);

/*
 * Of `names` (NULL-terminated) the one that `name` most likely meant, by edit
 * distance; NULL when none is near.
 */
const char *sj__config_nearest(sj_slice name, const char *const *names);

#endif
