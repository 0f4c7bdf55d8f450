/*
 * Deadlines, in virtual time: what a slow client may take, and that sending or
 * reading a byte now and then stretches none of it.
 */
#include "http_kit.h"

#define GET(target)     "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define SECONDS(number) ((uint64_t)(number)*1000)

typedef struct setting {
  kit_site site;
  kit_client client;
  uint64_t began_ms;
} setting;

static void begin(setting *self) {
  assert_ok(kit_site_try_open(&self->site));
  kit_connect(&self->site, &self->client);
  self->began_ms = sj__loop_now_ms(self->site.loop);
}

static void open_setting(setting *self) {
  kit_site_init(&self->site, KIT_WHOLE);
  begin(self);
}

static void close_setting(setting *self) {
  kit_leave(&self->client);
  kit_site_close(&self->site);
}

static uint64_t elapsed(const setting *self) {
  return sj__loop_now_ms(self->site.loop) - self->began_ms;
}

/* One byte every `every_ms`, from `text` and then over again, until the server ends it. */
static void drip(setting *self, const char *text, uint64_t every_ms) {
  for (size_t i = 0; !self->client.ended; i++) {
    assert_true(elapsed(self) < SECONDS(200));
    kit_send(&self->client, sj__slice(text + i % strlen(text), 1));
    kit_pass(&self->site, every_ms);
  }
}

static void assert_ended_after(const setting *self, uint64_t ms, uint64_t step_ms) {
  assert_true(self->client.ended);
  assert_in_range(elapsed(self), ms, ms + step_ms + 20);
}

/* --- Requests --------------------------------------------------------------------- */

static void a_dripping_head_gets_ten_seconds(void **state) {
  setting self;
  open_setting(&self);
  kit_say(&self.client, "GET / HTTP/1.1\r\n");
  drip(&self, "X: y\r\n", 500);
  assert_ended_after(&self, SECONDS(10), 500);
  assert_int_equal(kit_only(&self.client).status, 408);
  assert_int_equal(self.site.handled, 0);
  close_setting(&self);
}

static void a_head_gets_its_time_from_its_first_byte(void **state) {
  setting self;
  open_setting(&self);
  kit_pass(&self.site, SECONDS(70));
  assert_false(self.client.ended);
  self.began_ms = sj__loop_now_ms(self.site.loop);
  kit_say(&self.client, "G");
  kit_pass(&self.site, 9990);
  assert_int_equal(self.client.received.size, 0);
  kit_pass(&self.site, 30);
  assert_ended_after(&self, SECONDS(10), 0);
  assert_int_equal(kit_only(&self.client).status, 408);
  close_setting(&self);
}

