#include "wire/http/http_private.h"

#define HEAD_FIRST    1024u /* of the arena, for the head; most are smaller */
#define BODY_FIRST    1024u
#define CHUNK_FRAMING 16u /* size line and CRLF of a chunk that says only what it must */

/* --- Refusals --------------------------------------------------------------- */

static sj__http_progress refuse(sj__http_reader *reader, int status, const char *why) {
  reader->refusal = (sj__http_refusal){status, why};
  return SJ__HTTP_READ_REFUSED;
}

/* The same for the callbacks: llhttp stops at anything but 0. */
static int stop(sj__http_reader *reader, int status, const char *why) {
  (void)refuse(reader, status, why);
  return HPE_USER;
}

static int stop_without_memory(sj__http_reader *reader) {
  return stop(reader, 503, "out of memory");
}

/* What llhttp found; what we found ourselves is noted already. */
static sj__http_progress refuse_as_parsed(sj__http_reader *reader, llhttp_errno_t error) {
  if (reader->refusal.status != 0) return SJ__HTTP_READ_REFUSED;
  if (error == HPE_INVALID_METHOD || error == HPE_INVALID_CONSTANT) {
    return refuse(reader, 501, "the method is not supported"); /* RFC 9110 9.1 */
  }
  return refuse(reader, 400, llhttp_get_error_reason(&reader->parser));
}

/* --- Fields, from llhttp ------------------------------------------------------ */

static bool grow_fields(sj__http_exchange *exchange) {
  size_t capacity = exchange->field_capacity * 2;
  sj__http_field *fields = sj__arena_calloc(&exchange->arena, capacity, sizeof(*fields));
  if (fields == NULL) return false;
  memcpy(fields, exchange->fields, exchange->request.field_count * sizeof(*fields));
  exchange->fields = fields;
  exchange->field_capacity = capacity;
  exchange->request.fields = fields;
  return true;
}

/* The head is given to llhttp in one piece, so that every name and value comes in one call. */
static int on_field_name(llhttp_t *parser, const char *at, size_t size) {
  sj__http_reader *reader = parser->data;
  sj__http_exchange *exchange = reader->exchange;
  if (reader->head_read) return 0; /* a trailer: dropped (RFC 9110 6.5.1) */
  sj__http_request *request = &exchange->request;
  if (request->field_count == reader->limits->field_count_max) {
    return stop(reader, 431, "too many header fields"); /* RFC 6585 5 */
  }
  if (request->field_count == exchange->field_capacity && !grow_fields(exchange)) {
    return stop_without_memory(reader);
  }
  exchange->fields[request->field_count++] = (sj__http_field){{at, size}, {"", 0}};
  return 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t size) {
  sj__http_reader *reader = parser->data;
  sj__http_exchange *exchange = reader->exchange;
  if (reader->head_read) return 0;
  exchange->fields[exchange->request.field_count - 1].value = sj__slice_trim(sj__slice(at, size));
  return 0;
}

/* --- What the fields say about the message -------------------------------------- */

typedef struct special_fields {
  sj_slice host;
  sj_slice transfer_encoding;
  sj_slice expect;
  size_t host_count;
  size_t transfer_encoding_count;
  size_t expect_count;
} special_fields;

static void note(const sj__http_field *field, sj_slice name, sj_slice *value, size_t *count) {
  if (!sj__slice_equal_nocase(field->name, name)) return;
  *value = field->value;
  (*count)++;
}

static void collect(const sj__http_request *request, special_fields *out) {
  *out = (special_fields){.host_count = 0};
  for (size_t i = 0; i < request->field_count; i++) {
    const sj__http_field *field = &request->fields[i];
    switch (field->name.size) {
      case sizeof("Host") - 1:
        note(field, SJ__SLICE("Host"), &out->host, &out->host_count);
        break;
      case sizeof("Expect") - 1:
        note(field, SJ__SLICE("Expect"), &out->expect, &out->expect_count);
        break;
      case sizeof("Transfer-Encoding") - 1:
        note(field, SJ__SLICE("Transfer-Encoding"), &out->transfer_encoding,
             &out->transfer_encoding_count);
        break;
      default:
        break;
    }
  }
}

