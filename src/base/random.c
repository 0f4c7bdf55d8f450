#include "base/random.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"

static sj__random_fn *installed;
static void *installed_context;

/* Taken from the end, which is wiped as it goes. */
static _Thread_local struct {
  uint8_t bytes[SJ__RANDOM_AHEAD_MAX];
  size_t left;
} ahead;

void sj__random_install(sj__random_fn *fn, void *context) {
  installed = fn;
  installed_context = context;
}

static sj_status system_random(void *out, size_t size) {
  uint8_t *bytes = out;
  while (size > 0) {
    ssize_t got = getrandom(bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return SJ_NO_ENTROPY;
    bytes += got;
    size -= (size_t)got;
  }
  return SJ_OK;
}

void sj__random_ahead(size_t size) {
  SJ__REQUIRE(size <= SJ__RANDOM_AHEAD_MAX);
  if (ahead.left >= size) return;
  sj__random_forget();
  if (installed == NULL && system_random(ahead.bytes, size) == SJ_OK) ahead.left = size;
}

void sj__random_forget(void) {
  sj__wipe(ahead.bytes, sizeof(ahead.bytes));
  ahead.left = 0;
}

static bool take_ahead(void *out, size_t size) {
  if (size == 0 || size > ahead.left) return false;
  ahead.left -= size;
  memcpy(out, ahead.bytes + ahead.left, size);
  sj__wipe(ahead.bytes + ahead.left, size);
  return true;
}

sj_status sj__random(void *out, size_t size) {
  if (take_ahead(out, size)) return SJ_OK;
  sj_status status =
      installed != NULL ? installed(installed_context, out, size) : system_random(out, size);
  if (status != SJ_OK) sj__wipe(out, size);
  return status == SJ_OK ? SJ_OK : SJ_NO_ENTROPY;
}

uint64_t sj__random_below(uint64_t bound) {
  SJ__REQUIRE(bound > 0);
  /* The values below 2^64 mod bound would make the low results likelier. */
  uint64_t biased = (0 - bound) % bound;
  uint64_t value;
  do {
    if (sj__random(&value, sizeof(value)) != SJ_OK) return 0;
  } while (value < biased);
  return value % bound;
}
