/* Opening: the URL, the environment, its tables, and whom the sessions in it belong to. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "codec/units.h"
#include "loop/file.h"
#include "store/adapter/lmdb_private.h"

#define MAX_SIZE_DEFAULT    ((uint64_t)16 << 30)
#define MAX_SIZE_LEAST      ((uint64_t)1 << 20)
#define MAX_SIZE_MOST       ((uint64_t)1 << 44)
#define INTERVAL_DEFAULT_MS 1000
#define INTERVAL_MAX_MS     60000
#define READERS_MAX         512 /* slots of 64 bytes: one a worker, some for mdb_copy and the like */

/* --- The URL ------------------------------------------------------------------------------ */

static sj_status read_path(const sj__store_url *url, char path[SJ__LMDB_PATH_MAX + 1],
                           sj_error *error) {
  if (url->path.size == 0 || url->path.size > SJ__LMDB_PATH_MAX) {
    return sj__fail(error, SJ_INVALID, "store URL lmdb: the folder's path must follow the colon");
  }
  memcpy(path, url->path.data, url->path.size);
  path[url->path.size] = '\0';
  if (memchr(path, '\0', url->path.size) == NULL) return SJ_OK;
  return sj__fail(error, SJ_INVALID, "store URL lmdb: the folder's path holds a zero byte");
}

static sj_status read_max_size(const sj__store_url *url, size_t *out, sj_error *error) {
  sj_slice text = sj__store_url_get(url, "max_size");
  uint64_t size = MAX_SIZE_DEFAULT;
  if (text.data != NULL &&
      (sj__bytes_parse(text, &size) != SJ_OK || size < MAX_SIZE_LEAST || size > MAX_SIZE_MOST)) {
    return sj__fail(error, SJ_INVALID, "store URL lmdb: max_size is 1MiB to 16TiB");
  }
  *out = (size_t)size;
  return SJ_OK;
}

static sj_status read_durability(const sj__store_url *url, uint64_t *interval_ms, sj_error *error) {
  sj_slice durability = sj__store_url_get(url, "durability");
  sj_slice interval = sj__store_url_get(url, "interval");
  bool is_loose = sj__slice_equal(durability, SJ__SLICE("interval"));
  int64_t ms = INTERVAL_DEFAULT_MS;
  if (durability.data != NULL && !is_loose && !sj__slice_equal(durability, SJ__SLICE("commit"))) {
    return sj__fail(error, SJ_INVALID, "store URL lmdb: durability is commit or interval");
  }
  if (interval.data != NULL &&
      (!is_loose || sj__duration_parse(interval, &ms) != SJ_OK || ms < 1 || ms > INTERVAL_MAX_MS)) {
    return sj__fail(error, SJ_INVALID,
                    "store URL lmdb: interval is 1ms to 60s, with durability=interval");
  }
  *interval_ms = is_loose ? (uint64_t)ms : 0;
  return SJ_OK;
}

static sj_status read_url(const sj__store_url *url, char path[SJ__LMDB_PATH_MAX + 1],
                          sj__lmdb_store *store, sj_error *error) {
  static const char *const allowed[] = {"max_size", "durability", "interval", NULL};
  sj_status status = sj__store_url_check(url, allowed, error);
  if (status == SJ_OK) status = read_path(url, path, error);
  if (status == SJ_OK) status = read_max_size(url, &store->max_size, error);
  if (status == SJ_OK) status = read_durability(url, &store->interval_ms, error);
  return status;
}

/* --- The environment ---------------------------------------------------------------------- */

static sj_status fail_open(int code, const char *path, sj_error *error) {
  sj_status status = sj__lmdb_status(code);
  if (code == EACCES || code == EPERM || code == EROFS) status = SJ_PERMISSION;
  if (code == MDB_VERSION_MISMATCH) status = SJ_MISMATCH;
  if (code == ENOMEM) status = SJ_NO_MEMORY;
  if (status == SJ_UNAVAILABLE || status == SJ_MISSING) status = SJ_IO;
  return sj__fail(error, status, "%s: %s", path, mdb_strerror(code));
}

