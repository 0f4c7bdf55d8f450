/* The whole front: failures of memory and of the store open nothing, and leave nothing behind. */
#include "front_kit.h"

static char text[1024];

static const char *request(const char *line, const char *credential) {
  snprintf(text, sizeof(text), "%s HTTP/1.1\r\nSojourn-Key: " KIT_KEY "%s%s%s\r\nContent-Type: %s",
           line, credential != NULL ? "\r\nCookie: __Host-sojourn=" : "",
           credential != NULL ? credential : "", "",
           strncmp(line, "PATCH", 5) == 0 ? "application/merge-patch+json" : "application/json");
  return text;
}

/* --- Out of memory, at every allocation ---------------------------------------- */

typedef struct call_row {
  const char *line;
  const char *body;
  bool presents; /* a session's credential */
  bool writes;   /* a record */
  int good;
} call_row;

static const call_row rows[] = {
    {"POST /v1/sessions", "{\"subject\":\"ada\",\"amr\":[\"pwd\"],\"attributes\":{\"a\":1}}", false,
     true, 201},
    {"GET /v1/session", "", true, false, 200},
    {"PATCH /v1/session", "{\"n\":[1,{\"m\":null}]}", true, true, 200},
    {"GET /check?level=0", "", true, false, 200},
    {"GET /v1/subjects/a%20b/sessions?limit=2", "", false, false, 200},
    {"DELETE /v1/subjects/c%20d/sessions", "", false, false, 200},
    {"POST /v1/session/rotate", "{\"auth_level\":2}", true, true, 200},
    {"POST /v1/revocations", "{\"before\":\"1990-01-01T00:00:00Z\"}", false, false, 204},
    {"DELETE /v1/session", "", true, false, 204},
    {"GET /healthz", "", false, false, 200},
    {"OPTIONS /v1/session", "", false, false, 204},
    {"PUT /v1/session", "", false, false, 405},
    {"GET /nowhere", "", false, false, 404},
    {"GET /v1/session?x=1", "", false, false, 400},
};

/* With memory failing, a request is answered as ever, or with 503, or the connection ends. */
static void ask_without_memory(front_site *self, const call_row *row, long skip, bool once,
                               bool *pending) {
  char credential[128];
  char wire[2048];
  kit_client client;
  front_kit_create(self, "{\"subject\":\"a b\",\"attributes\":{\"plan\":\"pro\"}}", credential);
  snprintf(wire, sizeof(wire), "%s\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
           request(row->line, row->presents ? credential : NULL), strlen(row->body), row->body);
  kit_connect(&self->site, &client);
  kit_say(&client, wire);
  if (once) {
    fail_one_allocation(skip);
  } else {
    fail_allocations_from(skip);
  }
  /* Virtual time: a second for the deadline of the call, too. */
  kit_pass(&self->site, 1500);
  *pending = fail_no_allocations();
  kit_pass(&self->site, 1500);
  front_kit_keep(self, &client);
  kit_leave(&client);
  if (self->status == 0 || self->status == row->good) return;
  /* memory: is full when there is no memory for a record. */
  bool full = self->status == 507 && row->writes;
  if (self->status != 503 && !full)
    fail_msg("%s, allocation %ld: %.300s", row->line, skip, self->reply);
  assert_true(full || strstr(self->reply, "\r\nRetry-After: ") != NULL);
  assert_non_null(strstr(self->reply, "\r\nCache-Control: no-store"));
  assert_null(strstr(self->reply, "Sojourn-Subject"));
}

static void sweep(const call_row *row, bool once) {
  front_site self;
  bool pending = false;
  front_kit_open(&self, "memory:");
  for (long skip = 0; !pending; skip++) {
    ask_without_memory(&self, row, skip, once, &pending);
    assert_true(skip < 2000);
  }
  assert_int_equal(self.status, row->good);
  front_kit_close(&self);
}

static void survives_every_failed_allocation(void **state) {
  for (size_t i = 0; i < SJ__COUNT_OF(rows); i++) {
    sweep(&rows[i], true);
    sweep(&rows[i], false);
  }
}

/* SECURITY: who may not pass never passes because something failed. */
static void fails_closed(void **state) {
  front_site self;
  bool pending = false;
  char ended[128], level_1[128];
  front_kit_open(&self, "memory:");
  front_kit_create(&self, "{}", ended);
  assert_int_equal(front_kit_ask(&self, request("DELETE /v1/session", ended), ""), 204);
  front_kit_create(&self, "{\"auth_level\":1}", level_1);
  const struct {
    const char *line;
    const char *credential;
    int good;
  } checks[] = {{"GET /check", ended, 401},
                {"GET /check", "AAAA", 401},
                {"GET /check", NULL, 401},
                {"GET /check?level=2", level_1, 403},
                {"GET /check?lev%65l=1&level=1", level_1, 403},
                {"GET /check?max_age=99999", NULL, 401}};
  for (size_t i = 0; i < SJ__COUNT_OF(checks); i++) {
    pending = false;
    for (long skip = 0; !pending; skip++) {
      kit_client client;
      char wire[2048];
      snprintf(wire, sizeof(wire), "%s\r\nHost: x\r\n\r\n",
               request(checks[i].line, checks[i].credential));
      kit_connect(&self.site, &client);
      kit_say(&client, wire);
      fail_one_allocation(skip);
      kit_pass(&self.site, 1500);
      pending = fail_no_allocations();
      front_kit_keep(&self, &client);
      kit_leave(&client);
      assert_true(self.status == 0 || self.status == checks[i].good || self.status == 503);
      assert_true(skip < 2000);
    }
    assert_int_equal(self.status, checks[i].good);
  }
  front_kit_close(&self);
}

