/*
 * What the verbs of `sojourn` share: their arguments, the server they ask, and
 * how they print. A verb is one file, <name>_verb.c, with one row in
 * sojourn_main.c.
 */
#ifndef SJ_CLI_CLI_H
#define SJ_CLI_CLI_H

#include <stdbool.h>

#include "base/arena.h"
#include "cli/client.h"
#include "codec/json.h"

/* Exit status of every verb. */
enum {
  SJ__EXIT_DONE = 0,
  SJ__EXIT_REFUSED = 1,    /* the server, or a check, said no */
  SJ__EXIT_USAGE = 2,      /* wrong arguments */
  SJ__EXIT_UNREACHABLE = 3 /* nobody answers, or not as sojournd would */
};

typedef struct sj__cli {
  const char *server;   /* --server, $SOJOURN_SERVER, http://127.0.0.1:7373 */
  const char *key_file; /* --key-file, $SOJOURN_KEY_FILE, api-key in the state folder */
  bool json;            /* --json: print for machines */
  const char *const *environment;
  sj__arena arena;
} sj__cli;

typedef struct sj__cli_verb {
  const char *name;
  const char *arguments; /* "SID" */
  const char *summary;   /* one line */
  const char *help;      /* more lines; may be NULL */
  int (*run)(sj__cli *cli, char **arguments);
} sj__cli_verb;

extern const sj__cli_verb sj__status_verb;
extern const sj__cli_verb sj__create_verb;
extern const sj__cli_verb sj__get_verb;
extern const sj__cli_verb sj__list_verb;
extern const sj__cli_verb sj__end_verb;
extern const sj__cli_verb sj__keys_verb;
extern const sj__cli_verb sj__config_verb;

/* --- Arguments (arguments.c) ------------------------------------------------ */

typedef struct sj__cli_option {
  const char *name;   /* "--subject"; NULL ends the table */
  const char **value; /* takes one; else */
  bool *flag;
} sj__cli_option;

/*
 * Reads `arguments` (NULL-terminated) by `options` and by those that every verb
 * has (--server, --key-file, --json). What is no option goes into
 * `positional`, which has `room`. False: something is wrong, and it was said;
 * return SJ__EXIT_USAGE.
 */
bool sj__cli_parse(sj__cli *cli, char **arguments, const sj__cli_option *options,
                   const char **positional, size_t room, size_t *count);
/* "sojourn: <verb>: why" on standard error; returns SJ__EXIT_USAGE. */
int sj__cli_misused(const char *verb, const char *why);

/* --- Asking (ask.c) ------------------------------------------------------------ */

/* "STATE/<name>", by $SOJOURN__STATE or the default; in the arena. NULL: no memory. */
const char *sj__cli_state_path(sj__cli *cli, const char *name);

/*
 * One request with the API key. SJ__EXIT_DONE with a 2xx in *body (JSON, or absent;
 * lives in the arena); else what was wrong was said on standard error.
 */
int sj__cli_ask(sj__cli *cli, const char *method, const char *target, sj_slice request_body,
                sj_slice *body);
/* The same without looking at the status and without saying anything of it. Without a key if
 * `with_key` is false or there is no key file. */
int sj__cli_ask_any(sj__cli *cli, const char *method, const char *target, bool with_key,
                    int *status, sj_slice *body);
/* The body as a JSON object; NULL: it isn't one, which was said. */
sj__json *sj__cli_object(sj__cli *cli, sj_slice body);

/* "/v1/subjects/<encoded>/sessions" and the like: `part` percent-encoded between the other two. */
const char *sj__cli_target(sj__cli *cli, const char *before, const char *part, const char *after);

/* --- Printing (print.c) ------------------------------------------------------------ */

/* Standard output; control characters become '?', so that no name plays with the terminal. */
void sj__cli_print(sj_slice text);
/* "name      value" in two columns; an absent value prints nothing. */
void sj__cli_print_row(const char *name, sj_slice value);
/* A member of `object` as such a row: texts as they are, everything else as JSON. */
void sj__cli_print_member(const sj__json *object, const char *member);
/* A session document, row by row. */
void sj__cli_print_session(const sj__json *session);
/* The text and a newline, as it came. */
void sj__cli_print_json(sj_slice text);
/* Standard output is written: SJ__EXIT_DONE, or it wasn't. */
int sj__cli_finish(void);

#endif
