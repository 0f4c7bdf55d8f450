/*
 * A whole server connection over the simulated loop. The first byte seeds how
 * the rest, which a client sends, is cut and how late the handler answers. Two
 * runs, one with everything in one piece and one cut, must give the same
 * replies: well-formed, one a request, none after the one that closes; and what
 * the server refuses by itself comes last, and the connection ends.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop_sim.h"
#include "wire/http/http_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX   4096
#define REPLIES_MAX 512
#define CUTS_MAX    12
#define FIN_AT_MS   3000 /* virtual; by then every reply has come */
#define CLOSE_AT_MS 4000
#define WALL_MS     INT64_C(1767323045678)

/* --- What comes back --------------------------------------------------------------------- */

typedef struct reply {
  int status;
  bool close;
  sj_slice body;
} reply;

typedef struct outcome {
  sj__buffer output; /* all that the client read */
  bool ended_by_server;
  uint8_t is_head[REPLIES_MAX]; /* of the requests, in the order in which they were handed over */
  size_t handled;
  size_t answered;
  reply replies[REPLIES_MAX]; /* but for "100 Continue" */
  size_t reply_count;
} outcome;

/* Up to CRLF, which the rest is moved past. */
static sj_slice take_line(sj_slice *rest) {
  const char *end = memmem(rest->data, rest->size, "\r\n", 2);
  SJ__REQUIRE(end != NULL);
  sj_slice line = sj__slice(rest->data, (size_t)(end - rest->data));
  *rest = sj__slice(end + 2, rest->size - line.size - 2);
  return line;
}

static int take_status(sj_slice *rest) {
  sj_slice line = take_line(rest);
  SJ__REQUIRE(line.size > 13 && memcmp(line.data, "HTTP/1.1 ", 9) == 0 && line.data[12] == ' ');
  int status = 0;
  for (size_t i = 9; i < 12; i++) {
    SJ__REQUIRE(line.data[i] >= '0' && line.data[i] <= '9');
    status = status * 10 + (line.data[i] - '0');
  }
  return status;
}

static bool take_value(sj_slice line, const char *name, sj_slice *value) {
  size_t size = strlen(name);
  if (line.size < size + 2 ||
      !sj__slice_equal_nocase(sj__slice(line.data, size), sj__slice_text(name))) {
    return false;
  }
  if (memcmp(line.data + size, ": ", 2) != 0) return false;
  *value = sj__slice(line.data + size + 2, line.size - size - 2);
  return true;
}

static void take_fields(sj_slice *rest, reply *out, uint64_t *length) {
  size_t dates = 0, lengths = 0;
  for (;;) {
    sj_slice line = take_line(rest), value;
    if (line.size == 0) break;
    SJ__REQUIRE(memchr(line.data, ':', line.size) != NULL);
    dates += take_value(line, "Date", &value);
    if (take_value(line, "Content-Length", &value)) {
      lengths++;
      SJ__REQUIRE(sj__slice_to_u64(value, INPUT_MAX, length));
    }
    if (take_value(line, "Connection", &value)) {
      out->close = sj__slice_equal(value, SJ__SLICE("close"));
    }
  }
  SJ__REQUIRE(dates == 1 && lengths == 1);
}

static void read_replies(outcome *out) {
  sj_slice rest = sj__buffer_slice(&out->output);
  while (rest.size > 0) {
    int status = take_status(&rest);
    if (status == 100) {
      SJ__REQUIRE(take_line(&rest).size == 0);
      continue;
    }
    SJ__REQUIRE(out->reply_count < REPLIES_MAX);
    size_t index = out->reply_count++;
    SJ__REQUIRE(index == 0 || !out->replies[index - 1].close);
    reply *next = &out->replies[index];
    uint64_t length = 0;
    *next = (reply){.status = status};
    take_fields(&rest, next, &length);
    /* A refused request may have been a HEAD: nobody but the server knows. */
    bool bodiless = index < out->handled ? out->is_head[index] : rest.size == 0;
    if (bodiless) continue;
    SJ__REQUIRE(length <= rest.size);
    next->body = sj__slice(rest.data, (size_t)length);
    rest = sj__slice(rest.data + length, rest.size - (size_t)length);
  }
}

static void check_replies(const outcome *out) {
  SJ__REQUIRE(out->answered == out->handled);
  SJ__REQUIRE(out->reply_count <= out->handled + 1);
  for (size_t i = 0; i < out->reply_count; i++) {
    const reply *each = &out->replies[i];
    if (each->status == 200) continue; /* the handler's */
    SJ__REQUIRE(each->status >= 400 && each->close && i + 1 == out->reply_count);
    SJ__REQUIRE(i >= out->handled || out->handled == i);
  }
  if (out->reply_count > 0 && out->replies[out->reply_count - 1].close) {
    SJ__REQUIRE(out->ended_by_server);
  } else {
    SJ__REQUIRE(out->reply_count == out->handled);
  }
}

