/*
 * OpenSSL's allocations, counted and made to fail on request: what fetches an
 * algorithm or makes a context allocates. To be installed before OpenSSL's
 * first call. Header only; one thread.
 */
#ifndef SJ_TESTS_COUNTING_OPENSSL_H
#define SJ_TESTS_COUNTING_OPENSSL_H

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>

static unsigned long openssl_allocations_;
static long openssl_countdown_ = -1; /* -1: never fails */

static inline bool openssl_must_fail_(void) {
  openssl_allocations_++;
  if (openssl_countdown_ < 0) return false;
  if (openssl_countdown_ > 0) openssl_countdown_--;
  return openssl_countdown_ == 0;
}

static inline void *openssl_malloc_(size_t size, const char *file, int line) {
  return openssl_must_fail_() ? NULL : malloc(size);
}

static inline void *openssl_realloc_(void *memory, size_t size, const char *file, int line) {
  return openssl_must_fail_() ? NULL : realloc(memory, size);
}

static inline void openssl_free_(void *memory, const char *file, int line) {
  free(memory);
}

/* False: too late, OpenSSL has allocated already. */
static inline bool install_counting_openssl(void) {
  return CRYPTO_set_mem_functions(openssl_malloc_, openssl_realloc_, openssl_free_) == 1;
}

static inline unsigned long openssl_allocations(void) {
  return openssl_allocations_;
}

/* The `skip` next allocations succeed; then all fail. Less than 0: none fails. */
static inline void fail_openssl_from(long skip) {
  openssl_countdown_ = skip < 0 ? -1 : skip + 1;
}

#endif
