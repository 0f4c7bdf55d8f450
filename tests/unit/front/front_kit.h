/*
 * The whole front over memory: on the simulated loop: an HTTP server, the
 * engine, a client that asks. Every allocation can be made to fail.
 */
#ifndef SJ_TESTS_FRONT_KIT_H
#define SJ_TESTS_FRONT_KIT_H

#include "../wire/http_kit.h"

#include "base/clock.h"
#include "front/front.h"
#include "session/engine.h"
#include "store/compose/fault_store.h"
#include "store/registry.h"

#define KIT_KEY "sojourn_key-of-the-front-kit"

typedef struct front_site {
  kit_site site; /* loop, server, address */
  sj__store *store;
  sj_sessions *sessions;
  sj_worker *worker;
  sj__front *front;
  sj__front_listener roles;
  bool detached;
  char reply[8192]; /* the last: all that came */
  int status;       /* 0: none came */
} front_site;

static inline void front_kit_accept(sj__listener *listener, sj__stream *stream) {
  front_site *self = sj__listener_data(listener);
  sj__http_server_accept(self->site.server, stream, &self->roles);
}

static inline void front_kit_open_engine(front_site *self, const char *store_url) {
  sj_options options;
  sj_options_init(&options);
  options.store = store_url;
  options.accept_loss = true;
  options.realm = "front-kit";
  options.timeout_ms = 1000;
  sj__keyring *keyring;
  assert_ok(sj__crypto_init());
  assert_ok(sj__keyring_generate(KIT_WALL_MS, &keyring));
  const sj__store_options store_options = {
      .realm = sj__slice_text(options.realm), .keyring = keyring, .touch_every_ms = 60000};
  assert_ok(sj__store_open(store_url, &store_options, &self->store, NULL));
  assert_ok(sj__engine_open(&options, self->store, keyring, NULL, &self->sessions, NULL));
  sj__keyring_unref(keyring);
  assert_ok(sj__engine_attach(self->sessions, self->site.loop, &self->worker));
}

static inline void front_kit_open_front(front_site *self) {
  static const char *const attributes[] = {"plan"};
  sj__api_key key = {.roles = SJ__ROLES_ALL};
  const sj_slice text = SJ__SLICE(KIT_KEY);
  sj__sha256(&text, 1, key.hash);
  const sj__front_options options = {.worker = self->worker,
                                     .api_keys = &key,
                                     .api_key_count = 1,
                                     .check_attributes = attributes,
                                     .check_attribute_count = 1};
  assert_ok(sj__front_new(&options, &self->front));
}

static inline void front_kit_open(front_site *self, const char *store_url) {
  *self = (front_site){.roles = {SJ__ROLES_ALL}};
  kit_site_init(&self->site, KIT_WHOLE);
  front_kit_open_engine(self, store_url);
  front_kit_open_front(self);
  const sj__http_server_options options = {
      .limits = self->site.limits, .handler = sj__front_handle, .context = self->front};
  const sj__listen_options where = {.address = "127.0.0.1:0"};
  assert_ok(sj__http_server_new(self->site.loop, &options, &self->site.server));
  assert_ok(sj__listener_open(self->site.loop, &where, front_kit_accept, self, &self->site.listener,
                              NULL));
  sj__listener_address(self->site.listener, self->site.address);
  kit_pass(&self->site, 50);
  assert_true(sj__engine_ready(self->sessions));
}

static inline void front_kit_detached(void *argument) {
  front_site *self = argument;
  self->detached = true;
}

static inline void front_kit_close(front_site *self) {
  kit_drain(&self->site, 0);
  sj__listener_close(self->site.listener, NULL, NULL);
  kit_pass(&self->site, 20000);
  assert_null(self->site.server);
  sj__front_free(self->front);
  sj_detach(self->worker, front_kit_detached, self);
  kit_pass(&self->site, 20000);
  assert_true(self->detached);
  sj_close(self->sessions);
  sj__loop_free(self->site.loop, NULL, NULL);
  assert_int_equal(live_allocations(), 0);
}

/* What came is in reply and status. */
static inline void front_kit_keep(front_site *self, const kit_client *client) {
  sj_slice all = sj__buffer_slice(&client->received);
  kit_response response;
  assert_true(all.size < sizeof(self->reply));
  if (all.size > 0) memcpy(self->reply, all.data, all.size);
  self->reply[all.size] = '\0';
  bool bodiless = strstr(self->reply, "HTTP/1.1 204") == self->reply;
  self->status = kit_take(&all, bodiless, &response) ? response.status : 0;
}

/* One request of this head (no empty line) and body, on a connection of its own. */
static inline int front_kit_ask(front_site *self, const char *head, const char *body) {
  char text[4096];
  kit_client client;
  int size = snprintf(text, sizeof(text), "%s\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", head,
                      strlen(body), body);
  assert_true(size > 0 && (size_t)size < sizeof(text));
  kit_connect(&self->site, &client);
  kit_ask(&client, text);
  front_kit_keep(self, &client);
  kit_leave(&client);
  return self->status;
}

/* The credential of the last reply, which must have one. */
static inline void front_kit_credential(const front_site *self, char out[128]) {
  static const char name[] = "\r\nSojourn-Credential: ";
  const char *at = strstr(self->reply, name);
  assert_non_null(at);
  at += sizeof(name) - 1;
  size_t size = strcspn(at, "\r");
  assert_true(size < 128);
  memcpy(out, at, size);
  out[size] = '\0';
}

/* A new session's credential. */
static inline void front_kit_create(front_site *self, const char *body, char out[128]) {
  static const char head[] =
      "POST /v1/sessions HTTP/1.1\r\nSojourn-Key: " KIT_KEY "\r\nContent-Type: application/json";
  assert_int_equal(front_kit_ask(self, head, body), 201);
  front_kit_credential(self, out);
}

#endif
