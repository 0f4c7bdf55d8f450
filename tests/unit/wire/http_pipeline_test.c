/* Many requests on one connection: order, coalescing, and how much may be under way. */
#include "http_kit.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void begin(kit_setting *self) {
  assert_ok(kit_site_try_open(&self->site));
  kit_connect(&self->site, &self->client);
  self->site.writes = 0;
}

static void open_setting(kit_setting *self, unsigned way) {
  kit_site_init(&self->site, way);
  begin(self);
}

static void say_times(kit_setting *self, const char *text, unsigned times) {
  for (unsigned i = 0; i < times; i++) kit_say(&self->client, text);
}

/* --- Coalescing ------------------------------------------------------------------ */

static void replies_of_one_turn_leave_in_one_write(void **state) {
  kit_setting self;
  open_setting(&self, KIT_WHOLE);
  kit_ask(&self.client, GET("/a") GET("/b") GET("/c") GET("/d"));
  assert_int_equal(self.site.writes, 1);
  kit_assert_bodies(&self.client, "GET a /a ,GET a /b ,GET a /c ,GET a /d ");
  kit_ask(&self.client, GET("/e"));
  assert_int_equal(self.site.writes, 2);
  kit_setting_close(&self);
}

static void late_replies_of_one_turn_leave_in_one_write(void **state) {
  kit_setting self;
  open_setting(&self, KIT_WHOLE);
  kit_ask(&self.client, GET("/later") GET("/later") GET("/b") GET("/later"));
  assert_int_equal(self.site.handled, 4);
  assert_int_equal(self.site.writes, 0);
  kit_answer_pending(&self.site, 0, "0");
  kit_answer_pending(&self.site, 2, "2");
  kit_answer_pending(&self.site, 1, "1");
  kit_pass(&self.site, 10);
  assert_int_equal(self.site.writes, 1);
  kit_assert_bodies(&self.client, "0,1,GET a /b ,2");
  kit_setting_close(&self);
}

/* --- Order -------------------------------------------------------------------------- */

static void an_early_reply_waits_for_its_turn(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    open_setting(&self, way);
    kit_ask(&self.client, GET("/later") GET("/b") GET("/later") GET("/c"));
    kit_answer_pending(&self.site, 1, "1");
    kit_pass(&self.site, 200);
    assert_int_equal(self.client.received.size, 0);
    kit_answer_pending(&self.site, 0, "0");
    kit_pass(&self.site, 200);
    kit_assert_bodies(&self.client, "0,GET a /b ,1,GET a /c ");
    kit_setting_close(&self);
  }
}

#define SHUFFLED 32

static void replies_in_any_order_leave_in_order(void **state) {
  for (unsigned seed = 0; seed < 20; seed++) {
    kit_setting self;
    char expected[SHUFFLED * 3 + 8] = "";
    open_setting(&self, KIT_SEEDED + seed);
    say_times(&self, GET("/later"), SHUFFLED);
    kit_pass(&self.site, 200);
    assert_int_equal(self.site.pending_count, SHUFFLED);
    for (unsigned left = SHUFFLED; left > 0; left--) {
      uint64_t chosen = sj__sim_draw(self.site.loop, left);
      size_t index = 0;
      for (; self.site.pending[index] == NULL || chosen-- > 0; index++) continue;
      char text[24];
      snprintf(text, sizeof(text), "%02zu", index);
      kit_answer_pending(&self.site, index, text);
      if (sj__sim_draw(self.site.loop, 3) == 0) kit_pass(&self.site, 1);
    }
    for (unsigned i = 0; i < SHUFFLED; i++) {
      snprintf(expected + strlen(expected), 8, i > 0 ? ",%02u" : "%02u", i);
    }
    kit_pass(&self.site, 200);
    kit_assert_bodies(&self.client, expected);
    kit_setting_close(&self);
  }
}

/* RFC 9112 9.6: what came after a reply that closes is not answered, and told so. */
static void what_follows_the_last_reply_is_dropped(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    open_setting(&self, way);
    kit_ask(&self.client, GET("/later") GET("/later") GET("/b"));
    sj__http_request *first = self.site.pending[0];
    self.site.pending[0] = NULL;
    sj__http_reply(first, &(sj__http_response){.status = 204, .close = true});
    kit_pass(&self.site, 200);
    assert_int_equal(self.site.gone, 1);
    assert_int_equal(kit_only(&self.client).status, 204);
    assert_true(kit_has(kit_only(&self.client).head, "\r\nConnection: close\r\n"));
    assert_true(self.client.ended);
    kit_answer_pending(&self.site, 1, "into nothing");
    kit_pass(&self.site, 10);
    assert_int_equal(kit_only(&self.client).status, 204);
    kit_setting_close(&self);
  }
}

static void nothing_is_served_after_a_last_reply(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    open_setting(&self, way);
    kit_ask(&self.client, GET("/last") GET("/b") GET("/later"));
    assert_int_equal(kit_only(&self.client).status, 204);
    assert_int_equal(self.site.handled, 1);
    assert_true(self.client.ended);
    kit_setting_close(&self);
  }
}

/* --- Back-pressure --------------------------------------------------------------------- */

