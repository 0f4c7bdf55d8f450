/* The arguments of sojournd. */
#include "../unit.h"

#include "base/alloc.h"
#include "daemon/command_line.h"

static void arguments_are_understood(void **state) {
  static const struct {
    const char *arguments[6];
    sj__command command;
    const char *config;
  } cases[] = {
      {{"sojournd"}, SJ__COMMAND_SERVE, NULL},
      {{"sojournd", "--config", "a.yaml"}, SJ__COMMAND_SERVE, "a.yaml"},
      {{"sojournd", "--config=a.yaml"}, SJ__COMMAND_SERVE, "a.yaml"},
      {{"sojournd", "--check-config"}, SJ__COMMAND_CHECK_CONFIG, NULL},
      {{"sojournd", "--check-config", "a.yaml"}, SJ__COMMAND_CHECK_CONFIG, "a.yaml"},
      {{"sojournd", "--show-config", "--config", "a"}, SJ__COMMAND_SHOW_CONFIG, "a"},
      {{"sojournd", "--config", "a", "--show-config", "--json"}, SJ__COMMAND_SHOW_CONFIG_JSON, "a"},
      {{"sojournd", "--help"}, SJ__COMMAND_HELP, NULL},
      {{"sojournd", "-h"}, SJ__COMMAND_HELP, NULL},
      {{"sojournd", "--help-config"}, SJ__COMMAND_HELP_CONFIG, NULL},
      {{"sojournd", "--help-config=markdown"}, SJ__COMMAND_HELP_CONFIG_MARKDOWN, NULL},
      {{"sojournd", "--version"}, SJ__COMMAND_VERSION, NULL},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__command_line line;
    sj_error error;
    assert_ok(sj__command_line_parse((char *const *)(uintptr_t)cases[i].arguments, &line, &error));
    assert_int_equal(line.command, cases[i].command);
    if (cases[i].config == NULL) assert_null(line.config);
    if (cases[i].config != NULL) assert_string_equal(line.config, cases[i].config);
  }
}

static void wrong_arguments_are_named(void **state) {
  static const struct {
    const char *arguments[6];
    const char *message;
  } cases[] = {
      {{"sojournd", "serve"}, "unknown argument 'serve'"},
      {{"sojournd", "--confg", "a"}, "unknown argument '--confg'"},
      {{"sojournd", "--config"}, "'--config' needs a file"},
      {{"sojournd", "--config="}, "'--config=' needs a file"},
      {{"sojournd", "--config", ""}, "'--config' needs a file"},
      {{"sojournd", "--config", "a", "--config", "b"}, "one file at most: 'b'"},
      {{"sojournd", "--json"}, "unknown argument '--json'"},
      {{"sojournd", "--check-config", "--version"},
       "'--version' does not go with what stands before it"},
      {{"sojournd", "--help-config=html"}, "unknown argument '--help-config=html'"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__command_line line;
    sj_error error = {SJ_OK, ""};
    assert_int_equal(
        sj__command_line_parse((char *const *)(uintptr_t)cases[i].arguments, &line, &error),
        SJ_INVALID);
    assert_string_equal(error.message, cases[i].message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arguments_are_understood),
      cmocka_unit_test(wrong_arguments_are_named),
  };
  return cmocka_run_group_tests_name("unit/daemon/command_line", tests, NULL, NULL);
}
