/*
 * OpenSSL failing in the middle: nothing is sealed, nothing opens, no plain
 * text is let out, and the next call works. The linker leads its functions here.
 */
#include "../unit.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "crypto/gcm.h"

static int countdown = -1; /* calls until one fails; -1: none does */

static bool fails(void) {
  if (countdown < 0) return false;
  if (countdown-- > 0) return false;
  ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
  return true;
}

#define WRAPPED(name, parameters, arguments)      \
  int __real_##name parameters;                   \
  int __wrap_##name parameters;                   \
  int __wrap_##name parameters {                  \
    return fails() ? 0 : __real_##name arguments; \
  }

WRAPPED(EVP_EncryptInit_ex2,
        (EVP_CIPHER_CTX * c, const EVP_CIPHER *cipher, const unsigned char *key,
         const unsigned char *iv, const OSSL_PARAM params[]),
        (c, cipher, key, iv, params))
WRAPPED(EVP_DecryptInit_ex2,
        (EVP_CIPHER_CTX * c, const EVP_CIPHER *cipher, const unsigned char *key,
         const unsigned char *iv, const OSSL_PARAM params[]),
        (c, cipher, key, iv, params))
WRAPPED(EVP_CipherUpdate,
        (EVP_CIPHER_CTX * c, unsigned char *out, int *size, const unsigned char *in, int in_size),
        (c, out, size, in, in_size))
WRAPPED(EVP_EncryptFinal_ex, (EVP_CIPHER_CTX * c, unsigned char *out, int *size), (c, out, size))
WRAPPED(EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * c, int type, int arg, void *ptr),
        (c, type, arg, ptr))

static bool no_algorithm;
EVP_CIPHER *__real_EVP_CIPHER_fetch(OSSL_LIB_CTX *context, const char *name, const char *wanted);
EVP_CIPHER *__wrap_EVP_CIPHER_fetch(OSSL_LIB_CTX *context, const char *name, const char *wanted);
EVP_CIPHER *__wrap_EVP_CIPHER_fetch(OSSL_LIB_CTX *context, const char *name, const char *wanted) {
  return no_algorithm ? NULL : __real_EVP_CIPHER_fetch(context, name, wanted);
}

static const uint8_t key[SJ__GCM_KEY_SIZE] = {1}, nonce[SJ__GCM_NONCE_SIZE] = {2};
static const sj_slice associated = {"associated", 10};
static const sj_slice plain = {"plain text", 10};

static void assert_wiped(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) assert_int_equal(bytes[i], 0);
}

static void sealing_that_fails_gives_nothing(void **state) {
  uint8_t out[10], tag[SJ__GCM_TAG_SIZE];
  int step = 0;
  for (sj_status status = SJ_NO_MEMORY; status != SJ_OK; step++) {
    memset(out, 0xee, sizeof(out));
    countdown = step;
    status = sj__gcm_seal(*state, key, nonce, &associated, 1, plain, out, tag);
    countdown = -1;
    assert_true(status == SJ_OK || status == SJ_NO_MEMORY);
    if (status != SJ_OK) assert_wiped(out, sizeof(out));
    assert_int_equal(ERR_peek_error(), 0);
  }
  assert_int_equal(step, 6); /* key, associated data, text, end, tag; and the one that worked */
}

static void opening_that_fails_gives_nothing(void **state) {
  uint8_t cipher[10], out[10], tag[SJ__GCM_TAG_SIZE];
  int step = 0;
  assert_ok(sj__gcm_seal(*state, key, nonce, &associated, 1, plain, cipher, tag));
  for (sj_status status = SJ_NO_MEMORY; status != SJ_OK; step++) {
    memset(out, 0xee, sizeof(out));
    countdown = step;
    status = sj__gcm_open(*state, key, nonce, &associated, 1, sj__slice(cipher, sizeof(cipher)),
                          tag, out);
    countdown = -1;
    assert_true(status == SJ_OK || status == SJ_NO_MEMORY);
    if (status != SJ_OK) assert_wiped(out, sizeof(out));
    assert_int_equal(ERR_peek_error(), 0);
  }
  assert_int_equal(step, 5); /* key, tag, associated data, text; and the one that worked */
  assert_memory_equal(out, plain.data, sizeof(out));
}

static void contexts_that_fail_are_none(void **state) {
  for (int step = 0; step < 2; step++) {
    sj__gcm *gcm = NULL;
    countdown = step;
    assert_int_equal(sj__gcm_new(&gcm), SJ_NO_MEMORY);
    countdown = -1;
    assert_null(gcm);
    assert_int_equal(ERR_peek_error(), 0);
  }
}

/* Before anything was fetched, in a process of its own: what is missing stays missing. */
static int start_without_the_algorithm(void) {
  sj__gcm *gcm = NULL;
  no_algorithm = true;
  bool refused = sj__crypto_init() == SJ_UNSUPPORTED;
  no_algorithm = false;
  return refused && sj__gcm_new(&gcm) == SJ_UNSUPPORTED && gcm == NULL ? 0 : 1;
}

static int status_without_the_algorithm;

static void without_the_algorithm_nothing_starts(void **state) {
  assert_true(WIFEXITED(status_without_the_algorithm));
  assert_int_equal(WEXITSTATUS(status_without_the_algorithm), 0);
}

static int set_up(void **state) {
  sj__gcm *gcm = NULL;
  if (sj__gcm_new(&gcm) != SJ_OK) return -1;
  *state = gcm;
  return 0;
}

static int tear_down(void **state) {
  sj__gcm_free(*state);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sealing_that_fails_gives_nothing),
      cmocka_unit_test(opening_that_fails_gives_nothing),
      cmocka_unit_test(contexts_that_fail_are_none),
      cmocka_unit_test(without_the_algorithm_nothing_starts),
  };
  pid_t child = fork();
  if (child == 0) _exit(start_without_the_algorithm());
  if (child < 0 || waitpid(child, &status_without_the_algorithm, 0) != child) return 1;
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
