/*
 * An HTTP server on the simulated loop and clients that send it bytes: virtual
 * time, a network in memory that cuts what is sent as a test asks, and counts
 * of what the server does to its streams.
 */
#ifndef SJ_TESTS_HTTP_KIT_H
#define SJ_TESTS_HTTP_KIT_H

#include "../loop/loop_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "loop/loop_core.h"
#include "loop/loop_sim.h"
#include "wire/http/http_server.h"

#define KIT_WALL_MS 784111777000 /* Sun, 06 Nov 1994 08:49:37 GMT, of RFC 9110 5.6.7 */
#define KIT_PENDING 256

/* How the bytes reach the server: all at once, one at a time, or cut where the seed says. */
typedef enum kit_cut { KIT_WHOLE, KIT_BYTES, KIT_SEEDED } kit_cut;
#define KIT_CUTS 6 /* KIT_WHOLE, KIT_BYTES, then four seeds */

typedef struct kit_site {
  sj__loop *loop;
  sj__http_server *server;
  sj__listener *listener;
  char address[SJ__ADDRESS_MAX];
  sj__http_limits limits;
  const sj__http_metrics *metrics;
  unsigned handled;
  sj__http_request *pending[KIT_PENDING]; /* of /later, in the order of coming */
  size_t pending_count;
  unsigned gone;         /* on_gone calls */
  bool answer_when_gone; /* from inside on_gone */
  bool answer_later;     /* /now waits too */
  size_t big;            /* size of the reply to /big */
  unsigned writes;       /* calls of the server */
  unsigned read_stops;
  unsigned read_starts;
  bool draining;
  unsigned drained;
} kit_site;

typedef struct kit_client {
  kit_site *site;
  sj__stream *stream;
  sj__buffer received;
  bool ended; /* by the server */
  sj_status why;
} kit_client;

/* --- What the server does to its streams ------------------------------------ */

static kit_site *kit_counted;
static const sj__stream_ops *kit_real_ops;
static sj__stream_ops kit_counting_ops;

static inline sj_status kit_counting_write(sj__stream *stream, const sj_slice *slices, size_t count,
                                           bool *queued) {
  kit_counted->writes++;
  return kit_real_ops->write(stream, slices, count, queued);
}

static inline void kit_counting_stop(sj__stream *stream) {
  kit_counted->read_stops++;
  kit_real_ops->read_stop(stream);
}

static inline void kit_counting_start(sj__stream *stream) {
  kit_counted->read_starts++;
  kit_real_ops->read_start(stream);
}

static inline void kit_count_calls(kit_site *site, sj__stream *stream) {
  sj__stream_base *base = sj__stream_base_of(stream);
  kit_counted = site;
  kit_real_ops = base->ops;
  kit_counting_ops = *base->ops;
  kit_counting_ops.write = kit_counting_write;
  kit_counting_ops.read_stop = kit_counting_stop;
  kit_counting_ops.read_start = kit_counting_start;
  base->ops = &kit_counting_ops;
}

/* --- The server --------------------------------------------------------------- */

static inline void kit_answer(sj__http_request *request, const char *text) {
  const sj__http_response response = {
      .status = 200, .content_type = "text/plain", .body = sj__slice_text(text)};
  sj__http_reply(request, &response);
}

static inline void kit_on_gone(sj__http_request *request) {
  kit_site *site = request->data;
  site->gone++;
  if (!site->answer_when_gone) return;
  for (size_t i = 0; i < site->pending_count; i++) {
    if (site->pending[i] == request) site->pending[i] = NULL;
  }
  kit_answer(request, "gone");
}

/* Says back what was understood: "POST example.org /path?query body". */
static inline void kit_describe(sj__http_request *request) {
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj__buffer_append_slice(&text, request->method_text);
  sj__buffer_append_char(&text, ' ');
  sj__buffer_append_slice(&text, request->host);
  sj__buffer_append_char(&text, ' ');
  sj__buffer_append_slice(&text, request->path);
  if (request->query.data != NULL) sj__buffer_append_char(&text, '?');
  sj__buffer_append_slice(&text, request->query);
  sj__buffer_append_char(&text, ' ');
  sj__buffer_append_slice(&text, request->body);
  const sj__http_response response = {
      .status = 200, .content_type = "text/plain", .body = sj__buffer_slice(&text)};
  sj__http_reply(request, &response);
  sj__buffer_release(&text);
}

static inline void kit_answer_big(kit_site *site, sj__http_request *request) {
  char *body = malloc(site->big);
  assert_non_null(body);
  memset(body, 'b', site->big);
  sj__http_reply(request, &(sj__http_response){.status = 200, .body = sj__slice(body, site->big)});
  free(body);
}

