/* How connections end: clients that leave, caps, drain; and what is counted. */
#include "http_kit.h"

#include "base/metrics.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static size_t connections(const kit_setting *self) {
  return sj__http_server_connections(self->site.server);
}

/* --- The client leaves --------------------------------------------------------------------- */

static void a_client_that_resets_is_noticed(void **state) {
  kit_setting self;
  kit_setting_open(&self, KIT_WHOLE);
  kit_ask(&self.client, GET("/later") GET("/later"));
  sj__sim_reset(self.client.stream);
  kit_pass(&self.site, 10);
  assert_int_equal(self.site.gone, 2);
  assert_int_equal(connections(&self), 1); /* the requests keep its memory */
  kit_answer_pending(&self.site, 1, "");
  kit_answer_pending(&self.site, 0, "");
  kit_pass(&self.site, 10);
  assert_int_equal(connections(&self), 0);
  kit_setting_close(&self);
}

static void a_client_that_closes_is_noticed(void **state) {
  for (unsigned answered = 0; answered < 2; answered++) {
    kit_setting self;
    kit_setting_open(&self, KIT_WHOLE);
    self.site.answer_when_gone = answered == 1;
    kit_ask(&self.client, GET("/later") GET("/later"));
    kit_leave(&self.client);
    kit_pass(&self.site, 10);
    assert_int_equal(self.site.gone, 2);
    if (answered == 0) {
      kit_answer_pending(&self.site, 1, "");
      kit_answer_pending(&self.site, 0, "");
      kit_pass(&self.site, 10);
    }
    assert_int_equal(connections(&self), 0);
    kit_setting_close(&self);
  }
}

/* It may still be reading: what is answered is sent, and then both sides end. */
static void a_client_that_ends_its_side_gets_its_replies(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_setting_open(&self, way);
    kit_say(&self.client, GET("/later") GET("/b") "GET /half");
    sj__stream_shutdown(self.client.stream);
    kit_pass(&self.site, 200);
    assert_int_equal(self.site.gone, 1);
    assert_false(self.client.ended);
    kit_answer_pending(&self.site, 0, "0");
    kit_pass(&self.site, 200);
    kit_assert_bodies(&self.client, "0,GET a /b ");
    assert_true(self.client.ended);
    assert_int_equal(self.client.why, SJ_CLOSED);
    assert_int_equal(connections(&self), 0);
    kit_setting_close(&self);
  }
}

static void a_client_that_ends_its_side_while_idle_is_closed(void **state) {
  static const char *const beginnings[] = {
      "", "GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh"};
  for (size_t i = 0; i < SJ__COUNT_OF(beginnings); i++) {
    kit_setting self;
    kit_setting_open(&self, KIT_WHOLE);
    kit_say(&self.client, beginnings[i]);
    sj__stream_shutdown(self.client.stream);
    kit_pass(&self.site, 10);
    assert_int_equal(self.client.received.size, 0);
    assert_true(self.client.ended);
    assert_int_equal(connections(&self), 0);
    kit_setting_close(&self);
  }
}

/* --- Caps -------------------------------------------------------------------------------- */

static void connections_above_the_cap_are_turned_away(void **state) {
  kit_setting self;
  kit_client second;
  kit_site_init(&self.site, KIT_WHOLE);
  self.site.limits.connections_max = 1;
  assert_ok(kit_site_try_open(&self.site));
  kit_connect(&self.site, &self.client);
  kit_connect(&self.site, &second);
  kit_pass(&self.site, 10);
  assert_int_equal(kit_only(&second).status, 503);
  assert_true(kit_has(kit_only(&second).head, "\r\nConnection: close\r\n"));
  assert_true(second.ended);
  kit_leave(&second);
  assert_int_equal(connections(&self), 1);
  kit_ask(&self.client, GET("/b"));
  kit_assert_bodies(&self.client, "GET a /b ");
  kit_leave(&self.client);
  kit_pass(&self.site, 10);
  kit_connect(&self.site, &self.client);
  kit_ask(&self.client, GET("/c"));
  kit_assert_bodies(&self.client, "GET a /c ");
  kit_setting_close(&self);
}

/* --- Drain ------------------------------------------------------------------------------------ */