/* --- The store fails --------------------------------------------------------------- */

static void a_failing_store_lets_nobody_pass(void **state) {
  static const sj__fault faults[] = {SJ__FAULT_REFUSE, SJ__FAULT_LOSE, SJ__FAULT_HANG};
  front_site self;
  char ended[128], alive[128];
  front_kit_open(&self, "fault+memory:");
  front_kit_create(&self, "{}", ended);
  assert_int_equal(front_kit_ask(&self, request("DELETE /v1/session", ended), ""), 204);
  front_kit_create(&self, "{\"subject\":\"ada\"}", alive);
  for (size_t i = 0; i < SJ__COUNT_OF(faults); i++) {
    sj__fault_plan plan = {.ops = SJ__FAULT_OP(SJ__GET)};
    plan.per_mille[faults[i]] = 1000;
    sj__fault_set_plan(self.store, &plan);
    for (int j = 0; j < 2; j++) {
      kit_client client;
      char wire[2048];
      snprintf(wire, sizeof(wire), "%s\r\nHost: x\r\n\r\n",
               request("GET /check?optional=1", j == 0 ? ended : alive));
      kit_connect(&self.site, &client);
      kit_say(&client, wire);
      kit_pass(&self.site, 1500); /* past the call's deadline */
      front_kit_keep(&self, &client);
      kit_leave(&client);
      assert_int_equal(self.status, 503);
    }
  }
  sj__fault_set_plan(self.store, NULL);
  assert_int_equal(front_kit_ask(&self, request("GET /check", alive), ""), 200);
  assert_non_null(strstr(self.reply, "\r\nSojourn-Subject: ada\r\n"));
  front_kit_close(&self);
}

/* --- The client leaves -------------------------------------------------------------- */

/* Sends it, and is gone before the store (every call takes 500 ms) has answered. */
static void ask_and_leave(front_site *self, const char *head, const char *body) {
  const sj__fault_step slow = {.fault = SJ__FAULT_DELAY, .delay_ms = 500};
  char wire[2048];
  kit_client client;
  assert_ok(sj__fault_add_step(self->store, &slow));
  snprintf(wire, sizeof(wire), "%s\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body),
           body);
  kit_connect(&self->site, &client);
  kit_say(&client, wire);
  kit_pass(&self->site, 20);
  sj__sim_reset(client.stream);
  kit_leave(&client);
  kit_pass(&self->site, 2000);
}

static void what_is_to_end_ends_without_its_client(void **state) {
  front_site self;
  char credential[128];
  static const char *const lines[] = {"DELETE /v1/session", "DELETE /v1/subjects/ada/sessions"};
  front_kit_open(&self, "fault+memory:");
  for (size_t i = 0; i < SJ__COUNT_OF(lines); i++) {
    front_kit_create(&self, "{\"subject\":\"ada\"}", credential);
    ask_and_leave(&self, request(lines[i], i == 0 ? credential : NULL), "");
    assert_int_equal(front_kit_ask(&self, request("GET /v1/session", credential), ""), 401);
    assert_non_null(strstr(self.reply, "\"code\":\"ended\""));
  }
  front_kit_close(&self);
}

static void what_nobody_waits_for_is_given_up(void **state) {
  front_site self;
  char credential[128];
  front_kit_open(&self, "fault+memory:");
  front_kit_create(&self, "{}", credential);
  ask_and_leave(&self, request("PATCH /v1/session", credential), "{\"a\":1}");
  assert_int_equal(front_kit_ask(&self, request("GET /v1/session", credential), ""), 200);
  assert_non_null(strstr(self.reply, "\"version\":1,"));
  front_kit_close(&self);
}

/* --- Keys ---------------------------------------------------------------------------- */

static void takes_other_keys(void **state) {
  front_site self;
  const sj_slice other = SJ__SLICE("sojourn_another");
  sj__api_key key = {.roles = SJ__ROLE_APP};
  front_kit_open(&self, "memory:");
  sj__sha256(&other, 1, key.hash);
  fail_allocations_from(0);
  assert_int_equal(sj__front_set_api_keys(self.front, &key, 1), SJ_NO_MEMORY);
  fail_no_allocations();
  assert_int_equal(front_kit_ask(&self, request("POST /v1/sessions", NULL), ""), 201);
  assert_ok(sj__front_set_api_keys(self.front, &key, 1));
  assert_int_equal(front_kit_ask(&self, request("POST /v1/sessions", NULL), ""), 403);
  static const char head[] = "POST /v1/sessions HTTP/1.1\r\nSojourn-Key: sojourn_another";
  assert_int_equal(front_kit_ask(&self, head, ""), 201);
  assert_ok(sj__front_set_api_keys(self.front, NULL, 0));
  assert_int_equal(front_kit_ask(&self, head, ""), 403);
  front_kit_close(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(survives_every_failed_allocation),
      cmocka_unit_test(fails_closed),
      cmocka_unit_test(a_failing_store_lets_nobody_pass),
      cmocka_unit_test(what_is_to_end_ends_without_its_client),
      cmocka_unit_test(what_nobody_waits_for_is_given_up),
      cmocka_unit_test(takes_other_keys),
  };
  install_failing_allocator();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
