/* Ending: at once where the store answers, again and again in the background where it doesn't. */
#include "base/clock.h"
#include "session/session_private.h"

#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS   5000

int64_t sj__tombstone_until(const sj__request *request, const sj__record *record) {
  const sj_options *options = &request->worker->sessions->options;
  int64_t last_ms = record != NULL && record->absolute_at_ms > 0
                        ? record->absolute_at_ms
                        : request->now_ms + options->absolute_max_ms;
  return last_ms + SJ__TOMBSTONE_GRACE_MS;
}

void sj__end_input(sj__request *request, const uint8_t *key, sj__reason reason, int64_t until_ms) {
  request->store_call.in.end.key = key;
  request->store_call.in.end.realm = sj__vault_realm_fingerprint(request->worker->vault);
  request->store_call.in.end.reason = reason;
  request->store_call.in.end.until_ms = until_ms;
  request->store_call.in.end.event = (sj_slice){NULL, 0};
}

/* --- In the background ---------------------------------------------------------- */

static void try_to_end(sj__request *request);

static void give_up(const sj_worker *worker, const uint8_t key[SJ__KEY_SIZE], sj_status status) {
  char sid[SJ_SID_SIZE];
  sj__base64url_encode(key, SJ__KEY_SIZE, sid);
  sj__metric_add(worker->sessions->metrics.dropped, 1);
  SJ__LOG(SJ__LOG_ERROR, "a session could not be ended in the background",
          SJ__FIELD("session", sj__slice(sid, sizeof(sid))),
          SJ__FIELD_CSTR("reason", sj_status_text(status)));
}

static void on_background_end(sj__request *request) {
  sj_status status = request->store_call.status;
  if (status == SJ_OK) {
    sj__audit(request, "ended", sj__reason_name(request->reason));
    sj__request_finish(request, SJ_OK);
    return;
  }
  /* Given up only where nothing could be alive any more, or with the worker. */
  if (request->worker->closing || sj__wall_ms() >= request->until_ms) {
    give_up(request->worker, request->key, status);
    sj__request_finish(request, status);
    return;
  }
  unsigned shift = request->tries < 7 ? request->tries : 7;
  uint64_t delay_ms = (uint64_t)RETRY_FIRST_MS << shift;
  request->tries++;
  if (delay_ms > RETRY_MAX_MS) delay_ms = RETRY_MAX_MS;
  request->deadline_ms = sj__loop_now_ms(request->worker->loop) + delay_ms +
                         request->worker->sessions->options.timeout_ms;
  sj__request_after(request, delay_ms, try_to_end);
}

static void try_to_end(sj__request *request) {
  sj__end_input(request, request->key, request->reason, request->until_ms);
  sj__request_submit(request, SJ__END, on_background_end);
}

void sj__end_later(sj_worker *worker, const uint8_t key[SJ__KEY_SIZE], sj__reason reason,
                   int64_t until_ms) {
  sj__request *request = sj__background_new(worker, try_to_end);
  if (request == NULL) {
    give_up(worker, key, SJ_NO_MEMORY);
    return;
  }
  memcpy(request->key, key, SJ__KEY_SIZE);
  request->reason = reason;
  request->until_ms = until_ms;
  sj__request_start(request);
}

/* --- sj_end ------------------------------------------------------------------------ */

static void on_ended(sj__request *request) {
  if (request->store_call.status == SJ_OK) {
    if (request->store_call.count > 0) sj__audit(request, "ended", "signed_out");
    sj__request_finish(request, SJ_OK);
    return;
  }
  sj__end_later(request->worker, request->key, SJ__REASON_SIGNED_OUT,
                sj__tombstone_until(request, NULL));
  sj__request_store_failed(request);
}

static void begin_end(sj__request *request) {
  sj_status status = sj__present(request);
  if (status == SJ_OK) status = sj__clear_cookie(request);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  sj__end_input(request, request->key, SJ__REASON_SIGNED_OUT, sj__tombstone_until(request, NULL));
  sj__request_submit(request, SJ__END, on_ended);
}