/* RFC 9112 3.2: exactly one and well-formed; HTTP/1.0 knew none. */
static int judge_host(sj__http_reader *reader, const special_fields *special) {
  sj__http_exchange *exchange = reader->exchange;
  if (special->host_count == 0) {
    return exchange->is_http_1_0 ? 0 : stop(reader, 400, "the Host field is missing");
  }
  if (special->host_count > 1) return stop(reader, 400, "the Host field is repeated");
  if (!sj__http_host_is_valid(special->host)) {
    return stop(reader, 400, "the Host field is malformed");
  }
  /* RFC 9112 3.2.2: the target's authority replaces the field. */
  if (exchange->request.host.data == NULL) exchange->request.host = special->host;
  return 0;
}

/* RFC 9112 6.1, 6.3. llhttp sees to Content-Length, and to both in one message. */
static int judge_framing(sj__http_reader *reader, const special_fields *special) {
  if (special->transfer_encoding_count > 0) {
    if (reader->exchange->is_http_1_0) {
      return stop(reader, 400, "Transfer-Encoding is not allowed in HTTP/1.0");
    }
    if (special->transfer_encoding_count > 1 ||
        !sj__slice_equal_nocase(special->transfer_encoding, SJ__SLICE("chunked"))) {
      return stop(reader, 400, "the only transfer coding that is understood is chunked");
    }
  } else if (reader->parser.content_length > reader->limits->body_max) {
    return stop(reader, 413, "the request body is too large");
  }
  return 0;
}

/* RFC 9110 10.1.1. */
static int judge_expectation(sj__http_reader *reader, const special_fields *special) {
  if (special->expect_count == 0) return 0;
  if (special->expect_count > 1 ||
      !sj__slice_equal_nocase(special->expect, SJ__SLICE("100-continue"))) {
    return stop(reader, 417, "the only expectation that is understood is 100-continue");
  }
  reader->exchange->expects_continue = !reader->exchange->is_http_1_0;
  return 0;
}

static int on_head(llhttp_t *parser) {
  sj__http_reader *reader = parser->data;
  special_fields special;
  collect(&reader->exchange->request, &special);
  int verdict = judge_host(reader, &special);
  if (verdict == 0) verdict = judge_framing(reader, &special);
  if (verdict == 0) verdict = judge_expectation(reader, &special);
  if (verdict != 0) return verdict;
  reader->exchange->keep_alive = llhttp_should_keep_alive(parser) != 0;
  /* An upgrade is an offer, and it is ignored (RFC 9110 7.8). */
  parser->upgrade = 0;
  reader->head_read = true;
  return 0;
}

/* --- The body, from llhttp ---------------------------------------------------------- */

/*
 * `needed` in all, `announced` at most; what is there is kept. The room grows
 * with what has come, not with what a head promises: a promise costs nothing.
 */
static bool grow_body(sj__http_reader *reader, size_t needed, size_t announced) {
  sj__http_exchange *exchange = reader->exchange;
  size_t capacity = exchange->body_capacity > 0 ? exchange->body_capacity * 2 : BODY_FIRST;
  if (capacity > announced) capacity = announced;
  if (capacity < needed) capacity = needed;
  char *body = sj__arena_alloc(&exchange->arena, capacity);
  if (body == NULL) return false;
  if (exchange->request.body.size > 0) memcpy(body, exchange->body, exchange->request.body.size);
  exchange->body = body;
  exchange->body_capacity = capacity;
  exchange->request.body.data = body;
  return true;
}

/* judge_framing and on_chunk have seen to it that the sum is at most body_max. */
static int on_body(llhttp_t *parser, const char *at, size_t size) {
  sj__http_reader *reader = parser->data;
  sj__http_exchange *exchange = reader->exchange;
  sj_slice *body = &exchange->request.body;
  size_t needed = body->size + size;
  /* llhttp's content_length is by now what remains of the body or chunk. */
  if (needed > exchange->body_capacity &&
      !grow_body(reader, needed, needed + parser->content_length)) {
    return stop_without_memory(reader);
  }
  memcpy(exchange->body + body->size, at, size);
  body->size += size;
  reader->framing_size -= size; /* it is fed as framing, and this part isn't */
  return 0;
}

static int on_chunk(llhttp_t *parser) {
  sj__http_reader *reader = parser->data;
  size_t room = reader->limits->body_max - reader->exchange->request.body.size;
  if (parser->content_length > room) return stop(reader, 413, "the request body is too large");
  reader->framing_max += CHUNK_FRAMING;
  return 0;
}

/* Pausing makes llhttp say where the message ended. */
static int on_message(llhttp_t *parser) {
  sj__http_reader *reader = parser->data;
  reader->whole = true;
  return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_headers_complete = on_head,
    .on_chunk_header = on_chunk,
    .on_body = on_body,
    .on_message_complete = on_message,
};