static void reading_stops_with_too_many_under_way(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_site_init(&self.site, way);
    self.site.limits.pipeline_max = 4;
    begin(&self);
    say_times(&self, GET("/later"), 10);
    kit_pass(&self.site, 200);
    assert_int_equal(self.site.handled, 4);
    assert_int_equal(self.site.read_stops, 1);
    for (size_t i = 0; i < 10; i++) {
      kit_answer_pending(&self.site, i, "x");
      kit_pass(&self.site, 50);
      assert_true(self.site.handled - (i + 1) <= 4);
    }
    kit_assert_bodies(&self.client, "x,x,x,x,x,x,x,x,x,x");
    kit_setting_close(&self);
  }
}

/* What waited is answered within the call that resumes reading: it must leave too. */
static void what_waited_while_reading_stood_still_is_answered(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_site_init(&self.site, way);
    self.site.limits.pipeline_max = 2;
    begin(&self);
    kit_ask(&self.client, GET("/later") GET("/later") GET("/b") GET("/c") GET("/d"));
    assert_int_equal(self.site.handled, 2);
    kit_answer_pending(&self.site, 0, "0");
    kit_answer_pending(&self.site, 1, "1");
    kit_pass(&self.site, 200);
    kit_assert_bodies(&self.client, "0,1,GET a /b ,GET a /c ,GET a /d ");
    kit_setting_close(&self);
  }
}

/* The last of what waited ends the connection: its reply leaves, then ours ends. */
static void a_pause_may_end_with_the_last_reply(void **state) {
  static const char *const endings[] = {GET("/last") GET("/x"), "BAD\r\n",
                                        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"};
  static const int statuses[] = {204, 400, 200};
  for (size_t i = 0; i < SJ__COUNT_OF(endings); i++) {
    for (unsigned way = 0; way < KIT_CUTS; way++) {
      kit_setting self;
      kit_response response;
      kit_site_init(&self.site, way);
      self.site.limits.pipeline_max = 1;
      begin(&self);
      kit_say(&self.client, GET("/later"));
      kit_ask(&self.client, endings[i]);
      assert_int_equal(self.site.handled, 1);
      kit_answer_pending(&self.site, 0, "0");
      kit_pass(&self.site, 200);
      sj_slice rest = sj__buffer_slice(&self.client.received);
      assert_true(kit_take(&rest, false, &response));
      assert_true(kit_take(&rest, false, &response));
      assert_int_equal(response.status, statuses[i]);
      assert_int_equal(rest.size, 0);
      assert_true(self.client.ended);
      kit_setting_close(&self);
    }
  }
}

static void count_bodies(const kit_client *client, size_t size, unsigned *count) {
  sj_slice rest = sj__buffer_slice(&client->received);
  kit_response response;
  for (*count = 0; kit_take(&rest, false, &response); (*count)++) {
    assert_int_equal(response.body.size, size);
  }
}

/* The client sends and sends, and reads nothing: neither side's memory fills up. */
static void reading_stops_when_replies_are_not_read(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    unsigned received;
    kit_site_init(&self.site, way);
    self.site.limits.queued_max = 20000;
    self.site.big = 3000;
    sj__sim_faults faults;
    sj__sim_faults_init(&faults);
    faults.window = 8192;
    sj__sim_set_faults(self.site.loop, &faults);
    begin(&self);
    sj__stream_read_stop(self.client.stream);
    say_times(&self, GET("/big"), 1000);
    kit_pass(&self.site, 1000);
    /* Those in the network, those up to the limit, and the one that went above it. */
    assert_in_range(self.site.handled, 3, (8192 + 20000) / 3000 + 1);
    sj__stream_read_start(self.client.stream);
    kit_pass(&self.site, 5000);
    assert_int_equal(self.site.handled, 1000);
    count_bodies(&self.client, 3000, &received);
    assert_int_equal(received, 1000);
    kit_setting_close(&self);
  }
}

/* Replies that wait for their turn are bytes in memory too. */
static void reading_stops_when_early_replies_pile_up(void **state) {
  kit_setting self;
  unsigned received;
  kit_site_init(&self.site, KIT_WHOLE);
  self.site.limits.pipeline_max = 1000;
  self.site.limits.queued_max = 20000;
  self.site.big = 3000;
  begin(&self);
  kit_say(&self.client, GET("/later"));
  say_times(&self, GET("/big"), 100);
  kit_pass(&self.site, 200);
  assert_in_range(self.site.handled, 2, 1 + 20000 / 3000 + 1);
  assert_int_equal(self.client.received.size, 0);
  self.site.big = 3000;
  char body[3001];
  memset(body, 'x', 3000);
  body[3000] = '\0';
  kit_answer_pending(&self.site, 0, body);
  kit_pass(&self.site, 1000);
  assert_int_equal(self.site.handled, 101);
  count_bodies(&self.client, 3000, &received);
  assert_int_equal(received, 101);
  kit_setting_close(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_HTTP(replies_of_one_turn_leave_in_one_write),
      KIT_HTTP(late_replies_of_one_turn_leave_in_one_write),
      KIT_HTTP(an_early_reply_waits_for_its_turn),
      KIT_HTTP(replies_in_any_order_leave_in_order),
      KIT_HTTP(what_follows_the_last_reply_is_dropped),
      KIT_HTTP(nothing_is_served_after_a_last_reply),
      KIT_HTTP(reading_stops_with_too_many_under_way),
      KIT_HTTP(what_waited_while_reading_stood_still_is_answered),
      KIT_HTTP(a_pause_may_end_with_the_last_reply),
      KIT_HTTP(reading_stops_when_replies_are_not_read),
      KIT_HTTP(reading_stops_when_early_replies_pile_up),
  };
  return cmocka_run_group_tests(tests, kit_count_memory, NULL);
}
