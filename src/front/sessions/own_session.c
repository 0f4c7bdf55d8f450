/* The session whose credential is presented: read, patch, rotate, end; and a new one. */
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "base/text.h"
#include "front/input.h"
#include "front/sessions/sessions_front.h"

#define ETAG_MAX 24 /* two quotes, 20 digits, NUL */

/* --- Replies ----------------------------------------------------------------- */

/* ETag, and the newer credential where there is one, both ways (DESIGN.md 6). */
static void add_session_fields(sj__reply *reply, const sj_call *call, char etag[ETAG_MAX]) {
  int size = snprintf(etag, ETAG_MAX, "\"%" PRIu64 "\"", call->session->version);
  sj__reply_add(reply, "ETag", sj__slice(etag, (size_t)size));
  sj__reply_add(reply, "Set-Cookie", call->set_cookie);
  sj__reply_add(reply, "Sojourn-Credential", call->new_credential);
}

static void read_done(sj_call *call) {
  sj__exchange *exchange = sj__exchange_of(call);
  sj__reply reply;
  char etag[ETAG_MAX];
  if (call->status != SJ_OK) {
    sj__exchange_fail_call(exchange);
    return;
  }
  sj__reply_init(&reply, 200);
  add_session_fields(&reply, call, etag);
  sj__session_write(call->session, &exchange->front->scratch);
  sj__exchange_send_json(exchange, &reply);
}

/* {"session": …, "credential": …, "set_cookie": […]}, the last two where there is a new one. */
static void answer_written(sj__exchange *exchange, int http) {
  const sj_call *call = &exchange->call;
  sj__buffer *body = &exchange->front->scratch;
  sj__reply reply;
  char etag[ETAG_MAX];
  if (call->status != SJ_OK) {
    sj__exchange_fail_call(exchange);
    return;
  }
  sj__reply_init(&reply, http);
  add_session_fields(&reply, call, etag);
  sj__buffer_append_literal(body, "{\"session\":");
  sj__session_write(call->session, body);
  if (call->new_credential.data != NULL) {
    sj__buffer_append_literal(body, ",\"credential\":");
    sj__append_json_string(body, call->new_credential);
  }
  if (call->set_cookie.data != NULL) {
    sj__buffer_append_literal(body, ",\"set_cookie\":[");
    sj__append_json_string(body, call->set_cookie);
    sj__buffer_append_char(body, ']');
  }
  sj__buffer_append_char(body, '}');
  sj__exchange_send_json(exchange, &reply);
}

static void created(sj_call *call) {
  answer_written(sj__exchange_of(call), 201);
}

static void changed(sj_call *call) {
  answer_written(sj__exchange_of(call), 200);
}

/* --- Creating ----------------------------------------------------------------- */

typedef struct create_body {
  sj_create_args args;
  int auth_level;
  sj_slice carrier;
  sj_slice client; /* of the token carrier: known, and refused with the others until it is there */
  sj_slice scope;
  sj_slice audience;
} create_body;

static const sj__member create_members[] = {
    {"subject", SJ__MEMBER_TEXT, offsetof(create_body, args.subject)},
    {"attributes", SJ__MEMBER_OBJECT, offsetof(create_body, args.attributes)},
    {"device", SJ__MEMBER_TEXT, offsetof(create_body, args.device)},
    {"address", SJ__MEMBER_TEXT, offsetof(create_body, args.address)},
    {"user_agent", SJ__MEMBER_TEXT, offsetof(create_body, args.user_agent)},
    {"auth_level", SJ__MEMBER_LEVEL, offsetof(create_body, auth_level)},
    {"amr", SJ__MEMBER_TEXTS, offsetof(create_body, args.amr)},
    {"carrier", SJ__MEMBER_TEXT, offsetof(create_body, carrier)},
    {"client", SJ__MEMBER_TEXT, offsetof(create_body, client)},
    {"scope", SJ__MEMBER_TEXT, offsetof(create_body, scope)},
    {"audience", SJ__MEMBER_TEXT, offsetof(create_body, audience)},
    {"idle", SJ__MEMBER_DURATION, offsetof(create_body, args.idle_ms)},
    {"absolute", SJ__MEMBER_DURATION, offsetof(create_body, args.absolute_ms)},
};

static sj_status read_carrier(create_body *body, sj_error *error) {
  static const struct {
    const char *name;
    sj_carrier carrier;
  } carriers[] = {
      {"cookie", SJ_CARRIER_COOKIE}, {"sealed", SJ_CARRIER_SEALED}, {"token", SJ_CARRIER_TOKEN}};
  body->args.carrier = SJ_CARRIER_COOKIE;
  if (body->carrier.data == NULL) return SJ_OK;
  for (size_t i = 0; i < SJ__COUNT_OF(carriers); i++) {
    if (!sj__slice_equal(body->carrier, sj__slice_text(carriers[i].name))) continue;
    body->args.carrier = carriers[i].carrier;
    return SJ_OK;
  }
  return sj__fail(error, SJ_BAD_REQUEST, "\"carrier\" must be one of cookie, sealed, token");
}

