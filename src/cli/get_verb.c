#include "cli/cli.h"

static int run(sj__cli *cli, char **words) {
  const char *sid = NULL;
  size_t count = 0;
  sj_slice body;
  if (!sj__cli_parse(cli, words, NULL, &sid, 1, &count)) return SJ__EXIT_USAGE;
  if (count != 1) return sj__cli_misused("get", "one SID is needed");
  int code = sj__cli_ask(cli, "GET", sj__cli_target(cli, "/v1/sessions/", sid, ""),
                         (sj_slice){NULL, 0}, &body);
  if (code != SJ__EXIT_DONE) return code;
  if (cli->json) {
    sj__cli_print_json(body);
    return sj__cli_finish();
  }
  const sj__json *session = sj__cli_object(cli, body);
  if (session == NULL) return SJ__EXIT_UNREACHABLE;
  sj__cli_print_session(session);
  return sj__cli_finish();
}

const sj__cli_verb sj__get_verb = {
    .name = "get",
    .arguments = "SID",
    .summary = "show a session's metadata by its public id",
    .help = "Attributes are not shown: nobody reads them without the client's credential.\n",
    .run = run,
};
