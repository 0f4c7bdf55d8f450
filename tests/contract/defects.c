/* What can be wrong with a store, one clause each. Run under the broken store's mutex. */
#include <string.h>

#include "base/alloc.h"
#include "broken_private.h"
#include "broken_store.h"

/* --- PUT ------------------------------------------------------------------------------ */

static void ask_again_at(broken_call *of, uint64_t expected) {
  of->call->in.put.expected = expected;
  of->is_repeated = of->rounds++ < 100;
}

static bool is_refused(const broken_call *of) {
  return of->call->op == SJ__PUT && of->call->status == SJ_CONFLICT;
}

static void ignore_version(broken_call *of) {
  if (!is_refused(of) || of->asked.in.put.expected == 0) return;
  ask_again_at(of, sj__record_version(of->call->record));
}

static void overwrite_at_creation(broken_call *of) {
  if (!is_refused(of) || of->asked.in.put.expected != 0) return;
  ask_again_at(of, sj__record_version(of->call->record));
}

/* The version is compared first, by a read, and the record written later. */
static void compare_first(broken_call *of) {
  sj_slice record = of->asked.in.put.record;
  if (of->call->op != SJ__PUT || of->asked.in.put.expected == 0) return;
  if (record.size < SJ__RECORD_HEADER_SIZE) return;
  of->call->op = SJ__GET;
  of->call->in.get.key = sj__record_key(record);
  of->call->in.get.at_least = 0;
  of->call->in.get.mode = SJ__AUTHORITY;
}

static void then_write(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op != SJ__PUT || of->asked.in.put.expected == 0) return;
  if (of->rounds > 0) { /* overwrites, unless the comparison had failed */
    if (of->has_compared && call->status == SJ_CONFLICT) {
      ask_again_at(of, sj__record_version(call->record));
    }
    return;
  }
  of->has_compared =
      call->status == SJ_OK && sj__record_version(call->record) == of->asked.in.put.expected;
  ask_again_at(of, of->asked.in.put.expected);
}

static void return_own_record_on_conflict(broken_call *of) {
  if (is_refused(of)) of->call->record = of->call->in.put.record;
}

static void raise_the_dead_by_put(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op == SJ__PUT && call->status == SJ_ENDED &&
      sj__record_state(call->in.put.record) == SJ__ACTIVE) {
    call->status = SJ_OK;
    call->record = (sj_slice){NULL, 0};
    recall(of, sj__record_key(call->in.put.record))->is_risen = true;
  }
  if (call->op != SJ__GET || call->status != SJ_OK) return;
  memory *session = recall(of, call->in.get.key);
  if (session->is_risen) call->record = show(of, session->newest);
}

static void show_false_last_seen(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op != SJ__GET || call->status != SJ_OK) return;
  memory *session = recall(of, call->in.get.key);
  if (session->false_last_seen == 0 || session->is_ended) return;
  sj__record_set_last_seen_ms(change_record(of), session->false_last_seen);
}

static void forget_last_seen_at_put(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op == SJ__PUT && call->status == SJ_OK) {
    recall(of, sj__record_key(call->in.put.record))->false_last_seen =
        sj__record_last_seen_ms(call->in.put.record);
  }
  if (call->op == SJ__TOUCH) recall(of, call->in.touch.key)->false_last_seen = 0;
  show_false_last_seen(of);
}

static void say_missing_for_create(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op == SJ__PUT && call->status == SJ_MISSING) call->status = SJ_CONFLICT;
}

/* --- GET --------------------------------------------------------------------------------- */

static void read_stale(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op != SJ__GET || call->status != SJ_OK || call->in.get.mode != SJ__AUTHORITY) return;
  memory *session = recall(of, call->in.get.key);
  if (session->before.size > 0 && sj__record_version(session->before) >= call->in.get.at_least) {
    call->record = show(of, session->before);
  }
}

static void be_behind_in_cheap_reads(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op != SJ__GET || call->in.get.mode != SJ__CHEAP) return;
  if (call->status == SJ_BEHIND) call->status = SJ_OK;
}

static void put_behind_before_ended(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op == SJ__GET && call->status == SJ_OK &&
      sj__record_version(call->record) < call->in.get.at_least) {
    call->status = SJ_BEHIND;
  }
}

/* --- TOUCH --------------------------------------------------------------------------------- */

static void lower_by_touch(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op == SJ__TOUCH) {
    recall(of, call->in.touch.key)->false_last_seen = call->in.touch.last_seen_ms;
  }
  if (call->op == SJ__PUT && call->status == SJ_OK)
    recall(of, sj__record_key(call->in.put.record))->false_last_seen = 0;
  show_false_last_seen(of);
}

static void raise_the_dead_by_touch(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op == SJ__TOUCH) {
    memory *session = recall(of, call->in.touch.key);
    session->is_risen = session->is_ended && session->newest.size > 0;
  }
  if (call->op != SJ__GET || call->status != SJ_OK) return;
  memory *session = recall(of, call->in.get.key);
  if (session->is_risen) call->record = show(of, session->newest);
}

static void count_version_at_touch(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op == SJ__TOUCH) recall(of, call->in.touch.key)->is_risen = true;
  if (call->op != SJ__GET || call->status != SJ_OK) return;
  if (recall(of, call->in.get.key)->is_risen) change_record(of)[39]++;
}

/* --- END -------------------------------------------------------------------------------------- */

static void count_every_end(broken_call *of) {
  if (of->call->op == SJ__END && of->call->status == SJ_OK) of->call->count = 1;
}

