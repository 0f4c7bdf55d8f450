/* sojournd: the session daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/command_line.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/log_sink.h"
#include "daemon/process.h"

enum { EXIT_USAGE = 2 };

static int print(const sj__buffer *out) {
  bool whole = sj__buffer_status(out) == SJ_OK &&
               fwrite(out->data, 1, out->size, stdout) == out->size && fflush(stdout) == 0;
  if (!whole) perror("sojournd: cannot print");
  return whole ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_made(void (*make)(sj__buffer *out)) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  make(&out);
  int code = print(&out);
  sj__buffer_release(&out);
  return code;
}

static void make_usage(sj__buffer *out) {
  sj__buffer_append_text(out, sj__usage);
}

static void make_version(sj__buffer *out) {
  sj__buffer_appendf(out, "sojournd %s\n", sj_version());
}

static int serve(const sj__config *config) {
  sj_error error;
  sj__log_to_stderr((sj__log_format)config->log_format, (sj__log_level)config->log_level);
  for (size_t i = 0; i < config->warnings.count; i++) {
    SJ__LOG(SJ__LOG_WARNING, "configuration", SJ__FIELD_CSTR("warning", config->warnings.items[i]));
  }
  sj_status status = sj__daemon_run(config, &error);
  if (status != SJ_OK) {
    SJ__LOG(SJ__LOG_ERROR, "cannot start", SJ__FIELD_CSTR("code", sj_status_code(status)),
            SJ__FIELD_CSTR("reason", error.message));
  }
  sj__log_finish();
  return status == SJ_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int show(const sj__config *config, sj__command command) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  if (command == SJ__COMMAND_SHOW_CONFIG_JSON) {
    sj__config_show_json(config, &out);
  } else {
    sj__config_show_yaml(config, &out);
  }
  int code = print(&out);
  sj__buffer_release(&out);
  return code;
}

static int check(const sj__config *config, const char *file) {
  for (size_t i = 0; i < config->warnings.count; i++) {
    fprintf(stderr, "sojournd: warning: %s\n", config->warnings.items[i]);
  }
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__buffer_appendf(&out, "%s: good\n", file != NULL ? file : "the environment");
  int code = print(&out);
  sj__buffer_release(&out);
  return code;
}

static int with_config(const sj__command_line *line) {
  sj__config config;
  sj_error error;
  int code = EXIT_FAILURE;
  sj_status status = sj__config_load(&config, line->config, (const char *const *)environ, &error);
  if (status != SJ_OK) {
    fprintf(stderr, "sojournd: %s\n", error.message);
  } else if (line->command == SJ__COMMAND_SERVE) {
    code = serve(&config);
  } else if (line->command == SJ__COMMAND_CHECK_CONFIG) {
    code = check(&config, line->config);
  } else {
    code = show(&config, line->command);
  }
  sj__config_release(&config);
  return code;
}

int main(int argc, char **argv) {
  sj__command_line line;
  sj_error error;
  sj__process_harden();
  if (sj__command_line_parse(argv, &line, &error) != SJ_OK) {
    fprintf(stderr, "sojournd: %s\n%s", error.message, sj__usage);
    return EXIT_USAGE;
  }
  switch (line.command) {
    case SJ__COMMAND_HELP:
      return print_made(make_usage);
    case SJ__COMMAND_HELP_CONFIG:
      return print_made(sj__config_help_text);
    case SJ__COMMAND_HELP_CONFIG_MARKDOWN:
      return print_made(sj__config_help_markdown);
    case SJ__COMMAND_VERSION:
      return print_made(make_version);
    default:
      return with_config(&line);
  }
}
