/* What the arguments of sojournd ask for. Pure: prints nothing, opens nothing. */
#ifndef SJ_DAEMON_COMMAND_LINE_H
#define SJ_DAEMON_COMMAND_LINE_H

#include "sojourn/status.h"

typedef enum sj__command {
  SJ__COMMAND_SERVE,
  SJ__COMMAND_CHECK_CONFIG,
  SJ__COMMAND_SHOW_CONFIG,
  SJ__COMMAND_SHOW_CONFIG_JSON,
  SJ__COMMAND_HELP,
  SJ__COMMAND_HELP_CONFIG,
  SJ__COMMAND_HELP_CONFIG_MARKDOWN,
  SJ__COMMAND_VERSION
} sj__command;

typedef struct sj__command_line {
  sj__command command;
  const char *config; /* the file; NULL: none */
} sj__command_line;

extern const char sj__usage[];

/* SJ_INVALID: `error` names the argument and what is allowed. `argv` ends with NULL. */
SJ_MUST_USE sj_status sj__command_line_parse(char *const *argv, sj__command_line *out,
                                             sj_error *error);

#endif
