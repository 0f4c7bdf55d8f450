/* Reading a session and judging whether it may be shown (DESIGN.md 3, 6). */
#include "base/alloc.h"
#include "session/session_private.h"

#define TOUCH_AGAIN_MS 1000 /* after one that failed */

/* --- Taking a stored record apart ------------------------------------------- */

/* What names itself in clear must be what was asked for: a store can swap values. */
static bool is_ours(const sj__request *request, const sj__record *record) {
  return memcmp(record->key, request->key, SJ__KEY_SIZE) == 0 &&
         memcmp(record->realm, sj__vault_realm_fingerprint(request->worker->vault),
                sizeof(record->realm)) == 0;
}

sj_status sj__loaded_borrow(sj__request *request, sj_slice bytes) {
  sj__loaded *loaded = &request->loaded;
  memset(loaded, 0, sizeof(*loaded));
  loaded->bytes = bytes;
  sj_status status = sj__record_parse(loaded->bytes, &loaded->record);
  if (status != SJ_OK) return status;
  if (!is_ours(request, &loaded->record)) return SJ_CORRUPT;
  if (loaded->record.state != SJ__ACTIVE) return SJ_OK;
  status = sj__record_open_meta(request->worker->vault, request->now_ms, loaded->bytes,
                                &loaded->record, &request->arena, &loaded->meta);
  if (status != SJ_OK) return status;
  return (loaded->meta.subject.data != NULL) == loaded->record.has_subject ? SJ_OK : SJ_CORRUPT;
}

sj_status sj__loaded_open(sj__request *request, sj_slice bytes) {
  sj_slice copy = sj__arena_dup(&request->arena, bytes);
  return copy.data != NULL ? sj__loaded_borrow(request, copy) : SJ_NO_MEMORY;
}

/* The attributes, once somebody wants them. */
static sj_status open_attributes(sj__request *request) {
  sj__loaded *loaded = &request->loaded;
  if (loaded->attributes.data != NULL) return SJ_OK;
  return sj__record_open_data(request->worker->vault, request->now_ms, loaded->bytes,
                              &loaded->record, request->id, &request->arena, &loaded->attributes);
}

/* --- The verdict ---------------------------------------------------------------- */

/* DESIGN.md 3: older than the credential proves, or another write at that very version. */
static bool is_behind(const sj__request *request, const sj__record *record) {
  if (request->handle.kind == 0 || request->rolled_back) return false;
  if (record->version < request->handle.counter) return true;
  return record->version == request->handle.counter &&
         memcmp(record->write_ids[0], request->handle.fork, sizeof(request->handle.fork)) != 0;
}

static sj_status verdict_on_ended(const sj__record *record) {
  switch (record->reason) {
    case SJ__REASON_EXPIRED:
      return SJ_EXPIRED;
    case SJ__REASON_REPLAYED:
      return SJ_REPLAYED;
    default:
      return SJ_ENDED;
  }
}

sj_status sj__judge(sj__request *request) {
  const sj__record *record = &request->loaded.record;
  const sj_sessions *sessions = request->worker->sessions;
  /* Ended outranks behind: a tombstone is final whatever its version. */
  if (record->state == SJ__ENDED) return verdict_on_ended(record);
  if (!request->ignore_marks && sj__mark_set_names(sessions->marks, record)) return SJ_ENDED;
  if (is_behind(request, record)) return SJ_BEHIND;
  switch (sj__life_of(record, sessions->options.touch_every_ms, request->now_ms)) {
    case SJ__ALIVE:
      return SJ_OK;
    default:
      return SJ_EXPIRED;
  }
}

/* --- Roll-back ------------------------------------------------------------------- */

static void on_rolled_back_ended(sj__request *request) {
  if (request->store_call.status == SJ_OK) {
    sj__audit(request, "ended", sj__reason_name(SJ__REASON_ROLLED_BACK));
    sj__request_finish(request, SJ_ENDED);
    return;
  }
  sj__end_later(request->worker, request->key, SJ__REASON_ROLLED_BACK, request->until_ms);
  sj__request_store_failed(request);
}

/* Told only once it is true: an older credential must not find it alive afterwards. */
static void end_rolled_back(sj__request *request) {
  request->until_ms = sj__tombstone_until(request, &request->loaded.record);
  sj__end_input(request, request->key, SJ__REASON_ROLLED_BACK, request->until_ms);
  sj__request_submit(request, SJ__END, on_rolled_back_ended);
}