static void drain_closes_idle_connections_at_once(void **state) {
  kit_setting self;
  kit_setting_open(&self, KIT_WHOLE);
  kit_ask(&self.client, GET("/b"));
  kit_drain(&self.site, 10000);
  assert_int_equal(self.site.drained, 0);
  kit_pass(&self.site, 10);
  assert_true(self.client.ended);
  kit_leave(&self.client);
  kit_pass(&self.site, 10);
  assert_int_equal(self.site.drained, 1);
  kit_setting_close(&self);
}

static void drain_lets_requests_finish(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_response response;
    kit_setting_open(&self, way);
    kit_ask(&self.client, GET("/later") GET("/later"));
    kit_drain(&self.site, 10000);
    kit_pass(&self.site, 5000);
    assert_false(self.client.ended);
    assert_int_equal(self.site.gone, 0);
    kit_answer_pending(&self.site, 1, "1");
    kit_answer_pending(&self.site, 0, "0");
    kit_pass(&self.site, 200);
    sj_slice rest = sj__buffer_slice(&self.client.received);
    assert_true(kit_take(&rest, false, &response));
    assert_false(kit_has(response.head, "Connection"));
    assert_true(kit_take(&rest, false, &response));
    assert_true(kit_has(response.head, "\r\nConnection: close\r\n"));
    assert_true(self.client.ended);
    kit_leave(&self.client);
    kit_pass(&self.site, 10);
    assert_int_equal(self.site.drained, 1);
    kit_setting_close(&self);
  }
}

/* What came but waits because reading stands still is served too; the last reply says so. */
static void drain_serves_what_waits(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way += 2) {
    kit_setting self;
    kit_response response = {.status = 0};
    kit_site_init(&self.site, way);
    self.site.limits.pipeline_max = 1;
    assert_ok(kit_site_try_open(&self.site));
    kit_connect(&self.site, &self.client);
    kit_ask(&self.client, GET("/later") GET("/later") GET("/later"));
    assert_int_equal(self.site.handled, 1);
    kit_drain(&self.site, 10000);
    for (size_t i = 0; i < 3; i++) {
      kit_answer_pending(&self.site, i, "x");
      kit_pass(&self.site, 200);
    }
    kit_assert_bodies(&self.client, "x,x,x");
    sj_slice rest = sj__buffer_slice(&self.client.received);
    for (size_t i = 0; i < 3; i++) {
      assert_true(kit_take(&rest, false, &response));
      assert_int_equal(kit_has(response.head, "\r\nConnection: close\r\n"), i == 2);
    }
    assert_true(self.client.ended);
    kit_setting_close(&self);
  }
}

/* What has begun to come is let in: the client could not know. */
static void drain_lets_a_request_come_whole(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_setting_open(&self, way);
    kit_ask(&self.client, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Le");
    kit_drain(&self.site, 20000);
    kit_ask(&self.client, "ngth: 2\r\n\r\nh");
    kit_pass(&self.site, 8000);
    kit_ask(&self.client, "i");
    kit_assert_bodies(&self.client, "POST a /p hi");
    assert_true(kit_has(kit_only(&self.client).head, "\r\nConnection: close\r\n"));
    assert_true(self.client.ended);
    kit_setting_close(&self);
  }
}

static void drain_gives_a_new_connection_a_second(void **state) {
  for (unsigned late = 0; late < 2; late++) {
    kit_setting self;
    kit_client busy, silent;
    kit_site_open(&self.site, KIT_WHOLE);
    kit_connect(&self.site, &busy);
    kit_ask(&busy, GET("/later"));
    if (late == 1) kit_drain(&self.site, 10000); /* the rest comes from a backlog, say */
    kit_connect(&self.site, &self.client);
    kit_connect(&self.site, &silent);
    if (late == 0) kit_drain(&self.site, 10000);
    kit_pass(&self.site, 900);
    assert_false(silent.ended);
    kit_ask(&self.client, GET("/b"));
    assert_true(kit_has(kit_only(&self.client).head, "\r\nConnection: close\r\n"));
    kit_pass(&self.site, 10);
    assert_true(silent.ended);
    assert_int_equal(silent.received.size, 0);
    kit_leave(&silent);
    kit_leave(&busy);
    kit_setting_close(&self);
  }
}

