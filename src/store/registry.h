/* Schemes and their openers. One row a store; adding a store adds a row here and nothing else. */
#ifndef SJ_STORE_REGISTRY_H
#define SJ_STORE_REGISTRY_H

#include "store/store.h"

/*
 * What stands after "scheme:", split once: `path` and the raw query (absent
 * when there is no '?'). Nothing is decoded.
 *
 *     url   = *( wrapper "+" ) scheme ":" path [ "?" query ]
 *     query = name "=" value *( "&" name "=" value )
 *
 * A wrapper's own parameters begin with its name and a dot ("fault.seed=1");
 * the store inside sees the query without them.
 */
typedef struct sj__store_url {
  sj_slice scheme;
  sj_slice path;
  sj_slice query;
} sj__store_url;

/* At most this many bytes, and this many wrappers. */
#define SJ__STORE_URL_MAX      4096
#define SJ__STORE_WRAPPERS_MAX 4

/* Borrows from `text`. SJ_INVALID: no scheme, or characters other than RFC 3986 3.1's in it. */
SJ_MUST_USE sj_status sj__store_url_parse(sj_slice text, sj__store_url *out, sj_error *error);

typedef sj_status sj__store_opener(const sj__store_url *url, const sj__store_options *options,
                                   sj__store **out, sj_error *error);
/* Wraps `inner` and owns it from success on. `url->query` holds the wrapper's own parameters. */
typedef sj_status sj__store_wrapper(sj__store *inner, const sj__store_url *url,
                                    const sj__store_options *options, sj__store **out,
                                    sj_error *error);

/*
 * What is known of a store before it is opened, by the row of its URL's scheme,
 * wrappers aside; false for a URL that no store has.
 */
/* Nobody else's: a keyring may be made for it alone. */
bool sj__store_is_embedded(const char *url);
/* It may forget by design, as caps.volatile_data says once it is open. */
bool sj__store_is_volatile(const char *url);

sj__store_opener sj__memory_open; /* adapter/memory_store.c */
sj__store_opener sj__lmdb_open;   /* adapter/lmdb_store.c */

sj__store_wrapper sj__fault_wrap; /* compose/fault_store.c */
sj__store_wrapper sj__trace_wrap; /* compose/trace_store.c */

/*
 * Reads one query parameter into `value` ({NULL,0}: absent). Walk all with
 * sj__store_url_check: SJ_INVALID and a message if a name is not in `allowed`
 * (NULL-terminated) or comes twice.
 */
sj_slice sj__store_url_get(const sj__store_url *url, const char *name);
SJ_MUST_USE sj_status sj__store_url_check(const sj__store_url *url, const char *const *allowed,
                                          sj_error *error);

#endif