/* --- A run -------------------------------------------------------------------------------- */

typedef struct world {
  sj__loop *loop;
  sj__http_server *server;
  sj__listener *listener;
  outcome *out;
  sj_slice input;
  bool cut;
  bool late; /* the handler answers later, in any order */

  sj__connect *attempt;
  sj__stream *client;
  size_t sent;
  sj__timer send_timer, fin_timer, close_timer;
  bool drained;
} world;

typedef struct pending { /* a reply that is to come */
  sj__timer timer;
  world *world;
  sj__http_request *request;
} pending;

static void check_request(const sj__http_request *request, const sj__http_limits *limits) {
  SJ__REQUIRE(request->method_text.size > 0 && request->path.size > 0);
  SJ__REQUIRE(request->path.data[0] == '/' || request->method == SJ__HTTP_OPTIONS);
  SJ__REQUIRE(request->field_count <= limits->field_count_max);
  SJ__REQUIRE(request->body.size <= limits->body_max && request->body.data != NULL);
  SJ__REQUIRE(request->host.data == NULL || sj__http_host_is_valid(request->host));
  size_t size = request->method_text.size + request->path.size + request->query.size;
  for (size_t i = 0; i < request->field_count; i++) {
    const sj__http_field *field = &request->fields[i];
    SJ__REQUIRE(field->name.size > 0);
    for (size_t j = 0; j < field->name.size; j++) {
      SJ__REQUIRE(sj__http_char_is(field->name.data[j], SJ__HTTP_CHAR_TOKEN));
    }
    for (size_t j = 0; j < field->value.size; j++) {
      SJ__REQUIRE(sj__http_char_is(field->value.data[j], SJ__HTTP_CHAR_TEXT));
    }
    size += field->name.size + field->value.size;
  }
  SJ__REQUIRE(size <= limits->head_max);
}

static uint32_t sum_of(sj_slice text, uint32_t sum) {
  for (size_t i = 0; i < text.size; i++) sum = sum * 31 + (unsigned char)text.data[i];
  return sum;
}

/* Says all that was read, so that a difference between two runs shows. */
static void answer(world *w, sj__http_request *request) {
  char body[128];
  uint32_t sum = sum_of(request->query, sum_of(request->path, 7));
  for (size_t i = 0; i < request->field_count; i++) {
    sum = sum_of(request->fields[i].value, sum_of(request->fields[i].name, sum));
  }
  int size = snprintf(body, sizeof(body), "%.*s %zu %zu %u %u",
                      (int)(request->method_text.size < 20 ? request->method_text.size : 20),
                      request->method_text.data, request->field_count, request->body.size, sum,
                      sum_of(request->body, 7));
  const sj__http_response response = {
      .status = 200,
      .content_type = "text/plain",
      .body = sj__slice(body, (size_t)size),
      .close = memmem(request->path.data, request->path.size, "close", 5) != NULL,
  };
  w->out->answered++;
  sj__http_reply(request, &response);
}

static void on_answer_due(sj__timer *timer) {
  pending *self = SJ__CONTAINER_OF(timer, pending, timer);
  answer(self->world, self->request);
  free(self);
}

static void handle(void *context, sj__http_request *request) {
  world *w = context;
  sj__http_limits limits;
  sj__http_limits_init(&limits);
  check_request(request, &limits);
  SJ__REQUIRE(w->out->handled < REPLIES_MAX);
  w->out->is_head[w->out->handled++] = request->method == SJ__HTTP_HEAD;
  if (!w->late) {
    answer(w, request);
    return;
  }
  pending *self = calloc(1, sizeof(*self));
  self->world = w;
  self->request = request;
  SJ__REQUIRE(sj__timer_start(w->loop, &self->timer, sj__sim_draw(w->loop, 6), on_answer_due) ==
              SJ_OK);
}

/* --- The client ----------------------------------------------------------------------------- */

static void send_more(sj__timer *timer);

static void send_piece(world *w) {
  size_t left = w->input.size - w->sent;
  size_t size = w->cut ? 1 + (size_t)sj__sim_draw(w->loop, 2 * w->input.size / CUTS_MAX + 2) : left;
  if (size > left) size = left;
  const sj_slice piece = sj__slice(w->input.data + w->sent, size);
  w->sent += size;
  if (size == 0 || w->client == NULL) return;
  if (sj__stream_write(w->client, &piece, 1, NULL) != SJ_OK) return; /* the server has gone */
  if (w->sent == w->input.size) return;
  SJ__REQUIRE(sj__timer_start(w->loop, &w->send_timer, sj__sim_draw(w->loop, 4), send_more) ==
              SJ_OK);
}

