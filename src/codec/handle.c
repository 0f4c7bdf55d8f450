#include "codec/handle.h"

#include <string.h>

#include "base/alloc.h"
#include "codec/base64url.h"
#include "crypto/digest.h"

#define FIXED_FRONT 4 /* format, kid, region, kind */
#define FORK_SIZE   4
#define MAC_SIZE    16

static sj__purpose purpose_of(sj__handle_kind kind) {
  return kind == SJ__HANDLE_COOKIE ? SJ__PURPOSE_COOKIE_HANDLE : SJ__PURPOSE_REFRESH_HANDLE;
}

/* Unsigned LEB128, as few bytes as the value needs. */
static size_t write_counter(uint64_t value, uint8_t *out) {
  size_t size = 0;
  while (value >= 0x80) {
    out[size++] = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  out[size++] = (uint8_t)value;
  return size;
}

/* The whole of `bytes` must be one counter in its shortest form. */
static bool read_counter(const uint8_t *bytes, size_t size, uint64_t *out) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) {
    bool is_last = i + 1 == size;
    if (((bytes[i] & 0x80) != 0) == is_last) return false;
    if (i == 9 && bytes[i] > 1) return false; /* 64 bits are full */
    value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
  }
  if (size > 1 && bytes[size - 1] == 0) return false; /* longer than it needs to be */
  *out = value;
  return true;
}

sj_status sj__handle_encode(sj__vault *vault, int64_t now_ms, const sj__handle *handle, char *out,
                            size_t *size) {
  uint8_t bytes[SJ__HANDLE_BYTES_MAX] = {SJ__HANDLE_FORMAT, handle->kid, handle->region,
                                         (uint8_t)handle->kind};
  size_t at = FIXED_FRONT;
  memcpy(bytes + at, handle->id, SJ__ID_SIZE);
  at += SJ__ID_SIZE;
  at += write_counter(handle->counter, bytes + at);
  memcpy(bytes + at, handle->fork, FORK_SIZE);
  at += FORK_SIZE;
  sj_slice signed_part = sj__slice(bytes, at);
  sj_status status = sj__vault_mac(vault, handle->kid, now_ms, purpose_of(handle->kind),
                                   &signed_part, 1, bytes + at);
  if (status == SJ_OK) *size = sj__base64url_encode(bytes, at + MAC_SIZE, out);
  sj__wipe(bytes, sizeof(bytes));
  return status;
}

static bool parse(const uint8_t *bytes, size_t size, sj__handle *out) {
  if (size < SJ__HANDLE_BYTES_MIN || size > SJ__HANDLE_BYTES_MAX) return false;
  if (bytes[0] != SJ__HANDLE_FORMAT) return false;
  if (bytes[3] != SJ__HANDLE_COOKIE && bytes[3] != SJ__HANDLE_REFRESH) return false;
  out->kid = bytes[1];
  out->region = bytes[2];
  out->kind = (sj__handle_kind)bytes[3];
  memcpy(out->id, bytes + FIXED_FRONT, SJ__ID_SIZE);
  const uint8_t *counter = bytes + FIXED_FRONT + SJ__ID_SIZE;
  const uint8_t *fork = bytes + size - MAC_SIZE - FORK_SIZE;
  memcpy(out->fork, fork, FORK_SIZE);
  return read_counter(counter, (size_t)(fork - counter), &out->counter);
}

static sj_status verify(sj__vault *vault, int64_t now_ms, const uint8_t *bytes, size_t size,
                        const sj__handle *handle) {
  uint8_t mac[MAC_SIZE];
  sj_slice signed_part = sj__slice(bytes, size - MAC_SIZE);
  sj_status status =
      sj__vault_mac(vault, handle->kid, now_ms, purpose_of(handle->kind), &signed_part, 1, mac);
  if (status != SJ_OK) return status;
  bool equal = sj__equal_secret(mac, bytes + size - MAC_SIZE, MAC_SIZE);
  sj__wipe(mac, sizeof(mac));
  return equal ? SJ_OK : SJ_BAD_CREDENTIAL;
}

sj_status sj__handle_decode(sj__vault *vault, int64_t now_ms, sj_slice text, sj__handle *out) {
  uint8_t bytes[SJ__HANDLE_TEXT_MAX];
  size_t size = 0;
  sj_status status = SJ_BAD_CREDENTIAL;
  if (text.size <= SJ__HANDLE_TEXT_MAX && sj__base64url_decode(text, bytes, &size) == SJ_OK &&
      parse(bytes, size, out)) {
    status = verify(vault, now_ms, bytes, size, out);
  }
  sj__wipe(bytes, sizeof(bytes));
  if (status != SJ_OK) sj__wipe(out, sizeof(*out));
  return status;
}
