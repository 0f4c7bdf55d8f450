#include "daemon/config_node.h"

#include <string.h>

#include "base/buffer.h"
#include "base/errors.h"
#include "base/slice.h"
#include "codec/json.h"

sj__config_node *sj__config_node_new(sj__arena *arena, sj__config_node_kind kind, unsigned line) {
  sj__config_node *node = sj__arena_calloc(arena, 1, sizeof *node);
  if (node == NULL) return NULL;
  node->kind = kind;
  node->line = line;
  return node;
}

void sj__config_node_append(sj__config_node *parent, sj__config_node *child) {
  if (parent->last != NULL) {
    parent->last->next = child;
  } else {
    parent->first = child;
  }
  parent->last = child;
  parent->count++;
}

sj__config_node *sj__config_node_member(const sj__config_node *map, sj_slice name) {
  for (sj__config_node *child = map->first; child != NULL; child = child->next) {
    if (sj__slice_equal(child->name, name)) return child;
  }
  return NULL;
}

/* --- JSON ----------------------------------------------------------------- */

static sj_status convert(sj__arena *arena, const sj__json *value, sj__config_node **out);

static sj_status convert_children(sj__arena *arena, const sj__json *value,
                                  sj__config_node *parent) {
  sj__json_cursor cursor = {0};
  sj_slice name = {NULL, 0};
  for (sj__json *item; (item = sj__json_next(value, &cursor, &name)) != NULL;) {
    sj__config_node *child = NULL;
    sj_status status = convert(arena, item, &child);
    if (status != SJ_OK) return status;
    child->name = name.data != NULL ? sj__arena_dup(arena, name) : name;
    if (name.data != NULL && child->name.data == NULL) return SJ_NO_MEMORY;
    sj__config_node_append(parent, child);
  }
  return SJ_OK;
}

/* Numbers and booleans become the text that stands in the document. */
static sj_status convert_scalar(sj__arena *arena, const sj__json *value, sj__config_node *node) {
  sj_slice text;
  if (sj__json_text(value, &text)) {
    node->text = sj__arena_dup(arena, text);
    return node->text.data != NULL ? SJ_OK : SJ_NO_MEMORY;
  }
  sj__buffer written;
  sj__buffer_init(&written, 0);
  sj__json_write(value, &written);
  sj_status status = sj__buffer_status(&written);
  if (status == SJ_OK) {
    node->text = sj__arena_dup(arena, sj__buffer_slice(&written));
    if (node->text.data == NULL) status = SJ_NO_MEMORY;
  }
  sj__buffer_release(&written);
  return status;
}

static sj_status convert(sj__arena *arena, const sj__json *value, sj__config_node **out) {
  sj__config_node_kind kind = sj__json_is_object(value)  ? SJ__NODE_MAP
                              : sj__json_is_array(value) ? SJ__NODE_LIST
                              : sj__json_is_null(value)  ? SJ__NODE_NOTHING
                                                         : SJ__NODE_SCALAR;
  sj__config_node *node = sj__config_node_new(arena, kind, 1);
  if (node == NULL) return SJ_NO_MEMORY;
  *out = node;
  if (kind == SJ__NODE_SCALAR) return convert_scalar(arena, value, node);
  return kind == SJ__NODE_NOTHING ? SJ_OK : convert_children(arena, value, node);
}

sj_status sj__config_json_parse(sj__arena *arena, sj_slice text, sj__config_node **root,
                                sj_error *error) {
  sj__json *value = NULL;
  sj_status status = sj__json_parse(arena, text, &value, error);
  /* Depth is bounded by the codec; to a reader of the configuration it is one more wrong form. */
  if (status == SJ_TOO_LARGE) return sj__fail(error, SJ_INVALID, "nested too deeply");
  if (status != SJ_OK) return status;
  status = convert(arena, value, root);
  return status == SJ_OK ? SJ_OK : sj__fail(error, status, "out of memory");
}

/* --- Words in errors --------------------------------------------------------- */

const char *sj__config_shown(sj_slice text, char out[SJ__CONFIG_SHOWN_SIZE]) {
  size_t size = text.size < 64 ? text.size : 64;
  for (size_t i = 0; i < size; i++) {
    out[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
  }
  out[size] = '\0';
  if (text.size > size) memcpy(out + size, "...", 4);
  return out;
}

/* --- Suggestions ------------------------------------------------------------ */

#define NAME_MAX_COMPARED 48u

static size_t smallest(size_t a, size_t b, size_t c) {
  size_t least = a < b ? a : b;
  return least < c ? least : c;
}

/* Levenshtein's distance, two rows at a time; both at most NAME_MAX_COMPARED long. */
static size_t edit_distance(sj_slice a, sj_slice b) {
  size_t rows[2][NAME_MAX_COMPARED + 1];
  for (size_t j = 0; j <= b.size; j++) rows[0][j] = j;
  for (size_t i = 1; i <= a.size; i++) {
    size_t *above = rows[(i - 1) % 2];
    size_t *row = rows[i % 2];
    row[0] = i;
    for (size_t j = 1; j <= b.size; j++) {
      size_t swapped = above[j - 1] + (a.data[i - 1] == b.data[j - 1] ? 0 : 1);
      row[j] = smallest(above[j] + 1, row[j - 1] + 1, swapped);
    }
  }
  return rows[a.size % 2][b.size];
}

const char *sj__config_nearest(sj_slice name, const char *const *names) {
  if (name.size == 0 || name.size > NAME_MAX_COMPARED) return NULL;
  const char *nearest = NULL;
  size_t best = name.size / 3 + 2; /* beyond: a different word */
  for (; *names != NULL; names++) {
    sj_slice candidate = sj__slice_text(*names);
    if (candidate.size > NAME_MAX_COMPARED) continue;
    size_t distance = edit_distance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = *names;
    }
  }
  return nearest;
}
