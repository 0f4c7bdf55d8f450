#include "crypto/gcm.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/alloc.h"
#include "crypto/digest.h"

struct sj__gcm {
  EVP_CIPHER_CTX *seal;
  EVP_CIPHER_CTX *open;
};

static EVP_CIPHER *aes_256_gcm; /* fetched once, never freed */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch(void) {
  aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
  if (aes_256_gcm == NULL) ERR_clear_error();
}

sj_status sj__crypto_init(void) {
  pthread_once(&fetched, fetch);
  return aes_256_gcm != NULL ? SJ_OK : SJ_UNSUPPORTED;
}

sj_status sj__gcm_new(sj__gcm **out) {
  sj_status status = sj__crypto_init();
  if (status != SJ_OK) return status;
  sj__gcm *gcm = sj__calloc(1, sizeof *gcm);
  if (gcm == NULL) return SJ_NO_MEMORY;
  gcm->seal = EVP_CIPHER_CTX_new();
  gcm->open = EVP_CIPHER_CTX_new();
  /* The cipher is set once; afterwards only key and nonce are, which allocates nothing. */
  if (gcm->seal == NULL || gcm->open == NULL ||
      EVP_EncryptInit_ex2(gcm->seal, aes_256_gcm, NULL, NULL, NULL) != 1 ||
      EVP_DecryptInit_ex2(gcm->open, aes_256_gcm, NULL, NULL, NULL) != 1) {
    ERR_clear_error();
    sj__gcm_free(gcm);
    return SJ_NO_MEMORY;
  }
  *out = gcm;
  return SJ_OK;
}

void sj__gcm_free(sj__gcm *gcm) {
  if (gcm == NULL) return;
  EVP_CIPHER_CTX_free(gcm->seal);
  EVP_CIPHER_CTX_free(gcm->open);
  sj__free(gcm);
}

static bool fits(const sj_slice *associated, size_t count, sj_slice text) {
  /* EVP takes int; SP 800-38D 5.2.1.1 allows far more than this. */
  bool fit = text.size <= SJ__GCM_MAX;
  for (size_t i = 0; i < count; i++) fit = fit && associated[i].size <= SJ__GCM_MAX;
  return fit;
}

/* One direction up to the text: EVP_CipherUpdate serves both. */
static bool run(EVP_CIPHER_CTX *context, const sj_slice *associated, size_t count, sj_slice text,
                uint8_t *out) {
  int size;
  for (size_t i = 0; i < count; i++) {
    if (associated[i].size > 0 &&
        EVP_CipherUpdate(context, NULL, &size, (const uint8_t *)associated[i].data,
                         (int)associated[i].size) != 1) {
      return false;
    }
  }
  return text.size == 0 ||
         EVP_CipherUpdate(context, out, &size, (const uint8_t *)text.data, (int)text.size) == 1;
}

sj_status sj__gcm_seal(sj__gcm *gcm, const uint8_t key[SJ__GCM_KEY_SIZE],
                       const uint8_t nonce[SJ__GCM_NONCE_SIZE], const sj_slice *associated,
                       size_t count, sj_slice plain, uint8_t *out, uint8_t tag[SJ__GCM_TAG_SIZE]) {
  uint8_t none[1];
  int size;
  if (!fits(associated, count, plain)) return SJ_TOO_LARGE;
  if (EVP_EncryptInit_ex2(gcm->seal, NULL, key, nonce, NULL) == 1 &&
      run(gcm->seal, associated, count, plain, out) &&
      EVP_EncryptFinal_ex(gcm->seal, none, &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(gcm->seal, EVP_CTRL_AEAD_GET_TAG, SJ__GCM_TAG_SIZE, tag) == 1) {
    return SJ_OK;
  }
  ERR_clear_error();
  sj__wipe(out, plain.size);
  return SJ_NO_MEMORY;
}

sj_status sj__gcm_open(sj__gcm *gcm, const uint8_t key[SJ__GCM_KEY_SIZE],
                       const uint8_t nonce[SJ__GCM_NONCE_SIZE], const sj_slice *associated,
                       size_t count, sj_slice cipher, const uint8_t tag[SJ__GCM_TAG_SIZE],
                       uint8_t *out) {
  uint8_t none[1], expected[SJ__GCM_TAG_SIZE];
  int size;
  if (!fits(associated, count, cipher)) return SJ_TOO_LARGE;
  memcpy(expected, tag, sizeof expected); /* EVP's argument is not const */
  bool ran =
      EVP_DecryptInit_ex2(gcm->open, NULL, key, nonce, NULL) == 1 &&
      EVP_CIPHER_CTX_ctrl(gcm->open, EVP_CTRL_AEAD_SET_TAG, sizeof expected, expected) == 1 &&
      run(gcm->open, associated, count, cipher, out);
  if (ran && EVP_DecryptFinal_ex(gcm->open, none, &size) == 1) return SJ_OK;
  sj__wipe(out, cipher.size);
  if (ran) return SJ_CORRUPT;
  ERR_clear_error();
  return SJ_NO_MEMORY;
}
