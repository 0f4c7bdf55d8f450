/* What compares and combines JSON values: equality, merge patch, the largest members. */
#include <string.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/json_members.h"

/* --- Equality ------------------------------------------------------------- */

static sj_status arrays_equal(sj__arena *arena, const sj__json *a, const sj__json *b, bool *equal) {
  sj__json_cursor in_a = {0}, in_b = {0};
  sj_status status = SJ_OK;
  *equal = sj__json_count(a) == sj__json_count(b);
  while (status == SJ_OK && *equal) {
    sj__json *left = sj__json_next(a, &in_a, NULL);
    if (left == NULL) break;
    status = sj__json_equal(arena, left, sj__json_next(b, &in_b, NULL), equal);
  }
  return status;
}

static sj_status objects_equal(sj__arena *arena, const sj__json *a, const sj__json *b,
                               bool *equal) {
  *equal = sj__json_count(a) == sj__json_count(b);
  if (!*equal) return SJ_OK;
  sj__json_members members;
  sj_status status = sj__json_members_init(&members, arena, b, NULL);
  if (status != SJ_OK) return status;
  sj__json_cursor cursor = {0};
  sj_slice name;
  while (status == SJ_OK && *equal) {
    sj__json *value = sj__json_next(a, &cursor, &name);
    if (value == NULL) break;
    sj__json_member_node *other = sj__json_members_find(&members, name);
    *equal = other != NULL;
    if (*equal) status = sj__json_equal(arena, value, other->value, equal);
  }
  sj__json_members_release(&members);
  return status;
}

static bool scalars_equal(const sj__json *a, const sj__json *b) {
  sj_slice text_a, text_b;
  bool bool_a, bool_b;
  if (sj__json_is_null(a) || sj__json_is_null(b)) {
    return sj__json_is_null(a) && sj__json_is_null(b);
  }
  if (sj__json_text(a, &text_a)) {
    return sj__json_text(b, &text_b) && sj__slice_equal(text_a, text_b);
  }
  if (sj__json_bool(a, &bool_a)) return sj__json_bool(b, &bool_b) && bool_a == bool_b;
  return sj__json_number(a, &text_a) && sj__json_number(b, &text_b) &&
         sj__slice_equal(text_a, text_b);
}

/* Recursion ends: no value is deeper than SJ__JSON_DEPTH_MAX. */
sj_status sj__json_equal(sj__arena *arena, const sj__json *a, const sj__json *b, bool *equal) {
  if (sj__json_is_object(a) && sj__json_is_object(b)) return objects_equal(arena, a, b, equal);
  if (sj__json_is_array(a) && sj__json_is_array(b)) return arrays_equal(arena, a, b, equal);
  *equal = scalars_equal(a, b);
  return SJ_OK;
}

/* --- Merge patch (RFC 7396) ------------------------------------------------ */

typedef struct merge {
  sj__arena *arena;
  sj__buffer *out;
  bool changed;
  sj_status status; /* the first failure, which ends the walk */
} merge;

static void merge_objects(merge *m, const sj__json *target, const sj__json *patch);

static void open_member(merge *m, sj_slice name, bool *first) {
  if (!*first) sj__buffer_append_char(m->out, ',');
  *first = false;
  sj__append_json_string(m->out, name);
  sj__buffer_append_char(m->out, ':');
}

/* RFC 7396 2: an object patches, `null` removes, anything else takes the place of `old`. */
static void merge_member(merge *m, sj_slice name, const sj__json *old, const sj__json *patch,
                         bool *first) {
  if (sj__json_is_null(patch)) {
    m->changed |= old != NULL;
    return;
  }
  open_member(m, name, first);
  if (sj__json_is_object(patch)) {
    bool into_object = old != NULL && sj__json_is_object(old);
    m->changed |= !into_object;
    merge_objects(m, into_object ? old : NULL, patch);
    return;
  }
  bool equal = false;
  if (old != NULL && !m->changed) m->status = sj__json_equal(m->arena, old, patch, &equal);
  m->changed |= !equal;
  sj__json_write(patch, m->out);
}

static void merge_known(merge *m, const sj__json *target, const sj__json_members *patch,
                        bool *first) {
  sj__json_cursor cursor = {0};
  sj_slice name;
  for (sj__json *value; m->status == SJ_OK && target != NULL &&
                        (value = sj__json_next(target, &cursor, &name)) != NULL;) {
    sj__json_member_node *node = sj__json_members_find(patch, name);
    if (node != NULL) {
      node->seen = true;
      merge_member(m, name, value, node->value, first);
    } else {
      open_member(m, name, first);
      sj__json_write(value, m->out);
    }
  }
}

