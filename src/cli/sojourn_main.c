/* sojourn: looks at a running daemon, and at its files. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/digest.h"

static const sj__cli_verb *const verbs[] = {
    &sj__status_verb, &sj__create_verb, &sj__get_verb,    &sj__list_verb,
    &sj__end_verb,    &sj__keys_verb,   &sj__config_verb,
};

static const sj__cli_verb *find_verb(const char *name) {
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
    if (strcmp(verbs[i]->name, name) == 0) return verbs[i];
  }
  return NULL;
}

static void print_usage(FILE *out) {
  fprintf(out, "usage: sojourn VERB [ARGUMENTS]\n\n");
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
    fprintf(out, "  %-8s%-35s%s\n", verbs[i]->name, verbs[i]->arguments, verbs[i]->summary);
  }
  fprintf(out,
          "  help    [VERB]\n"
          "\n"
          "with every verb:\n"
          "  --server URL     http://HOST:PORT or unix:PATH; else $SOJOURN_SERVER, else\n"
          "                   http://127.0.0.1:7373\n"
          "  --key-file FILE  an API key by itself; else $SOJOURN_KEY_FILE, else api-key in the\n"
          "                   state folder ($SOJOURN__STATE, else the daemon's default)\n"
          "  --json           print for machines\n"
          "\n"
          "exit status: 0 done, 1 refused or not ready, 2 wrong arguments, 3 nobody answers\n");
}

static int help(const char *name) {
  if (name == NULL) {
    print_usage(stdout);
    return sj__cli_finish();
  }
  const sj__cli_verb *verb = find_verb(name);
  if (verb == NULL) {
    fprintf(stderr, "sojourn: no verb is called '%s'\n", name);
    return SJ__EXIT_USAGE;
  }
  printf("usage: sojourn %s %s\n\n%s\n", verb->name, verb->arguments, verb->summary);
  if (verb->help != NULL) printf("\n%s", verb->help);
  return sj__cli_finish();
}

static int run_verb(const sj__cli_verb *verb, char **arguments) {
  sj__cli cli = {.environment = (const char *const *)environ};
  sj__arena_init(&cli.arena, NULL, 0, 0);
  int code = sj__crypto_init() == SJ_OK ? verb->run(&cli, arguments) : SJ__EXIT_UNREACHABLE;
  sj__arena_release(&cli.arena); /* wipes the key */
  return code;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    print_usage(stderr);
    return SJ__EXIT_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
    return help(argc > 2 ? argv[2] : NULL);
  }
  if (strcmp(name, "--version") == 0) {
    printf("sojourn %s\n", SJ_PROJECT_VERSION);
    return sj__cli_finish();
  }
  const sj__cli_verb *verb = find_verb(name);
  if (verb == NULL) {
    fprintf(stderr, "sojourn: no verb is called '%s'; 'sojourn help' lists them\n", name);
    return SJ__EXIT_USAGE;
  }
  if (argc > 2 && strcmp(argv[2], "--help") == 0) return help(name);
  return run_verb(verb, argv + 2);
}
