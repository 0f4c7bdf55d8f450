#include "codec/cookie.h"

#include <inttypes.h>

#include "base/errors.h"

#define ATTRIBUTE_MAX 1024 /* RFC 6265bis 5.6 */

/* --- Reading -------------------------------------------------------------- */

/* Some servers write name="value", and browsers send the quotes back. */
static sj_slice unquote(sj_slice value) {
  if (value.size < 2 || value.data[0] != '"' || value.data[value.size - 1] != '"') return value;
  return sj__slice(value.data + 1, value.size - 2);
}

/* False: no name=value pair, which is not ours whatever it says. */
static bool split_pair(sj_slice pair, sj_slice *name, sj_slice *value) {
  const char *equals = pair.size > 0 ? memchr(pair.data, '=', pair.size) : NULL;
  if (equals == NULL) return false;
  size_t name_size = (size_t)(equals - pair.data);
  *name = sj__slice_trim(sj__slice(pair.data, name_size));
  *value = unquote(sj__slice_trim(sj__slice(equals + 1, pair.size - name_size - 1)));
  return true;
}

/* Up to the next ';': browsers give quotes no meaning, so neither do we. */
static sj_slice next_pair(sj_slice *rest) {
  const char *end = rest->size > 0 ? memchr(rest->data, ';', rest->size) : NULL;
  sj_slice pair = end != NULL ? sj__slice(rest->data, (size_t)(end - rest->data)) : *rest;
  size_t used = end != NULL ? pair.size + 1 : pair.size;
  *rest = sj__slice(rest->data + used, rest->size - used);
  return pair;
}

size_t sj__cookie_find(sj_slice header, sj_slice name, sj_slice *value, bool *differ) {
  size_t found = 0;
  while (header.size > 0) {
    sj_slice this_name, this_value;
    if (!split_pair(next_pair(&header), &this_name, &this_value)) continue;
    if (!sj__slice_equal(this_name, name)) continue;
    found++;
    if (value->data == NULL) {
      *value = this_value;
    } else if (!sj__slice_equal(*value, this_value)) {
      *differ = true;
    }
  }
  return found;
}

/* --- Writing -------------------------------------------------------------- */

static bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* RFC 9110 5.6.2 */
static bool is_token_char(char c) {
  return is_alphanumeric(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* cookie-octet of RFC 6265bis 4.1.1 */
static bool is_value_char(char c) {
  return c > 0x20 && c < 0x7F && strchr("\",;\\", c) == NULL;
}

static bool is_domain_char(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.';
}

/* av-octet of RFC 6265bis 4.1.1 */
static bool is_attribute_char(char c) {
  return c >= 0x20 && c < 0x7F && c != ';';
}

static bool is_made_of(sj_slice text, bool (*allowed)(char c)) {
  for (size_t i = 0; i < text.size; i++) {
    if (!allowed(text.data[i])) return false;
  }
  return true;
}

static sj_status check_characters(const sj__set_cookie *cookie, sj_slice path, sj_error *error) {
  if (cookie->name.size == 0 || !is_made_of(cookie->name, is_token_char)) {
    return sj__fail(error, SJ_INVALID, "a cookie's name must be a token (RFC 6265bis 4.1.1)");
  }
  if (!is_made_of(cookie->value, is_value_char)) {
    return sj__fail(error, SJ_INVALID, "a cookie's value must be of RFC 6265bis 4.1.1's octets");
  }
  bool domain_ok =
      cookie->domain.data == NULL ||
      (cookie->domain.size > 0 && cookie->domain.size <= ATTRIBUTE_MAX &&
       is_alphanumeric(cookie->domain.data[0]) && is_made_of(cookie->domain, is_domain_char));
  if (!domain_ok) {
    return sj__fail(error, SJ_INVALID, "a cookie's domain must be a host name without a first dot");
  }
  if (path.size == 0 || path.size > ATTRIBUTE_MAX || path.data[0] != '/' ||
      !is_made_of(path, is_attribute_char)) {
    return sj__fail(error, SJ_INVALID,
                    "a cookie's path must begin with / and hold no ; or control");
  }
  return SJ_OK;
}

static bool has_prefix(sj_slice name, sj_slice prefix) {
  return name.size >= prefix.size &&
         sj__slice_equal_nocase(sj__slice(name.data, prefix.size), prefix);
}

/* Browsers compare prefixes without case (RFC 6265bis 5.4), so look-alikes follow the rule too. */
static sj_status check_rules(const sj__set_cookie *cookie, sj_slice path, sj_error *error) {
  bool host = has_prefix(cookie->name, SJ__SLICE("__Host-"));
  if ((host || has_prefix(cookie->name, SJ__SLICE("__Secure-"))) && !cookie->secure) {
    return sj__fail(error, SJ_INVALID, "__Host- and __Secure- cookies must be Secure");
  }
  if (host && (cookie->domain.data != NULL || !sj__slice_equal(path, SJ__SLICE("/")))) {
    return sj__fail(error, SJ_INVALID, "a __Host- cookie must have Path=/ and no Domain");
  }
  if (cookie->same_site == SJ__SAME_SITE_NONE && !cookie->secure) {
    return sj__fail(error, SJ_INVALID, "a SameSite=None cookie must be Secure");
  }
  return SJ_OK;
}

static void append_max_age(int64_t max_age_s, sj__buffer *out) {
  if (max_age_s < 0) return;
  if (max_age_s > SJ__COOKIE_MAX_AGE) max_age_s = SJ__COOKIE_MAX_AGE;
  sj__buffer_append_literal(out, "; Max-Age=");
  sj__buffer_append_u64(out, (uint64_t)max_age_s);
  if (max_age_s == 0) sj__buffer_append_literal(out, "; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
}

static void append_attributes(const sj__set_cookie *cookie, sj_slice path, sj__buffer *out) {
  static const char *const same_site[] = {
      [SJ__SAME_SITE_LAX] = "; SameSite=Lax",
      [SJ__SAME_SITE_STRICT] = "; SameSite=Strict",
      [SJ__SAME_SITE_NONE] = "; SameSite=None",
  };
  append_max_age(cookie->max_age_s, out);
  if (cookie->domain.data != NULL) {
    sj__buffer_append_literal(out, "; Domain=");
    sj__buffer_append_slice(out, cookie->domain);
  }
  sj__buffer_append_literal(out, "; Path=");
  sj__buffer_append_slice(out, path);
  if (cookie->secure) sj__buffer_append_literal(out, "; Secure");
  if (cookie->http_only) sj__buffer_append_literal(out, "; HttpOnly");
  sj__buffer_append_text(out, same_site[cookie->same_site]);
}

sj_status sj__set_cookie_write(const sj__set_cookie *cookie, sj__buffer *out, sj_error *error) {
  sj_slice path = cookie->path.data != NULL ? cookie->path : SJ__SLICE("/");
  sj_status status = check_characters(cookie, path, error);
  if (status == SJ_OK) status = check_rules(cookie, path, error);
  if (status != SJ_OK) return status;
  if (cookie->name.size > SJ__COOKIE_MAX ||
      cookie->value.size > SJ__COOKIE_MAX - cookie->name.size) {
    return sj__fail(error, SJ_TOO_LARGE, "name and value are %zu bytes; browsers keep at most %d",
                    cookie->name.size + cookie->value.size, SJ__COOKIE_MAX);
  }
  sj__buffer_append_slice(out, cookie->name);
  sj__buffer_append_char(out, '=');
  sj__buffer_append_slice(out, cookie->value);
  append_attributes(cookie, path, out);
  return sj__buffer_status(out);
}
