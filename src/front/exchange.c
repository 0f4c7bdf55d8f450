#include "front/exchange.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/problem.h"
#include "front/input.h"
#include "front/presented.h"

/* --- Replies ----------------------------------------------------------------- */

void sj__reply_init(sj__reply *reply, int http) {
  *reply = (sj__reply){.response = {.status = http}};
  reply->response.fields = reply->fields;
  sj__reply_add(reply, "Cache-Control", SJ__SLICE("no-store"));
}

void sj__reply_add(sj__reply *reply, const char *name, sj_slice value) {
  if (value.data == NULL) return;
  SJ__REQUIRE(reply->response.field_count < SJ__REPLY_FIELDS);
  reply->fields[reply->response.field_count++] = (sj__http_field){sj__slice_text(name), value};
}

/*
 * With it goes what the site left behind in the browser (OWASP ASVS 14.3.1);
 * not "cookies", which would take those of others too.
 */
static void add_clearing_cookie(sj__reply *reply, sj_slice set_cookie) {
  if (set_cookie.data == NULL) return;
  sj__reply_add(reply, "Set-Cookie", set_cookie);
  sj__reply_add(reply, "Clear-Site-Data", SJ__SLICE("\"cache\", \"storage\""));
}

static void wipe_scratch(sj__front *front) {
  sj__wipe(front->scratch.data, front->scratch.size);
  sj__buffer_reset(&front->scratch);
}

void sj__exchange_send(sj__exchange *exchange, sj__reply *reply, sj_status outcome) {
  sj__front *front = exchange->front;
  sj__http_request *request = exchange->request;
  uint64_t elapsed_ns = sj__monotonic_ns() - exchange->started_ns;
  sj__front_metrics_count(front->metrics, exchange->route, reply->response.status, outcome,
                          elapsed_ns);
  front->pending--;
  request->on_gone = NULL;
  sj__http_reply(request, &reply->response); /* the exchange goes with the request */
  wipe_scratch(front);
}

/* Nothing could be written: the least that says "later". */
static void send_out_of_memory(sj__exchange *exchange) {
  sj__reply reply;
  sj__reply_init(&reply, 503);
  sj__reply_add(&reply, "Retry-After", SJ__SLICE("1"));
  reply.response.content_type = "application/problem+json";
  reply.response.body = SJ__SLICE(
      "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
      "\"code\":\"unavailable\",\"detail\":\"out of memory\"}");
  sj__exchange_send(exchange, &reply, SJ_NO_MEMORY);
}

void sj__exchange_send_json(sj__exchange *exchange, sj__reply *reply) {
  sj__buffer *body = &exchange->front->scratch;
  if (sj__buffer_status(body) != SJ_OK) {
    send_out_of_memory(exchange);
    return;
  }
  if (reply->response.content_type == NULL) reply->response.content_type = "application/json";
  reply->response.body = sj__buffer_slice(body);
  sj__exchange_send(exchange, reply, SJ_OK);
}

/* --- Problems ------------------------------------------------------------------ */

static void add_status_fields(sj__exchange *exchange, sj__reply *reply, sj_status status,
                              sj__buffer *allow) {
  int http = reply->response.status;
  const sj__front *front = exchange->front;
  if (http == 503 || http == 429) sj__reply_add(reply, "Retry-After", SJ__SLICE("1"));
  if (http == 401) {
    /* RFC 9110 11.6.1: a 401 names a scheme; RFC 6750 3: without a credential it gives no error. */
    bool none = status == SJ_NO_CREDENTIAL;
    sj__reply_add(reply, "WWW-Authenticate",
                  sj__slice_text(none ? front->authenticate : front->authenticate_again));
  }
  if (http == 405) {
    sj__route_append_allow(exchange->route, allow);
    sj__reply_add(reply, "Allow", sj__buffer_slice(allow));
  }
}

/* What must never get this far is a defect of ours: told to nobody but the log. */
static void log_internal(const sj__exchange *exchange, int http, sj_status status) {
  if (http != 500 || status == SJ_CORRUPT) return;
  SJ__LOG(SJ__LOG_ERROR, "a request ended in a status that has no HTTP face",
          SJ__FIELD_CSTR("status", sj_status_code(status)),
          SJ__FIELD_CSTR("route", exchange->route->pattern));
}

