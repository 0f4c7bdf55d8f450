/* The configuration is the daemon's to read: this asks the sojournd that stands beside us. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* .../bin/sojourn: .../bin/sojournd. */
static bool path_beside(char out[PATH_MAX]) {
  static const char name[] = "sojournd";
  ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);
  if (size <= 0) return false;
  out[size] = '\0';
  char *slash = strrchr(out, '/');
  if (slash == NULL || (size_t)(slash + 1 - out) + sizeof name > PATH_MAX) return false;
  memcpy(slash + 1, name, sizeof name);
  return access(out, X_OK) == 0;
}

static int become(const char *const *arguments) {
  char path[PATH_MAX];
  char *const *argv =
      (char *const *)(const void *)arguments; /* execv's type is from before const */
  if (path_beside(path)) {
    execv(path, argv);
  } else {
    execvp("sojournd", argv);
  }
  fprintf(stderr, "sojourn: config: cannot run sojournd: %s\n", strerror(errno));
  return SJ__EXIT_UNREACHABLE;
}

static int run(sj__cli *cli, char **words) {
  const char *given[2] = {NULL, NULL};
  size_t count = 0;
  if (!sj__cli_parse(cli, words, NULL, given, 2, &count)) return SJ__EXIT_USAGE;
  const char *file = given[1];
  if (count > 0 && strcmp(given[0], "check") == 0) {
    const char *const arguments[] = {"sojournd", "--check-config", file, NULL};
    return become(arguments);
  }
  if (count > 0 && strcmp(given[0], "show") == 0) {
    const char *arguments[6] = {"sojournd", "--show-config"};
    size_t used = 2;
    if (cli->json) arguments[used++] = "--json";
    if (file != NULL) arguments[used++] = "--config";
    if (file != NULL) arguments[used++] = file;
    return become(arguments);
  }
  return sj__cli_misused("config", "'check [FILE]' or 'show [FILE]' is needed");
}

const sj__cli_verb sj__config_verb = {
    .name = "config",
    .arguments = "check [FILE] | show [FILE]",
    .summary = "check a configuration, or print what would be in effect",
    .help = "Both count the environment in, as the daemon would.\n",
    .run = run,
};
