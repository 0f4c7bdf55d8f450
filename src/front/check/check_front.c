#include "front/check/check_front.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/text.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "codec/problem.h"
#include "codec/units.h"
#include "front/input.h"

/* --- The query ------------------------------------------------------------------- */

static bool read_flag(sj_slice value, bool *out) {
  uint64_t flag = 0;
  if (value.data == NULL) return true;
  if (!sj__slice_to_u64(value, 1, &flag)) return false;
  *out = flag == 1;
  return true;
}

static bool read_number(sj_slice value, uint64_t max, uint64_t *out) {
  return value.data == NULL || sj__slice_to_u64(value, max, out);
}

sj_status sj__check_query_parse(sj__arena *arena, sj_slice query, sj__check_query *out,
                                sj_error *error) {
  static const char *const names[] = {"optional", "renew", "level", "max_age"};
  sj_slice values[SJ__COUNT_OF(names)];
  uint64_t level = 0;
  *out = (sj__check_query){0};
  if (query.size == 0) return SJ_OK;
  sj_status status = sj__query_parse(arena, query, names, SJ__COUNT_OF(names), values, error);
  if (status != SJ_OK) return status == SJ_BAD_REQUEST ? SJ_FORBIDDEN : status;
  if (!read_flag(values[0], &out->optional)) {
    return sj__fail(error, SJ_FORBIDDEN, "\"optional\" must be 0 or 1");
  }
  if (!read_flag(values[1], &out->renew)) {
    return sj__fail(error, SJ_FORBIDDEN, "\"renew\" must be 0 or 1");
  }
  if (!read_number(values[2], 255, &level)) {
    return sj__fail(error, SJ_FORBIDDEN, "\"level\" must be a whole number from 0 to 255");
  }
  if (!read_number(values[3], INT64_MAX / 1000, &out->max_age_s)) {
    return sj__fail(error, SJ_FORBIDDEN, "\"max_age\" must be a whole number of seconds");
  }
  out->level = (uint8_t)level;
  out->has_max_age = values[3].data != NULL;
  return SJ_OK;
}

bool sj__check_is_satisfied(const sj__check_query *query, const sj_session *session,
                            int64_t now_ms) {
  if (session->auth_level < query->level) return false;
  if (!query->has_max_age) return true;
  /* A clock that went back makes an age negative: fresh. The bound keeps the product in range. */
  int64_t age_ms = now_ms - session->auth_at_ms;
  return age_ms <= (int64_t)query->max_age_s * 1000;
}

/* --- Refusals ---------------------------------------------------------------------- */

/* DESIGN.md 7: 200, 401, 403 and 503 only. What is neither a verdict nor a refusal is "later". */
static int http_of(sj_status status) {
  int http = sj__status_http(status);
  if (http == 429) return 403;
  return http == 401 || http == 403 ? http : 503;
}

static void refuse(sj__exchange *exchange, const sj__check_query *query, sj_status status,
                   sj_slice detail) {
  int http = http_of(status);
  if (http == 401 && query->optional) {
    sj__reply reply;
    sj__reply_init(&reply, 200); /* bare: nobody */
    sj__exchange_send(exchange, &reply, status);
    return;
  }
  /* Told as what it means here: a store that answers 500 elsewhere is "later" to a proxy. */
  bool told = http == sj__status_http(status) || status == SJ_LIMITED;
  sj__exchange_fail_as(exchange, http, told ? status : SJ_UNAVAILABLE, detail);
}

/* --- The answer -------------------------------------------------------------------- */

typedef struct check {
  sj__check_query query;
  sj_load_args load;
} check;

/* {"plan":"pro"}: those of the configured attributes that the session has. */
static void write_attributes(const sj__front *front, const sj__json *object, sj__buffer *out) {
  char before = '{';
  for (size_t i = 0; i < front->check_attribute_count; i++) {
    const char *name = front->check_attributes[i];
    sj__json *value = sj__json_member(object, name);
    if (value == NULL) continue;
    sj__buffer_append_char(out, before);
    sj__append_json_string(out, sj__slice_text(name));
    sj__buffer_append_char(out, ':');
    sj__json_write(value, out);
    before = ',';
  }
  sj__buffer_append_text(out, before == '{' ? "{}" : "}");
}

