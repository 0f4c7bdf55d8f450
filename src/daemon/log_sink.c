/*
 * Lines go straight to standard error while that takes them, those of a loop's
 * turn together. Where a pipe or socket does not, because its reader is slow or
 * hangs, lines are queued for a thread that may wait: the loop that has
 * something to say never does.
 */
#include "daemon/log_sink.h"

#include <errno.h>
#include <limits.h>
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

/* This thread's lines of the turn. */
static _Thread_local struct {
  sj__loop *loop; /* NULL: every line leaves at once */
  sj__task task;
  sj__buffer lines;
  int64_t count;
} turn;

/*
 * Whole lines in one call of at most PIPE_BUF bytes (or one longer line), so that those of several
 * processes don't mix (POSIX write(2)).
 */
static void write_out(const char *data, size_t size) {
  ssize_t written;
  do {
    written = write(STDERR_FILENO, data, size);
  } while (written < 0 && errno == EINTR);
}

static void write_lines(const sj__buffer *lines) {
  for (size_t at = 0; at < lines->size;) {
    const char *end = memchr(lines->data + at, '\n', lines->size - at);
    size_t size = end != NULL ? (size_t)(end - lines->data) + 1 - at : lines->size - at;
    write_out(lines->data + at, size);
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

/* A pipe or socket that polls as writable takes PIPE_BUF bytes at once; so do files. */
static bool takes_lines(void) {
  struct pollfd descriptor = {STDERR_FILENO, POLLOUT, 0};
  return poll(&descriptor, 1, 0) == 1;
}

static bool enqueue(sj_slice lines) {
  if (lines.size > QUEUE_MAX - queue.size) return false;
  if (!has_writer) {
    has_writer = sj__thread_start(&writer, "log-writer", run_writer, NULL) == SJ_OK;
  }
  if (!has_writer) return false;
  if (sj__buffer_reserve(&queue, lines.size) == NULL) {
    if (queue.size == 0) sj__buffer_reset(&queue); /* nothing to write that would clear it */
    return false;
  }
  sj__buffer_append_slice(&queue, lines);
  sj__cond_signal(&queued);
  return true;
}

/* Under the mutex. False: they are lost. */
static bool pass_on(sj_slice lines) {
  if (queue.size > 0 || is_writing || !takes_lines()) return enqueue(lines);
  write_out(lines.data, lines.size);
  return true;
}

static bool format_line(sj__buffer *out, sj__log_level level, const char *message,
                        const sj__log_field *fields, size_t field_count) {
  if (chosen == SJ__LOG_JSON) {
    sj__log_format_json(out, sj__wall_ms(), level, message, fields, field_count);
  } else {
    sj__log_format_text(out, sj__wall_ms(), level, message, fields, field_count);
  }
  sj__buffer_append_char(out, '\n');
  return sj__buffer_status(out) == SJ_OK;
}

/* Under the mutex. */
static void tell_of_lost(void) {
  const sj__log_field count = SJ__FIELD_INT("lines", lost);
  sj__buffer line;
  sj__buffer_init(&line, 0);
  if (format_line(&line, SJ__LOG_WARNING, "standard error did not take the log", &count, 1) &&
      pass_on(sj__buffer_slice(&line))) {
    lost = 0;
  }
  sj__buffer_release(&line);
}

/* No lines: `count` that could not be made. */
static void hand_out(sj_slice lines, int64_t count) {
  sj__mutex_lock(&mutex);
  if (lost > 0) tell_of_lost();
  if (lost > 0 || lines.data == NULL || !pass_on(lines)) lost += count;
  sj__mutex_unlock(&mutex);
}

/* --- The turn ------------------------------------------------------------------ */

static void hand_out_gathered(void) {
  if (turn.count > 0) hand_out(sj__buffer_slice(&turn.lines), turn.count);
  sj__buffer_reset(&turn.lines);
  turn.count = 0;
}

static void on_turn_end(sj__task *task) {
  (void)task;
  hand_out_gathered();
}

static void gather(sj_slice line, sj__log_level level) {
  if (turn.lines.size + line.size > PIPE_BUF) hand_out_gathered();
  bool fits = line.size <= PIPE_BUF && sj__buffer_reserve(&turn.lines, line.size) != NULL;
  if (!fits) {
    hand_out_gathered();
    hand_out(line, 1);
    return;
  }
  sj__buffer_append_slice(&turn.lines, line);
  turn.count++;
  if (level >= SJ__LOG_WARNING) {
    hand_out_gathered();
  } else if (!turn.task.queued) {
    sj__loop_first_at_turn_end(turn.loop, &turn.task);
  }
}

void sj__log_gather(sj__loop *loop) {
  turn.loop = loop;
  turn.task = (sj__task){.fn = on_turn_end};
  sj__buffer_init(&turn.lines, 0);
}

void sj__log_gather_end(void) {
  SJ__REQUIRE(!turn.task.queued); /* a loop that ran has settled */
  hand_out_gathered();
  sj__buffer_release(&turn.lines);
  turn.loop = NULL;
}

/* --- The sink ------------------------------------------------------------------ */

static void sink(void *context, sj__log_level level, const char *message,
                 const sj__log_field *fields, size_t field_count) {
  sj__buffer line;
  sj__buffer_init(&line, 0);
  if (!format_line(&line, level, message, fields, field_count)) {
    hand_out((sj_slice){NULL, 0}, 1);
  } else if (turn.loop != NULL) {
    gather(sj__buffer_slice(&line), level);
  } else {
    hand_out(sj__buffer_slice(&line), 1);
  }
  sj__buffer_release(&line);
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
