#include "front/presented.h"

#include "codec/cookie.h"

/* The token of an Authorization field (RFC 6750 2.1); {NULL,0}: another scheme. */
static sj_slice bearer_of(sj_slice value) {
  const sj_slice scheme = SJ__SLICE("Bearer ");
  if (value.size < scheme.size ||
      !sj__slice_equal_nocase(sj__slice(value.data, scheme.size), scheme)) {
    return (sj_slice){NULL, 0};
  }
  return sj__slice_trim(sj__slice(value.data + scheme.size, value.size - scheme.size));
}

/* What one walk over the fields gathers. */
typedef struct gathered {
  sj_slice cookie;
  bool cookies_differ;
  sj_slice bearer; /* without a cookie: the first; with one: the first of ours */
  bool bearers_differ;
} gathered;

static void gather_bearer(gathered *found, sj_slice bearer) {
  if (bearer.size == 0) return;
  if (found->bearer.data == NULL) {
    found->bearer = bearer;
  } else if (!sj__slice_equal(found->bearer, bearer)) {
    found->bearers_differ = true;
  }
}

static void gather_cookies(gathered *found, const sj__http_request *request, sj_slice name) {
  for (size_t i = 0; i < request->field_count; i++) {
    const sj__http_field *field = &request->fields[i];
    if (!sj__slice_equal_nocase(field->name, SJ__SLICE("Cookie"))) continue;
    (void)sj__cookie_find(field->value, name, &found->cookie, &found->cookies_differ);
  }
}

static void gather_bearers(gathered *found, const sj__http_request *request, sj__is_ours *is_ours,
                           void *context) {
  for (size_t i = 0; i < request->field_count; i++) {
    const sj__http_field *field = &request->fields[i];
    if (!sj__slice_equal_nocase(field->name, SJ__SLICE("Authorization"))) continue;
    sj_slice bearer = bearer_of(field->value);
    if (found->cookie.size > 0 && (bearer.size == 0 || !is_ours(context, bearer))) continue;
    gather_bearer(found, bearer);
  }
}

sj_status sj__credential_find(const sj__http_request *request, sj_slice cookie_name,
                              sj__is_ours *is_ours, void *context, sj_slice *out) {
  gathered found = {0};
  *out = (sj_slice){NULL, 0};
  gather_cookies(&found, request, cookie_name);
  gather_bearers(&found, request, is_ours, context);
  if (found.cookies_differ || found.bearers_differ) return SJ_BAD_CREDENTIAL;
  bool both = found.cookie.size > 0 && found.bearer.size > 0;
  if (both && !sj__slice_equal(found.cookie, found.bearer)) return SJ_BAD_CREDENTIAL;
  sj_slice credential = found.cookie.size > 0 ? found.cookie : found.bearer;
  if (credential.size > SJ__CREDENTIAL_MAX) return SJ_BAD_CREDENTIAL;
  if (credential.size > 0) *out = credential;
  return SJ_OK;
}

/* --- API keys --------------------------------------------------------------- */

/* {NULL,0}: none, or more than one. */
static sj_slice presented_key(const sj__http_request *request, bool bearer_allowed) {
  size_t count;
  sj_slice key = sj__http_field_get(request, "Sojourn-Key", &count);
  if (count == 0 && bearer_allowed) {
    key = bearer_of(sj__http_field_get(request, "Authorization", &count));
  }
  return count == 1 ? key : (sj_slice){NULL, 0};
}

sj_status sj__api_key_check(const sj__http_request *request, const sj__api_key *keys, size_t count,
                            uint32_t roles, bool bearer_allowed) {
  sj_slice key = presented_key(request, bearer_allowed);
  uint8_t hash[SJ__DIGEST_SIZE];
  if (key.size == 0) return SJ_FORBIDDEN;
  sj__sha256(&key, 1, hash);
  uint32_t granted = 0;
  for (size_t i = 0; i < count; i++) {
    if (sj__equal_secret(hash, keys[i].hash, sizeof hash)) granted |= keys[i].roles;
  }
  return (granted & roles) == roles ? SJ_OK : SJ_FORBIDDEN;
}
