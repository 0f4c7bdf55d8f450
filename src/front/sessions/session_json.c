/* A session as the API shows it (docs/openapi.yaml, Session). */
#include "base/text.h"
#include "front/sessions/sessions_front.h"

static void append_name(sj__buffer *out, const char *name) {
  sj__buffer_append_literal(out, ",\"");
  sj__buffer_append_text(out, name);
  sj__buffer_append_literal(out, "\":");
}

static void append_text(sj__buffer *out, const char *name, sj_slice value) {
  if (value.data == NULL) return;
  append_name(out, name);
  sj__append_json_string(out, value);
}

static void append_json(sj__buffer *out, const char *name, sj_slice value) {
  if (value.data == NULL) return;
  append_name(out, name);
  sj__buffer_append_slice(out, value);
}

static void append_moment(sj__buffer *out, const char *name, int64_t ms) {
  append_name(out, name);
  sj__buffer_append_char(out, '"');
  sj__append_rfc3339(out, ms);
  sj__buffer_append_char(out, '"');
}

static const char *carrier_name(sj_carrier carrier) {
  switch (carrier) {
    case SJ_CARRIER_SEALED:
      return "sealed";
    case SJ_CARRIER_TOKEN:
      return "token";
    default:
      return "cookie";
  }
}

void sj__session_write(const sj_session *session, sj__buffer *out) {
  sj__buffer_append_literal(out, "{\"id\":");
  sj__append_json_string(out, sj__slice_text(session->sid));
  append_text(out, "subject", session->subject);
  sj__buffer_append_literal(out, ",\"version\":");
  sj__buffer_append_u64(out, session->version);
  append_text(out, "carrier", sj__slice_text(carrier_name(session->carrier)));
  append_moment(out, "created", session->created_ms);
  append_moment(out, "last_seen", session->last_seen_ms);
  append_moment(out, "expires", session->expires_ms);
  append_text(out, "device", session->device);
  append_text(out, "address", session->address);
  append_text(out, "user_agent", session->user_agent);
  sj__buffer_append_literal(out, ",\"auth_level\":");
  sj__buffer_append_u64(out, session->auth_level);
  append_json(out, "amr", session->amr);
  append_json(out, "attributes", session->attributes);
  sj__buffer_append_char(out, '}');
}
