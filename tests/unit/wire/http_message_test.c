/* Replies to the byte, HEAD, keep-alive, the sizes of requests, Expect. */
#include "http_kit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

/* --- Keep-alive --------------------------------------------------------------------- */

typedef struct keeping {
  const char *request;
  const char *says; /* the reply's Connection field; NULL: none */
  bool stays;
} keeping;

static const keeping keepings[] = {
    {GET("/"), NULL, true},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", NULL, true},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close", false},
    {"GET / HTTP/1.1\r\nHost: a\r\nconnection: foo,\tCLOSE , bar\r\n\r\n", "close", false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", "close", false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", "close", false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", NULL, true},
    {"GET / HTTP/1.0\r\n\r\n", "close", false},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive", true},
    {"GET / HTTP/1.0\r\nConnection: close\r\n\r\n", "close", false},
    {"GET / HTTP/1.0\r\nConnection: x\r\n\r\n", "close", false},
};

static void keep_one(const keeping *expected, unsigned way) {
  kit_setting self;
  char says[40] = "\r\nConnection: ";
  kit_setting_open(&self, way);
  kit_ask(&self.client, expected->request);
  kit_response response = kit_only(&self.client);
  assert_int_equal(response.status, 200);
  if (expected->says != NULL) strncat(says, expected->says, 20);
  assert_int_equal(kit_has(response.head, says), expected->says != NULL);
  assert_int_equal(self.client.ended, !expected->stays);
  sj__buffer_reset(&self.client.received);
  kit_ask(&self.client, expected->request);
  assert_int_equal(self.site.handled, expected->stays ? 2 : 1);
  assert_int_equal(self.client.received.size > 0, expected->stays);
  kit_setting_close(&self);
}

static void connections_stay_open_as_both_versions_have_it(void **state) {
  for (size_t i = 0; i < SJ__COUNT_OF(keepings); i++) {
    print_message("%s", keepings[i].request);
    for (unsigned way = 0; way < KIT_CUTS; way++) keep_one(&keepings[i], way);
  }
}

/* --- Replies -------------------------------------------------------------------------- */

static void assert_received(kit_client *client, const char *text) {
  assert_slice_text(sj__buffer_slice(&client->received), text);
  sj__buffer_reset(&client->received);
}

static void a_reply_is_exactly_this(void **state) {
  kit_setting self;
  kit_setting_open(&self, KIT_WHOLE);
  kit_ask(&self.client, GET("/empty"));
  assert_received(&self.client,
                  "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                  "Content-Length: 0\r\n\r\n");
  kit_pass(&self.site, 1000);
  kit_ask(&self.client, GET("/"));
  assert_received(&self.client,
                  "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\n"
                  "Content-Type: text/plain\r\nContent-Length: 8\r\n\r\nGET a / ");
  kit_ask(&self.client, "x\r\n");
  assert_received(&self.client,
                  "HTTP/1.1 400 Bad Request\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\n"
                  "Content-Type: application/problem+json\r\nContent-Length: 119\r\n"
                  "Cache-Control: no-store\r\n"
                  "Connection: close\r\n\r\n"
                  "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                  "\"code\":\"bad_request\",\"detail\":\"the request line is malformed\"}");
  kit_setting_close(&self);
}

/* RFC 9110 9.3.2: what GET would say, without its body. */
static void head_has_the_fields_alone(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_setting_open(&self, way);
    kit_ask(&self.client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET("/b"));
    sj_slice rest = sj__buffer_slice(&self.client.received);
    kit_response response;
    assert_true(kit_take(&rest, true, &response));
    assert_true(
        kit_has(response.head, "\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"));
    assert_true(kit_take(&rest, false, &response));
    assert_slice_text(response.body, "GET a /b ");
    sj__buffer_reset(&self.client.received);
    kit_ask(&self.client, "HEAD / HTTP/1.1\r\n\r\n");
    rest = sj__buffer_slice(&self.client.received);
    assert_true(kit_take(&rest, true, &response));
    assert_int_equal(response.status, 400);
    assert_int_equal(rest.size, 0);
    kit_setting_close(&self);
  }
}

