/* A realm's sessions: opened once a process. */
#include "session/engine.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errors.h"
#include "crypto/digest.h"
#include "session/keyring_file.h"
#include "session/session_private.h"
#include "store/registry.h"

const char *sj_version(void) {
  return SJ_PROJECT_VERSION;
}

/* --- Opening on parts that exist ------------------------------------------------------ */

static void free_sessions(sj_sessions *sessions) {
  sj__mark_set_free(sessions->marks);
  sj__mutex_release(&sessions->rotations_lock);
  sj__keyring_unref(sessions->keyring);
  sj__arena_release(&sessions->texts);
  sj__free(sessions);
}

static sj_status check_store(const sj_options *options, const sj__store *store, sj_error *error) {
  if (!store->caps.volatile_data || options->accept_loss) return SJ_OK;
  return sj__fail(error, SJ_INVALID,
                  "store: %s forgets sessions when it stops; set accept_loss to run on it alone",
                  store->scheme);
}

sj_status sj__engine_open(const sj_options *options, sj__store *store, sj__keyring *keyring,
                          sj__metrics *metrics, sj_sessions **out, sj_error *error) {
  sj_status status = sj__options_check(options, error);
  if (status == SJ_OK) status = check_store(options, store, error);
  if (status != SJ_OK) return status;
  sj_sessions *sessions = sj__calloc(1, sizeof(*sessions));
  if (sessions == NULL) return sj__fail(error, SJ_NO_MEMORY, "out of memory");
  status = sj__mutex_init(&sessions->rotations_lock);
  if (status != SJ_OK) {
    sj__free(sessions);
    return sj__fail(error, status, "%s", sj_status_text(status));
  }
  sj__list_init(&sessions->rotations);
  sj__arena_init(&sessions->texts, NULL, 0, 0);
  sessions->keyring = sj__keyring_ref(keyring);
  sessions->marks = sj__mark_set_new();
  status = sessions->marks != NULL ? sj__options_copy(sessions, options) : SJ_NO_MEMORY;
  if (status != SJ_OK) {
    free_sessions(sessions);
    return sj__fail(error, status, "%s", sj_status_text(status));
  }
  sessions->store = store;
  sj__engine_metrics_init(&sessions->metrics, metrics);
  *out = sessions;
  return SJ_OK;
}

/* --- Opening by options ------------------------------------------------------------------ */

static sj_status check_keyring(const sj_options *options, sj_error *error) {
  bool is_embedded = sj__store_is_embedded(options->store);
  if (options->keyring_file == NULL && !(is_embedded && sj__store_is_volatile(options->store))) {
    return sj__fail(error, SJ_INVALID,
                    "keyring_file: is needed with a store that outlives this process");
  }
  if (options->keyring_create && !is_embedded) {
    return sj__fail(error, SJ_INVALID,
                    "keyring_create: only with the embedded stores memory: and lmdb:");
  }
  return SJ_OK;
}

static sj_status get_keyring(const sj_options *options, sj__keyring **out, sj_error *error) {
  sj_status status = check_keyring(options, error);
  if (status != SJ_OK) return status;
  if (options->keyring_file == NULL) {
    status = sj__keyring_generate(sj__wall_ms(), out);
    return status == SJ_OK ? SJ_OK : sj__fail(error, status, "%s", sj_status_text(status));
  }
  status = sj__keyring_load(options->keyring_file, out, error);
  if (status != SJ_MISSING || !options->keyring_create) return status;
  return sj__keyring_create(options->keyring_file, sj__wall_ms(), out, error);
}

static sj_status open_on(const sj_options *options, sj__keyring *keyring, sj_sessions **out,
                         sj_error *error) {
  sj__store_options store_options = {
      .realm = sj__slice_text(options->realm),
      .keyring = keyring,
      .touch_every_ms = options->touch_every_ms,
  };
  sj__store *store = NULL;
  sj_status status = sj__store_open(options->store, &store_options, &store, error);
  if (status != SJ_OK) return status;
  status = sj__engine_open(options, store, keyring, NULL, out, error);
  if (status != SJ_OK) sj__store_close(store);
  return status;
}

sj_status sj_open(const sj_options *options, sj_sessions **out, sj_error *error) {
  sj_status status = sj__options_check(options, error);
  if (status != SJ_OK) return status;
  if (options->store == NULL) return sj__fail(error, SJ_INVALID, "store: a URL is needed");
  status = sj__crypto_init();
  if (status != SJ_OK) return sj__fail(error, status, "the cryptographic library cannot be used");
  sj__keyring *keyring = NULL;
  status = get_keyring(options, &keyring, error);
  if (status == SJ_OK) status = open_on(options, keyring, out, error);
  sj__keyring_unref(keyring);
  return status;
}

void sj_close(sj_sessions *sessions) {
  if (sessions == NULL) return;
  SJ__REQUIRE(atomic_load(&sessions->workers) == 0);
  sj__store_close(sessions->store);
  free_sessions(sessions);
}

/* --- What the daemon and the tests look at ------------------------------------------------ */

bool sj__engine_ready(const sj_sessions *sessions) {
  return atomic_load(&sessions->ready);
}

void sj__engine_health(sj_sessions *sessions, sj__store_health *out) {
  sj__store_health_get(sessions->store, out);
}

const sj_options *sj__engine_options(const sj_sessions *sessions) {
  return &sessions->options;
}

sj_slice sj__engine_cookie_name(const sj_sessions *sessions) {
  return sessions->cookie_name;
}

void sj__engine_set_audit(sj_sessions *sessions,
                          void (*sink)(void *context, const sj__audit_event *event),
                          void *context) {
  sessions->audit = sink;
  sessions->audit_context = context;
}
