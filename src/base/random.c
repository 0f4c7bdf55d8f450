#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"

static sj__random_fn *installed;
static void *installed_context;

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

sj_status sj__random(void *out, size_t size) {
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
