/*
 * What a check costs, counted rather than timed: on the embedded store, over a
 * real socket, with the store traced and requests counted as in the daemon, it
 * allocates nothing once the first ones have made room (DESIGN.md 4).
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../kit/counting_openssl.h"
#include "../../kit/failing_allocator.h"
#include "../unit.h"

#include "base/thread.h"
#include "front/front.h"
#include "session/engine.h"
#include "store/store.h"

#define FIRST   100 /* checks that may allocate */
#define COUNTED 500

typedef struct site {
  char folder[64];
  sj__loop *loop;
  sj__metrics *metrics;
  sj__front_metrics *front_metrics;
  sj__keyring *keyring;
  sj_sessions *sessions;
  sj_worker *worker;
  sj__front *front;
  sj__http_server *server;
  sj__listener *listener;
  sj__front_listener roles;
  sj_call call;
  char credential[128];
  uint16_t port;
  /* The client's, on a thread of its own. */
  bool all_good;
  size_t allocations;
  unsigned long openssl_allocations;
  sj__task stop;
} site;

/* --- The server ------------------------------------------------------------------ */

static void on_accept(sj__listener *listener, sj__stream *stream) {
  site *self = sj__listener_data(listener);
  sj__http_server_accept(self->server, stream, &self->roles);
}

static void open_engine(site *self) {
  char url[128];
  sj_options options;
  (void)snprintf(url, sizeof(url), "trace+lmdb:%s/store", self->folder);
  sj_options_init(&options);
  options.store = url;
  sj__store *store;
  assert_ok(sj__crypto_init());
  assert_ok(sj__keyring_generate(0, &self->keyring));
  const sj__store_options store_options = {.realm = sj__slice_text(options.realm),
                                           .keyring = self->keyring,
                                           .touch_every_ms = options.touch_every_ms,
                                           .metrics = self->metrics};
  assert_ok(sj__store_open(url, &store_options, &store, NULL));
  assert_ok(sj__engine_open(&options, store, self->keyring, self->metrics, &self->sessions, NULL));
  assert_ok(sj__engine_attach(self->sessions, self->loop, &self->worker));
}

static void open_server(site *self) {
  const sj__front_options front = {
      .worker = self->worker, .registry = self->metrics, .metrics = self->front_metrics};
  sj__http_server_options server = {.handler = sj__front_handle};
  const sj__listen_options where = {.address = "127.0.0.1:0"};
  char address[SJ__ADDRESS_MAX];
  assert_ok(sj__front_new(&front, &self->front));
  sj__http_limits_init(&server.limits);
  server.context = self->front;
  assert_ok(sj__http_server_new(self->loop, &server, &self->server));
  assert_ok(sj__listener_open(self->loop, &where, on_accept, self, &self->listener, NULL));
  sj__listener_address(self->listener, address);
  self->port = (uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10);
}

static void on_created(sj_call *call) {
  site *self = call->data;
  assert_ok(call->status);
  (void)snprintf(self->credential, sizeof(self->credential), "%.*s", (int)call->new_credential.size,
                 call->new_credential.data);
  sj__loop_stop(self->loop);
}

static void create_session(site *self) {
  const sj_create_args args = {.subject = SJ__SLICE("ada"),
                               .attributes = SJ__SLICE("{\"plan\":\"pro\"}")};
  self->call = (sj_call){.done = on_created, .data = self, .timeout_ms = 60000};
  assert_ok(sj_create(self->worker, &self->call, &args));
  sj__loop_run(self->loop);
}

/* --- The client -------------------------------------------------------------------- */

static int connect_to(uint16_t port) {
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) return -1;
  return fd;
}

/* A reply to a check has no body, so it ends with its head. */
static bool ask(int fd, const char *request) {
  char reply[4096];
  size_t size = 0;
  if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) return false;
  while (memmem(reply, size, "\r\n\r\n", 4) == NULL) {
    ssize_t got = recv(fd, reply + size, sizeof(reply) - size, 0);
    if (got <= 0) return false;
    size += (size_t)got;
  }
  return memmem(reply, size, "HTTP/1.1 200 ", 13) == reply &&
         memmem(reply, size, "Sojourn-Subject: ada\r\n", 22) != NULL;
}

static void on_stop(sj__task *task) {
  sj__loop_stop(SJ__CONTAINER_OF(task, site, stop)->loop);
}

static void run_client(void *argument) {
  site *self = argument;
  char request[512];
  int fd = connect_to(self->port);
  (void)snprintf(request, sizeof(request),
                 "GET /check HTTP/1.1\r\nHost: x\r\nCookie: __Host-sojourn=%s\r\n\r\n",
                 self->credential);
  self->all_good = fd >= 0;
  for (int i = 0; i < FIRST; i++) self->all_good = self->all_good && ask(fd, request);
  size_t before = allocations_made();
  unsigned long openssl_before = openssl_allocations();
  for (int i = 0; i < COUNTED; i++) self->all_good = self->all_good && ask(fd, request);
  self->allocations = allocations_made() - before;
  self->openssl_allocations = openssl_allocations() - openssl_before;
  if (fd >= 0) close(fd);
  self->stop.fn = on_stop;
  sj__loop_post(self->loop, &self->stop);
}

/* --- The end ----------------------------------------------------------------------- */

static void on_ended(void *argument) {
  sj__loop_stop(((site *)argument)->loop);
}

static void close_site(site *self) {
  sj__listener_close(self->listener, NULL, NULL);
  sj__http_server_drain(self->server, 1000, on_ended, self);
  sj__loop_run(self->loop);
  sj__front_free(self->front);
  sj_detach(self->worker, on_ended, self);
  sj__loop_run(self->loop);
  sj_close(self->sessions);
  sj__keyring_unref(self->keyring);
  sj__front_metrics_free(self->front_metrics);
  sj__metrics_free(self->metrics);
  sj__loop_free(self->loop, NULL, NULL);
}

static void remove_folder(const site *self) {
  static const char *const names[] = {"store/data.mdb", "store/lock.mdb", "store/sojourn.lock",
                                      "store", ""};
  char path[128];
  for (size_t i = 0; i < SJ__COUNT_OF(names); i++) {
    (void)snprintf(path, sizeof(path), "%s/%s", self->folder, names[i]);
    (void)remove(path);
  }
}

static void a_check_allocates_nothing(void **state) {
  static site self;
  sj__thread client;
  self = (site){.folder = "/tmp/sojourn-check-XXXXXX", .roles = {SJ__ROLES_ALL}};
  assert_non_null(mkdtemp(self.folder));
  self.metrics = sj__metrics_new();
  self.front_metrics = sj__front_metrics_new(self.metrics);
  assert_ok(sj__loop_new(&self.loop));
  open_engine(&self);
  open_server(&self);
  create_session(&self);
  assert_ok(sj__thread_start(&client, "client", run_client, &self));
  sj__loop_run(self.loop);
  sj__thread_join(client);
  close_site(&self);
  remove_folder(&self);
  assert_true(self.all_good);
  assert_int_equal(self.allocations, 0);
  assert_int_equal(self.openssl_allocations, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_check_allocates_nothing)};
  if (!install_counting_openssl()) return 1;
  install_failing_allocator();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
