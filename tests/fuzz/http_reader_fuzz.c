/* Requests read from bytes: however they are cut, the same requests come out, and nothing odd. */
#include "base/alloc.h"
#include "wire/http/http_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small, so that inputs reach them. */
static const sj__http_limits limits = {.head_max = 512, .field_count_max = 8, .body_max = 64};

typedef struct reading {
  sj__http_reader reader;
  sj__http_exchange exchange;
  bool begun;
  sj__buffer seen; /* what came out, as text */
} reading;

static void note_field(sj__buffer *seen, const sj__http_field *field) {
  SJ__REQUIRE(field->name.size > 0);
  for (size_t i = 0; i < field->name.size; i++) {
    SJ__REQUIRE(sj__http_char_is(field->name.data[i], SJ__HTTP_CHAR_TOKEN));
  }
  for (size_t i = 0; i < field->value.size; i++) {
    SJ__REQUIRE(sj__http_char_is(field->value.data[i], SJ__HTTP_CHAR_TEXT));
  }
  sj__buffer_append_slice(seen, field->name);
  sj__buffer_append_char(seen, ':');
  sj__buffer_append_slice(seen, field->value);
  sj__buffer_append_char(seen, '\n');
}

static void note_request(sj__buffer *seen, const sj__http_exchange *exchange) {
  const sj__http_request *request = &exchange->request;
  SJ__REQUIRE(request->path.size > 0);
  SJ__REQUIRE(request->path.data[0] == '/' || request->method == SJ__HTTP_OPTIONS);
  SJ__REQUIRE(exchange->is_http_1_0 || request->host.size > 0);
  SJ__REQUIRE(request->field_count <= limits.field_count_max);
  SJ__REQUIRE(request->body.size <= limits.body_max);
  const sj_slice parts[] = {request->method_text, request->host, request->path, request->query,
                            request->body};
  for (size_t i = 0; i < SJ__COUNT_OF(parts); i++) {
    sj__buffer_append_slice(seen, parts[i]);
    sj__buffer_append_char(seen, '\n');
  }
  for (size_t i = 0; i < request->field_count; i++) note_field(seen, &request->fields[i]);
  sj__buffer_appendf(seen, "1.%d %d %d\n", !exchange->is_http_1_0, exchange->keep_alive,
                     exchange->expects_continue);
}

static void begin(reading *self) {
  sj__http_exchange_init(&self->exchange, NULL);
  sj__http_reader_begin(&self->reader, &self->exchange);
  self->begun = true;
}

static void end(reading *self) {
  if (self->begun) sj__http_exchange_clear(&self->exchange);
  self->begun = false;
}

/* False: refused, and what follows is not read. */
static bool feed(reading *self, const char *data, size_t size) {
  while (size > 0) {
    size_t used = self->begun ? 0 : sj__http_reader_skip_blank(&self->reader, data, size);
    if (used == 0) {
      if (!self->begun) begin(self);
      sj__http_progress progress = sj__http_reader_feed(&self->reader, data, size, &used);
      SJ__REQUIRE(progress == SJ__HTTP_READ_REFUSED || used > 0);
      if (progress == SJ__HTTP_READ_REFUSED) {
        sj__buffer_appendf(&self->seen, "%d %s\n", self->reader.refusal.status,
                           self->reader.refusal.why);
        return false;
      }
      if (progress == SJ__HTTP_READ_WHOLE) {
        note_request(&self->seen, &self->exchange);
        end(self);
      }
    }
    SJ__REQUIRE(used <= size);
    data += used;
    size -= used;
  }
  return true;
}

/* In pieces of 1 to `longest` bytes, each in a block of its own. */
static void read_in_pieces(reading *self, const char *data, size_t size, size_t longest) {
  bool going = true;
  *self = (reading){.begun = false};
  sj__buffer_init(&self->seen, 0);
  sj__http_reader_init(&self->reader, &limits);
  for (size_t at = 0, number = 1; at < size && going; number++) {
    size_t piece = longest < size ? 1 + (number * 7919) % longest : size;
    if (piece > size - at) piece = size - at;
    char *copy = sj__memdup(data + at, piece);
    SJ__REQUIRE(copy != NULL);
    going = feed(self, copy, piece);
    sj__free(copy);
    at += piece;
  }
  end(self);
  SJ__REQUIRE(sj__buffer_status(&self->seen) == SJ_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const size_t longest[] = {1, 2, 5, 40};
  static reading whole, pieces;
  if (size == 0) return 0;
  read_in_pieces(&whole, (const char *)data, size, size);
  for (size_t i = 0; i < SJ__COUNT_OF(longest); i++) {
    read_in_pieces(&pieces, (const char *)data, size, longest[i]);
    SJ__REQUIRE(sj__slice_equal(sj__buffer_slice(&whole.seen), sj__buffer_slice(&pieces.seen)));
    sj__buffer_release(&pieces.seen);
  }
  sj__buffer_release(&whole.seen);
  return 0;
}
