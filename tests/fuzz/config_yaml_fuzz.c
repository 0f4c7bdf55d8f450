/* A configuration file of any bytes, whole and as the value of a list in the environment. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "daemon/config.h"
#include "daemon/config_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted must be shown in a form that is accepted again and means the same. */
static void check_round_trip(const sj__config *config) {
  sj__buffer shown;
  sj__buffer again;
  sj__config second;
  sj_error error;
  sj__buffer_init(&shown, 0);
  sj__buffer_init(&again, 0);
  sj__config_show_json(config, &again);
  sj__buffer_reset(&again);
  sj__config_show_yaml(config, &shown);
  if (sj__buffer_slice(&shown).size <= SJ__CONFIG_FILE_MAX) {
    sj_status status = sj__config_parse(&second, "shown", sj__buffer_slice(&shown), NULL, &error);
    SJ__REQUIRE(status == SJ_OK || strstr(config->store, "://") != NULL);
    SJ__REQUIRE(status != SJ_OK || second.session_idle_ms == config->session_idle_ms);
    SJ__REQUIRE(status != SJ_OK || second.listeners.count == config->listeners.count);
    sj__config_release(&second);
  }
  sj__buffer_release(&shown);
  sj__buffer_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > SJ__CONFIG_FILE_MAX) return 0;
  sj__config config;
  sj_error error;
  sj_slice text = sj__slice(size > 0 ? (const char *)data : "", size);
  if (sj__config_parse(&config, "fuzz", text, NULL, &error) == SJ_OK) check_round_trip(&config);
  /* As a list in the environment, on top of whatever the file left. */
  sj_status status =
      sj__config_read_text(sj__config_find("listeners"), text, &config, &config.arena, &error);
  SJ__REQUIRE(status != SJ_OK || config.listeners.count > 0);
  sj__config_release(&config);
  return 0;
}
