#include "session/keyring_file.h"

#include "base/buffer.h"
#include "base/errors.h"
#include "codec/keyring_text.h"
#include "loop/file.h"

#define FILE_MAX ((size_t)64 * 1024)

sj_status sj__keyring_load(const char *path, sj__keyring **out, sj_error *error) {
  sj__buffer text;
  sj__buffer_init(&text, FILE_MAX);
  sj_status status = sj__file_read(path, SJ__FILE_PRIVATE, FILE_MAX, &text, error);
  if (status == SJ_OK) {
    status = sj__keyring_parse(sj__buffer_slice(&text), out, error);
    if (status != SJ_OK) sj__error_prefix(error, path);
  }
  sj__buffer_release(&text);
  return status;
}

sj_status sj__keyring_create(const char *path, int64_t now_ms, sj__keyring **out, sj_error *error) {
  sj__keyring *keyring = NULL;
  sj_status status = sj__keyring_generate(now_ms, &keyring);
  if (status != SJ_OK) return sj__fail(error, status, "%s: %s", path, sj_status_text(status));
  sj__buffer text;
  sj__buffer_init(&text, FILE_MAX);
  sj__keyring_write(keyring, &text);
  status = sj__buffer_status(&text);
  if (status == SJ_OK) {
    status = sj__file_write_private(path, sj__buffer_slice(&text), false, error);
  }
  sj__buffer_release(&text);
  if (status == SJ_OK) {
    *out = keyring;
  } else {
    sj__keyring_unref(keyring);
  }
  return status;
}
