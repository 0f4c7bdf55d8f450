#include "daemon/config_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "daemon/config_table.h"
#include "loop/address.h"
#include "store/registry.h"

static const char *source_of(const sj__config *config, const char *path) {
  const sj__config_entry *entry = sj__config_find(path);
  SJ__REQUIRE(entry != NULL);
  return config->sources[entry - sj__config_table];
}

__attribute__((format(printf, 4, 5))) static sj_status refuse(const sj__config *config,
                                                              sj_error *error, const char *path,
                                                              const char *format, ...) {
  char why[400];
  va_list args;
  va_start(args, format);
  vsnprintf(why, sizeof why, format, args);
  va_end(args);
  return sj__fail(error, SJ_INVALID, "%s: %s: %s", source_of(config, path), path, why);
}

/* Of two entries that contradict each other, the one that somebody set. */
static const char *blame(const sj__config *config, const char *path, const char *other) {
  return strcmp(source_of(config, path), "default") == 0 ? other : path;
}

static sj_status check_lifetimes(const sj__config *config, sj_error *error) {
  if (config->session_idle_ms > config->session_absolute_ms) {
    return refuse(config, error, blame(config, "session.idle", "session.absolute"),
                  "session.idle must not be longer than session.absolute");
  }
  if (config->session_absolute_ms > config->session_absolute_max_ms) {
    return refuse(config, error, blame(config, "session.absolute", "session.absolute_max"),
                  "session.absolute must not be longer than session.absolute_max");
  }
  return SJ_OK;
}

static bool starts(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* RFC 6265bis 4.1.3: what the prefixes promise. */
static sj_status check_cookie(const sj__config *config, sj_error *error) {
  const char *name = config->cookie_name;
  bool bound = starts(name, "__Host-") || starts(name, "__Secure-");
  if (bound && config->cookie_insecure_dev) {
    return refuse(config, error, "cookie.name",
                  "browsers refuse a cookie with this prefix without Secure; leave the name out "
                  "with cookie.insecure_dev");
  }
  if (starts(name, "__Host-") && config->cookie_domain[0] != '\0') {
    return refuse(config, error, "cookie.name",
                  "browsers refuse a __Host- cookie with a domain; use __Secure-");
  }
  if (config->cookie_same_site == SJ_SAME_SITE_NONE && config->cookie_insecure_dev) {
    return refuse(config, error, "cookie.same_site",
                  "none needs Secure, which cookie.insecure_dev leaves out");
  }
  return SJ_OK;
}

static sj_status check_listener(const sj__config *config, const sj__config_listener *listener,
                                sj_error *error) {
  sj__address address;
  sj_error why;
  if (sj__address_parse(listener->address, &address, &why) != SJ_OK) {
    return refuse(config, error, "listeners", "%s", why.message);
  }
  if (!address.is_unix && (listener->mode != 0 || listener->uids.count > 0)) {
    return refuse(config, error, "listeners", "%s: mode and uids are for Unix sockets",
                  listener->address);
  }
  return SJ_OK;
}

/* Every worker listens on its own, so the kernel would not notice a TCP address given twice. */
static sj_status check_listeners(const sj__config *config, sj_error *error) {
  const sj__config_listeners *listeners = &config->listeners;
  for (size_t i = 0; i < listeners->count; i++) {
    sj_status status = check_listener(config, &listeners->items[i], error);
    if (status != SJ_OK) return status;
    const char *address = listeners->items[i].address;
    size_t size = strlen(address);
    bool any_port = size > 2 && strcmp(address + size - 2, ":0") == 0;
    for (size_t j = 0; j < i && !any_port; j++) {
      if (strcmp(listeners->items[j].address, address) == 0) {
        return refuse(config, error, "listeners", "%s is listed twice", address);
      }
    }
  }
  return SJ_OK;
}

static sj_status check_store(const sj__config *config, sj_error *error) {
  if (sj__store_is_volatile(config->store) && !config->accept_loss) {
    return refuse(config, error, "store",
                  "%.*s: forgets every session with the process; set accept_loss: true if that "
                  "is meant",
                  (int)strcspn(config->store, ":"), config->store);
  }
  return SJ_OK;
}

sj_status sj__config_check_rules(const sj__config *config, sj_error *error) {
  sj_status status = check_lifetimes(config, error);
  if (status == SJ_OK) status = check_cookie(config, error);
  if (status == SJ_OK) status = check_listeners(config, error);
  if (status == SJ_OK) status = check_store(config, error);
  return status;
}
