#include <stdio.h>

#include "cli/cli.h"

static int end_one(sj__cli *cli, const char *sid) {
  sj_slice body;
  int code = sj__cli_ask(cli, "DELETE", sj__cli_target(cli, "/v1/sessions/", sid, ""),
                         (sj_slice){NULL, 0}, &body);
  if (code != SJ__EXIT_DONE) return code;
  printf(cli->json ? "{\"ended\": 1}\n" : "ended\n");
  return sj__cli_finish();
}

static int end_subject(sj__cli *cli, const char *subject, const char *except) {
  sj_slice body;
  const char *target = sj__cli_target(cli, "/v1/subjects/", subject, "/sessions");
  if (target != NULL && except != NULL) {
    const char *query = sj__cli_target(cli, "?except=", except, "");
    target = query != NULL ? sj__arena_printf(&cli->arena, "%s%s", target, query) : NULL;
  }
  int code = sj__cli_ask(cli, "DELETE", target, (sj_slice){NULL, 0}, &body);
  if (code != SJ__EXIT_DONE) return code;
  if (cli->json) {
    sj__cli_print_json(body);
    return sj__cli_finish();
  }
  const sj__json *answer = sj__cli_object(cli, body);
  if (answer == NULL) return SJ__EXIT_UNREACHABLE;
  sj__cli_print_member(answer, "ended");
  return sj__cli_finish();
}

static int run(sj__cli *cli, char **words) {
  const char *sid = NULL;
  const char *subject = NULL;
  const char *except = NULL;
  const sj__cli_option options[] = {
      {"--subject", &subject, NULL}, {"--except", &except, NULL}, {NULL, NULL, NULL}};
  size_t count = 0;
  if (!sj__cli_parse(cli, words, options, &sid, 1, &count)) return SJ__EXIT_USAGE;
  if ((sid != NULL) == (subject != NULL)) {
    return sj__cli_misused("end", "either a SID or --subject is needed");
  }
  if (sid != NULL && except != NULL) return sj__cli_misused("end", "--except goes with --subject");
  return sid != NULL ? end_one(cli, sid) : end_subject(cli, subject, except);
}

const sj__cli_verb sj__end_verb = {
    .name = "end",
    .arguments = "SID | --subject S [--except SID]",
    .summary = "end one session, or all of a subject",
    .help =
        "  --subject S   all that the subject has\n"
        "  --except SID  but this one\n",
    .run = run,
};
