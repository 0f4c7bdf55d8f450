#include <stdio.h>

#include "cli/cli.h"

#define PAGES_MAX 10000u /* of 100: a server that never ends is not followed for ever */

typedef struct listing {
  sj__cli *cli;
  size_t pages;
  size_t shown;
} listing;

static void print_cell(const sj__json *session, const char *member, int width) {
  const sj__json *value = sj__json_member(session, member);
  sj_slice text = {"-", 1};
  if (value != NULL && !sj__json_text(value, &text)) text = (sj_slice){"-", 1};
  sj__cli_print(text);
  for (int column = (int)text.size; column < width; column++) putchar(' ');
}

static void print_session(listing *self, const sj__json *session) {
  if (self->cli->json) {
    sj__buffer written;
    sj__buffer_init(&written, 0);
    sj__json_write(session, &written);
    sj_slice text = sj__buffer_slice(&written);
    printf("%s  ", self->shown > 0 ? ",\n" : "");
    fwrite(text.data, 1, text.size, stdout);
    sj__buffer_release(&written);
  } else {
    if (self->shown == 0)
      printf("%-24s%-26s%-26s%-26s%s\n", "ID", "CREATED", "LAST SEEN", "EXPIRES", "DEVICE");
    print_cell(session, "id", 24);
    print_cell(session, "created", 26);
    print_cell(session, "last_seen", 26);
    print_cell(session, "expires", 26);
    print_cell(session, "device", 0);
    putchar('\n');
  }
  self->shown++;
}

static int show_page(listing *self, sj_slice body, sj_slice *next) {
  const sj__json *answer = sj__cli_object(self->cli, body);
  if (answer == NULL) return SJ__EXIT_UNREACHABLE;
  if (self->cli->json && self->pages++ == 0) printf("[\n");
  const sj__json *sessions = sj__json_member(answer, "sessions");
  sj__json_cursor cursor = {0};
  sj_slice name;
  for (sj__json *session;
       sessions != NULL && (session = sj__json_next(sessions, &cursor, &name)) != NULL;) {
    print_session(self, session);
  }
  const sj__json *more = sj__json_member(answer, "next");
  *next = (sj_slice){NULL, 0};
  if (more != NULL && !sj__json_text(more, next)) next->size = 0;
  return SJ__EXIT_DONE;
}

static int show_all(listing *self, const char *subject) {
  sj_slice next = {NULL, 0};
  sj_slice body;
  const char *base = sj__cli_target(self->cli, "/v1/subjects/", subject, "/sessions?limit=100");
  const char *target = base;
  for (unsigned page = 0; page < PAGES_MAX; page++) {
    int code = sj__cli_ask(self->cli, "GET", target, (sj_slice){NULL, 0}, &body);
    if (code == SJ__EXIT_DONE) code = show_page(self, body, &next);
    if (code != SJ__EXIT_DONE || next.size == 0) return code;
    target = sj__arena_printf(&self->cli->arena, "%s&cursor=%.*s", base, (int)next.size, next.data);
  }
  return SJ__EXIT_REFUSED;
}

static int run(sj__cli *cli, char **words) {
  const char *subject = NULL;
  size_t count = 0;
  if (!sj__cli_parse(cli, words, NULL, &subject, 1, &count)) return SJ__EXIT_USAGE;
  if (count != 1) return sj__cli_misused("list", "one SUBJECT is needed");
  listing self = {cli, 0, 0};
  int code = show_all(&self, subject);
  if (self.pages > 0) printf("\n]\n");
  if (code == SJ__EXIT_DONE && self.shown == 0 && !cli->json) printf("no session\n");
  return code == SJ__EXIT_DONE ? sj__cli_finish() : code;
}

const sj__cli_verb sj__list_verb = {
    .name = "list",
    .arguments = "SUBJECT",
    .summary = "list a subject's live sessions, oldest first",
    .run = run,
};
