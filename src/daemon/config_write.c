/* Values of settings as they are written, and what an entry allows, in words. */
#include "base/log.h"
#include "base/slice.h"
#include "codec/units.h"
#include "daemon/config_table.h"

/* --- Values ------------------------------------------------------------------ */

static void write_text(const char *text, sj__buffer *out) {
  sj__append_json_string(out, sj__slice_text(text != NULL ? text : ""));
}

static void write_number(const sj__config_entry *entry, uint64_t value, sj__buffer *out) {
  switch (entry->type) {
    case SJ__CONFIG_DURATION:
      sj__buffer_append_char(out, '"');
      sj__duration_append(out, (int64_t)value);
      sj__buffer_append_char(out, '"');
      break;
    case SJ__CONFIG_BYTES:
      sj__buffer_append_char(out, '"');
      sj__bytes_append(out, value);
      sj__buffer_append_char(out, '"');
      break;
    case SJ__CONFIG_MODE: /* quoted: JSON has no leading zeros */
      sj__buffer_appendf(out, "\"0%03o\"", (unsigned)value);
      break;
    default:
      sj__buffer_append_u64(out, value);
  }
}

static void write_flags(const sj__config_entry *entry, uint64_t flags, sj__buffer *out) {
  const char *separator = "";
  sj__buffer_append_char(out, '[');
  for (size_t i = 0; entry->choices[i] != NULL; i++) {
    if ((flags >> i & 1) == 0) continue;
    sj__buffer_append_text(out, separator);
    write_text(entry->choices[i], out);
    separator = ", ";
  }
  sj__buffer_append_char(out, ']');
}

static void write_texts(const sj__config_texts *list, sj__buffer *out) {
  sj__buffer_append_char(out, '[');
  for (size_t i = 0; i < list->count; i++) {
    if (i > 0) sj__buffer_append_literal(out, ", ");
    write_text(list->items[i], out);
  }
  sj__buffer_append_char(out, ']');
}

static void write_counts(const sj__config_counts *list, sj__buffer *out) {
  sj__buffer_append_char(out, '[');
  for (size_t i = 0; i < list->count; i++) {
    if (i > 0) sj__buffer_append_literal(out, ", ");
    sj__buffer_append_u64(out, list->items[i]);
  }
  sj__buffer_append_char(out, ']');
}

/* A Unix socket's members make no sense for TCP: left out there. */
static bool is_shown(const sj__config_entry *entry, const sj__config_listener *listener) {
  if (entry->type == SJ__CONFIG_MODE) return listener->mode != 0;
  return entry->type != SJ__CONFIG_COUNTS || listener->uids.count > 0;
}

static void write_listener(const sj__config_listener *listener, sj__buffer *out) {
  const char *separator = "";
  sj__buffer_append_char(out, '{');
  for (size_t i = 0; i < sj__config_listener_table_count; i++) {
    const sj__config_entry *entry = &sj__config_listener_table[i];
    if (!is_shown(entry, listener)) continue;
    sj__buffer_append_text(out, separator);
    write_text(entry->path + sizeof "listeners." - 1, out);
    sj__buffer_append_literal(out, ": ");
    sj__config_write(entry, listener, out);
    separator = ", ";
  }
  sj__buffer_append_char(out, '}');
}

static void write_listeners(const sj__config_listeners *list, sj__buffer *out) {
  sj__buffer_append_char(out, '[');
  for (size_t i = 0; i < list->count; i++) {
    if (i > 0) sj__buffer_append_literal(out, ", ");
    write_listener(&list->items[i], out);
  }
  sj__buffer_append_char(out, ']');
}

