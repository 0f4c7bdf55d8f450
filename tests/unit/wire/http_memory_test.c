/* Every allocation that the server makes fails once; and a busy server makes none. */
#include "http_kit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "loop/address.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

/* --- Each fails once ---------------------------------------------------------------- */

#define REPLIES 8
static const int expected[REPLIES] = {200, 200, 200, 200, 200, 200, 200, 400};

static void on_tried(void *argument, sj_status status, sj__stream *stream) {
  if (status == SJ_OK) kit_on_connect(argument, status, stream);
}

/* Many fields and a body in chunks that is larger than what an exchange holds by itself. */
static void write_large(sj__buffer *out) {
  sj__buffer_append_text(out, "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n");
  for (unsigned i = 0; i < 40; i++) sj__buffer_appendf(out, "X%u: a value\r\n", i);
  sj__buffer_append_text(out, "\r\n");
  for (unsigned i = 0; i < 6; i++) sj__buffer_appendf(out, "3e8\r\n%01000u\r\n", i);
  sj__buffer_append_text(out, "0\r\n\r\n");
  assert_ok(sj__buffer_status(out));
}

static void say_all(kit_client *client, const sj__buffer *large) {
  kit_say(client, GET("/b"));
  kit_send(client, sj__buffer_slice(large));
  kit_say(client, GET("/later") GET("/later") GET("/c") GET("/big"));
  kit_say(client, "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n" GET("/never"));
}

static void answer_all(kit_site *site) {
  for (size_t i = site->pending_count; i-- > 0;) kit_answer_pending(site, i, "later");
}

/* What came is the beginning of what should come, or ends early with a 503. */
static void judge(const kit_client *client, bool whole) {
  sj_slice rest = sj__buffer_slice(&client->received);
  kit_response response = {.status = 0};
  size_t count = 0;
  /* The seventh is HEAD's. */
  while (count < REPLIES && response.status != 503 && kit_take(&rest, count == 6, &response)) {
    if (response.status != 503) assert_int_equal(response.status, expected[count]);
    count++;
  }
  if (whole) assert_int_equal(count, REPLIES);
  if (count == REPLIES || response.status == 503) assert_int_equal(rest.size, 0);
  assert_null(memmem(rest.data, rest.size, "/never", 6));
}

static void play(kit_site *site, kit_client *client, const sj__buffer *large) {
  sj__connect *attempt;
  if (kit_site_try_open(site) != SJ_OK) return;
  if (sj__connect_start(site->loop, site->address, 1000, on_tried, client, &attempt) != SJ_OK) {
    return;
  }
  kit_pass(site, 1);
  if (client->stream == NULL) return;
  say_all(client, large);
  kit_pass(site, 200);
  answer_all(site);
  kit_pass(site, 200);
}

/* False: fewer than `number` allocations were made, and so none failed. */
static bool play_with_failure(unsigned way, long number) {
  kit_site site;
  kit_client client = {.site = &site};
  kit_site_init(&site, way);
  kit_pass(&site, 1); /* the loop has room for timers from now on */
  site.big = 20000;
  sj__buffer large;
  sj__buffer_init(&large, 0);
  write_large(&large);
  sj__buffer_init(&client.received, 0);
  /* Made before: the client's memory is not what this is about. */
  assert_non_null(sj__buffer_reserve(&client.received, 65536));
  if (number >= 0) fail_one_allocation(number);
  play(&site, &client, &large);
  bool failed = !fail_no_allocations();
  judge(&client, number < 0);
  kit_leave(&client);
  sj__buffer_release(&large);
  kit_site_close(&site);
  return failed;
}

static void every_allocation_may_fail(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way += 2) {
    long number = 0;
    play_with_failure(way, -1);
    while (play_with_failure(way, number)) {
      if (live_allocations() != kit_memory_before) fail_msg("a leak at allocation %ld", number);
      number++;
    }
    print_message("%ld allocations\n", number);
    assert_true(number > 20);
  }
}

static void no_memory_for_a_server(void **state) {
  kit_site site;
  kit_site_init(&site, KIT_WHOLE);
  fail_one_allocation(0);
  assert_int_equal(kit_site_try_open(&site), SJ_NO_MEMORY);
  assert_null(site.server);
  sj__loop_free(site.loop, NULL, NULL);
}

