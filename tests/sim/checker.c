/* Every check looks at pairs of operations: histories are hundreds of them, not millions. */
#include "checker.h"

#include <string.h>

#define TOLD_MAX 5

static const char *const names[VIOLATION_COUNT] = {
    [READ_YOUR_WRITES] = "read your writes",
    [MONOTONIC_READS] = "monotonic reads",
    [BELOW_CREDENTIAL] = "below the credential",
    [STALE_STRONG_READ] = "stale strong read",
    [LOST_UPDATE] = "lost update",
    [DOUBLE_COMMIT] = "double commit",
    [DIVERGED] = "diverged",
    [PHANTOM] = "phantom",
    [RESURRECTION] = "resurrection",
    [LOST_SESSION] = "lost session",
    [UNLISTED] = "unlisted",
    [ORPHAN] = "orphan",
    [OVER_LIMIT] = "over the limit",
    [UNANSWERED] = "unanswered",
};

const char *violation_name(violation_kind kind) {
  return names[kind];
}

static void report(violations *found, violation_kind kind, const op *first, const op *second) {
  found->counts[kind]++;
  if (found->total++ >= TOLD_MAX || found->out == NULL) return;
  fprintf(found->out, "VIOLATION %s:\n", names[kind]);
  if (first != NULL) history_print_op(first, found->out);
  if (second != NULL) history_print_op(second, found->out);
}

/* --- What the checks ask -------------------------------------------------------------- */

static bool is_before(const op *a, const op *b) {
  return a->finished > 0 && a->finished < b->started;
}

static bool shows(const op *each) { /* a session in the reply, as it is at a version */
  return each->status == SJ_OK && each->has_session;
}

static bool is_same(const char *a, const char *b) {
  return a[0] != '\0' && strcmp(a, b) == 0;
}

static bool lists(const op *list, const char *sid) {
  for (size_t i = 0; i < list->listed_count; i++) {
    if (is_same(list->listed[i], sid)) return true;
  }
  return false;
}

/* Whether the reply of `each` makes the session `sid` known to a client. */
static bool acknowledges(const op *each, const char *sid) {
  return (each->kind == OP_CREATE || each->kind == OP_ROTATE) && shows(each) &&
         is_same(each->result, sid);
}

/* --- One client ------------------------------------------------------------------------ */

static void check_client(const op *a, const op *b, violations *found) {
  if (a->client != b->client || !is_before(a, b) || !shows(a) || !shows(b)) return;
  if (!b->is_newest || !is_same(a->result, b->result) || b->version >= a->version) return;
  report(found, a->has_committed ? READ_YOUR_WRITES : MONOTONIC_READS, a, b);
}

static void check_credential(const op *each, violations *found) {
  if (shows(each) && is_same(each->sid, each->result) && each->version < each->seen) {
    report(found, BELOW_CREDENTIAL, NULL, each);
  }
}

/* --- All clients -------------------------------------------------------------------------- */

static void check_strong(const op *a, const op *b, violations *found) {
  if (!b->is_strong || !shows(b) || !shows(a) || !a->has_committed || !is_before(a, b)) return;
  if (is_same(a->result, b->result) && b->version < a->version) {
    report(found, STALE_STRONG_READ, a, b);
  }
}

static void check_lost(const op *a, const op *b, violations *found) {
  if (!a->has_committed || !shows(a) || a->attempt == 0 || !shows(b)) return;
  if (a->lineage != b->lineage || b->version < a->version) return;
  uint32_t value = b->values[a->client];
  bool is_lost = b->version == a->version ? value != a->attempt : value < a->attempt;
  if (is_lost) report(found, LOST_UPDATE, a, b);
}

static void check_version(const op *a, const op *b, violations *found) {
  if (a >= b || !shows(a) || !shows(b)) return;
  if (!is_same(a->result, b->result) || a->version != b->version) return;
  if (a->has_committed && b->has_committed) report(found, DOUBLE_COMMIT, a, b);
  if (memcmp(a->values, b->values, sizeof(a->values)) != 0) report(found, DIVERGED, a, b);
}

static void check_phantom(const op *a, const op *b, violations *found) {
  if (a->finished == 0 || a->status == SJ_OK || a->may_have_happened || a->attempt == 0) return;
  if (shows(b) && a->lineage == b->lineage && b->values[a->client] == a->attempt) {
    report(found, PHANTOM, a, b);
  }
}

/* --- Life and death -------------------------------------------------------------------------- */

/* Whether the answer of `each` says that `sid` is dead from now on. */
static bool tells_death(const op *each, const char *sid) {
  bool names_it = is_same(each->sid, sid);
  switch (each->kind) {
    case OP_END:
      return names_it && each->status == SJ_OK;
    case OP_ROTATE:
      return names_it && (each->status == SJ_OK || each->status == SJ_ENDED);
    case OP_LOAD:
    case OP_PATCH:
      return names_it && each->status == SJ_ENDED;
    default:
      return false;
  }
}

