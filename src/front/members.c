/* The members of request bodies, by table. */
#include "base/alloc.h"
#include "base/errors.h"
#include "codec/units.h"
#include "front/input.h"

static const char *const expectations[] = {
    [SJ__MEMBER_TEXT] = "a string",
    [SJ__MEMBER_OBJECT] = "an object",
    [SJ__MEMBER_TEXTS] = "an array of strings",
    [SJ__MEMBER_LEVEL] = "a whole number from 0 to 255",
    [SJ__MEMBER_DURATION] = "a duration above 0 such as \"30m\" (ms, s, m, h, d)",
    [SJ__MEMBER_MOMENT] = "a moment such as \"2026-01-02T03:04:05.678Z\" (RFC 3339)",
};

static sj_status write_to_arena(sj__arena *arena, const sj__json *value, sj_slice *out) {
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj__json_write(value, &text);
  sj_status status = sj__buffer_status(&text);
  if (status == SJ_OK) *out = sj__arena_dup(arena, sj__buffer_slice(&text));
  sj__buffer_release(&text);
  return status == SJ_OK && out->data == NULL ? SJ_NO_MEMORY : status;
}

static bool is_array_of_texts(const sj__json *value) {
  sj__json_cursor cursor = {0};
  sj_slice text;
  if (!sj__json_is_array(value)) return false;
  for (sj__json *item; (item = sj__json_next(value, &cursor, NULL)) != NULL;) {
    if (!sj__json_text(item, &text)) return false;
  }
  return true;
}

static sj_status read_level(const sj__json *value, int *out) {
  uint64_t level;
  if (!sj__json_u64(value, 255, &level)) return SJ_BAD_REQUEST;
  *out = (int)level;
  return SJ_OK;
}

static sj_status read_time(const sj__json *value, sj__member_type type, int64_t *out) {
  sj_slice text;
  if (!sj__json_text(value, &text)) return SJ_BAD_REQUEST;
  sj_status status =
      type == SJ__MEMBER_MOMENT ? sj__rfc3339_parse(text, out) : sj__duration_parse(text, out);
  bool zero = type == SJ__MEMBER_DURATION && status == SJ_OK && *out == 0;
  return status != SJ_OK || zero ? SJ_BAD_REQUEST : SJ_OK;
}

/* SJ_BAD_REQUEST: not of the member's type. */
static sj_status read_value(sj__arena *arena, const sj__json *value, sj__member_type type,
                            void *out) {
  switch (type) {
    case SJ__MEMBER_TEXT:
      return sj__json_text(value, out) ? SJ_OK : SJ_BAD_REQUEST;
    case SJ__MEMBER_OBJECT:
      return sj__json_is_object(value) ? write_to_arena(arena, value, out) : SJ_BAD_REQUEST;
    case SJ__MEMBER_TEXTS:
      return is_array_of_texts(value) ? write_to_arena(arena, value, out) : SJ_BAD_REQUEST;
    case SJ__MEMBER_LEVEL:
      return read_level(value, out);
    default:
      return read_time(value, type, out);
  }
}

static const sj__member *find_member(const sj__member *members, size_t count, sj_slice name) {
  for (size_t i = 0; i < count; i++) {
    if (sj__slice_equal(name, sj__slice_text(members[i].name))) return &members[i];
  }
  return NULL;
}

static sj_status refuse_unknown(sj_error *error, sj_slice name, const sj__member *members,
                                size_t count) {
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj__buffer_append_literal(&text, "unknown member \"");
  sj__json_append_name(&text, name);
  sj__buffer_append_literal(&text, "\"; allowed here: ");
  for (size_t i = 0; i < count; i++) {
    sj__buffer_appendf(&text, "%s%s", i > 0 ? ", " : "", members[i].name);
  }
  sj_slice message = sj__buffer_slice(&text);
  sj_status status = sj__fail(error, SJ_BAD_REQUEST, "%.*s", (int)message.size, message.data);
  sj__buffer_release(&text);
  return status;
}

sj_status sj__members_read(sj__arena *arena, const sj__json *object, const sj__member *members,
                           size_t count, void *out, sj_error *error) {
  sj__json_cursor cursor = {0};
  sj_slice name;
  for (sj__json *value; (value = sj__json_next(object, &cursor, &name)) != NULL;) {
    const sj__member *member = find_member(members, count, name);
    if (member == NULL) return refuse_unknown(error, name, members, count);
    sj_status status = read_value(arena, value, member->type, (char *)out + member->offset);
    if (status == SJ_BAD_REQUEST) {
      return sj__fail(error, status, "\"%s\" must be %s", member->name, expectations[member->type]);
    }
    if (status != SJ_OK) return sj__fail(error, status, "%s", sj_status_text(status));
  }
  return SJ_OK;
}
