/*
 * sj_rotate (DESIGN.md 2): a successor with a new id is stored, then the old
 * record becomes a tombstone by compare-and-swap, then the caller is answered.
 */
#include "base/alloc.h"
#include "session/session_private.h"

#define TURN_MS 2 /* how soon a rotation looks again whether another has ended */

static void build_successor(sj__request *request);

static bool slices_differ(sj_slice a, sj_slice b) {
  return !sj__slice_equal(a, b);
}

/* Between two different subjects nothing is carried over. */
static bool is_other_subject(const sj__request *request) {
  sj_slice before = request->loaded.meta.subject;
  sj_slice after = request->rotate.subject;
  return before.data != NULL && after.data != NULL && slices_differ(before, after);
}

/* A subject named is a sign-in: nothing of the old family, times and marks holds on. */
static void start_family(sj__request *request, sj__record *record) {
  int64_t birth_ms = sj__birth_ms(request);
  int64_t lifetime_ms = record->absolute_at_ms - record->created_at_ms;
  memcpy(record->family, record->key, SJ__KEY_SIZE);
  record->created_at_ms = birth_ms;
  record->absolute_at_ms = birth_ms + lifetime_ms;
}

static void change_meta(sj__request *request, sj__meta *meta) {
  const sj_rotate_args *args = &request->rotate;
  bool changed = args->subject.data != NULL;
  if (is_other_subject(request)) { /* how well the one before had proved who she is */
    meta->auth_level = 0;
    meta->amr = (sj_slice){NULL, 0};
  }
  if (args->subject.data != NULL) meta->subject = args->subject;
  if (args->auth_level >= 0) {
    changed = changed || meta->auth_level != (uint8_t)args->auth_level;
    meta->auth_level = (uint8_t)args->auth_level;
  }
  if (args->amr.data != NULL) {
    changed = changed || slices_differ(meta->amr, args->amr);
    meta->amr = args->amr;
  }
  if (changed) meta->auth_at_ms = request->now_ms;
}

static sj_slice inherited(const sj__request *request) {
  return is_other_subject(request) ? SJ__SLICE("{}") : request->loaded.attributes;
}

/* A rotation that isn't answered leaves no successor alive. */
static void abandon_successor(sj__request *request) {
  if (!request->successor_stored && !request->outcome_unknown) return;
  int64_t lifetime_ms = request->old_record.absolute_at_ms - request->old_record.created_at_ms;
  sj__end_later(request->worker, request->successor_key, SJ__REASON_ABANDONED,
                sj__birth_ms(request) + lifetime_ms + SJ__TOMBSTONE_GRACE_MS);
}

static void on_within_limit(sj__request *request) {
  sj__audit(request, "rotated", NULL);
  sj__answer(request, true);
}

/* The old id is dead: show the successor. */
static void on_buried(sj__request *request) {
  request->has_written = true;
  memcpy(request->key, request->successor.key, SJ__KEY_SIZE);
  memcpy(request->id, request->successor_id, SJ__ID_SIZE);
  sj_status status = sj__loaded_open(request, request->successor_bytes);
  request->loaded.attributes = request->successor_attributes;
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->subject = request->rotate.subject;
  sj__enforce_max_sessions(request, on_within_limit);
}

/* The old record moved on while we copied it: merge again onto the newer one. */
static void on_old_moved(sj__request *request) {
  build_successor(request);
}

static void bury_old(sj__request *request) {
  sj__record tombstone;
  sj__buffer bytes;
  memcpy(request->key, request->old_key, SJ__KEY_SIZE);
  memcpy(request->id, request->handle.id, SJ__ID_SIZE);
  sj__record_make_tombstone(&tombstone, &request->old_record, request->old_key,
                            request->old_record.realm, SJ__REASON_SUPERSEDED,
                            request->old_record.absolute_at_ms + SJ__TOMBSTONE_GRACE_MS);
  sj_status status = sj__stamp(request, &tombstone);
  sj__buffer_init(&bytes, 0);
  if (status == SJ_OK) status = sj__record_encode(&tombstone, &bytes);
  if (status == SJ_OK) {
    request->encoded = sj__arena_dup(&request->arena, sj__buffer_slice(&bytes));
    request->committing = (sj_slice){NULL, 0};
    request->committing_meta = (sj__meta){0};
    if (request->encoded.data == NULL) status = SJ_NO_MEMORY;
  }
  sj__buffer_release(&bytes);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->on_ended = NULL;
  sj__commit(request, request->old_record.version, on_buried, on_old_moved);
}

static void on_successor_stored(sj__request *request) {
  request->successor = request->loaded.record;
  request->successor_bytes = request->loaded.bytes;
  request->successor_attributes = request->loaded.attributes;
  request->successor_stored = true;
  bury_old(request);
}

/* Nobody else knows the successor's id: a conflict is a write of ours that was thought lost. */
static void on_successor_conflict(sj__request *request) {
  sj__request_finish(request, SJ_UNAVAILABLE);
}