/* The authority itself is behind: the store lost writes that this client has seen. */
static void on_rollback(sj__request *request) {
  sj__metric_add(request->worker->sessions->metrics.rollbacks, 1);
  sj__audit(request, "rolled_back", "behind");
  if (request->worker->sessions->options.on_rollback == SJ_ROLLBACK_END) {
    end_rolled_back(request);
    return;
  }
  request->rolled_back = true;
  sj_status status = sj__judge(request);
  if (status == SJ_OK && request->want_attributes) status = open_attributes(request);
  if (status == SJ_OK) {
    request->judged(request);
  } else {
    sj__request_finish(request, status);
  }
}

/* --- Reading ---------------------------------------------------------------------- */

/* Behind and idle are verdicts of the authority alone; absolute_at never moves. */
static bool wants_authority(const sj__request *request, sj_status verdict) {
  if (request->mode == SJ__AUTHORITY) return false;
  return verdict == SJ_BEHIND ||
         (verdict == SJ_EXPIRED && request->now_ms < request->loaded.record.absolute_at_ms);
}

static void judge_loaded(sj__request *request) {
  sj_status verdict = sj__judge(request);
  if (wants_authority(request, verdict)) {
    sj__read(request, SJ__AUTHORITY, request->judged);
  } else if (verdict == SJ_BEHIND) {
    on_rollback(request);
  } else {
    if (verdict == SJ_OK && request->want_attributes) verdict = open_attributes(request);
    if (verdict == SJ_OK) {
      request->judged(request);
    } else {
      sj__request_finish(request, verdict);
    }
  }
}

sj_status sj__told_of_key(sj_status status) {
  /* A record under a key that isn't here proves nothing; under a retired one it is unreadable. */
  if (status == SJ_UNKNOWN_KEY) return SJ_UNAVAILABLE;
  return status == SJ_RETIRED_KEY ? SJ_BAD_CREDENTIAL : status;
}

static void on_read(sj__request *request) {
  sj_status status = request->store_call.status;
  if (status == SJ_MISSING) {
    sj__request_finish(request, SJ_UNKNOWN);
  } else if (status != SJ_OK && status != SJ_BEHIND) {
    sj__request_store_failed(request);
  } else if ((status = sj__loaded_open(request, request->store_call.record)) != SJ_OK) {
    sj__request_finish(request, sj__told_of_key(status));
  } else {
    judge_loaded(request);
  }
}

void sj__read(sj__request *request, sj__read_mode mode, sj__step *judged) {
  request->mode = mode;
  request->judged = judged;
  request->store_call.in.get.key = request->key;
  request->store_call.in.get.at_least = request->handle.counter;
  request->store_call.in.get.mode = mode;
  sj__request_submit(request, SJ__GET, on_read);
}

bool sj__reload(sj__request *request) {
  request->mode = SJ__AUTHORITY;
  sj_status status = sj__loaded_open(request, request->store_call.record);
  if (status == SJ_OK) status = sj__judge(request);
  if (status == SJ_OK && request->want_attributes) status = open_attributes(request);
  if (status == SJ_OK) return true;
  /* What a write met is the authority's: behind here means that the store lost what we saw. */
  sj__request_finish(request, status == SJ_BEHIND ? SJ_CONTENDED : sj__told_of_key(status));
  return false;
}

/* --- The touch --------------------------------------------------------------------- */

static size_t touched_slot(const uint8_t key[SJ__KEY_SIZE]) {
  return key[0] % SJ__TOUCHED_SLOTS;
}

/* May be lost; then the next use but for the next second's tries again. */
static void on_touched(sj__request *request) {
  sj_worker *worker = request->worker;
  size_t slot = touched_slot(request->key);
  if (request->store_call.status != SJ_OK &&
      memcmp(worker->touched[slot].key, request->key, SJ__KEY_SIZE) == 0) {
    worker->touched[slot].again_ms = request->now_ms + TOUCH_AGAIN_MS;
  }
  sj__request_finish(request, SJ_OK);
}

static void begin_touch(sj__request *request) {
  sj__metric_add(request->worker->sessions->metrics.touches, 1);
  request->store_call.in.touch.key = request->key;
  request->store_call.in.touch.last_seen_ms = request->now_ms;
  sj__request_submit(request, SJ__TOUCH, on_touched);
}

