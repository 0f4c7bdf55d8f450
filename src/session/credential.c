/* From a presented credential to a session's key, and back to what a client is handed. */
#include "base/alloc.h"
#include "base/clock.h"
#include "codec/cookie.h"
#include "session/session_private.h"

sj_status sj__present(sj__request *request) {
  sj_slice text = request->call->credential;
  if (text.data == NULL) return SJ_NO_CREDENTIAL;
  sj_status status =
      sj__handle_decode(request->worker->vault, request->now_ms, text, &request->handle);
  /* Sealed under a key that is nowhere near: not proof of anything (DESIGN.md 7). */
  if (status == SJ_UNKNOWN_KEY) return SJ_UNAVAILABLE;
  if (status == SJ_RETIRED_KEY) return SJ_BAD_CREDENTIAL;
  if (status != SJ_OK) return status;
  if (request->handle.kind != SJ__HANDLE_COOKIE) return SJ_BAD_CREDENTIAL;
  memcpy(request->id, request->handle.id, SJ__ID_SIZE);
  sj__session_key(request->id, request->key);
  return SJ_OK;
}

bool sj__engine_is_ours(sj_worker *worker, sj_slice credential) {
  sj__handle handle;
  sj_status status = sj__handle_decode(worker->vault, sj__wall_ms(), credential, &handle);
  sj__wipe(&handle, sizeof(handle));
  return status == SJ_OK;
}

static sj_status write_cookie(sj__request *request, sj_slice value, int64_t max_age_s) {
  const sj_options *options = &request->worker->sessions->options;
  sj__set_cookie cookie = {
      .name = request->worker->sessions->cookie_name,
      .value = value,
      .domain = sj__slice_text(options->cookie_domain),
      .path = SJ__SLICE("/"),
      .max_age_s = max_age_s,
      .secure = !options->cookie_insecure_dev,
      .http_only = true,
      .same_site = (sj__same_site)options->cookie_same_site,
  };
  sj__buffer line;
  sj__buffer_init(&line, 0);
  sj_status status = sj__set_cookie_write(&cookie, &line, NULL);
  if (status == SJ_OK) {
    request->call->set_cookie = sj__arena_dup(&request->arena, sj__buffer_slice(&line));
    if (request->call->set_cookie.data == NULL) status = SJ_NO_MEMORY;
  }
  sj__buffer_release(&line);
  return status;
}

sj_status sj__issue(sj__request *request, const sj__record *record) {
  const sj__keyring *keyring = sj__vault_keyring(request->worker->vault);
  sj__handle handle = {
      .kid = sj__keyring_active(keyring, request->now_ms),
      .region = request->worker->sessions->options.region,
      .kind = SJ__HANDLE_COOKIE,
      .counter = record->version,
  };
  memcpy(handle.id, request->id, SJ__ID_SIZE);
  memcpy(handle.fork, record->write_ids[0], sizeof(handle.fork));
  char text[SJ__HANDLE_TEXT_MAX];
  size_t size = 0;
  sj_status status =
      sj__handle_encode(request->worker->vault, request->now_ms, &handle, text, &size);
  sj__wipe(&handle, sizeof(handle));
  if (status != SJ_OK) return status;
  request->call->new_credential = sj__arena_dup(&request->arena, sj__slice(text, size));
  if (request->call->new_credential.data == NULL) return SJ_NO_MEMORY;
  int64_t left_ms = record->absolute_at_ms - request->now_ms;
  return write_cookie(request, request->call->new_credential,
                      left_ms > 0 ? (left_ms + 999) / 1000 : 0);
}

sj_status sj__clear_cookie(sj__request *request) {
  return write_cookie(request, SJ__SLICE(""), 0);
}

sj_status sj__sid_parse(sj_slice sid, uint8_t key[SJ__KEY_SIZE]) {
  size_t size = 0;
  if (sid.size != SJ_SID_SIZE) return SJ_INVALID;
  uint8_t bytes[SJ_SID_SIZE];
  sj_status status = sj__base64url_decode(sid, bytes, &size);
  if (status != SJ_OK || size != SJ__KEY_SIZE) return SJ_INVALID;
  memcpy(key, bytes, SJ__KEY_SIZE);
  return SJ_OK;
}
