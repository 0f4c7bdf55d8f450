#include "front/front.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "front/exchange.h"
#include "front/input.h"
#include "front/presented.h"

/* --- Life ---------------------------------------------------------------------- */

static char *format_authenticate(const char *realm, const char *more) {
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj__buffer_appendf(&text, "Bearer realm=\"%s\"%s", realm, more);
  sj__buffer_append_char(&text, '\0');
  char *copy = sj__buffer_status(&text) == SJ_OK ? sj__strdup(text.data) : NULL;
  sj__buffer_release(&text);
  return copy;
}

static bool copy_check_attributes(sj__front *front, const sj__front_options *options) {
  front->check_attributes = sj__calloc(options->check_attribute_count, sizeof(char *));
  if (front->check_attributes == NULL) return false;
  for (size_t i = 0; i < options->check_attribute_count; i++) {
    front->check_attributes[i] = sj__strdup(options->check_attributes[i]);
    if (front->check_attributes[i] == NULL) return false;
    front->check_attribute_count++;
  }
  return true;
}

static bool fill(sj__front *front, const sj__front_options *options) {
  const sj_sessions *sessions = sj__worker_sessions(options->worker);
  const char *realm = sj__engine_options(sessions)->realm;
  front->worker = options->worker;
  front->cookie_name = sj__engine_cookie_name(sessions);
  front->registry = options->registry;
  front->metrics = options->metrics;
  front->on_scrape = options->on_scrape;
  front->scrape_context = options->scrape_context;
  sj__buffer_init(&front->scratch, 0);
  front->authenticate = format_authenticate(realm, "");
  front->authenticate_again = format_authenticate(realm, ", error=\"invalid_token\"");
  return front->authenticate != NULL && front->authenticate_again != NULL &&
         copy_check_attributes(front, options) &&
         sj__front_set_api_keys(front, options->api_keys, options->api_key_count) == SJ_OK;
}

sj_status sj__front_new(const sj__front_options *options, sj__front **out) {
  sj__front *front = sj__calloc(1, sizeof *front);
  *out = NULL;
  if (front == NULL) return SJ_NO_MEMORY;
  if (!fill(front, options)) {
    sj__front_free(front);
    return SJ_NO_MEMORY;
  }
  *out = front;
  return SJ_OK;
}

void sj__front_free(sj__front *front) {
  if (front == NULL) return;
  SJ__REQUIRE(front->pending == 0);
  for (size_t i = 0; i < front->check_attribute_count; i++) sj__free(front->check_attributes[i]);
  sj__free(front->check_attributes);
  sj__free_secret(front->api_keys, front->api_key_count * sizeof *front->api_keys);
  sj__free(front->authenticate);
  sj__free(front->authenticate_again);
  sj__buffer_release(&front->scratch);
  sj__free(front);
}

sj_status sj__front_set_api_keys(sj__front *front, const sj__api_key *keys, size_t count) {
  sj__api_key *copy = sj__calloc(count, sizeof *copy);
  if (copy == NULL) return SJ_NO_MEMORY;
  if (count > 0) memcpy(copy, keys, count * sizeof *copy);
  sj__free_secret(front->api_keys, front->api_key_count * sizeof *front->api_keys);
  front->api_keys = copy;
  front->api_key_count = count;
  return SJ_OK;
}

/* --- Dispatch -------------------------------------------------------------------- */

/* Answers what no route here answers; the label of its metrics. */
static const sj__route no_route = {.pattern = "other"};

/* A client that has left needs no answer; what it asked to end must end all the same. */
static void on_gone(sj__http_request *request) {
  sj__exchange *exchange = request->data;
  if (exchange->calling && !exchange->finishes) {
    sj_cancel(exchange->front->worker, &exchange->call);
  }
}

static const sj__route *find_route(const sj__http_request *request, uint32_t roles,
                                   sj_slice parameters[SJ__ROUTE_PARAMETERS]) {
  const sj__route *route = sj__route_find(sj__routes, sj__route_count, request->path, parameters);
  bool here = route != NULL && (route->role == 0 || (route->role & roles) != 0);
  return here ? route : NULL;
}

static sj_status decode_parameters(sj__exchange *exchange) {
  for (size_t i = 0; i < SJ__ROUTE_PARAMETERS; i++) {
    sj_slice *parameter = &exchange->parameters[i];
    sj_status status = sj__input_decode(exchange->request->arena, *parameter, false, parameter);
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}

/* RFC 9110 9.3.7 */
static void answer_options(sj__exchange *exchange) {
  sj__reply reply;
  sj__reply_init(&reply, 204);
  sj__route_append_allow(exchange->route, &exchange->front->scratch);
  sj__reply_add(&reply, "Allow", sj__buffer_slice(&exchange->front->scratch));
  sj__exchange_send(exchange, &reply, SJ_OK);
}

/* The key is judged first, before anything else about the request (DESIGN.md 7). */
static void dispatch(sj__exchange *exchange) {
  const sj__front *front = exchange->front;
  const sj__route *route = exchange->route;
  sj__http_method method = exchange->request->method;
  sj_status status = SJ_OK;
  if (route->needs_key) {
    status = sj__api_key_check(exchange->request, front->api_keys, front->api_key_count,
                               route->role, route->bearer_is_key);
  }
  sj__route_handler *handler = sj__route_handler_of(route, method);
  if (status == SJ_OK && handler == NULL && method == SJ__HTTP_OPTIONS) {
    answer_options(exchange);
    return;
  }
  if (status == SJ_OK && handler == NULL) status = SJ_METHOD_NOT_ALLOWED;
  sj_slice detail = {NULL, 0};
  if (status == SJ_OK) {
    status = decode_parameters(exchange);
    if (status == SJ_BAD_REQUEST) detail = SJ__SLICE("the path has a malformed % escape or a NUL");
  }
  if (status == SJ_OK) {
    handler(exchange);
  } else {
    sj__exchange_fail(exchange, status, detail);
  }
}

/* Not even room for an exchange: refused without one, so that nothing hangs. */
static void refuse_without_memory(sj__http_request *request) {
  const sj__http_field fields[] = {{SJ__SLICE("Cache-Control"), SJ__SLICE("no-store")},
                                   {SJ__SLICE("Retry-After"), SJ__SLICE("1")}};
  sj__http_reply(request, &(sj__http_response){.status = 503, .fields = fields, .field_count = 2});
}

void sj__front_handle(void *context, sj__http_request *request) {
  sj__front *front = context;
  const sj__front_listener *listener = request->listener_data;
  sj__exchange *exchange = sj__arena_calloc(request->arena, 1, sizeof *exchange);
  if (exchange == NULL) {
    refuse_without_memory(request);
    return;
  }
  exchange->front = front;
  exchange->request = request;
  exchange->started_ns = sj__monotonic_ns();
  exchange->route = find_route(request, listener->roles, exchange->parameters);
  request->data = exchange;
  request->on_gone = on_gone;
  front->pending++;
  if (exchange->route != NULL) {
    dispatch(exchange);
  } else {
    exchange->route = &no_route;
    sj__exchange_fail(exchange, SJ_NOT_FOUND, (sj_slice){NULL, 0});
  }
}
