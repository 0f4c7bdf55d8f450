#include <string.h>

#include "contract.h"

static void missing(seat *s) {
  key16 key = random_key(s);
  EXPECT_STATUS(get(s, key.bytes), SJ_MISSING);
  EXPECT_STATUS(run(op_get(s, key.bytes, 7, SJ__AUTHORITY)), SJ_MISSING);
  op *cheap = run(op_get(s, key.bytes, 0, SJ__CHEAP));
  EXPECT_STATUS(cheap, SJ_MISSING);
  EXPECT(cheap->record.size == 0);
}

static void returns_what_was_put(seat *s) {
  static const size_t sizes[] = {28, 29, 100, 512, 4000, 16384, 40000};
  for (size_t i = 0; i < SJ__COUNT_OF(sizes); i++) {
    key16 key = random_key(s), tag = random_key(s);
    sj__record record = new_record(s, key.bytes, i % 2 == 0 ? tag.bytes : NULL);
    sj_slice bytes = encode(s, &record, sizes[i]);
    EXPECT_STATUS(put(s, bytes, 0), SJ_OK);
    op *read = get(s, key.bytes);
    EXPECT_STATUS(read, SJ_OK);
    EXPECT(same(read->record, bytes));
    read = run(op_get(s, key.bytes, 1, SJ__CHEAP));
    EXPECT_STATUS(read, SJ_OK);
    EXPECT(same(read->record, bytes));
  }
}

/* Commits versions 2 to `last` of a new session and returns its key. */
static key16 create_version(seat *s, uint64_t last) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  put(s, encode(s, &record, 64), 0);
  while (record.version < last) {
    next_version(s, &record);
    put(s, encode(s, &record, 64), record.version - 1);
  }
  return key;
}

static void at_least(seat *s) {
  key16 key = create_version(s, 3);
  for (uint64_t wanted = 0; wanted <= 3; wanted++) {
    op *read = run(op_get(s, key.bytes, wanted, SJ__AUTHORITY));
    EXPECT_STATUS(read, SJ_OK);
    EXPECT(version_of(read->record) == 3);
    read = run(op_get(s, key.bytes, wanted, SJ__CHEAP));
    EXPECT_STATUS(read, SJ_OK);
    EXPECT(version_of(read->record) >= wanted);
  }
}

static void behind(seat *s) {
  key16 key = create_version(s, 3);
  sj__read_mode modes[] = {SJ__AUTHORITY, SJ__CHEAP};
  for (size_t i = 0; i < SJ__COUNT_OF(modes); i++) {
    op *read = run(op_get(s, key.bytes, 4, modes[i]));
    EXPECT_STATUS(read, SJ_BEHIND);
    EXPECT(read->record.size > 0 && version_of(read->record) == 3);
    EXPECT_STATUS(run(op_get(s, key.bytes, UINT64_MAX, modes[i])), SJ_BEHIND);
  }
}

/* A write that was acknowledged on one port is what the authority says on every other. */
static void authority_is_fresh(seat *s) {
  sj__port *other = seat_second_port(s);
  EXPECT(other != NULL);
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  op *write = op_put(s, encode(s, &record, 64), 0);
  for (unsigned round = 0; round < 20; round++) {
    write->port = round % 2 == 0 ? NULL : other;
    EXPECT_STATUS(run(write), SJ_OK);
    op *read = op_get(s, key.bytes, 0, SJ__AUTHORITY);
    read->port = round % 3 == 0 ? other : NULL;
    EXPECT_STATUS(run(read), SJ_OK);
    EXPECT(same(read->record, write->call.in.put.record));
    next_version(s, &record);
    write = op_put(s, encode(s, &record, 64 + round), record.version - 1);
  }
  seat_detach_port(s, other);
}

/* Whoever wrote asks for what they wrote, and never gets less, in any mode. */
static void reads_your_writes(seat *s) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  for (unsigned round = 0; round < 20; round++) {
    EXPECT_STATUS(put(s, encode(s, &record, 64), record.version - 1), SJ_OK);
    op *read = run(op_get(s, key.bytes, record.version, SJ__CHEAP));
    EXPECT_STATUS(read, SJ_OK);
    EXPECT(version_of(read->record) >= record.version);
    next_version(s, &record);
  }
}

static void tombstone(seat *s) {
  key16 key = create_version(s, 2);
  EXPECT_STATUS(end(s, key.bytes), SJ_OK);
  op *read = get(s, key.bytes);
  EXPECT_STATUS(read, SJ_OK);
  EXPECT(state_of(read->record) == SJ__ENDED);
  read = run(op_get(s, key.bytes, 99, SJ__AUTHORITY)); /* ended outranks behind */
  EXPECT_STATUS(read, SJ_OK);
  EXPECT(state_of(read->record) == SJ__ENDED);
}

/* Whatever bytes a key is made of, it is a key of its own. */
static void hostile_keys(seat *s) {
  static const char *const texts[] = {
      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1",
      "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377",
      "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\376",
      "; DROP TABLE s--",
      "\r\nDEL *\r\n\r\nGET ",
      "../../etc/passwd",
      "%00%s%n%x%d%p%%%",
      "{\"$gt\":\"\"},a=b&c",
      "\xc3\x28\xa0\xa1\xe2\x28\xa1\xf0\x28\x8c\xbc\x00\xff\xfe\xfd\xfc",
  };
  const size_t count = SJ__COUNT_OF(texts);
  for (size_t i = 0; i < count; i++) {
    const uint8_t *key = (const uint8_t *)texts[i];
    sj__record record = new_record(s, key, key);
    EXPECT_STATUS(put(s, encode(s, &record, 64 + i), 0), SJ_OK);
  }
  for (size_t i = 0; i < count; i++) {
    const uint8_t *key = (const uint8_t *)texts[i];
    op *read = get(s, key);
    EXPECT_STATUS(read, SJ_OK);
    EXPECT(memcmp(sj__record_key(read->record), key, SJ__KEY_SIZE) == 0);
    EXPECT(read->record.size == SJ__RECORD_HEADER_SIZE + 40 + 64 + i);
    op *listed = run(op_list(s, key, NULL, 10));
    EXPECT_STATUS(listed, SJ_OK);
    EXPECT(listed->item_count == 1 && has_key(listed, key));
  }
  for (size_t i = 0; i < count; i++) { /* a later clause, or the next run, finds them free */
    EXPECT_STATUS(run(op_end(s, (const uint8_t *)texts[i], SJ__REASON_ADMIN, 1)), SJ_OK);
  }
  while (run(op_sweep(s, s->now_ms, 100))->call.more) continue;
}

const clause get_clauses[] = {
    {"get.missing", missing, 0},
    {"get.returns_what_was_put", returns_what_was_put, 0},
    {"get.at_least", at_least, 0},
    {"get.behind", behind, 0},
    {"get.authority_is_fresh", authority_is_fresh, 0},
    {"get.reads_your_writes", reads_your_writes, 0},
    {"get.tombstone", tombstone, 0},
    {"get.hostile_keys", hostile_keys, NEEDS_SWEEP},
    {NULL, NULL, 0},
};
