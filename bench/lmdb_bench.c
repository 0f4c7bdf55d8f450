/*
 * LMDB alone, doing what the store does with it: what a session costs with
 * nothing around it. Prints one line of JSON.
 *
 * usage: lmdb_bench creates PATH SECONDS RECORD_BYTES WRITERS
 *        lmdb_bench patches PATH SECONDS RECORD_BYTES WRITERS
 *        lmdb_bench fill PATH COUNT RECORD_BYTES
 *        lmdb_bench get PATH SECONDS KEYS
 *        lmdb_bench size PATH
 *
 * creates and patches: WRITERS logical writers; patches go to a thousand
 * sessions. size: the mean record of a store, which is the daemon's or ours.
 *
 * The same tables as src/store/adapter/lmdb_open.c: records by key, an index
 * by subject, an index by the minute of expiry.
 */
#include <errno.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define KEY_SIZE     16
#define SUBJECT_SIZE 40 /* tag | created_at | key */
#define GARBAGE_SIZE 20 /* minute | key */
#define FILL_GROUP   1024
#define PATCHED      1000 /* sessions that patches go to */
#define MAP_SIZE     ((size_t)16 << 30)

typedef struct bench {
  MDB_env *env;
  MDB_dbi sessions;
  MDB_dbi subjects;
  MDB_dbi garbage;
  uint8_t *record;
  size_t record_size;
} bench;

