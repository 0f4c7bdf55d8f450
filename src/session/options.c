/* Options: defaults, checks, copies; the names that the engine's metrics go by. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "codec/cookie.h"
#include "session/session_private.h"

#define SECOND_MS ((int64_t)1000)
#define DAY_MS    (24 * SJ__HOUR_MS)

void sj_options_init(sj_options *options) {
  *options = (sj_options){
      .size = sizeof(*options),
      .realm = "default",
      .idle_ms = SJ__HOUR_MS / 2,
      .absolute_ms = 12 * SJ__HOUR_MS,
      .absolute_max_ms = 30 * DAY_MS,
      .touch_every_ms = 60 * SECOND_MS,
      .max_staleness_ms = SECOND_MS,
      .attributes_max = (size_t)32 * 1024,
      .on_rollback = SJ_ROLLBACK_ACCEPT,
      .timeout_ms = 2000,
      .cookie_same_site = SJ_SAME_SITE_LAX,
  };
}

/* --- Checks ---------------------------------------------------------------------- */

static bool is_realm(const char *realm) {
  size_t size = realm != NULL ? strlen(realm) : 0;
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return size >= 1 && size <= 64 && strspn(realm, allowed) == size;
}

static bool is_token(const char *text) {
  static const char allowed[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
  size_t size = strlen(text);
  return size >= 1 && size <= 128 && strspn(text, allowed) == size;
}

static sj_status check_lifetimes(const sj_options *options, sj_error *error) {
  if (options->idle_ms < SECOND_MS || options->idle_ms > options->absolute_ms ||
      options->absolute_ms > options->absolute_max_ms ||
      options->absolute_max_ms > SJ__ABSOLUTE_CAP_MS) {
    return sj__fail(error, SJ_INVALID,
                    "lifetimes: 1s <= idle <= absolute <= absolute_max <= 400d is needed");
  }
  if (options->touch_every_ms < SECOND_MS || options->touch_every_ms > SJ__HOUR_MS) {
    return sj__fail(error, SJ_INVALID, "touch_every: 1s to 1h");
  }
  if (options->max_staleness_ms < 0 || options->max_staleness_ms > 30 * SECOND_MS) {
    return sj__fail(error, SJ_INVALID, "max_staleness: 0 to 30s");
  }
  return SJ_OK;
}

static const char *cookie_name(const sj_options *options) {
  if (options->cookie_name != NULL) return options->cookie_name;
  if (options->cookie_insecure_dev) return "sojourn";
  return options->cookie_domain != NULL ? "__Secure-sojourn" : "__Host-sojourn";
}

/* What couldn't be written for one session can't be written for any: found out at the start. */
static sj_status try_cookie(const sj_options *options, sj_error *error) {
  sj__set_cookie cookie = {
      .name = sj__slice_text(cookie_name(options)),
      .value = SJ__SLICE("x"),
      .domain = sj__slice_text(options->cookie_domain),
      .path = SJ__SLICE("/"),
      .secure = !options->cookie_insecure_dev,
      .http_only = true,
      .same_site = (sj__same_site)options->cookie_same_site,
  };
  sj__buffer line;
  sj__buffer_init(&line, 0);
  sj_status status = sj__set_cookie_write(&cookie, &line, error);
  sj__buffer_release(&line);
  if (status == SJ_NO_MEMORY) return sj__fail(error, status, "%s", sj_status_text(status));
  if (status == SJ_OK) return SJ_OK;
  if (error != NULL) error->status = SJ_INVALID;
  return SJ_INVALID;
}

static sj_status check_cookie(const sj_options *options, sj_error *error) {
  const char *name = options->cookie_name;
  if (name != NULL && !is_token(name)) {
    return sj__fail(error, SJ_INVALID,
                    "cookie name: 1 to 128 token characters (RFC 6265bis 4.1.1)");
  }
  if (name != NULL && options->cookie_insecure_dev && strncmp(name, "__", 2) == 0) {
    return sj__fail(error, SJ_INVALID,
                    "cookie name: %s needs Secure, which insecure_dev leaves out", name);
  }
  if ((int)options->cookie_same_site < SJ_SAME_SITE_LAX ||
      options->cookie_same_site > SJ_SAME_SITE_NONE) {
    return sj__fail(error, SJ_INVALID, "cookie same_site: lax, strict or none");
  }
  if (options->cookie_same_site == SJ_SAME_SITE_NONE && options->cookie_insecure_dev) {
    return sj__fail(error, SJ_INVALID, "cookie same_site: None needs Secure");
  }
  return try_cookie(options, error);
}

sj_status sj__options_check(const sj_options *options, sj_error *error) {
  if (options->size != sizeof(*options)) {
    return sj__fail(error, SJ_INVALID, "options: not set up by this version's sj_options_init");
  }
  if (!is_realm(options->realm)) {
    return sj__fail(error, SJ_INVALID, "realm: 1 to 64 of letters, digits, '.', '_' and '-'");
  }
  if (options->attributes_max < 2 || options->attributes_max > ((size_t)1 << 20)) {
    return sj__fail(error, SJ_INVALID, "attributes_max: 2 bytes to 1MiB");
  }
  if (options->timeout_ms < 10 || options->timeout_ms > 60000) {
    return sj__fail(error, SJ_INVALID, "timeout: 10ms to 60s");
  }
  if (options->max_sessions > 1000) {
    return sj__fail(error, SJ_INVALID, "max_sessions: 0 (no limit) to 1000");
  }
  if ((int)options->on_rollback < SJ_ROLLBACK_ACCEPT || options->on_rollback > SJ_ROLLBACK_END) {
    return sj__fail(error, SJ_INVALID, "on_rollback: accept or end");
  }
  sj_status status = check_lifetimes(options, error);
  return status == SJ_OK ? check_cookie(options, error) : status;
}

/* --- A copy of our own -------------------------------------------------------------- */

/* False: out of memory. NULL stays NULL. */
static bool copy_text(sj_sessions *sessions, const char *text, const char **copy) {
  *copy = text != NULL ? sj__arena_dup(&sessions->texts, sj__slice_text(text)).data : NULL;
  return text == NULL || *copy != NULL;
}

sj_status sj__options_copy(sj_sessions *sessions, const sj_options *options) {
  sj_options *own = &sessions->options;
  *own = *options;
  if (!copy_text(sessions, options->realm, &own->realm) ||
      !copy_text(sessions, options->store, &own->store) ||
      !copy_text(sessions, options->keyring_file, &own->keyring_file) ||
      !copy_text(sessions, options->cookie_domain, &own->cookie_domain) ||
      !copy_text(sessions, cookie_name(options), &own->cookie_name)) {
    return SJ_NO_MEMORY;
  }
  sessions->cookie_name = sj__slice_text(own->cookie_name);
  return SJ_OK;
}

/* --- Metrics --------------------------------------------------------------------------- */

static const char *const kind_names[SJ__KIND_COUNT] = {
    [SJ__KIND_CREATE] = "create",
    [SJ__KIND_LOAD] = "load",
    [SJ__KIND_PATCH] = "patch",
    [SJ__KIND_ROTATE] = "rotate",
    [SJ__KIND_END] = "end",
    [SJ__KIND_GET_BY_SID] = "get_by_sid",
    [SJ__KIND_END_BY_SID] = "end_by_sid",
    [SJ__KIND_LIST] = "list",
    [SJ__KIND_END_SUBJECT] = "end_subject",
    [SJ__KIND_REVOKE] = "revoke",
    [SJ__KIND_BACKGROUND] = NULL,
};

/* The outcomes that a call can have; the others share nothing and are not counted. */
static const sj_status outcomes[] = {
    SJ_OK,          SJ_NO_CREDENTIAL, SJ_BAD_CREDENTIAL, SJ_EXPIRED,    SJ_ENDED,
    SJ_REPLAYED,    SJ_UNKNOWN,       SJ_NOT_FOUND,      SJ_CONTENDED,  SJ_VERSION_MISMATCH,
    SJ_BAD_REQUEST, SJ_TOO_LARGE,     SJ_FULL,           SJ_CORRUPT,    SJ_UNAVAILABLE,
    SJ_CANCELLED,   SJ_NO_MEMORY,     SJ_NO_ENTROPY,     SJ_UNSUPPORTED};

static void add_calls(sj__engine_metrics *own, sj__metrics *metrics, sj__kind kind) {
  char labels[96];
  for (size_t i = 0; i < SJ__COUNT_OF(outcomes); i++) {
    snprintf(labels, sizeof(labels), "call=\"%s\",outcome=\"%s\"", kind_names[kind],
             sj_status_code(outcomes[i]));
    own->calls[kind][outcomes[i]] =
        sj__metrics_add(metrics, SJ__COUNTER, "sojourn_session_calls_total",
                        "Calls of the session engine by outcome", labels);
  }
}

static void add_seconds(sj__engine_metrics *own, sj__metrics *metrics, sj__kind kind) {
  char labels[64];
  snprintf(labels, sizeof(labels), "call=\"%s\"", kind_names[kind]);
  own->seconds[kind] = sj__metrics_add(metrics, SJ__HISTOGRAM, "sojourn_session_seconds",
                                       "Time that calls of the session engine took", labels);
}

void sj__engine_metrics_init(sj__engine_metrics *own, sj__metrics *metrics) {
  if (metrics == NULL) return;
  for (int kind = 0; kind < SJ__KIND_BACKGROUND; kind++) add_calls(own, metrics, (sj__kind)kind);
  for (int kind = 0; kind < SJ__KIND_BACKGROUND; kind++) add_seconds(own, metrics, (sj__kind)kind);
  const struct {
    sj__metric **metric;
    const char *name;
    const char *help;
  } counters[] = {
      {&own->conflicts, "sojourn_session_conflicts_total", "Commits that met another version"},
      {&own->unknown_outcomes, "sojourn_session_unknown_outcomes_total",
       "Commits whose answer was lost and had to be found out"},
      {&own->rollbacks, "sojourn_session_rollbacks_total",
       "Sessions that the store showed older than their credential proves"},
      {&own->touches, "sojourn_session_touches_total", "Times that last_seen was written back"},
      {&own->marks, "sojourn_session_marks_total", "Revocations written"},
      {&own->swept, "sojourn_session_swept_total", "Expired records removed"},
      {&own->dropped, "sojourn_session_background_dropped_total",
       "Background work that was given up"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(counters); i++) {
    *counters[i].metric =
        sj__metrics_add(metrics, SJ__COUNTER, counters[i].name, counters[i].help, NULL);
  }
}
