#include "base/log.h"

static sj__log_sink *installed;
static void *installed_context;
static sj__log_level installed_minimum;

void sj__log_install(sj__log_sink *sink, void *context, sj__log_level minimum) {
  installed = sink;
  installed_context = context;
  installed_minimum = minimum;
}

bool sj__log_enabled(sj__log_level level) {
  return installed != NULL && level >= installed_minimum;
}

void sj__log_write(sj__log_level level, const char *message, const sj__log_field *fields,
                   size_t field_count) {
  if (!sj__log_enabled(level)) return;
  installed(installed_context, level, message, fields, field_count);
}

static const char *level_name(sj__log_level level) {
  static const char *const names[] = {"debug", "info", "warning", "error"};
  return names[level];
}

static void append_integer(sj__buffer *out, int64_t value) {
  if (value < 0) sj__buffer_append_char(out, '-');
  sj__buffer_append_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void sj__log_format_json(sj__buffer *out, int64_t wall_ms, sj__log_level level, const char *message,
                         const sj__log_field *fields, size_t field_count) {
  sj__buffer_append_literal(out, "{\"time\":\"");
  sj__append_rfc3339(out, wall_ms);
  sj__buffer_append_literal(out, "\",\"level\":\"");
  sj__buffer_append_text(out, level_name(level));
  sj__buffer_append_literal(out, "\",\"message\":");
  sj__append_json_string(out, sj__slice_text(message));
  for (size_t i = 0; i < field_count; i++) {
    sj__buffer_append_char(out, ',');
    sj__append_json_string(out, sj__slice_text(fields[i].name));
    sj__buffer_append_char(out, ':');
    if (fields[i].type == SJ__FIELD_INTEGER) {
      append_integer(out, fields[i].integer);
    } else {
      sj__append_json_string(out, fields[i].text);
    }
  }
  sj__buffer_append_char(out, '}');
}

/* Anything that could be mistaken for two values, for none, or for a quoted one is quoted. */
static bool is_bare_value(sj_slice text) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return false;
  }
  return text.size > 0;
}

void sj__log_format_text(sj__buffer *out, int64_t wall_ms, sj__log_level level, const char *message,
                         const sj__log_field *fields, size_t field_count) {
  sj__append_rfc3339(out, wall_ms);
  sj__buffer_append_char(out, ' ');
  sj__buffer_append_text(out, level_name(level));
  sj__buffer_append_char(out, ' ');
  sj__buffer_append_text(out, message);
  for (size_t i = 0; i < field_count; i++) {
    sj__buffer_append_char(out, ' ');
    sj__buffer_append_text(out, fields[i].name);
    sj__buffer_append_char(out, '=');
    if (fields[i].type == SJ__FIELD_INTEGER) {
      append_integer(out, fields[i].integer);
    } else if (is_bare_value(fields[i].text)) {
      sj__buffer_append_slice(out, fields[i].text);
    } else {
      sj__append_json_string(out, fields[i].text);
    }
  }
}