void sj__touch_later(sj__request *request) {
  sj_worker *worker = request->worker;
  const sj__record *record = &request->loaded.record;
  int64_t interval_ms =
      sj__touch_interval_ms(record->idle_for_ms, worker->sessions->options.touch_every_ms);
  if (request->now_ms - record->last_seen_ms < interval_ms) return;
  size_t slot = touched_slot(request->key);
  bool touched_by_us = memcmp(worker->touched[slot].key, request->key, SJ__KEY_SIZE) == 0 &&
                       request->now_ms < worker->touched[slot].again_ms;
  /* The other half of what may run in the background is kept for ending. */
  if (touched_by_us || worker->background_count >= SJ__BACKGROUND_MAX / 2) return;
  sj__request *touch = sj__background_new(worker, begin_touch);
  if (touch == NULL) return;
  memcpy(worker->touched[slot].key, request->key, SJ__KEY_SIZE);
  worker->touched[slot].again_ms = request->now_ms + interval_ms;
  memcpy(touch->key, request->key, SJ__KEY_SIZE);
  sj__request_start(touch);
}

/* --- The answer ----------------------------------------------------------------------- */

void sj__view_fill(const sj__request *request, const sj__loaded *loaded, sj_session *view) {
  const sj__record *record = &loaded->record;
  const sj__meta *meta = &loaded->meta;
  *view = (sj_session){
      .subject = meta->subject,
      .version = record->version,
      .carrier = (sj_carrier)record->carrier,
      .created_ms = record->created_at_ms,
      .last_seen_ms = record->last_seen_ms,
      .expires_ms = sj__expires_ms(record, request->worker->sessions->options.touch_every_ms),
      .absolute_ms = record->absolute_at_ms,
      .device = meta->device,
      .address = meta->address,
      .user_agent = meta->user_agent,
      .auth_level = meta->auth_level,
      .amr = meta->amr,
      .auth_at_ms = meta->auth_at_ms,
      .attributes = loaded->attributes,
  };
  sj__base64url_encode(record->key, SJ__KEY_SIZE, view->sid);
  view->sid[SJ_SID_SIZE] = '\0';
}

/* What a write met may have been revoked while it went on: who is told later is told so. */
static bool is_revoked_meanwhile(const sj__request *request) {
  return (request->kind == SJ__KIND_PATCH || request->kind == SJ__KIND_ROTATE) &&
         sj__mark_set_names(request->worker->sessions->marks, &request->loaded.record);
}

void sj__answer(sj__request *request, bool hand_out) {
  sj_status status = is_revoked_meanwhile(request) ? SJ_ENDED : SJ_OK;
  sj__view_fill(request, &request->loaded, &request->view);
  if (status == SJ_OK && hand_out) status = sj__issue(request, &request->loaded.record);
  if (status == SJ_OK) {
    request->call->session = &request->view;
    request->call->newer = hand_out;
  }
  sj__request_finish(request, status);
}

/* --- sj_load ---------------------------------------------------------------------------- */

static void on_loaded(sj__request *request) {
  sj__touch_later(request);
  sj__answer(request, request->loaded.record.version > request->handle.counter);
}

/* The first request after an accepted roll-back commits, so that credentials and store agree. */
static void recommit(sj__request *request);

static void on_recommitted(sj__request *request) {
  sj__answer(request, true);
}

static void recommit(sj__request *request) {
  sj__record record = request->loaded.record;
  sj__loaded *loaded = &request->loaded;
  if (record.version > request->handle.counter) { /* another request has done it meanwhile */
    sj__answer(request, true);
    return;
  }
  if (request->now_ms > record.last_seen_ms) record.last_seen_ms = request->now_ms;
  sj_status status = open_attributes(request);
  if (status == SJ_OK) status = sj__encode(request, &record, &loaded->meta, loaded->attributes);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->write_class = SJ__WRITE_DURABLE;
  sj__commit(request, loaded->record.version, on_recommitted, recommit);
}

static void on_load_judged(sj__request *request) {
  if (request->rolled_back) {
    recommit(request);
  } else {
    on_loaded(request);
  }
}

static void begin_load(sj__request *request) {
  sj_status status = sj__present(request);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
  } else {
    sj__read(request, request->call->strong ? SJ__AUTHORITY : SJ__CHEAP, on_load_judged);
  }
}

sj_status sj_load(sj_worker *worker, sj_call *call, const sj_load_args *args) {
  sj__request *request = sj__request_new(worker, call, SJ__KIND_LOAD, begin_load);
  if (request == NULL) return SJ_NO_MEMORY;
  request->want_attributes = args == NULL || !args->without_attributes;
  sj__request_start(request);
  return SJ_OK;
}
