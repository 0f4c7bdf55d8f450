#include "daemon/first_start.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "loop/file.h"
#include "session/keyring_file.h"
#include "store/registry.h"

static bool lies_in_state(const sj__config *config, const char *path) {
  size_t size = strlen(config->state);
  return strncmp(path, config->state, size) == 0 && path[size] == '/';
}

static sj_status make_state_folder(const sj__config *config, sj_error *error) {
  const char *store_path = strchr(config->store, ':') + 1; /* as the table demands */
  bool needed = config->keyring_default || config->api_keys_default ||
                lies_in_state(config, config->keyring_file) ||
                (sj__store_is_embedded(config->store) && lies_in_state(config, store_path));
  if (!needed) return SJ_OK;
  sj_status status = sj__folder_make(config->state, error);
  return status == SJ_OK ? sj__folder_judge(config->state, error) : status;
}

static sj_status open_keyring(const sj__config *config, sj__secrets *secrets, sj_error *error) {
  const char *path = config->keyring_file;
  sj_status status = sj__keyring_load(path, &secrets->keyring, error);
  if (status != SJ_MISSING) return status;
  if (!sj__store_is_embedded(config->store)) {
    return sj__fail(error, SJ_MISSING,
                    "%s: there is no keyring; with a shared store every daemon needs the same "
                    "one, so none is made",
                    path);
  }
  status = sj__keyring_create(path, sj__wall_ms(), &secrets->keyring, error);
  if (status != SJ_OK) return status;
  secrets->keyring_made = true;
  SJ__LOG(SJ__LOG_INFO, "made a keyring", SJ__FIELD_CSTR("file", path));
  return SJ_OK;
}

static sj_status open_api_keys(const sj__config *config, sj__secrets *secrets, sj_error *error) {
  for (size_t i = 0; i < config->api_keys.count; i++) {
    const char *path = config->api_keys.items[i];
    sj_status status = sj__api_keys_load(path, &secrets->api_keys, error);
    if (status == SJ_MISSING && config->api_keys_default) {
      status = sj__api_key_create(path, &secrets->api_keys, error);
      if (status == SJ_OK) {
        SJ__LOG(SJ__LOG_INFO, "made an API key with every role", SJ__FIELD_CSTR("file", path));
      }
    }
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}

sj_status sj__secrets_open(const sj__config *config, sj__secrets *secrets, sj_error *error) {
  memset(secrets, 0, sizeof *secrets);
  sj_status status = make_state_folder(config, error);
  if (status == SJ_OK) status = open_keyring(config, secrets, error);
  if (status == SJ_OK) status = open_api_keys(config, secrets, error);
  return status;
}

void sj__secrets_release(sj__secrets *secrets) {
  sj__keyring_unref(secrets->keyring);
  sj__api_key_list_release(&secrets->api_keys);
  memset(secrets, 0, sizeof *secrets);
}

void sj__secrets_discard_keyring(const sj__config *config, const sj__secrets *secrets) {
  if (!secrets->keyring_made) return;
  if (unlink(config->keyring_file) == 0) {
    SJ__LOG(SJ__LOG_WARNING, "the store refused the new keyring, which is removed again",
            SJ__FIELD_CSTR("file", config->keyring_file));
  }
}