static void drain_ends_when_its_grace_is_over(void **state) {
  kit_setting self;
  kit_setting_open(&self, KIT_WHOLE);
  kit_ask(&self.client, GET("/later"));
  kit_drain(&self.site, 3000);
  kit_pass(&self.site, 2900);
  assert_int_equal(self.site.gone, 0);
  kit_pass(&self.site, 200);
  assert_int_equal(self.site.gone, 1);
  assert_true(self.client.ended);
  assert_int_equal(self.site.drained, 0); /* the request is still the handler's */
  kit_answer_pending(&self.site, 0, "");
  kit_pass(&self.site, 1);
  assert_int_equal(self.site.drained, 1);
  kit_setting_close(&self);
}

static void drain_of_nothing_is_over_soon_but_not_at_once(void **state) {
  kit_site site;
  kit_site_open(&site, KIT_WHOLE);
  kit_drain(&site, 1000);
  assert_int_equal(site.drained, 0);
  kit_pass(&site, 1);
  assert_int_equal(site.drained, 1);
  kit_site_close(&site);
}

/* --- Counters ------------------------------------------------------------------------ */

static void assert_counted(const sj__metrics *metrics, const char *line) {
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj__metrics_render(metrics, &text);
  if (!kit_has(sj__buffer_slice(&text), line)) {
    fail_msg("no %s in:\n%.*s", line, (int)text.size, text.data);
  }
  sj__buffer_release(&text);
}

static void refuse_some(kit_setting *self) {
  static const char *const requests[] = {
      "x\r\n", "y\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n",
      "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"};
  for (size_t i = 0; i < SJ__COUNT_OF(requests); i++) {
    kit_client client;
    kit_connect(&self->site, &client);
    kit_ask(&client, requests[i]);
    kit_leave(&client);
  }
}

static void what_happens_is_counted(void **state) {
  kit_setting self;
  kit_client second, third;
  sj__http_metrics counters;
  sj__metrics *metrics = sj__metrics_new();
  assert_non_null(metrics);
  assert_ok(sj__http_metrics_init(&counters, metrics));
  kit_site_init(&self.site, KIT_WHOLE);
  self.site.metrics = &counters;
  self.site.limits.connections_max = 2;
  assert_ok(kit_site_try_open(&self.site));
  refuse_some(&self);
  kit_connect(&self.site, &self.client);
  kit_ask(&self.client, GET("/later"));
  kit_connect(&self.site, &second);
  kit_connect(&self.site, &third);
  assert_counted(metrics, "\nsojourn_http_accepted_total 6\n");
  assert_counted(metrics, "\nsojourn_http_connections 2\n");
  assert_counted(metrics, "\nsojourn_http_turned_away_total 1\n");
  assert_counted(metrics, "\nsojourn_http_refused_total{status=\"400\"} 2\n");
  assert_counted(metrics, "\nsojourn_http_refused_total{status=\"413\"} 1\n");
  assert_counted(metrics, "\nsojourn_http_refused_total{status=\"501\"} 1\n");
  assert_counted(metrics, "\nsojourn_http_refused_total{status=\"505\"} 0\n");
  sj__sim_reset(self.client.stream);
  kit_pass(&self.site, 10);
  assert_counted(metrics, "\nsojourn_http_abandoned_total 1\n");
  kit_answer_pending(&self.site, 0, "");
  kit_leave(&second);
  kit_leave(&third);
  kit_setting_close(&self);
  assert_counted(metrics, "\nsojourn_http_connections 0\n");
  sj__metrics_free(metrics);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_HTTP(a_client_that_resets_is_noticed),
      KIT_HTTP(a_client_that_closes_is_noticed),
      KIT_HTTP(a_client_that_ends_its_side_gets_its_replies),
      KIT_HTTP(a_client_that_ends_its_side_while_idle_is_closed),
      KIT_HTTP(connections_above_the_cap_are_turned_away),
      KIT_HTTP(drain_closes_idle_connections_at_once),
      KIT_HTTP(drain_lets_requests_finish),
      KIT_HTTP(drain_serves_what_waits),
      KIT_HTTP(drain_lets_a_request_come_whole),
      KIT_HTTP(drain_gives_a_new_connection_a_second),
      KIT_HTTP(drain_ends_when_its_grace_is_over),
      KIT_HTTP(drain_of_nothing_is_over_soon_but_not_at_once),
      KIT_HTTP(what_happens_is_counted),
  };
  return cmocka_run_group_tests(tests, kit_count_memory, NULL);
}
