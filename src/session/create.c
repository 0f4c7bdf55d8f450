/* sj_create: a new session. */
#include "base/alloc.h"
#include "base/random.h"
#include "codec/json.h"
#include "codec/units.h"
#include "session/session_private.h"

#define NAME_MAX_BYTES       255
#define USER_AGENT_MAX_BYTES 1024
#define AMR_MAX              16
#define AMR_ITEM_MAX         64
#define AMR_TEXT_MAX         4096 /* as JSON: what AMR_MAX of them take, escaped */

/* --- Arguments ------------------------------------------------------------------- */

static bool check_text(sj__request *request, const char *name, sj_slice text, size_t max) {
  if (text.data == NULL || sj__text_is_clean(text, max)) return true;
  sj__request_fail(request, SJ_BAD_REQUEST,
                   "%s: at most %zu bytes of UTF-8 without control characters", name, max);
  return false;
}

bool sj__check_name(sj__request *request, const char *what, sj_slice name) {
  if (name.data != NULL && name.size == 0) {
    sj__request_fail(request, SJ_BAD_REQUEST, "%s: must not be empty; leave it out for none", what);
    return false;
  }
  return check_text(request, what, name, NAME_MAX_BYTES);
}

bool sj__check_subject(sj__request *request, sj_slice subject) {
  return sj__check_name(request, "subject", subject);
}

static bool is_list_of_texts(sj__request *request, sj_slice amr) {
  sj__json *root = NULL;
  sj_error error;
  if (amr.size > AMR_TEXT_MAX || sj__json_parse(&request->arena, amr, &root, &error) != SJ_OK ||
      !sj__json_is_array(root)) {
    return false;
  }
  sj__json_cursor cursor = {0};
  sj_slice name;
  sj_slice text;
  size_t count = 0;
  for (sj__json *item; (item = sj__json_next(root, &cursor, &name)) != NULL; count++) {
    if (!sj__json_text(item, &text) || !sj__text_is_clean(text, AMR_ITEM_MAX)) return false;
  }
  return count <= AMR_MAX;
}

bool sj__check_amr(sj__request *request, sj_slice amr) {
  if (amr.data == NULL || is_list_of_texts(request, amr)) return true;
  sj__request_fail(request, SJ_BAD_REQUEST,
                   "amr: an array of at most %d strings of %d bytes without control characters",
                   AMR_MAX, AMR_ITEM_MAX);
  return false;
}

static bool check_lifetimes(sj__request *request) {
  const sj_options *options = &request->worker->sessions->options;
  sj_create_args *args = &request->create;
  if (args->absolute_ms == 0) args->absolute_ms = options->absolute_ms;
  /* A default must not contradict what was asked for. */
  if (args->idle_ms == 0) {
    args->idle_ms = options->idle_ms < args->absolute_ms ? options->idle_ms : args->absolute_ms;
  }
  if (args->idle_ms >= 1000 && args->idle_ms <= args->absolute_ms &&
      args->absolute_ms <= options->absolute_max_ms) {
    return true;
  }
  sj__request_fail(request, SJ_BAD_REQUEST, "idle and absolute: 1s <= idle <= absolute <= %lld s",
                   (long long)(options->absolute_max_ms / 1000));
  return false;
}

static bool check_args(sj__request *request) {
  const sj_create_args *args = &request->create;
  if (args->carrier != 0 && args->carrier != SJ_CARRIER_COOKIE) {
    sj__request_fail(request, SJ_UNSUPPORTED, "carrier: only cookie so far");
    return false;
  }
  return sj__check_subject(request, args->subject) &&
         check_text(request, "device", args->device, NAME_MAX_BYTES) &&
         check_text(request, "address", args->address, NAME_MAX_BYTES) &&
         check_text(request, "user_agent", args->user_agent, USER_AGENT_MAX_BYTES) &&
         sj__check_amr(request, args->amr) && check_lifetimes(request);
}

/* --- Making it -------------------------------------------------------------------- */

