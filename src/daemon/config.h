/*
 * The daemon's configuration: what is set, from where, and whether it is
 * allowed. Every setting is one entry of one table (daemon/config_table.h);
 * the file, the environment, --help-config and docs/configuration.md all come
 * from it. Later sources win: default, file, environment.
 */
#ifndef SJ_DAEMON_CONFIG_H
#define SJ_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/log.h"
#include "sojourn/sojourn.h"

#define SJ__CONFIG_FILE_MAX    ((size_t)64 * 1024)
#define SJ__CONFIG_ENTRIES_MAX 64u

typedef struct sj__config_texts {
  const char **items;
  size_t count;
} sj__config_texts;

typedef struct sj__config_counts {
  uint64_t *items;
  size_t count;
} sj__config_counts;

/* One of `listeners`. */
typedef struct sj__config_listener {
  const char *address;
  uint64_t mode; /* of a Unix socket; 0: not given */
  sj__config_counts uids;
  uint64_t roles; /* bit n: the n-th name of sj__config_role_names */
} sj__config_listener;

typedef struct sj__config_listeners {
  sj__config_listener *items;
  size_t count;
} sj__config_listeners;

typedef enum sj__log_format { SJ__LOG_JSON, SJ__LOG_TEXT } sj__log_format;

/* Texts are NUL-terminated and live in the arena; "" means none where an entry allows it. */
typedef struct sj__config {
  const char *realm;
  uint64_t region;
  const char *state;
  const char *store;
  int64_t store_timeout_ms;
  bool accept_loss;
  const char *keyring_file;
  sj__config_texts api_keys;
  sj__config_listeners listeners;
  uint64_t workers; /* 0: one a core */

  uint64_t log_format; /* sj__log_format */
  uint64_t log_level;  /* sj__log_level */

  int64_t session_idle_ms;
  int64_t session_absolute_ms;
  int64_t session_absolute_max_ms;
  int64_t session_touch_every_ms;
  uint64_t session_attributes_max;

  const char *cookie_name;
  const char *cookie_domain;
  uint64_t cookie_same_site; /* sj_same_site */
  bool cookie_insecure_dev;

  int64_t consistency_max_staleness_ms;
  uint64_t consistency_on_rollback; /* sj_on_rollback */

  uint64_t policy_max_sessions;
  sj__config_texts check_attributes;

  uint64_t http_head_max;
  uint64_t http_body_max;
  int64_t http_head_timeout_ms;
  int64_t http_body_timeout_ms;
  int64_t http_keep_alive_ms;
  int64_t http_write_timeout_ms;
  uint64_t http_pipeline_max;
  uint64_t http_connections_max;

  int64_t drain_grace_ms;

  bool api_keys_default;                       /* STATE/api-key, made at first start */
  bool keyring_default;                        /* STATE/keyring */
  const char *sources[SJ__CONFIG_ENTRIES_MAX]; /* by table row: "default", "FILE:12", a variable */
  sj__config_texts warnings;                   /* to be logged once logs are up */
  sj__arena arena;
} sj__config;

/*
 * Every default, then `file` (NULL: none), then those variables of
 * `environment` (NAME=value, NULL-terminated) that begin with SOJOURN__; then
 * what depends on the state folder, then rules between entries. Release with
 * sj__config_release, after a failure too.
 * SJ_INVALID: `error` names the place (file and line, or variable), the entry,
 * what was wrong and what is allowed; SJ_MISSING, SJ_PERMISSION, SJ_IO,
 * SJ_TOO_LARGE (the file); SJ_NO_MEMORY. Blocks.
 */
SJ_MUST_USE sj_status sj__config_load(sj__config *config, const char *file,
                                      const char *const *environment, sj_error *error);
void sj__config_release(sj__config *config);

/*
 * The same for a text that is already in memory, for tests; `name` stands where
 * errors name the file.
 */
SJ_MUST_USE sj_status sj__config_parse(sj__config *config, const char *name, sj_slice text,
                                       const char *const *environment, sj_error *error);

/* The options of sj_open that this configuration asks for; borrows from it. */
void sj__config_session_options(const sj__config *config, sj_options *options);

/* The effective configuration as YAML that sj__config_load reads back, each with its source. */
void sj__config_show_yaml(const sj__config *config, sj__buffer *out);
/* {"entry.path":{"value":…,"source":…},…} */
void sj__config_show_json(const sj__config *config, sj__buffer *out);

/* Every entry with type, range, default and what it is for. */
void sj__config_help_text(sj__buffer *out);
void sj__config_help_markdown(sj__buffer *out); /* docs/configuration.md */

#endif
