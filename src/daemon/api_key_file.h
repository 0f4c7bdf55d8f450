/*
 * API keys in files. Either one key by itself, which has every role (what the
 * first start makes), or lines of
 *
 *     sha256:HASH roles=app,check name=shop
 *
 * where HASH is of the key's text, 64 hexadecimal digits or 43 of base64url;
 * blank lines and lines that begin with # are skipped. The daemon keeps hashes
 * alone.
 */
#ifndef SJ_DAEMON_API_KEY_FILE_H
#define SJ_DAEMON_API_KEY_FILE_H

#include "front/front.h"

#define SJ__API_KEYS_MAX     1024u
#define SJ__API_KEY_SIZE_MIN 20u /* of a key that stands by itself */
#define SJ__API_KEY_SIZE_MAX 256u
#define SJ__API_KEY_PREFIX \
  "sojourn_" /* of keys that we make: scanners for leaked secrets know it */

typedef struct sj__api_key_list {
  sj__api_key *items;
  size_t count;
} sj__api_key_list;

void sj__api_key_list_release(sj__api_key_list *list);

/*
 * Adds the keys of a file's text to the list. SJ_INVALID: "NAME:LINE: why",
 * which quotes no key and no hash; SJ_NO_MEMORY.
 */
SJ_MUST_USE sj_status sj__api_keys_parse(const char *name, sj_slice text, sj__api_key_list *list,
                                         sj_error *error);

/*
 * The same from a file; also SJ_MISSING, SJ_PERMISSION (mode, owner), SJ_TOO_LARGE, SJ_IO. Blocks.
 */
SJ_MUST_USE sj_status sj__api_keys_load(const char *path, sj__api_key_list *list, sj_error *error);

/*
 * Makes a file with one new key of every role, mode 0600, and adds it. SJ_BUSY:
 * the file exists; SJ_NO_ENTROPY, SJ_NO_MEMORY, SJ_IO, SJ_PERMISSION. Blocks.
 */
SJ_MUST_USE sj_status sj__api_key_create(const char *path, sj__api_key_list *list, sj_error *error);

#endif