static void no_content_has_no_length(void **state) {
  kit_setting self;
  kit_setting_open(&self, KIT_WHOLE);
  kit_ask(&self.client, GET("/last"));
  assert_received(&self.client,
                  "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                  "Connection: close\r\n\r\n");
  kit_setting_close(&self);
}

/* --- A programmer's errors abort --------------------------------------------------------- */

static void reply_with(sj__http_request *request, const char *name, const char *value) {
  const sj__http_field field = {sj__slice_text(name), sj__slice_text(value)};
  sj__http_reply(request, &(sj__http_response){.status = 200, .fields = &field, .field_count = 1});
}

static void forge_a_field(sj__http_request *request) {
  reply_with(request, "X", "a\r\nSet-Cookie: b");
}

static void forge_with_a_name(sj__http_request *request) {
  reply_with(request, "X: y\r\nZ", "a");
}

static void say_what_the_server_says(sj__http_request *request) {
  reply_with(request, "content-length", "7");
}

static void answer_interim(sj__http_request *request) {
  sj__http_reply(request, &(sj__http_response){.status = 100});
}

/* Behind another, so that the first reply still waits when the second comes. */
static void answer_twice(sj__http_request *request) {
  kit_answer(request, "a");
  kit_answer(request, "b");
}

static void assert_aborts(void (*misuse)(sj__http_request *request)) {
  kit_setting self;
  kit_setting_open(&self, KIT_WHOLE);
  kit_ask(&self.client, GET("/later") GET("/later"));
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    close(2);
    misuse(self.site.pending[1]);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  kit_setting_close(&self);
}

static void replies_that_could_forge_another_abort(void **state) {
  assert_aborts(forge_a_field);
  assert_aborts(forge_with_a_name);
  assert_aborts(say_what_the_server_says);
  assert_aborts(answer_interim);
  assert_aborts(answer_twice);
}

/* --- Sizes ------------------------------------------------------------------------------- */

/* A request whose head has `size` bytes in all; `in_target`: by its target. */
static void make_head(sj__buffer *out, size_t size, bool in_target) {
  static const char before_target[] = "GET /", after_target[] = " HTTP/1.1\r\nHost: a\r\n";
  size_t fixed = sizeof(before_target) - 1 + sizeof(after_target) - 1 + strlen("\r\n");
  if (!in_target) fixed += strlen("X: \r\n");
  sj__buffer_reset(out);
  sj__buffer_append_text(out, before_target);
  for (size_t i = fixed; in_target && i < size; i++) sj__buffer_append_char(out, 't');
  sj__buffer_append_text(out, after_target);
  if (!in_target) sj__buffer_append_text(out, "X: ");
  for (size_t i = fixed; !in_target && i < size; i++) sj__buffer_append_char(out, 'v');
  sj__buffer_append_text(out, in_target ? "\r\n" : "\r\n\r\n");
  assert_int_equal(out->size, size);
}

static void assert_status(sj_slice request, unsigned way, int status) {
  kit_setting self;
  kit_setting_open(&self, way);
  kit_send(&self.client, request);
  kit_pass(&self.site, 1000);
  assert_int_equal(kit_only(&self.client).status, status);
  assert_int_equal(self.client.ended, status != 200);
  assert_int_equal(self.site.handled, status == 200);
  kit_setting_close(&self);
}

static void a_head_has_at_most_head_max_bytes(void **state) {
  sj__buffer request;
  sj__buffer_init(&request, 0);
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    make_head(&request, 16384, false);
    assert_status(sj__buffer_slice(&request), way, 200);
    make_head(&request, 16385, false);
    assert_status(sj__buffer_slice(&request), way, 431);
    make_head(&request, 16384, true);
    assert_status(sj__buffer_slice(&request), way, 200);
    make_head(&request, 16384 + 5, true);
    assert_status(sj__buffer_slice(&request), way, 431);
    make_head(&request, 20000, true);
    assert_status(sj__buffer_slice(&request), way, 414);
  }
  sj__buffer_release(&request);
}

static void a_head_has_at_most_so_many_fields(void **state) {
  sj__buffer request;
  sj__buffer_init(&request, 0);
  for (unsigned count = 100; count <= 101; count++) {
    sj__buffer_reset(&request);
    sj__buffer_append_text(&request, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 1; i < count; i++) sj__buffer_appendf(&request, "X%u:\r\n", i);
    sj__buffer_append_text(&request, "\r\n");
    for (unsigned way = 0; way < KIT_CUTS; way++) {
      assert_status(sj__buffer_slice(&request), way, count <= 100 ? 200 : 431);
    }
  }
  sj__buffer_release(&request);
}

static void append_chunks(sj__buffer *out, size_t size, size_t chunk) {
  for (; size > 0; size -= chunk) {
    if (chunk > size) chunk = size;
    sj__buffer_appendf(out, "%zx\r\n", chunk);
    for (size_t i = 0; i < chunk; i++) sj__buffer_append_char(out, 'b');
    sj__buffer_append_text(out, "\r\n");
  }
  sj__buffer_append_text(out, "0\r\n\r\n");
}