/* `target` NULL: {}. Recursion ends: no value is deeper than SJ__JSON_DEPTH_MAX. */
static void merge_objects(merge *m, const sj__json *target, const sj__json *patch) {
  sj__json_members members;
  bool first = true;
  m->status = sj__json_members_init(&members, m->arena, patch, NULL);
  if (m->status != SJ_OK) return;
  sj__buffer_append_char(m->out, '{');
  merge_known(m, target, &members, &first);
  for (size_t i = 0; i < members.count && m->status == SJ_OK; i++) {
    sj__json_member_node *node = &members.nodes[i];
    if (!node->seen) merge_member(m, node->name, NULL, node->value, &first);
  }
  sj__buffer_append_char(m->out, '}');
  sj__json_members_release(&members);
}

static sj_status parse_target(sj__arena *arena, sj_slice text, sj__json **out, sj_error *error) {
  *out = NULL;
  if (text.size == 0) return SJ_OK;
  sj_status status = sj__json_parse(arena, text, out, NULL);
  bool damaged = status == SJ_INVALID || status == SJ_TOO_LARGE ||
                 (status == SJ_OK && !sj__json_is_object(*out));
  return damaged ? sj__fail(error, SJ_CORRUPT, "what is to be patched is not an object") : status;
}

static sj_status parse_patch(sj__arena *arena, sj_slice text, sj__json **out, sj_error *error) {
  sj_status status = sj__json_parse(arena, text, out, error);
  if (status != SJ_OK || sj__json_is_object(*out)) return status;
  return sj__fail(error, SJ_INVALID, "a merge patch must be a JSON object");
}

sj_status sj__json_merge_patch(sj__arena *arena, sj_slice target, sj_slice patch, sj__buffer *out,
                               bool *changed, sj_error *error) {
  sj__json *target_root, *patch_root;
  *changed = false;
  sj_status status = parse_patch(arena, patch, &patch_root, error);
  if (status == SJ_OK) status = parse_target(arena, target, &target_root, error);
  if (status != SJ_OK) return status;
  size_t start = out->size;
  merge m = {.arena = arena, .out = out};
  merge_objects(&m, target_root, patch_root);
  if (m.status != SJ_OK) return sj__fail(error, m.status, "%s", sj_status_text(m.status));
  *changed = m.changed;
  if (!m.changed) {
    out->size = start;
    sj__buffer_append_slice(out, target.size > 0 ? target : SJ__SLICE("{}"));
  }
  status = sj__buffer_status(out);
  if (status != SJ_OK) sj__error_set(error, status, "the merged object is too large");
  return status;
}

/* --- The largest members --------------------------------------------------- */

typedef struct ranked {
  sj_slice name;
  size_t size;
} ranked;

/* Keeps `top` sorted, largest first; of equals, the earlier stays ahead. */
static void rank(ranked *top, size_t *used, size_t count, ranked item) {
  size_t at = *used;
  while (at > 0 && top[at - 1].size < item.size) at--;
  if (at == count) return;
  if (*used < count) (*used)++;
  memmove(&top[at + 1], &top[at], (*used - at - 1) * sizeof *top);
  top[at] = item;
}

void sj__json_describe_largest(sj__arena *arena, sj_slice object, size_t count, sj__buffer *out) {
  ranked top[SJ__JSON_LARGEST_MAX];
  size_t used = 0;
  sj__json *root;
  if (count > SJ__JSON_LARGEST_MAX) count = SJ__JSON_LARGEST_MAX;
  if (sj__json_parse(arena, object, &root, NULL) != SJ_OK || !sj__json_is_object(root)) return;
  sj__buffer scratch;
  sj__buffer_init(&scratch, 0);
  sj__json_cursor cursor = {0};
  sj_slice name;
  for (sj__json *value; (value = sj__json_next(root, &cursor, &name)) != NULL;) {
    sj__buffer_reset(&scratch);
    sj__append_json_string(&scratch, name);
    sj__buffer_append_char(&scratch, ':');
    sj__json_write(value, &scratch);
    rank(top, &used, count, (ranked){name, scratch.size});
  }
  sj__buffer_release(&scratch);
  for (size_t i = 0; i < used; i++) {
    if (i > 0) sj__buffer_append_literal(out, ", ");
    sj__json_append_name(out, top[i].name);
    sj__buffer_appendf(out, " (%zu bytes)", top[i].size);
  }
}
