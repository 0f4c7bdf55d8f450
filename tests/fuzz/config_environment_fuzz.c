/*
 * The input is an environment: entries with a NUL between them. What is
 * accepted is shown as a file that is accepted and means the same.
 */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VARIABLES_MAX 32

static void check_round_trip(const sj__config *config) {
  sj__buffer shown, json;
  sj__config again;
  sj_error error = {0};
  sj__buffer_init(&shown, 0);
  sj__buffer_init(&json, 0);
  sj__config_show_json(config, &json);
  sj__config_show_yaml(config, &shown);
  if (shown.size <= SJ__CONFIG_FILE_MAX) {
    sj_status status = sj__config_parse(&again, "shown", sj__buffer_slice(&shown), NULL, &error);
    /* What is shown of a store hides a password, and may not be one then. */
    SJ__REQUIRE(status == SJ_OK || strstr(config->store, "://") != NULL);
    if (status == SJ_OK) {
      SJ__REQUIRE(again.session_idle_ms == config->session_idle_ms);
      SJ__REQUIRE(again.http_body_max == config->http_body_max);
      SJ__REQUIRE(again.listeners.count == config->listeners.count);
      SJ__REQUIRE(again.check_attributes.count == config->check_attributes.count);
      SJ__REQUIRE(strcmp(again.cookie_name, config->cookie_name) == 0);
    }
    sj__config_release(&again);
  }
  sj__buffer_release(&shown);
  sj__buffer_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *environment[VARIABLES_MAX + 1];
  size_t count = 0;
  char *text = sj__calloc(1, size + 1);
  if (size > 0) memcpy(text, data, size);
  for (size_t at = 0; at < size && count < VARIABLES_MAX; at += strlen(text + at) + 1) {
    environment[count++] = text + at;
  }
  environment[count] = NULL;
  sj__config config;
  sj_error error = {0};
  sj_status status = sj__config_parse(&config, "fuzz", SJ__SLICE(""), environment, &error);
  SJ__REQUIRE((status == SJ_OK) == (error.message[0] == '\0'));
  SJ__REQUIRE(strchr(error.message, '\n') == NULL);
  if (status == SJ_OK) check_round_trip(&config);
  sj__config_release(&config);
  sj__free(text);
  return 0;
}