static inline void kit_handle(void *context, sj__http_request *request) {
  kit_site *site = context;
  site->handled++;
  request->data = site;
  if (sj__slice_equal(request->path, SJ__SLICE("/later")) || site->answer_later) {
    assert_true(site->pending_count < KIT_PENDING);
    request->on_gone = kit_on_gone;
    site->pending[site->pending_count++] = request;
  } else if (sj__slice_equal(request->path, SJ__SLICE("/empty"))) {
    sj__http_reply(request, &(sj__http_response){.status = 200});
  } else if (sj__slice_equal(request->path, SJ__SLICE("/big"))) {
    kit_answer_big(site, request);
  } else if (sj__slice_equal(request->path, SJ__SLICE("/last"))) {
    sj__http_reply(request, &(sj__http_response){.status = 204, .close = true});
  } else {
    kit_describe(request);
  }
}

/* Answers the request that came as number `index`. */
static inline void kit_answer_pending(kit_site *site, size_t index, const char *text) {
  sj__http_request *request = site->pending[index];
  assert_non_null(request);
  site->pending[index] = NULL;
  kit_answer(request, text);
}

static inline void kit_on_accept(sj__listener *listener, sj__stream *stream) {
  kit_site *site = sj__listener_data(listener);
  kit_count_calls(site, stream);
  sj__http_server_accept(site->server, stream, site);
}

static inline void kit_on_drained(void *argument) {
  kit_site *site = argument;
  site->drained++;
  site->server = NULL;
}

static inline void kit_cut_as(sj__loop *loop, kit_cut cut) {
  sj__sim_faults faults;
  sj__sim_faults_init(&faults);
  faults.delay_min_us = faults.delay_max_us = 0;
  faults.window = cut == KIT_BYTES ? 1 : 262144;
  faults.short_read_percent = faults.short_write_percent = cut == KIT_SEEDED ? 90 : 0;
  sj__sim_set_faults(loop, &faults);
}

/* A site with nothing open yet, whose limits may still be changed. `way`: below KIT_CUTS. */
static inline void kit_site_init(kit_site *site, unsigned way) {
  *site = (kit_site){.big = 100};
  assert_ok(sj__loop_sim_new(1000 + way, KIT_WALL_MS, &site->loop));
  kit_cut_as(site->loop, way < KIT_SEEDED ? (kit_cut)way : KIT_SEEDED);
  sj__http_limits_init(&site->limits);
}

static inline sj_status kit_site_try_open(kit_site *site) {
  const sj__http_server_options options = {
      .limits = site->limits, .handler = kit_handle, .context = site, .metrics = site->metrics};
  const sj__listen_options where = {.address = "127.0.0.1:0"};
  sj_status status = sj__http_server_new(site->loop, &options, &site->server);
  if (status != SJ_OK) return status;
  status = sj__listener_open(site->loop, &where, kit_on_accept, site, &site->listener, NULL);
  if (status == SJ_OK) sj__listener_address(site->listener, site->address);
  return status;
}

static inline void kit_site_open(kit_site *site, unsigned way) {
  kit_site_init(site, way);
  assert_ok(kit_site_try_open(site));
}

/* Lets `ms` of virtual time pass. */
static inline void kit_pass(kit_site *site, uint64_t ms) {
  kit_run_for(site->loop, ms);
}

static inline void kit_drain(kit_site *site, uint32_t grace_ms) {
  site->draining = true;
  sj__http_server_drain(site->server, grace_ms, kit_on_drained, site);
}

/* Everything ends; whatever was not answered is answered now, into nothing. */
static inline void kit_site_close(kit_site *site) {
  if (site->server != NULL && !site->draining) kit_drain(site, 0);
  for (size_t i = 0; i < site->pending_count; i++) {
    if (site->pending[i] != NULL) kit_answer_pending(site, i, "");
  }
  if (site->listener != NULL) sj__listener_close(site->listener, NULL, NULL);
  kit_pass(site, site->draining ? 20000 : 10);
  assert_null(site->server);
  sj__loop_free(site->loop, NULL, NULL);
}

/* --- Clients -------------------------------------------------------------------- */

static inline void kit_client_read(sj__stream *stream, char *data, size_t size) {
  kit_client *client = stream->data;
  sj__buffer_append(&client->received, data, size);
}

static inline void kit_client_end(sj__stream *stream, sj_status why) {
  kit_client *client = stream->data;
  client->ended = true;
  client->why = why;
}

static inline void kit_client_drained(sj__stream *stream, sj_status status) {}
static inline void kit_client_closed(sj__stream *stream) {}

