/*
 * Structured logs: one event, a level, and named fields. The sink decides the
 * format (base has no I/O): the daemon writes JSON lines or text to stderr, a
 * host that embeds the library installs its own.
 *
 * Values are data: sinks escape them, so nothing from outside can forge a
 * line. Never log a credential, an id, a key or an attribute; the sid is
 * public.
 */
#ifndef SJ_BASE_LOG_H
#define SJ_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "base/text.h"

typedef enum sj__log_level {
  SJ__LOG_DEBUG,
  SJ__LOG_INFO,
  SJ__LOG_WARNING,
  SJ__LOG_ERROR
} sj__log_level;

typedef struct sj__log_field {
  const char *name;
  enum { SJ__FIELD_TEXT, SJ__FIELD_INTEGER } type;
  sj_slice text;
  int64_t integer;
} sj__log_field;

#define SJ__FIELD(name, value) ((sj__log_field){(name), SJ__FIELD_TEXT, (value), 0})
#define SJ__FIELD_CSTR(name, value) \
  ((sj__log_field){(name), SJ__FIELD_TEXT, sj__slice_text(value), 0})
#define SJ__FIELD_INT(name, value) \
  ((sj__log_field){(name), SJ__FIELD_INTEGER, {0}, (int64_t)(value)})

/* `message` is a constant sentence; what varies goes into fields. Any thread. */
typedef void sj__log_sink(void *context, sj__log_level level, const char *message,
                          const sj__log_field *fields, size_t field_count);

/* NULL: drop everything (the default). Before threads start. */
void sj__log_install(sj__log_sink *sink, void *context, sj__log_level minimum);
bool sj__log_enabled(sj__log_level level);
void sj__log_write(sj__log_level level, const char *message, const sj__log_field *fields,
                   size_t field_count);

/* SJ__LOG(SJ__LOG_INFO, "listening", SJ__FIELD_CSTR("address", text)); */
#define SJ__LOG(level, message, ...)                               \
  do {                                                             \
    if (sj__log_enabled(level)) {                                  \
      const sj__log_field sj__fields_[] = {__VA_ARGS__};           \
      sj__log_write((level), (message), sj__fields_,               \
                    sizeof(sj__fields_) / sizeof(sj__fields_[0])); \
    }                                                              \
  } while (0)

/* One event as one line without its newline: {"time":…,"level":…,"message":…,fields…}. */
void sj__log_format_json(sj__buffer *out, int64_t wall_ms, sj__log_level level, const char *message,
                         const sj__log_field *fields, size_t field_count);
/* 2026-01-02T03:04:05.678Z info message name=value name="quoted value" */
void sj__log_format_text(sj__buffer *out, int64_t wall_ms, sj__log_level level, const char *message,
                         const sj__log_field *fields, size_t field_count);

#endif