static int prepare_environment(sj__lmdb_store *store, size_t present_size) {
  int code = mdb_env_create(&store->env);
  if (code != 0) return code;
  /* Sessions that ended need room even if max_size was lowered below what is there. */
  size_t size = present_size > store->max_size ? present_size : store->max_size;
  code = mdb_env_set_maxdbs(store->env, 6);
  if (code == 0) code = mdb_env_set_maxreaders(store->env, READERS_MAX);
  if (code == 0) code = mdb_env_set_mapsize(store->env, size + SJ__LMDB_RESERVE);
  return code;
}

static sj_status open_environment(sj__lmdb_store *store, const char *path, sj_error *error) {
  MDB_stat stat;
  size_t present_size = 0;
  int dead = 0;
  sj_status status = sj__lmdb_bound_by_limits(&store->max_size, error);
  if (status == SJ_OK) status = sj__lmdb_judge_file(path, &present_size, error);
  if (status != SJ_OK) return status;
  int code = prepare_environment(store, present_size);
  /* Random keys: reading ahead fetches what nobody asked for. */
  if (code == 0) code = mdb_env_open(store->env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (code == 0) code = mdb_env_get_fd(store->env, &store->data_file);
  if (code == 0) code = mdb_env_stat(store->env, &stat);
  /* A copying program that was killed would keep the pages it read from being used again. */
  if (code == 0) code = mdb_reader_check(store->env, &dead);
  if (code != 0) return fail_open(code, path, error);
  store->page_size = stat.ms_psize;
  MDB_envinfo info;
  mdb_env_info(store->env, &info);
  return sj__lmdb_judge_length(store->data_file, (info.me_last_pgno + 1) * store->page_size, path,
                               error);
}

/* --- Whom it belongs to ------------------------------------------------------------------- */

static int get_info(sj__lmdb_store *store, MDB_txn *txn, const char *name, MDB_val *value) {
  MDB_val key = sj__lmdb_val(name, strlen(name));
  return mdb_get(txn, store->tables.info, &key, value);
}

static int put_info(sj__lmdb_store *store, MDB_txn *txn, const char *name, sj_slice text) {
  MDB_val key = sj__lmdb_val(name, strlen(name));
  MDB_val value = sj__lmdb_val(text.data, text.size);
  return mdb_put(txn, store->tables.info, &key, &value, 0);
}

static void key_name(char out[16], uint8_t kid) {
  snprintf(out, 16, "key.%u", (unsigned)kid);
}

/*
 * Every key is kept by its fingerprint: the same kid must be the same key, and one must be common.
 */
static sj_status check_keys(sj__lmdb_store *store, MDB_txn *txn, const sj__keyring *keyring,
                            bool is_new, sj_error *error) {
  bool shares_one = is_new;
  for (size_t i = 0; i < sj__keyring_count(keyring); i++) {
    const sj__key *key = sj__keyring_at(keyring, i);
    uint8_t fingerprint[SJ__KEY_FINGERPRINT_SIZE];
    char name[16];
    MDB_val value;
    sj__key_fingerprint(key, fingerprint);
    key_name(name, key->kid);
    int code = get_info(store, txn, name, &value);
    if (code == 0) {
      if (!sj__slice_equal(sj__lmdb_slice(value), sj__slice(fingerprint, sizeof(fingerprint)))) {
        return sj__fail(error, SJ_MISMATCH, "this store was made with another keyring (key %u)",
                        (unsigned)key->kid);
      }
      shares_one = true;
    } else if (code != MDB_NOTFOUND ||
               put_info(store, txn, name, sj__slice(fingerprint, sizeof(fingerprint))) != 0) {
      return sj__fail(error, SJ_IO, "the keyring cannot be checked");
    }
  }
  if (shares_one) return SJ_OK;
  return sj__fail(error, SJ_MISMATCH,
                  "this store was made with another keyring (no key in common)");
}

static sj_status check_owner(sj__lmdb_store *store, MDB_txn *txn, const sj__store_options *options,
                             sj_error *error) {
  MDB_val value;
  char format[16];
  snprintf(format, sizeof(format), "%d", SJ__LMDB_FORMAT);
  int code = get_info(store, txn, "format", &value);
  bool is_new = code == MDB_NOTFOUND;
  if (is_new) {
    code = put_info(store, txn, "format", sj__slice_text(format));
    if (code == 0) code = put_info(store, txn, "realm", options->realm);
  } else if (code == 0 && !sj__slice_equal(sj__lmdb_slice(value), sj__slice_text(format))) {
    return sj__fail(error, SJ_MISMATCH, "this store has format %.*s; this program reads %s",
                    value.mv_size < 16 ? (int)value.mv_size : 16, (const char *)value.mv_data,
                    format);
  }
  if (code == 0) code = get_info(store, txn, "realm", &value);
  if (code != 0) return sj__fail(error, sj__lmdb_status(code), "%s", mdb_strerror(code));
  if (!sj__slice_equal(sj__lmdb_slice(value), options->realm)) {
    return sj__fail(error, SJ_MISMATCH, "this store is of realm '%.*s', not '%.*s'",
                    value.mv_size < 64 ? (int)value.mv_size : 64, (const char *)value.mv_data,
                    (int)options->realm.size, options->realm.data);
  }
  return check_keys(store, txn, options->keyring, is_new, error);
}

static int open_tables(sj__lmdb_store *store, MDB_txn *txn) {
  const struct {
    const char *name;
    MDB_dbi *table;
  } tables[] = {
      {"info", &store->tables.info},         {"sessions", &store->tables.sessions},
      {"subjects", &store->tables.subjects}, {"garbage", &store->tables.garbage},
      {"marks", &store->tables.marks},       {"mark_ids", &store->tables.mark_ids},
  };
  int code = 0;
  for (size_t i = 0; code == 0 && i < SJ__COUNT_OF(tables); i++) {
    code = mdb_dbi_open(txn, tables[i].name, MDB_CREATE, tables[i].table);
  }
  return code;
}

/* An environment of somebody else's is not made ours by adding tables to it. */
static int is_foreign(MDB_txn *txn, bool *out) {
  MDB_dbi names, info;
  MDB_stat stat;
  int code = mdb_dbi_open(txn, NULL, 0, &names);
  if (code == 0) code = mdb_stat(txn, names, &stat);
  if (code != 0) return code;
  code = stat.ms_entries > 0 ? mdb_dbi_open(txn, "info", 0, &info) : 0;
  *out = code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE;
  return *out ? 0 : code;
}

static sj_status fill_contents(sj__lmdb_store *store, MDB_txn *txn, const char *path,
                               const sj__store_options *options, sj_error *error) {
  bool foreign;
  int code = is_foreign(txn, &foreign);
  if (code == 0 && foreign) {
    return sj__fail(error, SJ_MISMATCH, "%s: holds data of another program", path);
  }
  if (code == 0) code = open_tables(store, txn);
  if (code != 0) return fail_open(code, path, error);
  sj_status status = check_owner(store, txn, options, error);
  if (status != SJ_OK) sj__error_prefix(error, path);
  return status;
}

static sj_status open_contents(sj__lmdb_store *store, const char *path,
                               const sj__store_options *options, sj_error *error) {
  MDB_txn *txn;
  int code = mdb_txn_begin(store->env, NULL, 0, &txn);
  if (code != 0) return fail_open(code, path, error);
  sj_status status = fill_contents(store, txn, path, options, error);
  if (status != SJ_OK) {
    mdb_txn_abort(txn);
    return status;
  }
  code = mdb_txn_commit(txn);
  return code == 0 ? SJ_OK : fail_open(code, path, error);
}

/* --- Putting it together ------------------------------------------------------------------ */

void sj__lmdb_free(sj__lmdb_store *store) {
  if (store->survey != NULL) mdb_txn_abort(store->survey);
  if (store->env != NULL) mdb_env_close(store->env);
  if (store->lock_file >= 0) close(store->lock_file);
  sj__event_hub_release(&store->hub);
  sj__cond_release(&store->wake);
  sj__mutex_release(&store->mutex);
  sj__free(store);
}

static sj_status init_parts(sj__lmdb_store *store) {
  sj__list_init(&store->queue);
  sj_status status = sj__mutex_init(&store->mutex);
  if (status != SJ_OK) return status;
  status = sj__cond_init(&store->wake);
  if (status == SJ_OK) {
    status = sj__event_hub_init(&store->hub);
    if (status == SJ_OK) return SJ_OK;
    sj__cond_release(&store->wake);
  }
  sj__mutex_release(&store->mutex);
  return status;
}

static void set_caps(sj__lmdb_store *store) {
  store->base.ops = &sj__lmdb_store_ops;
  store->base.scheme = "lmdb";
  store->base.caps = (sj__store_caps){
      .push = true,
      .atomic_index = true,
      .marks = true,
      .max_record = SJ__LMDB_RECORD_MAX,
      .durability = store->interval_ms > 0 ? SJ__DURABILITY_INTERVAL : SJ__DURABILITY_COMMIT,
  };
}

static sj_status add_metrics(sj__lmdb_store *store, sj__metrics *metrics) {
  if (metrics == NULL) return SJ_OK;
  store->writes = sj__metrics_add(metrics, SJ__COUNTER, "sojourn_lmdb_writes_total",
                                  "Writes that the embedded store has carried out.", NULL);
  store->commits = sj__metrics_add(metrics, SJ__COUNTER, "sojourn_lmdb_commits_total",
                                   "Transactions that carried them.", NULL);
  store->flushes = sj__metrics_add(metrics, SJ__COUNTER, "sojourn_lmdb_flushes_total",
                                   "Transactions and intervals that were flushed whole.", NULL);
  store->commit_seconds = sj__metrics_add(metrics, SJ__HISTOGRAM, "sojourn_lmdb_commit_seconds",
                                          "Time a commit took, flushes included.", NULL);
  bool has_all = store->writes != NULL && store->commits != NULL && store->flushes != NULL &&
                 store->commit_seconds != NULL;
  return has_all ? SJ_OK : SJ_NO_MEMORY;
}

static sj_status open_all(sj__lmdb_store *store, const char *path, const sj__store_options *options,
                          sj_error *error) {
  sj_status status = add_metrics(store, options->metrics);
  if (status != SJ_OK) return sj__fail(error, status, "%s: out of memory", path);
  status = sj__folder_make(path, error);
  if (status == SJ_OK) status = sj__folder_judge(path, error);
  if (status == SJ_OK) status = sj__lmdb_take_lock(path, &store->lock_file, error);
  if (status == SJ_OK) status = open_environment(store, path, error);
  if (status == SJ_OK) status = open_contents(store, path, options, error);
  if (status != SJ_OK) return status;
  status = sj__lmdb_writer_start(store);
  return status == SJ_OK ? SJ_OK : sj__fail(error, status, "%s: no thread for writing", path);
}

sj_status sj__lmdb_open(const sj__store_url *url, const sj__store_options *options, sj__store **out,
                        sj_error *error) {
  char path[SJ__LMDB_PATH_MAX + 1];
  sj__lmdb_store *store = sj__calloc(1, sizeof(*store));
  if (store == NULL || init_parts(store) != SJ_OK) {
    sj__free(store);
    return sj__fail(error, SJ_NO_MEMORY, "store lmdb: out of memory");
  }
  store->lock_file = -1;
  store->touch_every_ms = options->touch_every_ms;
  sj_status status = read_url(url, path, store, error);
  if (status == SJ_OK) status = open_all(store, path, options, error);
  if (status != SJ_OK) {
    sj__lmdb_free(store);
    return status;
  }
  set_caps(store);
  *out = &store->base;
  return SJ_OK;
}
