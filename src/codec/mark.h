/*
 * A mark: a durable, create-only, MACed revocation (DESIGN.md 2, docs/formats.md
 * "Mark"). Fixed size, so that stores keep and replay it as bytes:
 *
 *     format 1 | kid 1 | scope 1 | flags 1 | value 16 | moment_ms 8 |
 *     except 16 | until_ms 8 | mac 16
 *
 * It revokes what `scope` and `value` name, as far as it was created at or
 * before `moment`, but for the family `except`.
 */
#ifndef SJ_CODEC_MARK_H
#define SJ_CODEC_MARK_H

#include <stdbool.h>

#include "codec/record.h"
#include "crypto/vault.h"

#define SJ__MARK_SIZE 68

typedef enum sj__mark_scope {
  SJ__MARK_SESSION = 1, /* value: the session's key */
  SJ__MARK_SUBJECT = 2, /* value: the subject's tag under `kid`: one mark for every live kid */
  SJ__MARK_CLIENT = 3,  /* value: the client's tag under `kid` */
  SJ__MARK_REALM = 4    /* value: zeros */
} sj__mark_scope;

typedef struct sj__mark {
  uint8_t kid;
  sj__mark_scope scope;
  uint8_t value[SJ__TAG_SIZE];
  int64_t moment_ms;
  bool has_except;
  uint8_t except[SJ__KEY_SIZE];
  int64_t until_ms; /* when the last credential that it concerns has expired */
} sj__mark;

SJ_MUST_USE sj_status sj__mark_encode(sj__vault *vault, int64_t now_ms, const sj__mark *mark,
                                      uint8_t out[SJ__MARK_SIZE]);
/* SJ_CORRUPT: malformed or a wrong MAC; SJ_UNKNOWN_KEY, SJ_RETIRED_KEY. */
SJ_MUST_USE sj_status sj__mark_decode(sj__vault *vault, int64_t now_ms, sj_slice bytes,
                                      sj__mark *out);
/* Whether the mark revokes the session; for SUBJECT and CLIENT the kid must be the record's. */
bool sj__mark_names(const sj__mark *mark, const sj__record *record);
/* For stores: until_ms of encoded bytes (aborts on another size). */
int64_t sj__mark_until_ms(sj_slice bytes);

#endif