static sj_status encode_attributes(sj__exchange *exchange, sj_slice attributes, sj_slice *out) {
  sj__arena *arena = exchange->request->arena;
  sj__buffer json;
  sj__json *object;
  if (attributes.data == NULL) attributes = SJ__SLICE("{}");
  sj_status status = sj__json_parse(arena, attributes, &object, NULL);
  if (status != SJ_OK) return status;
  sj__buffer_init(&json, 0);
  write_attributes(exchange->front, object, &json);
  status = sj__buffer_status(&json);
  char *text = sj__arena_alloc(arena, SJ__BASE64URL_SIZE(json.size));
  if (status == SJ_OK && text == NULL) status = SJ_NO_MEMORY;
  if (status == SJ_OK) *out = sj__slice(text, sj__base64url_encode(json.data, json.size, text));
  sj__buffer_release(&json);
  return status;
}

static void allow(sj__exchange *exchange, const check *made, sj_slice attributes) {
  const sj_call *call = &exchange->call;
  const sj_session *session = call->session;
  sj__buffer *subject = &exchange->front->scratch;
  char version[SJ__U64_DIGITS], level[SJ__U64_DIGITS];
  sj__reply reply;
  sj__reply_init(&reply, 200);
  if (session->subject.data != NULL) {
    sj__percent_encode(subject, session->subject);
    if (sj__buffer_status(subject) != SJ_OK) {
      refuse(exchange, &made->query, SJ_NO_MEMORY, (sj_slice){NULL, 0});
      return;
    }
    sj__reply_add(&reply, "Sojourn-Subject", sj__buffer_slice(subject));
  }
  sj__reply_add(&reply, "Sojourn-Session", sj__slice(session->sid, SJ_SID_SIZE));
  sj__reply_add(&reply, "Sojourn-Version", sj__slice_of_u64(session->version, version));
  sj__reply_add(&reply, "Sojourn-Auth-Level", sj__slice_of_u64(session->auth_level, level));
  sj__reply_add(&reply, "Sojourn-Attributes", attributes);
  if (made->query.renew) sj__reply_add(&reply, "Set-Cookie", call->set_cookie);
  sj__exchange_send(exchange, &reply, SJ_OK);
}

static void checked(sj_call *call) {
  sj__exchange *exchange = sj__exchange_of(call);
  const check *made = exchange->handler_data;
  sj_slice attributes = {NULL, 0};
  sj_status status = call->status;
  int64_t now_ms = made->query.has_max_age ? sj__wall_ms() : 0;
  if (status == SJ_OK && !sj__check_is_satisfied(&made->query, call->session, now_ms)) {
    status = SJ_STEP_UP;
  }
  if (status == SJ_OK && exchange->front->check_attribute_count > 0) {
    status = encode_attributes(exchange, call->session->attributes, &attributes);
  }
  if (status == SJ_OK) {
    allow(exchange, made, attributes);
  } else {
    refuse(exchange, &made->query, status, (sj_slice){NULL, 0});
  }
}

void sj__check(sj__exchange *exchange) {
  sj_error error = {0};
  sj__front *front = exchange->front;
  sj__http_request *request = exchange->request;
  check *made = sj__exchange_alloc(exchange, sizeof *made);
  if (made == NULL) return;
  exchange->handler_data = made;
  sj_status status = sj__check_query_parse(request->arena, request->query, &made->query, &error);
  if (status == SJ_OK) status = sj__exchange_find_credential(exchange);
  if (status == SJ_OK) {
    made->load.without_attributes = front->check_attribute_count == 0;
    sj__exchange_prepare(exchange, checked);
    status = sj_load(front->worker, &exchange->call, &made->load);
    if (status == SJ_OK) return;
  }
  bool told = error.message[0] != '\0';
  refuse(exchange, &made->query, status, sj__slice_text(told ? error.message : NULL));
}