/* --- The head ------------------------------------------------------------------------- */

/* Appends to the exchange's copy of the head. */
static bool keep(sj__http_reader *reader, const char *data, size_t size) {
  sj__http_exchange *exchange = reader->exchange;
  size_t needed = exchange->head_size + size; /* at most head_max */
  if (needed > exchange->head_capacity) {
    size_t capacity = exchange->head_capacity > 0 ? exchange->head_capacity : HEAD_FIRST;
    while (capacity < needed) capacity *= 2;
    char *head = sj__arena_alloc(&exchange->arena, capacity);
    if (head == NULL) return false;
    if (exchange->head_size > 0) memcpy(head, exchange->head, exchange->head_size);
    exchange->head = head;
    exchange->head_capacity = capacity;
  }
  memcpy(exchange->head + exchange->head_size, data, size);
  exchange->head_size = needed;
  return true;
}

typedef enum scan_result { SCAN_MORE, SCAN_LINE, SCAN_REFUSED } scan_result;

#define EIGHT(byte) (0x0101010101010101u * (byte))

/* Where the first byte stands that is a control character or 127, or the end. */
static const char *skip_printable(const char *p, const char *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  while (end - p >= 8) {
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    uint64_t deleted = word ^ EIGHT(0x7f);
    /* The classic tests for a byte below n: above the first hit they may err, at it they don't. */
    uint64_t found =
        (((word - EIGHT(0x20)) & ~word) | ((deleted - EIGHT(1)) & ~deleted)) & EIGHT(0x80);
    if (found != 0) return p + (__builtin_ctzll(found) >> 3);
    p += 8;
  }
#endif
  while (p < end && ((unsigned char)*p >= ' ' && *p != 0x7f)) p++;
  return p;
}

/*
 * To the end of a line or of the data. Bare CR and LF and control characters
 * are refused here, wherever they stand in a head (RFC 9112 2.2, RFC 9110 5.5).
 */
static scan_result scan_line(sj__http_reader *reader, const char **at, const char *end) {
  const char *p = *at;
  if (!reader->line_has_cr) {
    p = skip_printable(p, end);
    while (p < end && *p == '\t') p = skip_printable(p + 1, end);
    reader->line_size += (size_t)(p - *at);
    if (p < end) {
      if (*p != '\r') {
        (void)refuse(reader, 400,
                     *p == '\n' ? "a line ends in LF without CR" : "a control character");
        return SCAN_REFUSED;
      }
      reader->line_has_cr = true;
      p++;
    }
  }
  *at = p;
  if (p == end) return SCAN_MORE;
  if (*p != '\n') {
    (void)refuse(reader, 400, "a CR without LF");
    return SCAN_REFUSED;
  }
  reader->line_has_cr = false;
  *at = p + 1;
  return SCAN_LINE;
}

/* The whole head is in one place: read it. */
static sj__http_progress read_head(sj__http_reader *reader) {
  const sj__http_exchange *exchange = reader->exchange;
  llhttp_errno_t error = llhttp_execute(&reader->parser, exchange->head, exchange->head_size);
  if (reader->whole) return SJ__HTTP_READ_WHOLE;
  if (error != HPE_OK) return refuse_as_parsed(reader, error);
  SJ__REQUIRE(reader->head_read);
  return SJ__HTTP_READ_HEAD;
}

/* A line is at its end, and the head up to here is kept. */
static sj__http_progress end_line(sj__http_reader *reader) {
  if (!reader->request_line_read) {
    reader->request_line_read = true;
    sj_slice line = sj__slice(reader->exchange->head, reader->exchange->head_size - 2);
    if (!sj__http_read_request_line(reader->exchange, line, &reader->refusal)) {
      return SJ__HTTP_READ_REFUSED;
    }
  } else if (reader->line_size == 0) {
    return read_head(reader);
  }
  reader->line_size = 0;
  return SJ__HTTP_READ_MORE;
}

/* RFC 9112 2.2 (white space before the first field) and 5.2 (line folding). */
static bool begins_with_space(const sj__http_reader *reader, char c) {
  return reader->line_size == 0 && !reader->line_has_cr && (c == ' ' || c == '\t');
}

