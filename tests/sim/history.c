#include "history.h"

#include <string.h>

#include "base/alloc.h"

void history_init(history *h) {
  memset(h, 0, sizeof(*h));
}

void history_release(history *h) {
  for (size_t i = 0; i < h->count; i++) sj__free(h->ops[i].listed);
  sj__free(h->ops);
  history_init(h);
}

size_t history_start(history *h, const op *from, uint64_t now_ms) {
  if (h->count == h->room) {
    h->room = h->room == 0 ? 256 : 2 * h->room;
    h->ops = sj__realloc(h->ops, h->room * sizeof(*h->ops));
    SJ__REQUIRE(h->ops != NULL);
  }
  h->ops[h->count] = *from;
  h->ops[h->count].started = ++h->order;
  h->ops[h->count].started_ms = now_ms;
  return h->count++;
}

void history_finish(history *h, size_t index, uint64_t now_ms) {
  SJ__REQUIRE(index < h->count && h->ops[index].finished == 0);
  h->ops[index].finished = ++h->order;
  h->ops[index].finished_ms = now_ms;
}

/* --- The hash ----------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * 0x100000001b3u; /* FNV-1a */
  return hash;
}

static uint64_t mix_number(uint64_t hash, uint64_t number) {
  return mix(hash, &number, sizeof(number));
}

static uint64_t mix_op(uint64_t hash, const op *each) {
  const uint64_t numbers[] = {
      (uint64_t)each->kind,   each->client,   each->lineage,       (uint64_t)each->subject,
      each->started,          each->finished, each->seen,          each->attempt,
      (uint64_t)each->status, each->version,  each->has_committed, each->listed_count};
  hash = mix(hash, numbers, sizeof(numbers));
  hash = mix(hash, each->sid, sizeof(each->sid));
  hash = mix(hash, each->result, sizeof(each->result));
  hash = mix(hash, each->values, sizeof(each->values));
  return mix(hash, each->listed, each->listed_count * sizeof(*each->listed));
}

uint64_t history_hash(const history *h) {
  uint64_t hash = mix_number(0xcbf29ce484222325u, h->count);
  for (size_t i = 0; i < h->count; i++) hash = mix_op(hash, &h->ops[i]);
  return hash;
}

/* --- For people ----------------------------------------------------------------------- */

static const char *const names[] = {
    [OP_CREATE] = "create", [OP_LOAD] = "load", [OP_PATCH] = "patch",    [OP_ROTATE] = "rotate",
    [OP_END] = "end",       [OP_LIST] = "list", [OP_END_ALL] = "end_all"};

void history_print_op(const op *each, FILE *out) {
  fprintf(out, "%5llu-%-5llu client %u lineage %u %s%s", (unsigned long long)each->started,
          (unsigned long long)each->finished, each->client, each->lineage,
          each->is_strong ? "strong " : "", names[each->kind]);
  if (each->sid[0] != '\0') {
    fprintf(out, " %.6s@%llu%s", each->sid, (unsigned long long)each->seen,
            each->is_newest ? "" : " (old)");
  }
  if (each->subject >= 0) fprintf(out, " u%d", each->subject);
  if (each->attempt > 0) fprintf(out, " c%u:=%u", each->client, each->attempt);
  fprintf(out, " -> %s", sj_status_code(each->status));
  if (each->may_have_happened) fprintf(out, " (unknown)");
  if (each->has_session) {
    fprintf(out, " %.6s@%llu%s {", each->result, (unsigned long long)each->version,
            each->has_committed ? "!" : "");
    for (int i = 0; i < CLIENTS_MAX; i++) {
      if (each->values[i] > 0) fprintf(out, " c%d:%u", i, each->values[i]);
    }
    fprintf(out, " }");
  }
  for (size_t i = 0; i < each->listed_count; i++) fprintf(out, " %.6s", each->listed[i]);
  fprintf(out, "\n");
}

void history_print(const history *h, FILE *out) {
  for (size_t i = 0; i < h->count; i++) history_print_op(&h->ops[i], out);
}
