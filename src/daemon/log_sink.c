/*
 * A line goes straight to standard error while that takes it. Where a pipe or
 * socket does not, because its reader is slow or hangs, lines are queued for a
 * thread that may wait: the loop that has something to say never does.
 */
#include "daemon/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/thread.h"

#define QUEUE_MAX   ((size_t)1 << 20)
#define PATIENCE_MS 1000u /* at the end, for a reader that is late */

static sj__log_format chosen;
static sj__mutex mutex; /* guards what follows, and the order of lines */
static sj__cond queued, emptied;
static sj__buffer queue;
static int64_t lost; /* lines that the queue had no room for, not yet told of */
static bool has_writer, is_writing;
static sj__thread writer;

/* One call a line, so that those of several processes don't mix (POSIX write(2), PIPE_BUF). */
static void write_line(const char *data, size_t size) {
  ssize_t written;
  do {
    written = write(STDERR_FILENO, data, size);
  } while (written < 0 && errno == EINTR);
}

static void write_lines(const sj__buffer *lines) {
  for (size_t at = 0; at < lines->size;) {
    const char *end = memchr(lines->data + at, '\n', lines->size - at);
    size_t size = end != NULL ? (size_t)(end - lines->data) + 1 - at : lines->size - at;
    write_line(lines->data + at, size);
    at += size;
  }
}

static void run_writer(void *argument) {
  sj__mutex_lock(&mutex);
  for (;;) {
    while (queue.size == 0) sj__cond_wait(&queued, &mutex);
    sj__buffer taken = queue;
    sj__buffer_init(&queue, QUEUE_MAX);
    is_writing = true;
    sj__mutex_unlock(&mutex);
    write_lines(&taken);
    sj__buffer_release(&taken);
    sj__mutex_lock(&mutex);
    is_writing = false;
    sj__cond_signal(&emptied);
  }
}

/* A pipe or socket that polls as writable takes a line of ours (PIPE_BUF) at once; so do files. */
static bool takes_a_line(void) {
  struct pollfd descriptor = {STDERR_FILENO, POLLOUT, 0};
  return poll(&descriptor, 1, 0) == 1;
}

static bool enqueue(const sj__buffer *line) {
  if (line->size > QUEUE_MAX - queue.size) return false;
  if (!has_writer) {
    has_writer = sj__thread_start(&writer, "log-writer", run_writer, NULL) == SJ_OK;
  }
  if (!has_writer) return false;
  sj__buffer_append(&queue, line->data, line->size);
  if (sj__buffer_status(&queue) != SJ_OK) return false;
  sj__cond_signal(&queued);
  return true;
}

/* Under the mutex. False: the line is lost. */
static bool tell(sj__log_level level, const char *message, const sj__log_field *fields,
                 size_t field_count) {
  sj__buffer line;
  sj__buffer_init(&line, 0);
  if (chosen == SJ__LOG_JSON) {
    sj__log_format_json(&line, sj__wall_ms(), level, message, fields, field_count);
  } else {
    sj__log_format_text(&line, sj__wall_ms(), level, message, fields, field_count);
  }
  sj__buffer_append_char(&line, '\n');
  bool is_told = sj__buffer_status(&line) == SJ_OK;
  if (is_told && queue.size == 0 && !is_writing && takes_a_line()) {
    write_line(line.data, line.size);
  } else {
    is_told = is_told && enqueue(&line);
  }
  sj__buffer_release(&line);
  return is_told;
}

static void sink(void *context, sj__log_level level, const char *message,
                 const sj__log_field *fields, size_t field_count) {
  sj__mutex_lock(&mutex);
  if (lost > 0) {
    const sj__log_field count = SJ__FIELD_INT("lines", lost);
    bool is_told = tell(SJ__LOG_WARNING, "standard error did not take the log", &count, 1);
    if (is_told) lost = 0;
  }
  if (lost > 0 || !tell(level, message, fields, field_count)) lost++;
  sj__mutex_unlock(&mutex);
}

void sj__log_to_stderr(sj__log_format format, sj__log_level minimum) {
  chosen = format;
  SJ__REQUIRE(sj__mutex_init(&mutex) == SJ_OK && sj__cond_init(&queued) == SJ_OK &&
              sj__cond_init(&emptied) == SJ_OK);
  sj__buffer_init(&queue, QUEUE_MAX);
  sj__log_install(sink, NULL, minimum);
}

void sj__log_finish(void) {
  uint64_t end_ms = sj__monotonic_ms() + PATIENCE_MS;
  sj__mutex_lock(&mutex);
  for (uint64_t now_ms = sj__monotonic_ms(); (queue.size > 0 || is_writing) && now_ms < end_ms;
       now_ms = sj__monotonic_ms()) {
    (void)sj__cond_wait_for(&emptied, &mutex, end_ms - now_ms);
  }
  sj__mutex_unlock(&mutex);
}