static void fail(sj__exchange *exchange, const sj__problem *problem, sj_slice clearing_cookie) {
  sj__reply reply;
  sj__buffer allow;
  sj__buffer *body = &exchange->front->scratch;
  sj__buffer_reset(body);
  sj__buffer_init(&allow, 0);
  sj__reply_init(&reply, problem->http);
  add_status_fields(exchange, &reply, problem->status, &allow);
  add_clearing_cookie(&reply, clearing_cookie);
  log_internal(exchange, problem->http, problem->status);
  sj__problem_write(problem, body);
  if (sj__buffer_status(body) == SJ_OK && sj__buffer_status(&allow) == SJ_OK) {
    reply.response.content_type = "application/problem+json";
    reply.response.body = sj__buffer_slice(body);
    sj__exchange_send(exchange, &reply, problem->status);
  } else {
    send_out_of_memory(exchange);
  }
  sj__buffer_release(&allow);
}

void sj__exchange_fail_as(sj__exchange *exchange, int http, sj_status status, sj_slice detail) {
  const char *applied = exchange->writes && http == 503 ? "no" : NULL;
  fail(exchange, &(sj__problem){status, detail, applied, http}, (sj_slice){NULL, 0});
}

void sj__exchange_fail(sj__exchange *exchange, sj_status status, sj_slice detail) {
  sj__exchange_fail_as(exchange, sj__status_http(status), status, detail);
}

void sj__exchange_fail_call(sj__exchange *exchange) {
  const sj_call *call = &exchange->call;
  int http = sj__status_http(call->status);
  const char *applied = call->applied;
  if (applied == NULL && exchange->writes) applied = "no";
  fail(exchange, &(sj__problem){call->status, call->detail, http == 503 ? applied : NULL, http},
       call->set_cookie);
}

/* --- The engine's call --------------------------------------------------------- */

void sj__exchange_fail_input(sj__exchange *exchange, sj_status status, const sj_error *error) {
  bool told = error->message[0] != '\0';
  sj__exchange_fail(exchange, status, sj__slice_text(told ? error->message : NULL));
}

bool sj__exchange_take_query(sj__exchange *exchange, const char *const *names, size_t count,
                             sj_slice *values) {
  sj_error error = {0};
  sj_status status = sj__query_parse(exchange->request->arena, exchange->request->query, names,
                                     count, values, &error);
  if (status != SJ_OK) sj__exchange_fail_input(exchange, status, &error);
  return status == SJ_OK;
}

static bool is_ours(void *worker, sj_slice credential) {
  return sj__engine_is_ours(worker, credential);
}

sj_status sj__exchange_find_credential(sj__exchange *exchange) {
  sj__front *front = exchange->front;
  sj_status status = sj__credential_find(exchange->request, front->cookie_name, is_ours,
                                         front->worker, &exchange->call.credential);
  bool none = exchange->call.credential.size == 0;
  return status == SJ_OK && none ? SJ_NO_CREDENTIAL : status;
}

bool sj__exchange_take_credential(sj__exchange *exchange) {
  sj_error error = {0};
  sj_status status = sj__consistency_parse(exchange->request, &exchange->call.strong, &error);
  if (status == SJ_OK) status = sj__exchange_find_credential(exchange);
  if (status != SJ_OK) sj__exchange_fail_input(exchange, status, &error);
  return status == SJ_OK;
}

void sj__exchange_prepare(sj__exchange *exchange, sj_done *done) {
  exchange->call.done = done;
  exchange->call.data = exchange;
  exchange->calling = true;
}

void sj__exchange_started(sj__exchange *exchange, sj_status status) {
  if (status == SJ_OK) return;
  exchange->calling = false;
  exchange->call.status = status;
  sj__exchange_fail_call(exchange);
}

sj__exchange *sj__exchange_of(sj_call *call) {
  sj__exchange *exchange = call->data;
  exchange->calling = false;
  return exchange;
}

void sj__exchange_no_content(sj_call *call) {
  sj__exchange *exchange = sj__exchange_of(call);
  sj__reply reply;
  if (call->status != SJ_OK) {
    sj__exchange_fail_call(exchange);
    return;
  }
  sj__reply_init(&reply, 204);
  add_clearing_cookie(&reply, call->set_cookie);
  sj__exchange_send(exchange, &reply, SJ_OK);
}

void *sj__exchange_alloc(sj__exchange *exchange, size_t size) {
  void *memory = sj__arena_calloc(exchange->request->arena, 1, size);
  if (memory == NULL) send_out_of_memory(exchange);
  return memory;
}