sj_status sj__new_identity(sj__request *request) {
  sj_status status = sj__random(request->id, sizeof(request->id));
  if (status == SJ_OK) sj__session_key(request->id, request->key);
  return status;
}

int64_t sj__birth_ms(sj__request *request) {
  sj_sessions *sessions = request->worker->sessions;
  /* A mark of this very moment must not name what is made after it (DESIGN.md 2). */
  int64_t mark_ms = sj__mark_set_newest_ms(sessions->marks);
  int64_t birth_ms = mark_ms >= request->now_ms ? mark_ms + 1 : request->now_ms;
  int64_t newest_ms = atomic_load(&sessions->newest_birth_ms);
  while (newest_ms < birth_ms &&
         !atomic_compare_exchange_weak(&sessions->newest_birth_ms, &newest_ms, birth_ms)) {
    /* Another worker was first: newest_ms is what it wrote. */
  }
  return birth_ms;
}

static void fill_record(sj__request *request, sj__record *record) {
  const sj_create_args *args = &request->create;
  int64_t birth_ms = sj__birth_ms(request);
  *record = (sj__record){
      .state = SJ__ACTIVE,
      .carrier = SJ__CARRIER_COOKIE,
      .created_at_ms = birth_ms,
      .last_seen_ms = request->now_ms,
      .idle_for_ms = args->idle_ms,
      .absolute_at_ms = birth_ms + args->absolute_ms,
  };
  memcpy(record->key, request->key, SJ__KEY_SIZE);
  memcpy(record->family, request->key, SJ__KEY_SIZE);
}

static void fill_meta(const sj__request *request, sj__meta *meta) {
  const sj_create_args *args = &request->create;
  *meta = (sj__meta){
      .subject = args->subject,
      .device = args->device,
      .address = args->address,
      .user_agent = args->user_agent,
      .auth_level = args->auth_level,
      .amr = args->amr,
      .home_region = request->worker->sessions->options.region,
  };
  bool authenticated = args->subject.data != NULL || args->auth_level > 0 || args->amr.data != NULL;
  if (authenticated) meta->auth_at_ms = request->now_ms;
}

/* A creation that isn't answered, though it may have happened, is ended. */
static void abandon_created(sj__request *request) {
  if (!request->created && !request->outcome_unknown) return;
  sj__end_later(request->worker, request->key, SJ__REASON_ABANDONED,
                request->now_ms + request->create.absolute_ms + SJ__TOMBSTONE_GRACE_MS);
}

static void on_within_limit(sj__request *request) {
  sj__audit(request, "created", NULL);
  sj__answer(request, true);
}

static void on_created(sj__request *request) {
  request->created = request->has_written = true;
  request->subject = request->loaded.meta.subject;
  sj__enforce_max_sessions(request, on_within_limit);
}

static void begin_create(sj__request *request) {
  sj_slice attributes = request->create.attributes;
  sj_slice merged;
  bool changed = false;
  if (!check_args(request)) return;
  if (attributes.data == NULL) attributes = SJ__SLICE("{}");
  if (!sj__merge(request, SJ__SLICE("{}"), attributes, &merged, &changed)) return;
  sj__record record;
  sj__meta meta;
  sj__random_ahead(SJ__ID_SIZE + SJ__ENCODE_RANDOM); /* sj__encode follows in this step */
  sj_status status = sj__new_identity(request);
  fill_record(request, &record);
  fill_meta(request, &meta);
  if (status == SJ_OK) status = sj__encode(request, &record, &meta, merged);
  if (status != SJ_OK) {
    sj__request_finish(request, status);
    return;
  }
  request->write_class = SJ__WRITE_DURABLE;
  request->undo = abandon_created;
  sj__commit(request, 0, on_created, NULL);
}

sj_status sj_create(sj_worker *worker, sj_call *call, const sj_create_args *args) {
  sj__request *request = sj__request_new(worker, call, SJ__KIND_CREATE, begin_create);
  if (request == NULL) return SJ_NO_MEMORY;
  request->create = *args;
  sj__request_start(request);
  return SJ_OK;
}