static sj_status refuse_token_members(const create_body *body, sj_error *error) {
  bool given = body->client.data != NULL || body->scope.data != NULL || body->audience.data != NULL;
  if (!given || body->args.carrier == SJ_CARRIER_TOKEN) return SJ_OK;
  return sj__fail(error, SJ_BAD_REQUEST,
                  "\"client\", \"scope\" and \"audience\" go with \"carrier\": \"token\"");
}

static sj_status read_create(sj__exchange *exchange, create_body *body, sj_error *error) {
  sj__json *object;
  sj_status status = sj__body_parse(exchange->request, "application/json", &object, NULL, error);
  if (status != SJ_OK) return status;
  status = sj__members_read(exchange->request->arena, object, create_members,
                            SJ__COUNT_OF(create_members), body, error);
  if (status == SJ_OK) status = read_carrier(body, error);
  if (status == SJ_OK) status = refuse_token_members(body, error);
  body->args.auth_level = (uint8_t)body->auth_level;
  return status;
}

void sj__session_create(sj__exchange *exchange) {
  sj_error error = {0};
  exchange->writes = true;
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL)) return;
  create_body *body = sj__exchange_alloc(exchange, sizeof *body);
  if (body == NULL) return;
  sj_status status = read_create(exchange, body, &error);
  if (status != SJ_OK) {
    sj__exchange_fail_input(exchange, status, &error);
    return;
  }
  sj__exchange_prepare(exchange, created);
  sj__exchange_started(exchange, sj_create(exchange->front->worker, &exchange->call, &body->args));
}

/* --- Reading, patching, rotating ------------------------------------------------- */

void sj__session_get(sj__exchange *exchange) {
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL) || !sj__exchange_take_credential(exchange))
    return;
  sj__exchange_prepare(exchange, read_done);
  sj__exchange_started(exchange, sj_load(exchange->front->worker, &exchange->call, NULL));
}

void sj__session_patch(sj__exchange *exchange) {
  sj_error error = {0};
  sj__json *object;
  sj_slice patch;
  uint64_t if_version;
  exchange->writes = true;
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL) || !sj__exchange_take_credential(exchange))
    return;
  sj_status status = sj__if_match_parse(exchange->request, &if_version, &error);
  if (status == SJ_OK) {
    status =
        sj__body_parse(exchange->request, "application/merge-patch+json", &object, &patch, &error);
  }
  if (status != SJ_OK) {
    sj__exchange_fail_input(exchange, status, &error);
    return;
  }
  sj__exchange_prepare(exchange, changed);
  sj__exchange_started(exchange,
                       sj_patch(exchange->front->worker, &exchange->call, patch, if_version));
}

static const sj__member rotate_members[] = {
    {"subject", SJ__MEMBER_TEXT, offsetof(sj_rotate_args, subject)},
    {"attributes", SJ__MEMBER_OBJECT, offsetof(sj_rotate_args, attributes)},
    {"auth_level", SJ__MEMBER_LEVEL, offsetof(sj_rotate_args, auth_level)},
    {"amr", SJ__MEMBER_TEXTS, offsetof(sj_rotate_args, amr)},
};

static sj_status read_rotate(sj__exchange *exchange, sj_rotate_args *args, sj_error *error) {
  sj__json *object;
  args->auth_level = -1;
  sj_status status = sj__if_match_parse(exchange->request, &args->if_version, error);
  if (status == SJ_OK) {
    status = sj__body_parse(exchange->request, "application/json", &object, NULL, error);
  }
  if (status != SJ_OK) return status;
  return sj__members_read(exchange->request->arena, object, rotate_members,
                          SJ__COUNT_OF(rotate_members), args, error);
}

void sj__session_rotate(sj__exchange *exchange) {
  sj_error error = {0};
  exchange->writes = true;
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL) || !sj__exchange_take_credential(exchange))
    return;
  sj_rotate_args *args = sj__exchange_alloc(exchange, sizeof *args);
  if (args == NULL) return;
  sj_status status = read_rotate(exchange, args, &error);
  if (status != SJ_OK) {
    sj__exchange_fail_input(exchange, status, &error);
    return;
  }
  sj__exchange_prepare(exchange, changed);
  sj__exchange_started(exchange, sj_rotate(exchange->front->worker, &exchange->call, args));
}

/* --- Ending --------------------------------------------------------------------- */

void sj__session_end(sj__exchange *exchange) {
  exchange->writes = true;
  exchange->finishes = true;
  if (!sj__exchange_take_query(exchange, NULL, 0, NULL) || !sj__exchange_take_credential(exchange))
    return;
  sj__exchange_prepare(exchange, sj__exchange_no_content);
  sj__exchange_started(exchange, sj_end(exchange->front->worker, &exchange->call));
}