/* Ended before anybody knew it (by a limit, say): the old session lives, and may be tried again. */
static void on_successor_ended(sj__request *request) {
  request->successor_stored = request->outcome_unknown = false;
  sj__request_finish(request, SJ_CONTENDED);
}

static void fill_successor(sj__request *request, sj__record *record) {
  *record = request->old_record;
  memcpy(record->key, request->successor_key, SJ__KEY_SIZE);
  memcpy(request->key, request->successor_key, SJ__KEY_SIZE);
  memcpy(request->id, request->successor_id, SJ__ID_SIZE);
  if (request->now_ms > record->last_seen_ms) record->last_seen_ms = request->now_ms;
  if (request->rotate.subject.data != NULL) start_family(request, record);
}

/* From `loaded`, which is the old session as it is now. */
static void build_successor(sj__request *request) {
  uint64_t version = request->loaded.record.version;
  if (request->if_version != 0 && request->if_version != version) {
    if (request->mode != SJ__AUTHORITY) { /* a cheap read may be old */
      sj__read(request, SJ__AUTHORITY, build_successor);
      return;
    }
    sj__request_fail(request, SJ_VERSION_MISMATCH, "the session has version %llu",
                     (unsigned long long)version);
    return;
  }
  request->old_record = request->loaded.record;
  sj__meta meta = request->loaded.meta;
  change_meta(request, &meta);
  sj_slice patch =
      request->rotate.attributes.data != NULL ? request->rotate.attributes : SJ__SLICE("{}");
  sj_slice merged;
  bool changed = false;
  if (!sj__merge(request, inherited(request), patch, &merged, &changed)) return;
  sj__record record;
  fill_successor(request, &record);
  sj_status status = sj__encode(request, &record, &meta, merged);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->on_ended = on_successor_ended;
  uint64_t expected = request->successor_stored ? request->successor.version : 0;
  request->write_class = SJ__WRITE_DURABLE;
  request->undo = abandon_successor;
  sj__commit(request, expected, on_successor_stored, on_successor_conflict);
}

static void on_old_loaded(sj__request *request) {
  sj_status status = sj__new_identity(request);
  memcpy(request->successor_id, request->id, SJ__ID_SIZE);
  memcpy(request->successor_key, request->key, SJ__KEY_SIZE);
  memcpy(request->key, request->old_key, SJ__KEY_SIZE);
  memcpy(request->id, request->handle.id, SJ__ID_SIZE);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
  } else {
    build_successor(request);
  }
}

/* --- One at a time ------------------------------------------------------------------ */

static bool take_turn(sj__request *request) {
  sj_sessions *sessions = request->worker->sessions;
  bool is_taken = false;
  sj__mutex_lock(&sessions->rotations_lock);
  SJ__LIST_FOR(node, &sessions->rotations) {
    const sj__request *other = SJ__CONTAINER_OF(node, sj__request, rotation);
    is_taken = is_taken || memcmp(other->old_key, request->old_key, SJ__KEY_SIZE) == 0;
  }
  request->has_turn = !is_taken;
  if (request->has_turn) sj__list_append(&sessions->rotations, &request->rotation);
  sj__mutex_unlock(&sessions->rotations_lock);
  return request->has_turn;
}

void sj__rotation_leave(sj__request *request) {
  sj_sessions *sessions = request->worker->sessions;
  if (!request->has_turn) return;
  sj__mutex_lock(&sessions->rotations_lock);
  sj__list_remove(&request->rotation);
  sj__mutex_unlock(&sessions->rotations_lock);
  request->has_turn = false;
}

/*
 * Of rotations at once only one can win, and until they are ended the others'
 * successors count as sessions of the subject: under max_sessions they would
 * drive out those that somebody uses, the winner's among them.
 */
static void read_in_turn(sj__request *request) {
  if (take_turn(request)) {
    sj__read(request, request->call->strong ? SJ__AUTHORITY : SJ__CHEAP, on_old_loaded);
  } else {
    sj__request_after(request, TURN_MS, read_in_turn);
  }
}

static void begin_rotate(sj__request *request) {
  const sj_rotate_args *args = &request->rotate;
  if (args->auth_level > UINT8_MAX) {
    sj__request_fail(request, SJ_BAD_REQUEST, "auth_level: 0 to 255");
    return;
  }
  if (!sj__check_subject(request, args->subject) || !sj__check_amr(request, args->amr)) return;
  sj_status status = sj__present(request);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
  } else {
    memcpy(request->old_key, request->key, SJ__KEY_SIZE);
    read_in_turn(request);
  }
}

sj_status sj_rotate(sj_worker *worker, sj_call *call, const sj_rotate_args *args) {
  sj__request *request = sj__request_new(worker, call, SJ__KIND_ROTATE, begin_rotate);
  if (request == NULL) return SJ_NO_MEMORY;
  request->rotate = *args;
  request->if_version = args->if_version;
  sj__request_start(request);
  return SJ_OK;
}