static inline void kit_on_connect(void *argument, sj_status status, sj__stream *stream) {
  static const sj__stream_events events = {kit_client_read, kit_client_end, kit_client_drained,
                                           kit_client_closed};
  kit_client *client = argument;
  assert_ok(status);
  client->stream = stream;
  stream->events = &events;
  stream->data = client;
  sj__stream_read_start(stream);
}

static inline void kit_connect(kit_site *site, kit_client *client) {
  sj__connect *attempt;
  *client = (kit_client){.site = site};
  sj__buffer_init(&client->received, 0);
  assert_ok(sj__connect_start(site->loop, site->address, 1000, kit_on_connect, client, &attempt));
  kit_pass(site, 1);
  assert_non_null(client->stream);
}

/* A server that has closed already may refuse them: no failure of the test's. */
static inline void kit_send(kit_client *client, sj_slice bytes) {
  (void)!sj__stream_write(client->stream, &bytes, 1, NULL);
}

static inline void kit_say(kit_client *client, const char *text) {
  kit_send(client, sj__slice_text(text));
}

/* Says it and gives the server the time to answer. */
static inline void kit_ask(kit_client *client, const char *text) {
  kit_say(client, text);
  kit_pass(client->site, 200);
}

static inline void kit_leave(kit_client *client) {
  if (client->stream != NULL) sj__stream_close(client->stream);
  client->stream = NULL;
  sj__buffer_release(&client->received);
}

/* A site and one client of it. */
typedef struct kit_setting {
  kit_site site;
  kit_client client;
} kit_setting;

static inline void kit_setting_open(kit_setting *self, unsigned way) {
  kit_site_open(&self->site, way);
  kit_connect(&self->site, &self->client);
}

static inline void kit_setting_close(kit_setting *self) {
  kit_leave(&self->client);
  kit_site_close(&self->site);
}

/* --- Responses --------------------------------------------------------------------- */

typedef struct kit_response {
  int status;
  sj_slice head; /* with the empty line */
  sj_slice body;
} kit_response;

static inline bool kit_has(sj_slice where, const char *what) {
  return memmem(where.data, where.size, what, strlen(what)) != NULL;
}

static inline size_t kit_body_size(sj_slice head) {
  static const char name[] = "\r\nContent-Length: ";
  const char *at = memmem(head.data, head.size, name, sizeof(name) - 1);
  return at != NULL ? (size_t)strtoull(at + sizeof(name) - 1, NULL, 10) : 0;
}

/* Takes a whole response from the front; false: there is none. */
static inline bool kit_take(sj_slice *rest, bool bodiless, kit_response *out) {
  *out = (kit_response){.status = 0};
  const char *end = memmem(rest->data, rest->size, "\r\n\r\n", 4);
  if (end == NULL) return false;
  assert_true(sj__slice_starts(*rest, SJ__SLICE("HTTP/1.1 ")));
  out->status = atoi(rest->data + 9);
  out->head = sj__slice(rest->data, (size_t)(end + 4 - rest->data));
  size_t size = bodiless || out->status < 200 ? 0 : kit_body_size(out->head);
  if (size > rest->size - out->head.size) return false;
  out->body = sj__slice(end + 4, size);
  *rest = sj__slice(end + 4 + size, rest->size - out->head.size - size);
  return true;
}

/* The one response that came, and nothing else. */
static inline kit_response kit_only(const kit_client *client) {
  kit_response response;
  sj_slice rest = sj__buffer_slice(&client->received);
  assert_true(kit_take(&rest, false, &response));
  assert_int_equal(rest.size, 0);
  return response;
}

/* Bodies of the responses that came, in order, all 200: `texts` joined by commas. */
static inline void kit_assert_bodies(const kit_client *client, const char *texts) {
  sj_slice rest = sj__buffer_slice(&client->received);
  sj__buffer all;
  kit_response response;
  sj__buffer_init(&all, 0);
  while (kit_take(&rest, false, &response)) {
    if (response.status == 100) continue;
    assert_int_equal(response.status, 200);
    if (all.size > 0) sj__buffer_append_char(&all, ',');
    sj__buffer_append_slice(&all, response.body);
  }
  assert_int_equal(rest.size, 0);
  assert_slice_text(sj__buffer_slice(&all), texts);
  sj__buffer_release(&all);
}

/* --- Around every test ---------------------------------------------------------------- */

static inline int kit_count_memory(void **state) {
  install_failing_allocator();
  return 0;
}

static size_t kit_memory_before;

static inline int kit_note_memory(void **state) {
  kit_memory_before = live_allocations();
  return 0;
}

static inline int kit_memory_is_back(void **state) {
  return live_allocations() == kit_memory_before ? 0 : -1;
}

#define KIT_HTTP(test) \
  { #test, test, kit_note_memory, kit_memory_is_back, NULL }

#endif