void sj__config_write(const sj__config_entry *entry, const void *target, sj__buffer *out) {
  const void *value = (const char *)target + entry->offset;
  switch (entry->type) {
    case SJ__CONFIG_TEXT:
      write_text(*(const char *const *)value, out);
      break;
    case SJ__CONFIG_BOOLEAN:
      sj__buffer_append_text(out, *(const bool *)value ? "true" : "false");
      break;
    case SJ__CONFIG_CHOICE:
      write_text(entry->choices[*(const uint64_t *)value], out);
      break;
    case SJ__CONFIG_FLAGS:
      write_flags(entry, *(const uint64_t *)value, out);
      break;
    case SJ__CONFIG_TEXTS:
      write_texts(value, out);
      break;
    case SJ__CONFIG_COUNTS:
      write_counts(value, out);
      break;
    case SJ__CONFIG_LISTENERS:
      write_listeners(value, out);
      break;
    default:
      write_number(entry, *(const uint64_t *)value, out);
  }
}

/* --- What is allowed ------------------------------------------------------------- */

static void describe_bound(const sj__config_entry *entry, uint64_t bound, sj__buffer *out) {
  switch (entry->type) {
    case SJ__CONFIG_DURATION:
      sj__duration_append(out, (int64_t)bound);
      break;
    case SJ__CONFIG_BYTES:
      sj__bytes_append(out, bound);
      break;
    case SJ__CONFIG_MODE:
      sj__buffer_appendf(out, "0%03o", (unsigned)bound);
      break;
    default:
      sj__buffer_append_u64(out, bound);
  }
}

static void describe_range(const sj__config_entry *entry, const char *what, sj__buffer *out) {
  sj__buffer_append_text(out, what);
  describe_bound(entry, entry->minimum, out);
  sj__buffer_append_literal(out, " to ");
  describe_bound(entry, entry->maximum, out);
}

static void describe_choices(const sj__config_entry *entry, const char *what, sj__buffer *out) {
  sj__buffer_append_text(out, what);
  for (size_t i = 0; entry->choices[i] != NULL; i++) {
    if (i > 0) sj__buffer_append_literal(out, ", ");
    sj__buffer_append_text(out, entry->choices[i]);
  }
}

static void describe_text(const sj__config_entry *entry, sj__buffer *out) {
  if (entry->check_note != NULL) {
    sj__buffer_append_text(out, entry->check_note);
  } else {
    describe_range(entry, "text of ", out);
    sj__buffer_append_literal(out, " bytes");
  }
}

static void describe_texts(const sj__config_entry *entry, sj__buffer *out) {
  describe_range(entry, "a list of ", out);
  sj__buffer_append_literal(out, " elements, each ");
  sj__buffer_append_text(out, entry->check_note != NULL ? entry->check_note : "a text");
}

void sj__config_describe(const sj__config_entry *entry, sj__buffer *out) {
  switch (entry->type) {
    case SJ__CONFIG_TEXT:
      describe_text(entry, out);
      break;
    case SJ__CONFIG_DURATION:
      describe_range(entry, "a duration, ", out);
      break;
    case SJ__CONFIG_BYTES:
      describe_range(entry, "a size in bytes, ", out);
      break;
    case SJ__CONFIG_COUNT:
      describe_range(entry, "a whole number, ", out);
      break;
    case SJ__CONFIG_MODE:
      describe_range(entry, "an octal mode, ", out);
      break;
    case SJ__CONFIG_BOOLEAN:
      sj__buffer_append_literal(out, "true or false");
      break;
    case SJ__CONFIG_CHOICE:
      describe_choices(entry, "one of ", out);
      break;
    case SJ__CONFIG_FLAGS:
      describe_choices(entry, "a list of one or more of ", out);
      break;
    case SJ__CONFIG_TEXTS:
      describe_texts(entry, out);
      break;
    case SJ__CONFIG_COUNTS:
      describe_range(entry, "a list of whole numbers, ", out);
      break;
    case SJ__CONFIG_LISTENERS:
      describe_range(entry, "a list of ", out);
      sj__buffer_append_literal(out, " maps, each with an address");
      break;
  }
}
