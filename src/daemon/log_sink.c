#include "daemon/log_sink.h"

#include <errno.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"

static sj__log_format chosen;

/* One call, so that lines of several threads and processes don't mix (POSIX write(2), PIPE_BUF). */
static void write_line(const sj__buffer *line) {
  ssize_t written;
  do {
    written = write(STDERR_FILENO, line->data, line->size);
  } while (written < 0 && errno == EINTR);
}

static void sink(void *context, sj__log_level level, const char *message,
                 const sj__log_field *fields, size_t field_count) {
  sj__buffer line;
  sj__buffer_init(&line, 0);
  if (chosen == SJ__LOG_JSON) {
    sj__log_format_json(&line, sj__wall_ms(), level, message, fields, field_count);
  } else {
    sj__log_format_text(&line, sj__wall_ms(), level, message, fields, field_count);
  }
  sj__buffer_append_char(&line, '\n');
  if (sj__buffer_status(&line) == SJ_OK) write_line(&line);
  sj__buffer_release(&line);
}

void sj__log_to_stderr(sj__log_format format, sj__log_level minimum) {
  chosen = format;
  sj__log_install(sink, NULL, minimum);
}
