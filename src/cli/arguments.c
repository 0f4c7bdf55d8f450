#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int sj__cli_misused(const char *verb, const char *why) {
  fprintf(stderr, "sojourn: %s: %s; 'sojourn help %s' says more\n", verb, why, verb);
  return SJ__EXIT_USAGE;
}

static const sj__cli_option *find(const sj__cli_option *options, sj_slice name) {
  for (; options != NULL && options->name != NULL; options++) {
    if (sj__slice_equal(sj__slice_text(options->name), name)) return options;
  }
  return NULL;
}

static bool wrong(const char *argument, const char *why) {
  fprintf(stderr, "sojourn: '%s' %s\n", argument, why);
  return false;
}

/*
 * "--name VALUE", "--name=VALUE" or "--flag" at **argument, which moves on to the last word used.
 */
static bool read_option(char ***argument, const sj__cli_option *own, const sj__cli_option *common) {
  char *text = **argument;
  char *equals = strchr(text, '=');
  sj_slice name = sj__slice(text, equals != NULL ? (size_t)(equals - text) : strlen(text));
  const sj__cli_option *option = find(own, name);
  if (option == NULL) option = find(common, name);
  if (option == NULL) return wrong(text, "is no option of this verb");
  if (option->flag != NULL) {
    if (equals != NULL) return wrong(text, "takes no value");
    *option->flag = true;
    return true;
  }
  const char *value = equals != NULL ? equals + 1 : (*argument)[1];
  if (value == NULL) return wrong(text, "needs a value");
  if (equals == NULL) ++*argument;
  *option->value = value;
  return true;
}

bool sj__cli_parse(sj__cli *cli, char **arguments, const sj__cli_option *options,
                   const char **positional, size_t room, size_t *count) {
  const sj__cli_option common[] = {
      {"--server", &cli->server, NULL},
      {"--key-file", &cli->key_file, NULL},
      {"--json", NULL, &cli->json},
      {NULL, NULL, NULL},
  };
  bool only_positional = false;
  *count = 0;
  for (; *arguments != NULL; arguments++) {
    if (!only_positional && strcmp(*arguments, "--") == 0) {
      only_positional = true;
    } else if (!only_positional && strncmp(*arguments, "--", 2) == 0) {
      if (!read_option(&arguments, options, common)) return false;
    } else if (*count == room) {
      return wrong(*arguments, "is one argument too many");
    } else {
      positional[(*count)++] = *arguments;
    }
  }
  return true;
}