sj_status sj_end(sj_worker *worker, sj_call *call) {
  sj__request *request = sj__request_new(worker, call, SJ__KIND_END, begin_end);
  if (request == NULL) return SJ_NO_MEMORY;
  sj__request_start(request);
  return SJ_OK;
}

/* --- By sid: for administrators, and "my devices" ------------------------------------- */

/* Whatever is not a live session of whom it should be is not found. */
static bool is_found(sj__request *request) {
  sj_status status = request->store_call.status;
  if (status != SJ_OK && status != SJ_MISSING) {
    sj__request_store_failed(request);
    return false;
  }
  if (status == SJ_OK) status = sj__loaded_open(request, request->store_call.record);
  if (status == SJ_OK) status = sj__judge(request);
  /* Under a retired key nobody can be signed in any more. */
  bool is_dead = status == SJ_MISSING || status == SJ_ENDED || status == SJ_EXPIRED ||
                 status == SJ_REPLAYED || status == SJ_RETIRED_KEY;
  bool is_theirs = request->subject.data == NULL ||
                   sj__slice_equal(request->subject, request->loaded.meta.subject);
  if (is_dead || (status == SJ_OK && !is_theirs)) {
    sj__request_finish(request, SJ_NOT_FOUND);
  } else if (status != SJ_OK) {
    sj__request_finish(request, sj__told_of_key(status));
  } else {
    return true;
  }
  return false;
}

static void get_by_sid(sj__request *request, sj__step *next) {
  request->store_call.in.get.key = request->key;
  request->store_call.in.get.at_least = 0;
  request->store_call.in.get.mode = SJ__AUTHORITY;
  sj__request_submit(request, SJ__GET, next);
}

static void on_got_by_sid(sj__request *request) {
  if (is_found(request)) sj__answer(request, false);
}

static void begin_get_by_sid(sj__request *request) {
  get_by_sid(request, on_got_by_sid);
}

static void on_ended_by_sid(sj__request *request) {
  if (request->store_call.status != SJ_OK) {
    sj__request_store_failed(request);
    return;
  }
  if (request->store_call.count > 0) {
    sj__audit(request, "ended", sj__reason_name(request->reason));
  }
  sj__request_finish(request, SJ_OK);
}

static void on_to_be_ended(sj__request *request) {
  if (!is_found(request)) return;
  sj__end_input(request, request->key, request->reason,
                sj__tombstone_until(request, &request->loaded.record));
  sj__request_submit(request, SJ__END, on_ended_by_sid);
}

static void begin_end_by_sid(sj__request *request) {
  if (sj__check_subject(request, request->subject)) get_by_sid(request, on_to_be_ended);
}

static void not_found(sj__request *request) {
  sj__request_finish(request, SJ_NOT_FOUND);
}

static sj_status start_by_sid(sj_worker *worker, sj_call *call, sj__kind kind, sj__step *begin,
                              sj_slice subject, sj_slice sid) {
  sj__request *request = sj__request_new(worker, call, kind, begin);
  if (request == NULL) return SJ_NO_MEMORY;
  request->subject = subject;
  request->want_attributes = false;
  request->reason = subject.data != NULL ? SJ__REASON_SIGNED_OUT : SJ__REASON_ADMIN;
  if (sj__sid_parse(sid, request->key) != SJ_OK) request->begin = not_found;
  sj__request_start(request);
  return SJ_OK;
}

sj_status sj_get_by_sid(sj_worker *worker, sj_call *call, sj_slice sid) {
  return start_by_sid(worker, call, SJ__KIND_GET_BY_SID, begin_get_by_sid, (sj_slice){NULL, 0},
                      sid);
}

sj_status sj_end_by_sid(sj_worker *worker, sj_call *call, sj_slice subject, sj_slice sid) {
  return start_by_sid(worker, call, SJ__KIND_END_BY_SID, begin_end_by_sid, subject, sid);
}
