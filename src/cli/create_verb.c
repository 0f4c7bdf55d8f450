#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"

typedef struct create_arguments {
  const char *subject;
  const char *attributes;
  const char *device;
  const char *idle;
  const char *absolute;
  const char *level;
} create_arguments;

static void append_text(sj__buffer *out, const char *name, const char *value) {
  if (value == NULL) return;
  sj__buffer_appendf(out, "%s\"%s\":", out->size > 1 ? "," : "", name);
  sj__append_json_string(out, sj__slice_text(value));
}

static void append_raw(sj__buffer *out, const char *name, const char *value) {
  if (value == NULL) return;
  sj__buffer_appendf(out, "%s\"%s\":%s", out->size > 1 ? "," : "", name, value);
}

/* What goes into the document as it stands must be one value of its kind, and nothing more. */
static bool check_raw(sj__cli *cli, const create_arguments *arguments) {
  sj__json *value = NULL;
  sj_error error;
  uint64_t level = 0;
  if (arguments->attributes != NULL) {
    sj_slice text = sj__slice_text(arguments->attributes);
    if (sj__json_parse(&cli->arena, text, &value, &error) != SJ_OK) {
      fprintf(stderr, "sojourn: --attributes: %s\n", error.message);
      return false;
    }
    if (!sj__json_is_object(value)) {
      fprintf(stderr, "sojourn: --attributes: must be a JSON object\n");
      return false;
    }
  }
  if (arguments->level != NULL &&
      !sj__slice_to_u64(sj__slice_text(arguments->level), 255, &level)) {
    fprintf(stderr, "sojourn: --auth-level: must be 0 to 255\n");
    return false;
  }
  return true;
}

static void write_body(const create_arguments *arguments, sj__buffer *out) {
  sj__buffer_append_char(out, '{');
  append_text(out, "subject", arguments->subject);
  append_raw(out, "attributes", arguments->attributes);
  append_text(out, "device", arguments->device);
  append_text(out, "idle", arguments->idle);
  append_text(out, "absolute", arguments->absolute);
  append_raw(out, "auth_level", arguments->level);
  sj__buffer_append_char(out, '}');
}

static int print(sj__cli *cli, sj_slice body) {
  if (cli->json) {
    sj__cli_print_json(body);
    return sj__cli_finish();
  }
  const sj__json *answer = sj__cli_object(cli, body);
  if (answer == NULL) return SJ__EXIT_UNREACHABLE;
  const sj__json *session = sj__json_member(answer, "session");
  if (session != NULL) sj__cli_print_session(session);
  sj__cli_print_member(answer, "credential");
  return sj__cli_finish();
}

static int run(sj__cli *cli, char **words) {
  create_arguments arguments = {NULL};
  const sj__cli_option options[] = {
      {"--subject", &arguments.subject, NULL},
      {"--attributes", &arguments.attributes, NULL},
      {"--device", &arguments.device, NULL},
      {"--idle", &arguments.idle, NULL},
      {"--absolute", &arguments.absolute, NULL},
      {"--auth-level", &arguments.level, NULL},
      {NULL, NULL, NULL},
  };
  size_t count = 0;
  if (!sj__cli_parse(cli, words, options, NULL, 0, &count)) return SJ__EXIT_USAGE;
  if (!check_raw(cli, &arguments)) return SJ__EXIT_USAGE;
  sj__buffer body;
  sj_slice answer = {NULL, 0};
  sj__buffer_init(&body, 0);
  write_body(&arguments, &body);
  int code = sj__cli_ask(cli, "POST", "/v1/sessions", sj__buffer_slice(&body), &answer);
  sj__buffer_release(&body);
  return code == SJ__EXIT_DONE ? print(cli, answer) : code;
}

const sj__cli_verb sj__create_verb = {
    .name = "create",
    .arguments = "[--subject S] [--attributes JSON]",
    .summary = "make a session and print its credential",
    .help =
        "  --subject S        whose session it is; without it, an anonymous one\n"
        "  --attributes JSON  an object\n"
        "  --device TEXT      shown in lists\n"
        "  --auth-level N     0 to 255\n"
        "  --idle 30m, --absolute 12h\n"
        "                     lifetimes other than the configured ones\n",
    .run = run,
};