/* A touch of an unknown key is SJ_OK and does nothing. */
static void forget_unknown_end(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op != SJ__END || recall(of, call->in.end.key)->newest.size > 0) return;
  const uint8_t *key = call->in.end.key;
  call->op = SJ__TOUCH;
  call->in.touch.key = key;
  call->in.touch.last_seen_ms = 1;
}

/* --- Listings ------------------------------------------------------------------------ */

static void drop_item(broken_call *of, size_t index) {
  sj_slice *items = change_items(of);
  size_t left = --of->call->item_count - index;
  memmove(&items[index], &items[index + 1], left * sizeof(*items));
}

static void lose_index_entry(broken_call *of) {
  if (of->call->op == SJ__LIST && of->call->item_count > 2) drop_item(of, 1);
}

static void list_the_dead(broken_call *of) {
  sj__store_call *call = of->call;
  if (call->op != SJ__LIST || call->status != SJ_OK) return;
  sj__map_cursor cursor = {0, NULL};
  for (sj__map_node *node; (node = sj__map_next(&of->port->store->sessions, &cursor)) != NULL;) {
    const memory *session = SJ__CONTAINER_OF(node, memory, node);
    if (!session->is_ended || session->newest.size == 0) continue;
    const uint8_t *tag = sj__record_subject_tag(session->newest);
    if (tag == NULL || memcmp(tag, call->in.list.subject_tag, SJ__TAG_SIZE) != 0) continue;
    change_items(of)[call->item_count++] = show(of, session->newest);
    return;
  }
}

static void end_pages_early(broken_call *of) {
  if (of->call->op == SJ__LIST && of->asked.in.list.cursor.size > 0) {
    of->call->cursor_next.size = 0;
  }
}

static void skip_in_scan(broken_call *of) {
  if (of->call->op == SJ__SCAN && of->asked.in.scan.cursor.size > 0 && of->call->item_count > 0) {
    drop_item(of, 0);
  }
}

static void lose_mark(broken_call *of) {
  if (of->call->op == SJ__MARKS && of->call->item_count > 2) drop_item(of, 1);
}

/* As if the marks' numbers began anew: who was further on sees none of the new ones. */
static void count_marks_anew(broken_call *of) {
  broken_store *store = of->port->store;
  sj__store_call *call = of->call;
  if (call->op == SJ__SWEEP && call->count > 0) store->has_swept = true;
  if (call->op == SJ__MARKS && store->has_swept && call->in.marks.cursor.size > 0) {
    call->item_count = 0;
  }
}

static void sweep_the_living(broken_call *of) {
  if (of->call->op == SJ__SWEEP) of->call->now_ms += 7200000;
}

/* --- Calls as such ------------------------------------------------------------------- */

static void complete_inside(broken_call *of) {
  if (of->call->op != SJ__TOUCH) return;
  write_aside(of);
  of->is_answered = true;
}

static void complete_twice(broken_call *of) {
  of->is_doubled = of->call->op == SJ__TOUCH;
}

static void ignore_deadline(broken_call *of) {
  if (of->call->op == SJ__TOUCH) of->call->deadline_ms = UINT64_MAX;
}

const defect defects[] = {
    {"cas_ignored", "put.other_version_is_conflict", NULL, ignore_version},
    {"cas_not_atomic", "race.cas_has_one_winner", compare_first, then_write},
    {"create_overwrites", "put.create_only", NULL, overwrite_at_creation},
    {"conflict_returns_wrong_record", "put.conflict_returns_stored", NULL,
     return_own_record_on_conflict},
    {"put_overwrites_tombstone", "put.on_tombstone", NULL, raise_the_dead_by_put},
    {"put_loses_last_seen", "put.keeps_greater_last_seen", NULL, forget_last_seen_at_put},
    {"put_hides_missing", "put.missing", NULL, say_missing_for_create},
    {"authority_reads_stale", "get.authority_is_fresh", NULL, read_stale},
    {"cheap_read_is_behind", "get.behind", NULL, be_behind_in_cheap_reads},
    {"behind_outranks_ended", "get.tombstone", NULL, put_behind_before_ended},
    {"touch_lowers", "touch.never_lowers", NULL, lower_by_touch},
    {"touch_resurrects", "touch.leaves_tombstones", NULL, raise_the_dead_by_touch},
    {"touch_counts_version", "touch.changes_nothing_else", NULL, count_version_at_touch},
    {"end_counts_twice", "end.is_idempotent", NULL, count_every_end},
    {"end_forgets_unknown", "end.unknown_key", forget_unknown_end, NULL},
    {"index_loses_entry", "list.finds_what_was_created", NULL, lose_index_entry},
    {"index_shows_dead", "list.never_shows_the_dead", NULL, list_the_dead},
    {"pages_end_early", "list.pages", NULL, end_pages_early},
    {"scan_skips", "scan.finds_everything", NULL, skip_in_scan},
    {"marks_lose_one", "marks.replay_in_order", NULL, lose_mark},
    {"marks_are_counted_anew", "marks.cursor_outlives_a_sweep", NULL, count_marks_anew},
    {"sweep_takes_the_living", "sweep.removes_garbage_alone", sweep_the_living, NULL},
    {"completes_inside_the_start", "call.completes_later", complete_inside, NULL},
    {"completes_twice", "call.completes_once", NULL, complete_twice},
    {"deadline_ignored", "call.deadline_past", ignore_deadline, NULL},
};
const size_t defect_count = sizeof(defects) / sizeof(defects[0]);
