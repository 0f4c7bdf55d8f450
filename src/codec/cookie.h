/*
 * Cookies: tolerant in what is read (RFC 6265 5.4 as browsers and proxies
 * really send it), strict in what is written (RFC 6265bis 4.1).
 */
#ifndef SJ_CODEC_COOKIE_H
#define SJ_CODEC_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "sojourn/status.h"

#define SJ__COOKIE_MAX     4096     /* name and value together (RFC 6265bis 5.6) */
#define SJ__COOKIE_MAX_AGE 34560000 /* 400 days (RFC 6265bis 5.5) */

/*
 * Looks for `name` (case-sensitive) in one Cookie field value. Returns how many
 * cookies of that name there are; *value is the first one's (borrowed, without
 * surrounding double quotes), *differ whether another one has another value.
 * Call once for every Cookie field with the same *value and *differ, which
 * start as {NULL,0} and false.
 */
size_t sj__cookie_find(sj_slice header, sj_slice name, sj_slice *value, bool *differ);

typedef enum sj__same_site {
  SJ__SAME_SITE_LAX,
  SJ__SAME_SITE_STRICT,
  SJ__SAME_SITE_NONE
} sj__same_site;

typedef struct sj__set_cookie {
  sj_slice name;
  sj_slice value;
  sj_slice domain;   /* absent: host-only */
  sj_slice path;     /* absent: "/" */
  int64_t max_age_s; /* < 0: none (a browser session); 0 clears, Expires in the past included */
  bool secure;
  bool http_only;
  sj__same_site same_site;
} sj__set_cookie;

/*
 * Appends a Set-Cookie field value. SJ_INVALID: a character that RFC 6265bis
 * does not allow, a prefix rule broken (__Host-, __Secure-), None without
 * Secure; SJ_TOO_LARGE: name and value over SJ__COOKIE_MAX. Max-Age is capped.
 */
SJ_MUST_USE sj_status sj__set_cookie_write(const sj__set_cookie *cookie, sj__buffer *out,
                                           sj_error *error);

#endif
