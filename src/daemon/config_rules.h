/* What no single entry can say: how settings must fit together. */
#ifndef SJ_DAEMON_CONFIG_RULES_H
#define SJ_DAEMON_CONFIG_RULES_H

#include "daemon/config.h"

/* SJ_INVALID: "SOURCE: entry: what contradicts what"; the source is a file's line or a variable. */
SJ_MUST_USE sj_status sj__config_check_rules(const sj__config *config, sj_error *error);

#endif
