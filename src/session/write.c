/* Committing: merge patches onto what is newest, compare-and-swap, unknown outcomes resolved. */
#include "base/alloc.h"
#include "base/random.h"
#include "codec/json.h"
#include "session/session_private.h"

#define RETRY_UNKNOWN_MS 5 /* then doubled with every try, up to … */
#define RETRY_MAX_MS     200
#define CALM_CONFLICTS   8 /* conflicts that are merged again at once, without jitter */

/* --- What is to be committed ---------------------------------------------------- */

sj_status sj__stamp(sj__request *request, sj__record *record) {
  uint64_t seen = record->version;
  if (request->rolled_back && request->handle.counter > seen) seen = request->handle.counter;
  record->version = seen + 1;
  memmove(record->write_ids[1], record->write_ids[0],
          (SJ__WRITE_IDS - 1) * sizeof(record->write_ids[0]));
  sj_status status = sj__random(record->write_ids[0], sizeof(record->write_ids[0]));
  memcpy(request->write_id, record->write_ids[0], sizeof(request->write_id));
  return status;
}

/* Every write is sealed under the active key, the subject's tag included. */
static sj_status choose_key(sj__request *request, sj__record *record, const sj__meta *meta) {
  sj__vault *vault = request->worker->vault;
  record->kid = sj__keyring_active(sj__vault_keyring(vault), request->now_ms);
  record->has_subject = meta->subject.data != NULL;
  memset(record->subject_tag, 0, sizeof(record->subject_tag));
  if (!record->has_subject) return SJ_OK;
  return sj__vault_mac(vault, record->kid, request->now_ms, SJ__PURPOSE_SUBJECT, &meta->subject, 1,
                       record->subject_tag);
}

static sj_status seal(sj__request *request, sj__record *record, const sj__meta *meta,
                      sj_slice attributes) {
  memcpy(record->realm, sj__vault_realm_fingerprint(request->worker->vault), sizeof(record->realm));
  sj_status status = choose_key(request, record, meta);
  if (status != SJ_OK) return status;
  sj__buffer bytes;
  sj__buffer_init(&bytes, 0);
  status = sj__record_seal(request->worker->vault, request->now_ms, record, request->id, meta,
                           attributes, &bytes);
  if (status == SJ_OK) {
    request->encoded = sj__arena_dup(&request->arena, sj__buffer_slice(&bytes));
    if (request->encoded.data == NULL) status = SJ_NO_MEMORY;
  }
  sj__buffer_release(&bytes);
  request->committing = attributes;
  request->committing_meta = *meta;
  return status;
}

sj_status sj__encode(sj__request *request, sj__record *record, const sj__meta *meta,
                     sj_slice attributes) {
  sj__random_ahead(SJ__ENCODE_RANDOM);
  sj_status status = sj__stamp(request, record);
  if (status == SJ_OK) status = seal(request, record, meta, attributes);
  sj__random_forget();
  return status;
}

static void refuse_size(sj__request *request, sj_slice merged, size_t limit) {
  sj__buffer largest;
  sj__buffer_init(&largest, 0);
  sj__json_describe_largest(&request->arena, merged, 3, &largest);
  sj_slice text = sj__buffer_slice(&largest);
  sj_slice kept = sj__arena_dup(&request->arena, text);
  sj__buffer_release(&largest);
  sj__request_fail(request, SJ_TOO_LARGE,
                   "the attributes take %zu bytes and at most %zu are allowed; the largest: %.*s",
                   merged.size, limit, (int)kept.size, kept.data != NULL ? kept.data : "");
}

bool sj__merge(sj__request *request, sj_slice target, sj_slice patch, sj_slice *merged,
               bool *changed) {
  size_t limit = request->worker->sessions->options.attributes_max;
  sj_error error = {SJ_OK, ""};
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj_status status = sj__json_merge_patch(&request->arena, target, patch, &text, changed, &error);
  if (status == SJ_OK) {
    *merged = sj__arena_dup(&request->arena, sj__buffer_slice(&text));
    if (merged->data == NULL) status = SJ_NO_MEMORY;
  }
  sj__buffer_release(&text);
  if (status == SJ_INVALID || status == SJ_TOO_LARGE) {
    sj__request_fail(request, SJ_BAD_REQUEST, "attributes: %s", error.message);
  } else if (status != SJ_OK) {
    sj__request_finish(request, status);
  } else if (*changed && merged->size > limit) {
    refuse_size(request, *merged, limit);
  } else {
    return true;
  }
  return false;
}

/* --- The commit ------------------------------------------------------------------- */

static void submit_put(sj__request *request);

/* A stored record that our write id is in: the write whose answer was lost did happen. */
static bool holds_our_write(const sj__request *request, sj_slice stored) {
  return stored.size >= SJ__RECORD_HEADER_SIZE &&
         sj__record_has_write_id(stored, request->write_id);
}