static void a_body_has_at_most_body_max_bytes(void **state) {
  static const size_t chunks[] = {65536, 1000, 7};
  sj__buffer request;
  sj__buffer_init(&request, 0);
  for (size_t size = 65536; size <= 65537; size++) {
    for (size_t i = 0; i < SJ__COUNT_OF(chunks); i++) {
      sj__buffer_reset(&request);
      sj__buffer_append_text(&request,
                             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
      append_chunks(&request, size, chunks[i]);
      for (unsigned way = 0; way < KIT_CUTS; way++) {
        assert_status(sj__buffer_slice(&request), way, size <= 65536 ? 200 : 413);
      }
    }
  }
  sj__buffer_release(&request);
}

/* What a chunked body holds beside its data is bounded, wherever it stands. */
static void extensions_and_trailers_are_bounded(void **state) {
  static const char *const kinds[] = {"1;%s\r\nx\r\n0\r\n\r\n", "0\r\nX: %s\r\n\r\n"};
  static char filler[16400];
  sj__buffer request;
  sj__buffer_init(&request, 0);
  for (size_t i = 0; i < SJ__COUNT_OF(kinds); i++) {
    for (size_t size = 16000; size <= 16399; size += 399) {
      memset(filler, 'e', size);
      filler[size] = '\0';
      sj__buffer_reset(&request);
      sj__buffer_append_text(&request,
                             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
      const char *at = strchr(kinds[i], '%');
      sj__buffer_append(&request, kinds[i], (size_t)(at - kinds[i]));
      sj__buffer_append_text(&request, filler);
      sj__buffer_append_text(&request, at + 2);
      for (unsigned way = 0; way < KIT_CUTS; way++) {
        assert_status(sj__buffer_slice(&request), way, size == 16000 ? 200 : 431);
      }
    }
  }
  sj__buffer_release(&request);
}

/* --- Expect: 100-continue -------------------------------------------------------------- */

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define EXPECTS(size) \
  "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: " size "\r\n\r\n"

static void a_body_is_asked_for_once(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_setting_open(&self, way);
    kit_ask(&self.client, EXPECTS("2"));
    assert_received(&self.client, CONTINUE);
    kit_ask(&self.client, "h");
    assert_int_equal(self.client.received.size, 0);
    kit_ask(&self.client, "i");
    kit_assert_bodies(&self.client, "POST a /p hi");
    kit_setting_close(&self);
  }
}

static void a_body_that_is_here_is_not_asked_for(void **state) {
  kit_setting self;
  kit_setting_open(&self, KIT_WHOLE);
  kit_ask(&self.client, EXPECTS("2") "hi");
  kit_ask(&self.client, EXPECTS("2") "h");
  kit_ask(&self.client, "o");
  kit_ask(&self.client, EXPECTS("0"));
  kit_ask(&self.client,
          "POST /p HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n"
          "Content-Length: 2\r\n\r\n");
  kit_ask(&self.client, "hi");
  kit_assert_bodies(&self.client, "POST a /p hi,POST a /p ho,POST a /p ,POST  /p hi");
  assert_false(kit_has(sj__buffer_slice(&self.client.received), "100 Continue"));
  kit_setting_close(&self);
}

/* RFC 9110 15.2: an interim response comes before the final one of its own request. */
static void a_body_is_asked_for_in_its_turn(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_setting_open(&self, way);
    kit_ask(&self.client, GET("/later") EXPECTS("2"));
    assert_int_equal(self.client.received.size, 0);
    kit_answer_pending(&self.site, 0, "0");
    kit_pass(&self.site, 100);
    sj_slice received = sj__buffer_slice(&self.client.received);
    assert_slice_text(
        sj__slice(received.data + received.size - strlen("0" CONTINUE), strlen("0" CONTINUE)),
        "0" CONTINUE);
    kit_ask(&self.client, "hi");
    kit_assert_bodies(&self.client, "0,POST a /p hi");
    kit_setting_close(&self);
  }
}

static void a_body_that_is_too_large_is_refused_unread(void **state) {
  for (unsigned way = 0; way < KIT_CUTS; way++) {
    kit_setting self;
    kit_setting_open(&self, way);
    kit_ask(&self.client, EXPECTS("65537"));
    assert_int_equal(kit_only(&self.client).status, 413);
    assert_true(self.client.ended);
    kit_setting_close(&self);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_HTTP(connections_stay_open_as_both_versions_have_it),
      KIT_HTTP(a_reply_is_exactly_this),
      KIT_HTTP(head_has_the_fields_alone),
      KIT_HTTP(no_content_has_no_length),
      KIT_HTTP(replies_that_could_forge_another_abort),
      KIT_HTTP(a_head_has_at_most_head_max_bytes),
      KIT_HTTP(a_head_has_at_most_so_many_fields),
      KIT_HTTP(a_body_has_at_most_body_max_bytes),
      KIT_HTTP(extensions_and_trailers_are_bounded),
      KIT_HTTP(a_body_is_asked_for_once),
      KIT_HTTP(a_body_that_is_here_is_not_asked_for),
      KIT_HTTP(a_body_is_asked_for_in_its_turn),
      KIT_HTTP(a_body_that_is_too_large_is_refused_unread),
  };
  return cmocka_run_group_tests(tests, kit_count_memory, NULL);
}