static void check(int code, const char *what) {
  if (code == 0) return;
  fprintf(stderr, "lmdb_bench: %s: %s\n", what, mdb_strerror(code));
  exit(1);
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* splitmix64: keys as random as the real ones, found again by their number. */
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static void key_of(uint64_t number, uint8_t out[KEY_SIZE]) {
  uint64_t halves[2] = {mix(2 * number), mix(2 * number + 1)};
  memcpy(out, halves, KEY_SIZE);
}

static void open_bench(bench *self, const char *path, unsigned flags) {
  MDB_txn *txn;
  check(mdb_env_create(&self->env), "create");
  check(mdb_env_set_maxdbs(self->env, 3), "maxdbs");
  check(mdb_env_set_mapsize(self->env, MAP_SIZE), "mapsize");
  check(mdb_env_open(self->env, path, MDB_NORDAHEAD | flags, 0600), path);
  check(mdb_txn_begin(self->env, NULL, 0, &txn), "begin");
  check(mdb_dbi_open(txn, "sessions", MDB_CREATE, &self->sessions), "sessions");
  check(mdb_dbi_open(txn, "subjects", MDB_CREATE, &self->subjects), "subjects");
  check(mdb_dbi_open(txn, "garbage", MDB_CREATE, &self->garbage), "garbage");
  check(mdb_txn_commit(txn), "commit");
}

static void set_record_size(bench *self, const char *text) {
  self->record_size = strtoul(text, NULL, 10);
  self->record = calloc(1, self->record_size);
  if (self->record == NULL || self->record_size < KEY_SIZE) check(ENOMEM, "record");
}

/* --- Writing ------------------------------------------------------------------ */

static void put_empty(MDB_txn *txn, MDB_dbi table, void *bytes, size_t size) {
  MDB_val key = {size, bytes};
  MDB_val nothing = {0, NULL};
  check(mdb_put(txn, table, &key, &nothing, 0), "index");
}

static void put_record(bench *self, MDB_txn *txn, uint64_t number) {
  uint8_t bytes[KEY_SIZE];
  key_of(number, bytes);
  MDB_val key = {KEY_SIZE, bytes};
  MDB_val value = {self->record_size, NULL};
  check(mdb_put(txn, self->sessions, &key, &value, MDB_RESERVE), "put");
  memcpy(value.mv_data, self->record, self->record_size);
}

static void create(bench *self, MDB_txn *txn, uint64_t number) {
  uint8_t subject[SUBJECT_SIZE] = {0}, garbage[GARBAGE_SIZE] = {0};
  put_record(self, txn, number);
  key_of(~number, subject);
  memcpy(subject + KEY_SIZE, &number, sizeof(number));
  key_of(number, subject + SUBJECT_SIZE - KEY_SIZE);
  put_empty(txn, self->subjects, subject, sizeof(subject));
  garbage[2] = (uint8_t)(number >> 16); /* a minute's worth, as at 1,000 a second */
  key_of(number, garbage + GARBAGE_SIZE - KEY_SIZE);
  put_empty(txn, self->garbage, garbage, sizeof(garbage));
}

/* Reads the old record as a compare-and-swap does, and writes the new one. */
static void patch(bench *self, MDB_txn *txn, uint64_t number) {
  uint8_t bytes[KEY_SIZE];
  key_of(number, bytes);
  MDB_val key = {KEY_SIZE, bytes};
  MDB_val value;
  check(mdb_get(txn, self->sessions, &key, &value), "get");
  self->record[KEY_SIZE - 1]++;
  put_record(self, txn, number);
}

/*
 * Every logical writer has one write under way, and one thread commits what
 * waits: which is all of them, since with nothing around it a writer is back
 * before the next commit begins.
 */
static void write_groups(bench *self, double seconds, unsigned writers, bool patching) {
  uint64_t writes = 0, flushes = 0;
  MDB_txn *txn;
  check(mdb_txn_begin(self->env, NULL, 0, &txn), "begin");
  for (uint64_t i = 0; i < PATCHED; i++) create(self, txn, i);
  check(mdb_txn_commit(txn), "commit");
  double start = now_s(), cpu = cpu_s();
  while (now_s() - start < seconds) {
    check(mdb_txn_begin(self->env, NULL, 0, &txn), "begin");
    for (uint64_t i = 0; i < writers; i++) {
      if (patching)
        patch(self, txn, mix(writes + i) % PATCHED);
      else
        create(self, txn, PATCHED + writes + i);
    }
    check(mdb_txn_commit(txn), "commit");
    writes += writers;
    flushes++;
  }
  double took = now_s() - start;
  printf("{\"writes\":%llu,\"flushes\":%llu,\"perSecond\":%.1f,\"cpu_us\":%.3f}\n",
         (unsigned long long)writes, (unsigned long long)flushes, (double)writes / took,
         (cpu_s() - cpu) * 1e6 / (double)writes);
}

static void fill(bench *self, const char *path, uint64_t count) {
  char file[4096];
  struct stat status;
  for (uint64_t i = 0; i < count;) {
    MDB_txn *txn;
    check(mdb_txn_begin(self->env, NULL, 0, &txn), "begin");
    for (int j = 0; j < FILL_GROUP && i < count; j++) create(self, txn, i++);
    check(mdb_txn_commit(txn), "commit");
  }
  check(mdb_env_sync(self->env, 1), "sync");
  (void)snprintf(file, sizeof(file), "%s/data.mdb", path);
  if (stat(file, &status) != 0) check(ENOENT, file);
  printf("{\"bytes\":%lld}\n", (long long)status.st_size);
}

/* --- Reading ------------------------------------------------------------------ */

/* A reader that is renewed for every get, as the store's is, and the record read. */
static uint64_t get(bench *self, MDB_txn *txn, uint64_t number) {
  uint8_t bytes[KEY_SIZE], copy[4096];
  key_of(number, bytes);
  MDB_val key = {KEY_SIZE, bytes};
  MDB_val value;
  check(mdb_txn_renew(txn), "renew");
  check(mdb_get(txn, self->sessions, &key, &value), "get");
  memcpy(copy, value.mv_data, value.mv_size < sizeof(copy) ? value.mv_size : sizeof(copy));
  uint64_t sum = copy[0] + copy[KEY_SIZE];
  mdb_txn_reset(txn);
  return sum;
}

static void get_all(bench *self, double seconds, uint64_t keys) {
  MDB_txn *txn;
  uint64_t gets = 0, state = 1, sum = 0;
  check(mdb_txn_begin(self->env, NULL, MDB_RDONLY, &txn), "begin");
  mdb_txn_reset(txn);
  for (uint64_t i = 0; i < keys; i++) sum += get(self, txn, i); /* the map's pages come in */
  double start = cpu_s();
  while (cpu_s() - start < seconds) {
    for (int i = 0; i < 1000; i++) sum += get(self, txn, (state = mix(state)) % keys);
    gets += 1000;
  }
  double took = cpu_s() - start;
  mdb_txn_abort(txn);
  printf("{\"gets\":%llu,\"cpu_us\":%.4f,\"sum\":%llu}\n", (unsigned long long)gets,
         took * 1e6 / (double)gets, (unsigned long long)sum);
}

static void print_size(bench *self) {
  MDB_txn *txn;
  MDB_cursor *cursor;
  MDB_val key, value;
  size_t records = 0, bytes = 0;
  check(mdb_txn_begin(self->env, NULL, MDB_RDONLY, &txn), "begin");
  check(mdb_cursor_open(txn, self->sessions, &cursor), "cursor");
  while (records < 1000 && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
    bytes += value.mv_size;
    records++;
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  printf("{\"record_bytes\":%zu}\n", records > 0 ? bytes / records : 0);
}

int main(int argc, char **argv) {
  static bench self;
  bool creating = argc == 6 && strcmp(argv[1], "creates") == 0;
  bool patching = argc == 6 && strcmp(argv[1], "patches") == 0;
  if (creating || patching) {
    open_bench(&self, argv[2], 0);
    set_record_size(&self, argv[4]);
    write_groups(&self, strtod(argv[3], NULL), (unsigned)strtoul(argv[5], NULL, 10), patching);
  } else if (argc == 5 && strcmp(argv[1], "fill") == 0) {
    open_bench(&self, argv[2], MDB_NOSYNC);
    set_record_size(&self, argv[4]);
    fill(&self, argv[2], strtoull(argv[3], NULL, 10));
  } else if (argc == 5 && strcmp(argv[1], "get") == 0) {
    open_bench(&self, argv[2], 0);
    get_all(&self, strtod(argv[3], NULL), strtoull(argv[4], NULL, 10));
  } else if (argc == 3 && strcmp(argv[1], "size") == 0) {
    open_bench(&self, argv[2], 0);
    print_size(&self);
  } else {
    fprintf(stderr, "lmdb_bench: see the head of bench/lmdb_bench.c for its arguments\n");
    return 2;
  }
  mdb_env_close(self.env);
  return 0;
}