static void a_dripping_body_gets_thirty_seconds(void **state) {
  setting self;
  open_setting(&self);
  kit_say(&self.client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
  drip(&self, "x", 500);
  assert_ended_after(&self, SECONDS(30), 500);
  assert_int_equal(kit_only(&self.client).status, 408);
  close_setting(&self);
}

static void a_dripping_chunked_body_gets_thirty_seconds(void **state) {
  setting self;
  open_setting(&self);
  kit_say(&self.client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  drip(&self, "1\r\nx\r\n", 500);
  assert_ended_after(&self, SECONDS(30), 500);
  assert_int_equal(kit_only(&self.client).status, 408);
  close_setting(&self);
}

/* Head and body each have their own: a whole request may take both. */
static void a_slow_request_within_both_deadlines_is_served(void **state) {
  setting self;
  open_setting(&self);
  kit_say(&self.client, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Le");
  kit_pass(&self.site, 9500);
  kit_say(&self.client, "ngth: 2\r\n\r\nh");
  kit_pass(&self.site, 29500);
  kit_ask(&self.client, "i");
  kit_assert_bodies(&self.client, "POST a /p hi");
  close_setting(&self);
}

/* The 408 waits for its turn behind a reply that is still being made. */
static void a_late_request_is_refused_in_its_turn(void **state) {
  setting self;
  kit_response response;
  open_setting(&self);
  kit_say(&self.client, GET("/later") "GET ");
  kit_pass(&self.site, SECONDS(60));
  assert_int_equal(self.client.received.size, 0);
  assert_false(self.client.ended);
  kit_answer_pending(&self.site, 0, "0");
  kit_pass(&self.site, 10);
  sj_slice rest = sj__buffer_slice(&self.client.received);
  assert_true(kit_take(&rest, false, &response));
  assert_int_equal(response.status, 200);
  assert_true(kit_take(&rest, false, &response));
  assert_int_equal(response.status, 408);
  assert_true(self.client.ended);
  close_setting(&self);
}

/* --- Between requests ---------------------------------------------------------------- */

static void a_silent_client_gets_seventy_five_seconds(void **state) {
  setting self;
  open_setting(&self);
  kit_pass(&self.site, 74990);
  assert_false(self.client.ended);
  kit_pass(&self.site, 30);
  assert_ended_after(&self, SECONDS(75), 0);
  assert_int_equal(self.client.received.size, 0);
  close_setting(&self);
}

static void an_idle_connection_gets_seventy_five_seconds_from_its_last_reply(void **state) {
  setting self;
  open_setting(&self);
  for (unsigned i = 0; i < 3; i++) {
    kit_pass(&self.site, SECONDS(70));
    kit_ask(&self.client, GET("/later"));
    kit_pass(&self.site, SECONDS(50));
    kit_answer_pending(&self.site, i, "x");
  }
  self.began_ms = sj__loop_now_ms(self.site.loop);
  kit_pass(&self.site, 74990);
  assert_false(self.client.ended);
  kit_pass(&self.site, 30);
  assert_ended_after(&self, SECONDS(75), 0);
  kit_assert_bodies(&self.client, "x,x,x");
  close_setting(&self);
}

/* The one empty line that may stand before a request begins none. */
static void an_empty_line_does_not_stretch_idleness(void **state) {
  setting self;
  open_setting(&self);
  kit_ask(&self.client, GET("/"));
  self.began_ms = sj__loop_now_ms(self.site.loop);
  kit_pass(&self.site, SECONDS(70));
  kit_say(&self.client, "\r\n");
  kit_pass(&self.site, 4700);
  assert_false(self.client.ended);
  kit_pass(&self.site, 300);
  assert_true(self.client.ended);
  close_setting(&self);
}

/* How long a reply takes is for the handler to bound. */
static void a_pending_reply_has_no_deadline_of_the_servers(void **state) {
  setting self;
  open_setting(&self);
  kit_ask(&self.client, GET("/later"));
  kit_pass(&self.site, SECONDS(1000));
  assert_false(self.client.ended);
  assert_int_equal(self.site.gone, 0);
  kit_answer_pending(&self.site, 0, "at last");
  kit_pass(&self.site, 10);
  kit_assert_bodies(&self.client, "at last");
  close_setting(&self);
}

/* --- Replies ---------------------------------------------------------------------------- */

static void narrow(setting *self) {
  sj__sim_faults faults;
  sj__sim_faults_init(&faults);
  faults.window = 1000;
  faults.short_read_percent = faults.short_write_percent = 0;
  sj__sim_set_faults(self->site.loop, &faults);
}

static void a_client_that_reads_nothing_gets_thirty_seconds(void **state) {
  setting self;
  open_setting(&self);
  narrow(&self);
  self.site.big = 60000;
  sj__stream_read_stop(self.client.stream);
  kit_say(&self.client, GET("/big") GET("/later"));
  kit_pass(&self.site, 29900);
  assert_int_equal(sj__http_server_connections(self.site.server), 1);
  assert_int_equal(self.site.gone, 0);
  kit_pass(&self.site, 200);
  assert_int_equal(self.site.gone, 1); /* the other request's work is no longer wanted */
  kit_answer_pending(&self.site, 0, "");
  kit_pass(&self.site, 1);
  assert_int_equal(sj__http_server_connections(self.site.server), 0);
  close_setting(&self);
}

static void reading_now_and_then_stretches_nothing(void **state) {
  setting self;
  open_setting(&self);
  narrow(&self);
  self.site.big = 2000000;
  sj__stream_read_stop(self.client.stream);
  kit_say(&self.client, GET("/big"));
  while (sj__http_server_connections(self.site.server) > 0) {
    assert_true(elapsed(&self) < SECONDS(40));
    sj__stream_read_start(self.client.stream);
    kit_pass(&self.site, 2);
    sj__stream_read_stop(self.client.stream);
    kit_pass(&self.site, 998);
  }
  assert_in_range(elapsed(&self), SECONDS(30), SECONDS(32));
  assert_in_range(self.client.received.size, 10000, 1000000);
  close_setting(&self);
}

static void a_slow_reader_within_its_deadline_gets_all(void **state) {
  setting self;
  open_setting(&self);
  narrow(&self);
  self.site.big = 20000;
  sj__stream_read_stop(self.client.stream);
  kit_say(&self.client, GET("/big"));
  kit_pass(&self.site, SECONDS(29));
  sj__stream_read_start(self.client.stream);
  kit_pass(&self.site, 500);
  assert_int_equal(kit_only(&self.client).body.size, 20000);
  assert_int_equal(sj__http_server_connections(self.site.server), 1);
  close_setting(&self);
}

/* --- After the last reply ------------------------------------------------------------------ */

static void a_refused_client_that_stays_gets_two_seconds(void **state) {
  setting self;
  open_setting(&self);
  kit_say(&self.client, "nonsense\r\n");
  kit_pass(&self.site, 1900);
  assert_true(self.client.ended);
  assert_int_equal(sj__http_server_connections(self.site.server), 1);
  kit_pass(&self.site, 200);
  assert_int_equal(sj__http_server_connections(self.site.server), 0);
  close_setting(&self);
}

/* What it goes on sending is dropped, up to a bound. */
static void a_refused_client_that_goes_on_sending_is_cut_off(void **state) {
  static char flood[262144];
  setting self;
  open_setting(&self);
  kit_say(&self.client, "nonsense\r\n");
  kit_pass(&self.site, 10);
  assert_int_equal(kit_only(&self.client).status, 400);
  for (size_t i = 0; i < 15; i++) {
    kit_send(&self.client, sj__slice(flood, sizeof(flood)));
    kit_pass(&self.site, 10);
    assert_int_equal(sj__http_server_connections(self.site.server), 1);
  }
  for (size_t i = 0; i < 2; i++) {
    kit_send(&self.client, sj__slice(flood, sizeof(flood)));
    kit_pass(&self.site, 10);
  }
  assert_int_equal(sj__http_server_connections(self.site.server), 0);
  close_setting(&self);
}

static void a_client_that_leaves_after_its_last_reply_frees_the_connection(void **state) {
  setting self;
  open_setting(&self);
  kit_say(&self.client, GET("/last"));
  kit_pass(&self.site, 10);
  assert_true(self.client.ended);
  kit_leave(&self.client);
  kit_pass(&self.site, 10);
  assert_int_equal(sj__http_server_connections(self.site.server), 0);
  close_setting(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_HTTP(a_dripping_head_gets_ten_seconds),
      KIT_HTTP(a_head_gets_its_time_from_its_first_byte),
      KIT_HTTP(a_dripping_body_gets_thirty_seconds),
      KIT_HTTP(a_dripping_chunked_body_gets_thirty_seconds),
      KIT_HTTP(a_slow_request_within_both_deadlines_is_served),
      KIT_HTTP(a_late_request_is_refused_in_its_turn),
      KIT_HTTP(a_silent_client_gets_seventy_five_seconds),
      KIT_HTTP(an_idle_connection_gets_seventy_five_seconds_from_its_last_reply),
      KIT_HTTP(an_empty_line_does_not_stretch_idleness),
      KIT_HTTP(a_pending_reply_has_no_deadline_of_the_servers),
      KIT_HTTP(a_client_that_reads_nothing_gets_thirty_seconds),
      KIT_HTTP(reading_now_and_then_stretches_nothing),
      KIT_HTTP(a_slow_reader_within_its_deadline_gets_all),
      KIT_HTTP(a_refused_client_that_stays_gets_two_seconds),
      KIT_HTTP(a_refused_client_that_goes_on_sending_is_cut_off),
      KIT_HTTP(a_client_that_leaves_after_its_last_reply_frees_the_connection),
  };
  return cmocka_run_group_tests(tests, kit_count_memory, NULL);
}