static void send_more(sj__timer *timer) {
  send_piece(SJ__CONTAINER_OF(timer, world, send_timer));
}

static void on_read(sj__stream *stream, char *data, size_t size) {
  sj__buffer_append(&((world *)stream->data)->out->output, data, size);
}

static void on_end(sj__stream *stream, sj_status why) {
  world *w = stream->data;
  SJ__REQUIRE(why == SJ_CLOSED || w->out->reply_count > 0 || w->out->output.size > 0);
  if (sj__timer_is_running(&w->fin_timer)) w->out->ended_by_server = true;
}

static void on_client_drained(sj__stream *stream, sj_status status) {}
static void on_client_closed(sj__stream *stream) {
  ((world *)stream->data)->client = NULL;
}

static const sj__stream_events client_events = {on_read, on_end, on_client_drained,
                                                on_client_closed};

static void on_fin(sj__timer *timer) {
  world *w = SJ__CONTAINER_OF(timer, world, fin_timer);
  if (w->client != NULL) sj__stream_shutdown(w->client);
}

static void on_server_gone(void *argument) {
  ((world *)argument)->drained = true;
}

static void on_close(sj__timer *timer) {
  world *w = SJ__CONTAINER_OF(timer, world, close_timer);
  if (w->client != NULL) sj__stream_close(w->client);
  sj__listener_close(w->listener, NULL, NULL);
  sj__http_server_drain(w->server, 100, on_server_gone, w);
}

static void on_connected(void *argument, sj_status status, sj__stream *stream) {
  world *w = argument;
  SJ__REQUIRE(status == SJ_OK);
  w->client = stream;
  stream->events = &client_events;
  stream->data = w;
  sj__stream_read_start(stream);
  send_piece(w);
}

static void on_accept(sj__listener *listener, sj__stream *stream) {
  world *w = sj__listener_data(listener);
  sj__http_server_accept(w->server, stream, NULL);
}

/* --- Both together ---------------------------------------------------------------------------- */

static void set_faults(const world *w) {
  sj__sim_faults faults;
  sj__sim_faults_init(&faults);
  if (!w->cut) faults.short_read_percent = faults.short_write_percent = 0;
  if (w->cut) faults.window = 64 + (size_t)sj__sim_draw(w->loop, 2000);
  sj__sim_set_faults(w->loop, &faults);
}

static void run(uint8_t seed, sj_slice input, bool cut, outcome *out) {
  world w = {.out = out, .input = input, .cut = cut, .late = cut && seed % 2 != 0};
  sj__http_server_options options = {.handler = handle, .context = &w};
  const sj__listen_options listen = {.address = "127.0.0.1:80"};
  memset(out, 0, sizeof(*out));
  sj__buffer_init(&out->output, 0);
  SJ__REQUIRE(sj__loop_sim_new(seed, WALL_MS, &w.loop) == SJ_OK);
  set_faults(&w);
  sj__http_limits_init(&options.limits);
  options.limits.head_max = 512;
  options.limits.field_count_max = 8;
  options.limits.body_max = 300;
  options.limits.pipeline_max = 4;
  options.limits.queued_max = 1000;
  SJ__REQUIRE(sj__http_server_new(w.loop, &options, &w.server) == SJ_OK);
  SJ__REQUIRE(sj__listener_open(w.loop, &listen, on_accept, &w, &w.listener, NULL) == SJ_OK);
  SJ__REQUIRE(sj__connect_start(w.loop, listen.address, 1000, on_connected, &w, &w.attempt) ==
              SJ_OK);
  SJ__REQUIRE(sj__timer_start(w.loop, &w.fin_timer, FIN_AT_MS, on_fin) == SJ_OK);
  SJ__REQUIRE(sj__timer_start(w.loop, &w.close_timer, CLOSE_AT_MS, on_close) == SJ_OK);
  while (sj__loop_sim_step(w.loop)) continue;
  SJ__REQUIRE(w.drained && w.client == NULL);
  sj__loop_free(w.loop, NULL, NULL);
  read_replies(out);
  check_replies(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static outcome whole, cut;
  if (size < 1 || size > INPUT_MAX) return 0;
  const sj_slice input = sj__slice(data + 1, size - 1);
  run(data[0], input, false, &whole);
  run(data[0], input, true, &cut);
  SJ__REQUIRE(whole.reply_count == cut.reply_count);
  for (size_t i = 0; i < whole.reply_count; i++) {
    SJ__REQUIRE(whole.replies[i].status == cut.replies[i].status);
    SJ__REQUIRE(whole.replies[i].close == cut.replies[i].close);
    SJ__REQUIRE(sj__slice_equal(whole.replies[i].body, cut.replies[i].body));
  }
  sj__buffer_release(&whole.output);
  sj__buffer_release(&cut.output);
  return 0;
}