/* --- What a client promises costs nothing --------------------------------------------- */

#define PROMISE "POST /p HTTP/1.1\r\nHost: a\r\n"

/* A thousand slow clients that announce 64 KiB each must not take 64 MiB. */
static void a_body_takes_room_as_it_comes(void **state) {
  static const char *const begun[] = {PROMISE "Content-Length: 65536\r\n\r\nx",
                                      PROMISE "Transfer-Encoding: chunked\r\n\r\n10000\r\nx"};
  for (size_t i = 0; i < SJ__COUNT_OF(begun); i++) {
    kit_site site;
    kit_client client;
    kit_site_open(&site, KIT_WHOLE);
    kit_connect(&site, &client);
    size_t before = bytes_given_out();
    kit_say(&client, begun[i]);
    kit_pass(&site, 10);
    assert_true(bytes_given_out() - before > 0);
    assert_true(bytes_given_out() - before < 16384);
    kit_leave(&client);
    kit_site_close(&site);
  }
}

/* --- A busy server makes none --------------------------------------------------------- */

typedef struct busy {
  kit_site site;
  unsigned awaited; /* requests after which the loop stops */
  int client;
} busy;

static void stop_when_served(void *context, sj__http_request *request) {
  busy *self = context;
  kit_handle(&self->site, request);
  if (--self->awaited == 0) sj__loop_stop(self->site.loop);
}

static void busy_accept(sj__listener *listener, sj__stream *stream) {
  busy *self = sj__listener_data(listener);
  sj__http_server_accept(self->site.server, stream, NULL);
}

static void busy_connect(busy *self) {
  sj__address address;
  assert_ok(sj__address_parse(self->site.address, &address, NULL));
  self->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(self->client >= 0);
  assert_int_equal(connect(self->client, (const struct sockaddr *)&address.storage, address.size),
                   0);
}

static void busy_open(busy *self) {
  *self = (busy){.site = {.big = 2000}};
  assert_ok(sj__loop_new(&self->site.loop));
  sj__http_server_options options = {.handler = stop_when_served, .context = self};
  sj__http_limits_init(&options.limits);
  assert_ok(sj__http_server_new(self->site.loop, &options, &self->site.server));
  const sj__listen_options where = {.address = "127.0.0.1:0"};
  assert_ok(
      sj__listener_open(self->site.loop, &where, busy_accept, self, &self->site.listener, NULL));
  sj__listener_address(self->site.listener, self->site.address);
  busy_connect(self);
}

static void busy_close(busy *self) {
  close(self->client);
  kit_site_close(&self->site);
}

static void busy_ask(busy *self, const char *text, unsigned requests) {
  static char replies[65536];
  self->awaited = requests;
  assert_int_equal(send(self->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
  kit_run(self->site.loop);
  ssize_t size = recv(self->client, replies, sizeof(replies), 0);
  assert_true(size > 0);
  assert_memory_equal(replies, "HTTP/1.1 200 OK\r\n", 17);
  self->site.pending_count = 0;
}

static void busy_round(busy *self) {
  busy_ask(self, GET("/empty"), 1);
  busy_ask(self, GET("/big"), 1);
  busy_ask(self, GET("/empty") GET("/empty") GET("/empty") GET("/empty"), 4);
  busy_ask(self,
           "POST /empty HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: test\r\n"
           "Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"a\":\"hello\"}",
           1);
  busy_ask(self,
           "POST /empty HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           "5\r\nhello\r\n0\r\n\r\n",
           1);
}

static void a_busy_server_allocates_nothing(void **state) {
  busy self;
  busy_open(&self);
  for (unsigned i = 0; i < 10; i++) busy_round(&self);
  size_t before = allocations_made();
  for (unsigned i = 0; i < 200; i++) busy_round(&self);
  assert_int_equal(allocations_made() - before, 0);
  assert_int_equal(self.site.handled, 210 * 8);
  busy_close(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_HTTP(every_allocation_may_fail),
      KIT_HTTP(no_memory_for_a_server),
      KIT_HTTP(a_body_takes_room_as_it_comes),
      KIT_HTTP(a_busy_server_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, kit_count_memory, NULL);
}
