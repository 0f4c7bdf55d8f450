/* sj_patch: load, merge, commit; on conflict merge again onto what is stored. */
#include "session/session_private.h"

static void on_patched(sj__request *request) {
  request->has_written = true;
  sj__answer(request, true);
}

static void merge_and_commit(sj__request *request);

static bool fits_if_version(const sj__request *request) {
  return request->if_version == 0 || request->if_version == request->loaded.record.version;
}

/* A cheap read may be old: that nothing is to be done there is no reason to do nothing. */
static bool must_ask_authority(sj__request *request, bool would_do_nothing) {
  if (!would_do_nothing || request->mode == SJ__AUTHORITY) return false;
  sj__read(request, SJ__AUTHORITY, merge_and_commit);
  return true;
}

static void merge_and_commit(sj__request *request) {
  sj__loaded *loaded = &request->loaded;
  sj_slice merged;
  bool changed = false;
  if (must_ask_authority(request, !fits_if_version(request))) return;
  if (!fits_if_version(request)) {
    sj__request_fail(request, SJ_VERSION_MISMATCH, "the session has version %llu",
                     (unsigned long long)loaded->record.version);
    return;
  }
  if (!sj__merge(request, loaded->attributes, request->patch, &merged, &changed)) return;
  if (must_ask_authority(request, !changed)) return;
  if (!changed && !request->rolled_back) {
    sj__touch_later(request);
    sj__answer(request, loaded->record.version > request->handle.counter);
    return;
  }
  sj__record record = loaded->record;
  if (request->now_ms > record.last_seen_ms) record.last_seen_ms = request->now_ms;
  uint64_t expected = record.version;
  sj_status status = sj__encode(request, &record, &loaded->meta, merged);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->write_class = request->rolled_back ? SJ__WRITE_DURABLE : SJ__WRITE_RELAXED;
  sj__commit(request, expected, on_patched, merge_and_commit);
}

static void begin_patch(sj__request *request) {
  sj_status status = sj__present(request);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
  } else {
    sj__read(request, request->call->strong ? SJ__AUTHORITY : SJ__CHEAP, merge_and_commit);
  }
}

sj_status sj_patch(sj_worker *worker, sj_call *call, sj_slice merge_patch, uint64_t if_version) {
  sj__request *request = sj__request_new(worker, call, SJ__KIND_PATCH, begin_patch);
  if (request == NULL) return SJ_NO_MEMORY;
  request->patch = merge_patch;
  request->if_version = if_version;
  sj__request_start(request);
  return SJ_OK;
}
