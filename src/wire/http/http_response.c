#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "codec/problem.h"
#include "wire/http/http_private.h"

#define HEAD_FIXED 192u /* status line, Date, Content-Length, Connection; phrases are short */

/* --- Date (RFC 9110 5.6.7) --------------------------------------------------- */

void sj__http_date_refresh(sj__http_date *date, uint64_t now_ms) {
  static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (now_ms < date->until_ms) return;
  int64_t wall_ms = sj__wall_ms();
  int64_t part_ms = wall_ms % 1000;
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm at;
  SJ__REQUIRE(wall_ms >= 0 && gmtime_r(&seconds, &at) != NULL);
  int size = snprintf(date->line, sizeof(date->line),
                      "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[at.tm_wday], at.tm_mday,
                      months[at.tm_mon], at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
  SJ__REQUIRE(size > 0 && (size_t)size < sizeof(date->line));
  date->size = (size_t)size;
  date->until_ms = now_ms + (uint64_t)(1000 - part_ms);
}

/* --- Head ---------------------------------------------------------------------- */

static char *put(char *at, const char *data, size_t size) {
  memcpy(at, data, size);
  return at + size;
}

#define PUT_LITERAL(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_size(char *at, size_t value) {
  char digits[SJ__U64_DIGITS];
  sj_slice text = sj__slice_of_u64(value, digits);
  return put(at, text.data, text.size);
}

static char *put_status_line(char *at, int status) {
  if (status == 200) return PUT_LITERAL(at, "HTTP/1.1 200 OK\r\n");
  const char *phrase = sj__http_phrase(status);
  at = PUT_LITERAL(at, "HTTP/1.1 ");
  at = put_size(at, (size_t)status);
  *at++ = ' ';
  at = put(at, phrase, strlen(phrase));
  return PUT_LITERAL(at, "\r\n");
}

/* To the end in any case: what is checked is good, and so no branch is spent on it. */
static bool is_made_of(sj_slice text, unsigned kind) {
  unsigned common = kind;
  for (size_t i = 0; i < text.size; i++) common &= sj__http_chars[(unsigned char)text.data[i]];
  return common != 0;
}

/* What would let a value forge a field or a reply is a defect of ours (RFC 9110 5.5). */
static bool is_field_valid(const sj__http_field *field) {
  return field->name.size > 0 && is_made_of(field->name, SJ__HTTP_CHAR_TOKEN) &&
         is_made_of(field->value, SJ__HTTP_CHAR_TEXT);
}

/* What the server alone says. */
static bool is_field_ours(sj_slice name) {
  switch (name.size) {
    case sizeof("Date") - 1:
      return sj__slice_equal_nocase(name, SJ__SLICE("Date"));
    case sizeof("Connection") - 1:
      return sj__slice_equal_nocase(name, SJ__SLICE("Connection"));
    case sizeof("Content-Length") - 1:
      return sj__slice_equal_nocase(name, SJ__SLICE("Content-Length"));
    case sizeof("Transfer-Encoding") - 1:
      return sj__slice_equal_nocase(name, SJ__SLICE("Transfer-Encoding"));
    default:
      return false;
  }
}

/*
 * The most that the reply can take, so that it is made room for once. Its
 * parts are in memory, so that their sum can't overflow.
 */
static size_t reply_bound(const sj__http_response *response, size_t content_type_size) {
  size_t size = HEAD_FIXED + content_type_size + response->body.size;
  for (size_t i = 0; i < response->field_count; i++) {
    size += response->fields[i].name.size + response->fields[i].value.size + sizeof(": \r\n");
  }
  return size;
}

static char *put_fields(char *at, const sj__http_response *response) {
  for (size_t i = 0; i < response->field_count; i++) {
    const sj__http_field *field = &response->fields[i];
    SJ__REQUIRE(is_field_valid(field) && !is_field_ours(field->name));
    at = put(at, field->name.data, field->name.size);
    at = PUT_LITERAL(at, ": ");
    if (field->value.size > 0) at = put(at, field->value.data, field->value.size);
    at = PUT_LITERAL(at, "\r\n");
  }
  return at;
}

/* RFC 9110 8.6, 15.4.5: with 204 never; with 304 it would tell the size of another reply. */
static bool has_content(int status) {
  return status != 204 && status != 304;
}

void sj__http_write_head(const sj__http_response *response, const sj__http_date *date,
                         sj__buffer *out) {
  SJ__REQUIRE(response->status >= 200 && response->status <= 599);
  const char *type = response->body.data != NULL ? response->content_type : NULL;
  size_t type_size = type != NULL ? strlen(type) + sizeof("Content-Type: \r\n") : 0;
  char *begin = sj__buffer_reserve(out, reply_bound(response, type_size));
  if (begin == NULL) return;
  char *at = put_status_line(begin, response->status);
  at = put(at, date->line, date->size);
  if (has_content(response->status)) {
    if (type != NULL) {
      at = PUT_LITERAL(at, "Content-Type: ");
      at = put(at, type, strlen(type));
      at = PUT_LITERAL(at, "\r\n");
    }
    at = PUT_LITERAL(at, "Content-Length: ");
    at = put_size(at, response->body.size);
    at = PUT_LITERAL(at, "\r\n");
  }
  at = put_fields(at, response);
  out->size += (size_t)(at - begin);
}

/* RFC 9112 9.3: an HTTP/1.0 client must be told that the connection stays open. */
void sj__http_write_head_end(bool is_http_1_0, bool close, sj__buffer *out) {
  if (close) {
    sj__buffer_append_literal(out, "Connection: close\r\n\r\n");
  } else if (is_http_1_0) {
    sj__buffer_append_literal(out, "Connection: keep-alive\r\n\r\n");
  } else {
    sj__buffer_append_literal(out, "\r\n");
  }
}

/* RFC 9110 9.3.2, 6.4.1. */
sj_slice sj__http_response_body(const sj__http_exchange *exchange,
                                const sj__http_response *response) {
  bool sent = exchange->request.method != SJ__HTTP_HEAD && has_content(response->status);
  return sent ? response->body : sj__slice("", 0);
}

/* --- Problems -------------------------------------------------------------------- */

/* The code that is nearest among those of the design; the status says the rest. */
static sj_status status_of(int http) {
  switch (http) {
    case 413:
    case 414:
    case 431:
      return SJ_TOO_LARGE;
    case 501:
      return SJ_METHOD_NOT_ALLOWED;
    case 503:
      return SJ_UNAVAILABLE;
    default:
      return SJ_BAD_REQUEST;
  }
}

#define TEXT(literal) \
  { (literal), sizeof(literal) - 1 }

static const sj__http_field problem_fields[] = {
    {TEXT("Cache-Control"), TEXT("no-store")},
    {TEXT("Retry-After"), TEXT("1")}, /* of a 503 alone: the last */
};

const sj__http_field *sj__http_problem_fields(int status, size_t *count) {
  *count = SJ__COUNT_OF(problem_fields) - (status == 503 ? 0 : 1);
  return problem_fields;
}

void sj__http_write_problem(const sj__http_refusal *refusal, sj__buffer *out) {
  const sj__problem problem = {
      .status = status_of(refusal->status),
      .detail = sj__slice_text(refusal->why),
      .http = refusal->status,
  };
  sj__problem_write(&problem, out);
}
