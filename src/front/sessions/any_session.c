/* Sessions that are named by subject or sid, not by their credential. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/text.h"
#include "front/input.h"
#include "front/sessions/sessions_front.h"

#define LIST_LIMIT_MAX 100

/* --- By subject ----------------------------------------------------------------- */

static void listed(sj_call *call) {
  sj__exchange *exchange = sj__exchange_of(call);
  sj__buffer *body = &exchange->front->scratch;
  sj__reply reply;
  if (call->status != SJ_OK) {
    sj__exchange_fail_call(exchange);
    return;
  }
  sj__buffer_append_literal(body, "{\"sessions\":[");
  for (size_t i = 0; i < call->session_count; i++) {
    if (i > 0) sj__buffer_append_char(body, ',');
    sj__session_write(&call->sessions[i], body);
  }
  sj__buffer_append_char(body, ']');
  if (call->next_cursor.data != NULL) {
    sj__buffer_append_literal(body, ",\"next\":");
    sj__append_json_string(body, call->next_cursor);
  }
  sj__buffer_append_char(body, '}');
  sj__reply_init(&reply, 200);
  sj__exchange_send_json(exchange, &reply);
}

void sj__subject_list(sj__exchange *exchange) {
  static const char *const names[] = {"cursor", "limit"};
  sj_slice values[SJ__COUNT_OF(names)];
  uint64_t limit = 0;
  if (!sj__exchange_take_query(exchange, names, SJ__COUNT_OF(names), values)) return;
  if (values[1].data != NULL &&
      (!sj__slice_to_u64(values[1], LIST_LIMIT_MAX, &limit) || limit == 0)) {
    sj__exchange_fail(exchange, SJ_BAD_REQUEST, SJ__SLICE("\"limit\" must be from 1 to 100"));
    return;
  }
  sj__exchange_prepare(exchange, listed);
  sj__exchange_started(exchange, sj_list(exchange->front->worker, &exchange->call,
                                         exchange->parameters[0], values[0], (uint32_t)limit));
}

static void subject_ended(sj_call *call) {
  sj__exchange *exchange = sj__exchange_of(call);
  sj__reply reply;
  if (call->status != SJ_OK) {
    sj__exchange_fail_call(exchange);
    return;
  }
  sj__buffer_append_literal(&exchange->front->scratch, "{\"ended\":");
  sj__buffer_append_u64(&exchange->front->scratch, call->count);
  sj__buffer_append_char(&exchange->front->scratch, '}');
  sj__reply_init(&reply, 200);
  sj__exchange_send_json(exchange, &reply);
}

void sj__subject_end(sj__exchange *exchange) {
  static const char *const names[] = {"except"};
  sj_slice values[SJ__COUNT_OF(names)];
  exchange->writes = true;
  exchange->finishes = true;
  if (!sj__exchange_take_query(exchange, names, SJ__COUNT_OF(names), values)) return;
  sj__exchange_prepare(exchange, subject_ended);
  sj__exchange_started(exchange, sj_end_subject(exchange->front->worker, &exchange->call,
                                                exchange->parameters[0], values[0]));
}

void sj__subject_end_one(sj__exchange *exchange) {
  exchange->writes = true;
  exchange->finishes = true;
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL)) return;
  sj__exchange_prepare(exchange, sj__exchange_no_content);
  sj__exchange_started(exchange, sj_end_by_sid(exchange->front->worker, &exchange->call,
                                               exchange->parameters[0], exchange->parameters[1]));
}

/* --- By sid --------------------------------------------------------------------- */

static void got(sj_call *call) {
  sj__exchange *exchange = sj__exchange_of(call);
  sj__reply reply;
  if (call->status != SJ_OK) {
    sj__exchange_fail_call(exchange);
    return;
  }
  sj__session_write(call->session, &exchange->front->scratch);
  sj__reply_init(&reply, 200);
  sj__exchange_send_json(exchange, &reply);
}

void sj__admin_get(sj__exchange *exchange) {
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL)) return;
  sj__exchange_prepare(exchange, got);
  sj__exchange_started(
      exchange, sj_get_by_sid(exchange->front->worker, &exchange->call, exchange->parameters[0]));
}

void sj__admin_end(sj__exchange *exchange) {
  exchange->writes = true;
  exchange->finishes = true;
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL)) return;
  sj__exchange_prepare(exchange, sj__exchange_no_content);
  sj__exchange_started(exchange, sj_end_by_sid(exchange->front->worker, &exchange->call,
                                               (sj_slice){NULL, 0}, exchange->parameters[0]));
}

/* --- Marks ---------------------------------------------------------------------- */

typedef struct revocation {
  int64_t before_ms;
  sj_slice subject;
  sj_slice client;
} revocation;

static const sj__member revocation_members[] = {
    {"before", SJ__MEMBER_MOMENT, offsetof(revocation, before_ms)},
    {"subject", SJ__MEMBER_TEXT, offsetof(revocation, subject)},
    {"client", SJ__MEMBER_TEXT, offsetof(revocation, client)},
};

static sj_status read_revocation(sj__exchange *exchange, revocation *out, sj_error *error) {
  sj__json *object;
  sj_status status = sj__body_parse(exchange->request, "application/json", &object, NULL, error);
  if (status != SJ_OK) return status;
  if (sj__json_member(object, "before") == NULL) {
    return sj__fail(error, SJ_BAD_REQUEST, "\"before\" is required: an RFC 3339 moment");
  }
  return sj__members_read(exchange->request->arena, object, revocation_members,
                          SJ__COUNT_OF(revocation_members), out, error);
}

void sj__admin_revoke(sj__exchange *exchange) {
  revocation mark = {0};
  sj_error error = {0};
  exchange->writes = true;
  exchange->finishes = true;
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL)) return;
  sj_status status = read_revocation(exchange, &mark, &error);
  if (status != SJ_OK) {
    sj__exchange_fail_input(exchange, status, &error);
    return;
  }
  sj__exchange_prepare(exchange, sj__exchange_no_content);
  sj__exchange_started(exchange, sj_revoke(exchange->front->worker, &exchange->call, mark.subject,
                                           mark.client, mark.before_ms));
}