/* Ended at once at the authority; where reads may lag, they lag here too (DESIGN.md 3). */
static bool tells_life(const history *h, const op *each, const char *sid) {
  if (each->kind == OP_LOAD && !each->is_strong && h->has_stale_reads) return false;
  if (each->kind == OP_LIST) return each->status == SJ_OK && lists(each, sid);
  bool reads = each->kind == OP_LOAD || each->kind == OP_PATCH || each->kind == OP_ROTATE;
  return reads && each->status == SJ_OK && is_same(each->sid, sid);
}

/* That long after the one told it dead, no other may tell it alive. */
static bool is_after_bound(const history *h, const op *dead, const op *alive) {
  return is_before(dead, alive) && alive->started_ms >= dead->finished_ms + h->bound_ms;
}

static void check_death(const history *h, const op *a, const op *b, violations *found) {
  if (!is_after_bound(h, a, b) || a->sid[0] == '\0') return;
  if (tells_death(a, a->sid) && tells_life(h, b, a->sid)) report(found, RESURRECTION, a, b);
}

/* Ending all ends what its subject had been answered before it started. */
static void check_end_all(const history *h, const op *all, violations *found) {
  for (size_t i = 0; i < h->count; i++) {
    const op *made = &h->ops[i];
    if (made->kind != OP_CREATE && made->kind != OP_ROTATE) continue;
    if (!shows(made) || made->subject != all->subject || !is_before(made, all)) continue;
    if (is_same(all->sid, made->result)) continue;
    for (size_t j = 0; j < h->count; j++) {
      const op *later = &h->ops[j];
      bool is_later = is_after_bound(h, all, later);
      if (is_later && tells_life(h, later, made->result)) report(found, RESURRECTION, all, later);
    }
  }
}

static void check_unknown(const history *h, const op *each, violations *found) {
  if (each->status != SJ_UNKNOWN) return;
  for (size_t i = 0; i < h->count; i++) {
    if (is_before(&h->ops[i], each) && acknowledges(&h->ops[i], each->sid)) {
      report(found, LOST_SESSION, &h->ops[i], each);
      return;
    }
  }
}

/* --- Lists --------------------------------------------------------------------------------- */

/* Whether `each` may end the session before the list was answered. */
static bool may_end(const op *each, const op *made, const op *list) {
  if (each->started > list->finished) return false;
  if (each->kind == OP_END_ALL) return each->subject == list->subject;
  bool ends = each->kind == OP_END || each->kind == OP_ROTATE;
  return ends && is_same(each->sid, made->result);
}

static void check_listed(const history *h, const op *list, violations *found) {
  if (list->status != SJ_OK || h->max_sessions > 0) return;
  for (size_t i = 0; i < h->count; i++) {
    const op *made = &h->ops[i];
    bool is_listable = (made->kind == OP_CREATE || made->kind == OP_ROTATE) && shows(made) &&
                       made->subject == list->subject && is_before(made, list);
    if (!is_listable || lists(list, made->result)) continue;
    bool is_alive = true;
    for (size_t j = 0; j < h->count && is_alive; j++) {
      is_alive = !may_end(&h->ops[j], made, list);
    }
    if (is_alive) report(found, UNLISTED, made, list);
  }
}

static void check_final_list(const history *h, const op *list, violations *found) {
  if (!list->is_final || list->status != SJ_OK) return;
  if (h->max_sessions > 0 && list->listed_count > h->max_sessions) {
    report(found, OVER_LIMIT, NULL, list);
  }
  for (size_t i = 0; i < list->listed_count; i++) {
    bool is_known = false;
    for (size_t j = 0; j < h->count && !is_known; j++) {
      is_known = acknowledges(&h->ops[j], list->listed[i]);
    }
    if (!is_known) report(found, ORPHAN, NULL, list);
  }
}

/* --- All of it ------------------------------------------------------------------------------ */

static void check_pair(const history *h, const op *a, const op *b, violations *found) {
  check_client(a, b, found);
  check_strong(a, b, found);
  check_lost(a, b, found);
  check_version(a, b, found);
  check_phantom(a, b, found);
  check_death(h, a, b, found);
}

bool history_check(const history *h, violations *found) {
  for (size_t i = 0; i < h->count; i++) {
    const op *each = &h->ops[i];
    if (each->finished == 0) report(found, UNANSWERED, NULL, each);
    check_credential(each, found);
    check_unknown(h, each, found);
    if (each->kind == OP_END_ALL && each->status == SJ_OK) check_end_all(h, each, found);
    if (each->kind == OP_LIST) {
      check_listed(h, each, found);
      check_final_list(h, each, found);
    }
    for (size_t j = 0; j < h->count; j++) check_pair(h, each, &h->ops[j], found);
  }
  return found->total == 0;
}
