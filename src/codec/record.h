/*
 * The record: what a store keeps for a session (DESIGN.md 4, docs/formats.md
 * "Record"). The clear part is fixed in size and place, so that a store reads
 * and a touch patches it without decoding; meta and data are sealed behind it.
 *
 *     offset size
 *          0    1  format (1)
 *          1    1  kid of meta and data
 *          2    1  state
 *          3    1  reason (0 while active)
 *          4    1  carrier
 *          5    1  flags: bit 0 a subject tag is present; others 0
 *          6    2  0
 *          8    8  realm fingerprint
 *         16   16  key
 *         32    8  version
 *         40    8  generation
 *         48   32  write ids, newest first
 *         80   16  subject tag, or zeros
 *         96   16  family
 *        112    8  created_at, ms
 *        120    8  last_seen, ms        (the one field outside the associated data)
 *        128    8  idle_for, ms
 *        136    8  absolute_at, ms
 *        144    8  until, ms: a tombstone's end; 0 while active
 *        152    4  bytes of sealed meta
 *        156    4  bytes of sealed data
 *        160    …  sealed meta, sealed data
 *
 * Numbers are big-endian. A tombstone has neither meta nor data.
 */
#ifndef SJ_CODEC_RECORD_H
#define SJ_CODEC_RECORD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "crypto/vault.h"

#define SJ__RECORD_FORMAT      1
#define SJ__RECORD_HEADER_SIZE 160
#define SJ__WRITE_ID_SIZE      8
#define SJ__WRITE_IDS          4
/* Sealed meta is bounded; the data bound is the store's and the policy's. */
#define SJ__META_MAX 8192

typedef enum sj__state { SJ__ACTIVE = 1, SJ__ENDED = 2 } sj__state;

typedef enum sj__reason { /* why a session ended */
                          SJ__REASON_NONE = 0,
                          SJ__REASON_SIGNED_OUT = 1,
                          SJ__REASON_SUPERSEDED = 2, /* rotated */
                          SJ__REASON_EXPIRED = 3,
                          SJ__REASON_ADMIN = 4,
                          SJ__REASON_REVOKED = 5, /* by a mark */
                          SJ__REASON_REPLAYED = 6,
                          SJ__REASON_ROLLED_BACK = 7,
                          SJ__REASON_LIMIT = 8, /* max_sessions */
                          SJ__REASON_ABANDONED =
                              9, /* its creation or rotation was never answered */
                          SJ__REASON_LAST = SJ__REASON_ABANDONED
} sj__reason;
const char *sj__reason_name(sj__reason reason); /* "signed_out" */

typedef enum sj__carrier {
  SJ__CARRIER_COOKIE = 1,
  SJ__CARRIER_SEALED = 2,
  SJ__CARRIER_TOKEN = 3
} sj__carrier;

typedef struct sj__record { /* the clear part, and where the sealed parts are */
  uint8_t kid;
  sj__state state;
  sj__reason reason;
  sj__carrier carrier;
  bool has_subject;
  uint8_t realm[8];
  uint8_t key[SJ__KEY_SIZE];
  uint64_t version;
  uint64_t generation;
  uint8_t write_ids[SJ__WRITE_IDS][SJ__WRITE_ID_SIZE];
  uint8_t subject_tag[SJ__TAG_SIZE];
  uint8_t family[SJ__KEY_SIZE];
  int64_t created_at_ms;
  int64_t last_seen_ms;
  int64_t idle_for_ms;
  int64_t absolute_at_ms;
  int64_t until_ms;
  sj_slice sealed_meta; /* borrowed from the encoded bytes */
  sj_slice sealed_data;
} sj__record;

/*
 * Reads the clear part of `bytes`; borrows from them. SJ_CORRUPT for anything
 * that the encoder can't have made (lengths, enums, reserved bytes, zero
 * version, negative times, a tombstone with sealed parts …).
 */
SJ_MUST_USE sj_status sj__record_parse(sj_slice bytes, sj__record *out);

/* Single fields at their places, for stores; `bytes` must be a whole header (aborts). */
uint64_t sj__record_version(sj_slice bytes);
sj__state sj__record_state(sj_slice bytes);
int64_t sj__record_last_seen_ms(sj_slice bytes);
void sj__record_set_last_seen_ms(uint8_t *bytes, int64_t last_seen_ms);
const uint8_t *sj__record_key(sj_slice bytes);
const uint8_t *sj__record_newest_write_id(sj_slice bytes);
bool sj__record_has_write_id(sj_slice bytes, const uint8_t id[SJ__WRITE_ID_SIZE]);
/* NULL: anonymous. */
const uint8_t *sj__record_subject_tag(sj_slice bytes);

/*
 * When a store may forget it: a tombstone's `until`, else the last moment it
 * can be alive (min of absolute_at and last_seen + idle_for) plus `touch_every_ms` + 60 s
 * (DESIGN.md 2). `last_seen` moves, so a sweep looks again before it deletes.
 */
int64_t sj__record_garbage_at_ms(sj_slice bytes, int64_t touch_every_ms);

/*
 * Writes header | sealed_meta | sealed_data as `record` has them (both borrowed
 * slices may be empty for a tombstone). Sets nothing itself. SJ_NO_MEMORY,
 * SJ_TOO_LARGE (4 GiB parts).
 */
SJ_MUST_USE sj_status sj__record_encode(const sj__record *record, sj__buffer *out);

/* The clear part alone; the sizes are those of the record's sealed slices. */
void sj__record_write_header(const sj__record *record, uint8_t out[SJ__RECORD_HEADER_SIZE]);

/* A tombstone for `key` from what is known: `from` is the stored record or NULL. */
void sj__record_make_tombstone(sj__record *out, const sj__record *from,
                               const uint8_t key[SJ__KEY_SIZE], const uint8_t realm[8],
                               sj__reason reason, int64_t until_ms);

/* --- The sealed parts ---------------------------------------------------- */

typedef struct sj__meta {
  sj_slice subject; /* {NULL,0}: anonymous */
  sj_slice device;
  sj_slice address;
  sj_slice user_agent;
  uint8_t auth_level;
  sj_slice amr;       /* JSON array of strings, or absent */
  int64_t auth_at_ms; /* last change of subject, level or amr; 0: never */
  sj_slice client;    /* token carrier: client id */
  sj_slice scope;
  sj_slice audience;
  int64_t refreshed_at_ms;
  uint8_t refresh_fork[4];
  uint8_t refresh_kid;
  uint8_t home_region;
} sj__meta;

/*
 * Seals meta and data into a whole encoded record: record->kid chooses the key,
 * every clear field but last_seen is associated data, the part's length
 * included. `id` NULL for token sessions. Appends to `out`.
 */
SJ_MUST_USE sj_status sj__record_seal(sj__vault *vault, int64_t now_ms, const sj__record *record,
                                      const uint8_t *id, const sj__meta *meta, sj_slice data,
                                      sj__buffer *out);
/* Opens meta into the arena. SJ_CORRUPT, SJ_UNKNOWN_KEY, SJ_RETIRED_KEY, SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__record_open_meta(sj__vault *vault, int64_t now_ms, sj_slice bytes,
                                           const sj__record *record, sj__arena *arena,
                                           sj__meta *out);
SJ_MUST_USE sj_status sj__record_open_data(sj__vault *vault, int64_t now_ms, sj_slice bytes,
                                           const sj__record *record, const uint8_t *id,
                                           sj__arena *arena, sj_slice *out);

#endif
