/*
 * A store of its own folder for the tests of lmdb:, on the calls and records of
 * the contract suite (tests/contract/contract.h). Header only.
 */
#ifndef SJ_TESTS_LMDB_KIT_H
#define SJ_TESTS_LMDB_KIT_H

#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../contract/contract.h"
#include "store/adapter/lmdb_private.h"

typedef struct lmdb_kit {
  suite suite; /* options: realm, keyring, metrics */
  seat seat;   /* a loop and a port */
  bool is_open;
  char folder[64];
  char url[256];
} lmdb_kit;

/* The store's files, and the folder it lies in. */
static inline void kit_remove_folder(const lmdb_kit *kit) {
  static const char *const names[] = {"store/data.mdb", "store/lock.mdb", "store/sojourn.lock",
                                      "store", ""};
  for (size_t i = 0; i < SJ__COUNT_OF(names); i++) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", kit->folder, names[i]);
    (void)remove(path);
  }
}

static inline void kit_make_folder(lmdb_kit *kit) {
  snprintf(kit->folder, sizeof(kit->folder), "/tmp/sojourn-lmdb-XXXXXX");
  assert_non_null(mkdtemp(kit->folder));
}

/* Without opening it. `query` is "" or "?max_size=…". */
static inline void kit_init(lmdb_kit *kit, const char *query) {
  memset(kit, 0, sizeof(*kit));
  kit_make_folder(kit);
  snprintf(kit->url, sizeof(kit->url), "lmdb:%s/store%s", kit->folder, query);
  suite_init(&kit->suite, kit->url);
}

static inline sj_status kit_try_open(lmdb_kit *kit, sj_error *error) {
  kit->suite.store = NULL;
  return sj__store_open(kit->url, &kit->suite.options, &kit->suite.store, error);
}

static inline void kit_open(lmdb_kit *kit) {
  sj_error error = {0};
  if (kit_try_open(kit, &error) != SJ_OK) fail_msg("opening: %s", error.message);
  memset(&kit->seat, 0, sizeof(kit->seat));
  assert_true(seat_open(&kit->seat, &kit->suite, kit->suite.store));
  kit->is_open = true;
}

static inline void kit_close(lmdb_kit *kit) {
  if (!kit->is_open) return;
  seat_close(&kit->seat);
  if (kit->seat.has_failed) fail_msg("%s", kit->seat.why);
  sj__store_close(kit->suite.store);
  kit->is_open = false;
}

static inline void kit_release(lmdb_kit *kit) {
  kit_close(kit);
  suite_release(&kit->suite);
  kit_remove_folder(kit);
}

static inline sj__lmdb_store *kit_store(lmdb_kit *kit) {
  return SJ__CONTAINER_OF(kit->suite.store, sj__lmdb_store, base);
}

/* Opened and released around a body. */
static inline void kit_start(lmdb_kit *kit, const char *query) {
  kit_init(kit, query);
  kit_open(kit);
}

static inline uint64_t kit_flushes(lmdb_kit *kit) {
  return sj__metric_value(kit_store(kit)->flushes);
}

#endif
