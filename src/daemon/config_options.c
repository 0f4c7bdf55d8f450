#include "daemon/config.h"

static const char *unless_empty(const char *text) {
  return text[0] != '\0' ? text : NULL;
}

void sj__config_session_options(const sj__config *config, sj_options *options) {
  sj_options_init(options);
  options->realm = config->realm;
  options->store = config->store;
  options->keyring_file = config->keyring_file;
  options->accept_loss = config->accept_loss;
  options->region = (uint8_t)config->region;
  options->idle_ms = config->session_idle_ms;
  options->absolute_ms = config->session_absolute_ms;
  options->absolute_max_ms = config->session_absolute_max_ms;
  options->touch_every_ms = config->session_touch_every_ms;
  options->max_staleness_ms = config->consistency_max_staleness_ms;
  options->attributes_max = (size_t)config->session_attributes_max;
  options->max_sessions = (uint32_t)config->policy_max_sessions;
  options->on_rollback = (sj_on_rollback)config->consistency_on_rollback;
  options->timeout_ms = (uint32_t)config->store_timeout_ms;
  options->cookie_name = unless_empty(config->cookie_name);
  options->cookie_domain = unless_empty(config->cookie_domain);
  options->cookie_same_site = (sj_same_site)config->cookie_same_site;
  options->cookie_insecure_dev = config->cookie_insecure_dev;
}
