#include "daemon/command_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/errors.h"

const char sj__usage[] =
    "usage: sojournd [--config FILE]          serve until SIGTERM or SIGINT\n"
    "       sojournd --check-config [FILE]    check a configuration and the environment\n"
    "       sojournd --show-config [--json] [--config FILE]\n"
    "                                         print what would be in effect, and from where\n"
    "       sojournd --help-config[=markdown] describe every setting\n"
    "       sojournd --version\n"
    "       sojournd --help\n"
    "\n"
    "Without a file: 127.0.0.1:7373, state in $SOJOURN__STATE, else /var/lib/sojourn as root,\n"
    "else ~/.local/state/sojourn. Every setting is also a variable: SOJOURN__SESSION__IDLE=20m.\n"
    "\n"
    "exit status: 0 ended in order, 1 could not start, 2 wrong arguments\n";

static const struct {
  const char *name;
  sj__command command;
} words[] = {
    {"--check-config", SJ__COMMAND_CHECK_CONFIG},
    {"--show-config", SJ__COMMAND_SHOW_CONFIG},
    {"--help", SJ__COMMAND_HELP},
    {"-h", SJ__COMMAND_HELP},
    {"--help-config", SJ__COMMAND_HELP_CONFIG},
    {"--help-config=markdown", SJ__COMMAND_HELP_CONFIG_MARKDOWN},
    {"--version", SJ__COMMAND_VERSION},
};

static bool find_word(const char *argument, sj__command *out) {
  for (size_t i = 0; i < SJ__COUNT_OF(words); i++) {
    if (strcmp(words[i].name, argument) != 0) continue;
    *out = words[i].command;
    return true;
  }
  return false;
}

/* "--config FILE", "--config=FILE"; for --check-config also FILE by itself. NULL: it is none. */
static const char *file_of(char *const **argument, const sj__command_line *line) {
  const char *text = **argument;
  if (strncmp(text, "--config=", sizeof "--config=" - 1) == 0) {
    return text + sizeof "--config=" - 1;
  }
  if (strcmp(text, "--config") == 0) return *++*argument;
  return line->command == SJ__COMMAND_CHECK_CONFIG && text[0] != '-' ? text : NULL;
}

static sj_status parse_one(char *const **argument, sj__command_line *out, sj_error *error) {
  const char *text = **argument;
  if (strcmp(text, "--json") == 0 && out->command == SJ__COMMAND_SHOW_CONFIG) {
    out->command = SJ__COMMAND_SHOW_CONFIG_JSON;
    return SJ_OK;
  }
  sj__command command;
  if (find_word(text, &command)) {
    if (out->command != SJ__COMMAND_SERVE) {
      return sj__fail(error, SJ_INVALID, "'%s' does not go with what stands before it", text);
    }
    out->command = command;
    return SJ_OK;
  }
  const char *file = file_of(argument, out);
  if (**argument == NULL) return sj__fail(error, SJ_INVALID, "'%s' needs a file", text);
  if (file == NULL) return sj__fail(error, SJ_INVALID, "unknown argument '%s'", text);
  if (file[0] == '\0') return sj__fail(error, SJ_INVALID, "'%s' needs a file", text);
  if (out->config != NULL) return sj__fail(error, SJ_INVALID, "one file at most: '%s'", file);
  out->config = file;
  return SJ_OK;
}

sj_status sj__command_line_parse(char *const *argv, sj__command_line *out, sj_error *error) {
  *out = (sj__command_line){SJ__COMMAND_SERVE, NULL};
  if (*argv == NULL) return SJ_OK;
  for (char *const *argument = argv + 1; *argument != NULL; argument++) {
    sj_status status = parse_one(&argument, out, error);
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}