/* After that many later writes our id would have been shifted out: nobody can tell any more. */
static bool is_past_telling(const sj__request *request, sj_slice stored) {
  return request->outcome_unknown && stored.size >= SJ__RECORD_HEADER_SIZE &&
         sj__record_version(stored) > request->expected + SJ__WRITE_IDS;
}

/* What is shown is what was sealed: it need not be opened again. */
static void go_on_committed(sj__request *request) {
  request->outcome_unknown = false;
  sj__loaded *loaded = &request->loaded;
  *loaded = (sj__loaded){
      .bytes = request->encoded,
      .meta = request->committing_meta,
      .attributes = request->committing,
  };
  sj_status status = sj__record_parse(loaded->bytes, &loaded->record);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->committed(request);
}

static void merge_again(sj__request *request) {
  request->remerge(request);
}

static void back_off(sj__request *request) {
  uint64_t delay_ms = 1 + sj__random_below(request->tries);
  if (request->tries <= CALM_CONFLICTS) {
    request->remerge(request);
  } else if (delay_ms >= sj__request_left_ms(request)) {
    sj__request_finish(request, SJ_CONTENDED);
  } else {
    sj__request_after(request, delay_ms, merge_again);
  }
}

static void on_conflict(sj__request *request) {
  sj__metric_add(request->worker->sessions->metrics.conflicts, 1);
  sj_slice stored = request->store_call.record;
  if (holds_our_write(request, stored)) {
    go_on_committed(request);
  } else if (is_past_telling(request, stored)) {
    sj__request_finish(request, SJ_UNAVAILABLE);
  } else if (request->remerge == NULL || ++request->tries >= SJ__COMMIT_TRIES) {
    sj__request_finish(request, SJ_CONTENDED);
  } else {
    request->outcome_unknown = false;
    if (!sj__reload(request)) return;
    back_off(request);
  }
}

static void on_ended_meanwhile(sj__request *request) {
  sj_slice stored = request->store_call.record;
  if (holds_our_write(request, stored)) {
    /* Ours was committed, and ended since. For a tombstone of our own that is success. */
    if (sj__record_state(request->encoded) == SJ__ENDED) {
      go_on_committed(request);
      return;
    }
  }
  if (request->on_ended != NULL) {
    request->on_ended(request);
  } else {
    sj__request_finish(request, SJ_ENDED);
  }
}

/* The same put again, with the same write id: finds out, and never merges twice. */
static void resolve(sj__request *request) {
  unsigned shift = request->tries < 6 ? request->tries : 6;
  uint64_t delay_ms = (uint64_t)RETRY_UNKNOWN_MS << shift;
  uint64_t left_ms = sj__request_left_ms(request);
  request->tries++;
  if (delay_ms > RETRY_MAX_MS) delay_ms = RETRY_MAX_MS;
  delay_ms += sj__random_below(delay_ms);
  if (delay_ms >= left_ms) delay_ms = 1 + left_ms / 2; /* once more before the deadline */
  sj__request_after(request, delay_ms, submit_put);
}

static void note_outcome(sj__request *request) {
  const sj__store_call *call = &request->store_call;
  bool unanswered = call->status == SJ_UNAVAILABLE || call->status == SJ_CANCELLED;
  if (!unanswered || call->applied != SJ__APPLIED_UNKNOWN || request->outcome_unknown) return;
  request->outcome_unknown = true;
  sj__metric_add(request->worker->sessions->metrics.unknown_outcomes, 1);
}

static void on_put(sj__request *request) {
  const sj__store_call *call = &request->store_call;
  note_outcome(request);
  if (call->status == SJ_OK) {
    go_on_committed(request);
  } else if (call->status == SJ_CONFLICT) {
    on_conflict(request);
  } else if (call->status == SJ_ENDED) {
    on_ended_meanwhile(request);
  } else if (call->status == SJ_MISSING) {
    sj__request_finish(request, SJ_UNKNOWN);
  } else if (request->outcome_unknown && !request->cancelled && call->status != SJ_CORRUPT) {
    resolve(request); /* a refusal of this try tells nothing of the one before */
  } else if (call->status == SJ_TOO_LARGE) {
    refuse_size(request, request->committing, request->worker->sessions->store->caps.max_record);
  } else {
    sj__request_store_failed(request);
  }
}

static void submit_put(sj__request *request) {
  request->store_call.in.put.record = request->encoded;
  request->store_call.in.put.expected = request->expected;
  request->store_call.in.put.write_class = request->write_class;
  request->store_call.in.put.event = (sj_slice){NULL, 0};
  sj__request_submit(request, SJ__PUT, on_put);
}

void sj__commit(sj__request *request, uint64_t expected, sj__step *committed, sj__step *remerge) {
  request->expected = expected;
  request->committed = committed;
  request->remerge = remerge;
  submit_put(request);
}
