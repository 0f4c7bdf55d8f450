/* Schemes and their openers. One row a store; adding a store adds a row here and nothing else. */
#ifndef SJ_STORE_REGISTRY_H
#define SJ_STORE_REGISTRY_H

#include "store/store.h"

/* What stands after "scheme:", split once: `path` and the raw query (absent when there is no '?'). */
typedef struct sj__store_url {
  sj_slice scheme;
  sj_slice path;
  sj_slice query;
} sj__store_url;

typedef sj_status sj__store_opener(const sj__store_url *url, const sj__store_options *options,
                                   sj__store **out, sj_error *error);

sj__store_opener sj__memory_open; /* adapter/memory_store.c */
sj__store_opener sj__lmdb_open;   /* adapter/lmdb_store.c */

/*
 * Reads one query parameter into `value` ({NULL,0}: absent). Walk all with
 * sj__store_url_check: SJ_INVALID and a message if a name is not in `allowed`
 * (NULL-terminated) or comes twice.
 */
sj_slice sj__store_url_get(const sj__store_url *url, const char *name);
SJ_MUST_USE sj_status sj__store_url_check(const sj__store_url *url, const char *const *allowed,
                                          sj_error *error);

#endif