static sj__http_progress feed_head(sj__http_reader *reader, const char *data, size_t size,
                                   size_t *used) {
  size_t room = reader->limits->head_max - reader->exchange->head_size;
  const char *end = data + (size < room ? size : room);
  const char *at = data;
  const char *kept = data;
  sj__http_progress progress = SJ__HTTP_READ_MORE;
  while (at < end && progress == SJ__HTTP_READ_MORE) {
    if (begins_with_space(reader, *at)) {
      return refuse(reader, 400, "a line of the head begins with white space");
    }
    scan_result scanned = scan_line(reader, &at, end);
    if (scanned == SCAN_REFUSED) return SJ__HTTP_READ_REFUSED;
    if (at == end || !reader->request_line_read || reader->line_size == 0) {
      if (!keep(reader, kept, (size_t)(at - kept))) return refuse(reader, 503, "out of memory");
      kept = at;
    }
    if (scanned == SCAN_LINE) progress = end_line(reader);
  }
  *used = (size_t)(at - data);
  if (progress == SJ__HTTP_READ_MORE && reader->exchange->head_size == reader->limits->head_max) {
    return reader->request_line_read
               ? refuse(reader, 431, "the request line and header fields are too large")
               : refuse(reader, 414, "the request line is too long"); /* RFC 9110 15.5.15 */
  }
  return progress;
}

/* --- The body ----------------------------------------------------------------------------- */

/*
 * Chunk extensions and trailers are bounded together (RFC 9112 7.1.1): bytes
 * are fed only as far as the bound could be reached, so that it is met at the
 * same byte however the data was cut.
 */
static sj__http_progress feed_body_part(sj__http_reader *reader, const char *data, size_t size,
                                        size_t *used) {
  llhttp_t *parser = &reader->parser;
  reader->framing_size += size;
  llhttp_errno_t error = llhttp_execute(parser, data, size);
  if (reader->whole) {
    *used = (size_t)(llhttp_get_error_pos(parser) - data);
    return SJ__HTTP_READ_WHOLE;
  }
  if (error != HPE_OK) return refuse_as_parsed(reader, error);
  *used = size;
  return SJ__HTTP_READ_MORE;
}

static sj__http_progress feed_body(sj__http_reader *reader, const char *data, size_t size,
                                   size_t *used) {
  sj__http_progress progress = SJ__HTTP_READ_MORE;
  while (*used < size && progress == SJ__HTTP_READ_MORE) {
    size_t part = size - *used;
    size_t room = reader->framing_max - reader->framing_size + 1;
    size_t taken = 0;
    progress = feed_body_part(reader, data + *used, part < room ? part : room, &taken);
    *used += taken;
    if (progress == SJ__HTTP_READ_MORE && reader->framing_size > reader->framing_max) {
      return refuse(reader, 431, "chunk extensions and trailers are too large");
    }
  }
  return progress;
}

/* --- The reader ------------------------------------------------------------------------------ */

void sj__http_reader_init(sj__http_reader *reader, const sj__http_limits *limits) {
  *reader = (sj__http_reader){.limits = limits};
  llhttp_init(&reader->parser, HTTP_REQUEST, &settings);
  reader->parser.data = reader;
}

size_t sj__http_reader_skip_blank(sj__http_reader *reader, const char *data, size_t size) {
  size_t at = 0;
  if (at < size && reader->blank == SJ__HTTP_BLANK_NONE && data[at] == '\r') {
    reader->blank = SJ__HTTP_BLANK_CR;
    at++;
  }
  if (at < size && reader->blank == SJ__HTTP_BLANK_CR && data[at] == '\n') {
    reader->blank = SJ__HTTP_BLANK_CRLF;
    at++;
  }
  return at;
}

void sj__http_reader_begin(sj__http_reader *reader, sj__http_exchange *exchange) {
  llhttp_reset(&reader->parser);
  reader->exchange = exchange;
  reader->line_has_cr = reader->blank == SJ__HTTP_BLANK_CR;
  reader->blank = SJ__HTTP_BLANK_NONE;
  reader->request_line_read = false;
  reader->head_read = false;
  reader->whole = false;
  reader->line_size = 0;
  reader->framing_size = 0;
  reader->framing_max = reader->limits->head_max;
  reader->refusal = (sj__http_refusal){0, NULL};
}

sj__http_progress sj__http_reader_feed(sj__http_reader *reader, const char *data, size_t size,
                                       size_t *used) {
  *used = 0;
  sj__http_progress progress =
      reader->head_read ? feed_body(reader, data, size, used) : feed_head(reader, data, size, used);
  if (progress == SJ__HTTP_READ_WHOLE || progress == SJ__HTTP_READ_REFUSED) {
    reader->exchange = NULL;
  }
  return progress;
}
