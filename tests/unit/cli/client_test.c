/* Servers as they are named, and answers as they come. */
#include "../unit.h"

#include "../../kit/failing_allocator.h"
#include "cli/client.h"

static void servers_are_understood(void **state) {
  static const struct {
    const char *text, *host, *port;
  } cases[] = {
      {"http://127.0.0.1:7373", "127.0.0.1", "7373"},
      {"http://127.0.0.1:7373/", "127.0.0.1", "7373"},
      {"http://localhost", "localhost", "80"},
      {"http://localhost/", "localhost", "80"},
      {"http://[::1]:7373", "::1", "7373"},
      {"http://[::1]", "::1", "80"},
      {"unix:/run/sojourn.sock", "/run/sojourn.sock", ""},
      {"unix:relative", "relative", ""},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__endpoint endpoint;
    sj_error error;
    assert_ok(sj__endpoint_parse(cases[i].text, &endpoint, &error));
    assert_string_equal(endpoint.host, cases[i].host);
    assert_string_equal(endpoint.port, cases[i].port);
    assert_int_equal(endpoint.is_unix, strncmp(cases[i].text, "unix:", 5) == 0);
  }
}

static void wrong_servers_are_refused(void **state) {
  static const char *const texts[] = {
      "",
      "127.0.0.1:7373",
      "ftp://a",
      "http://",
      "http:///",
      "http://:7373",
      "http://a:",
      "http://a:0",
      "http://a:65536",
      "http://a:7373x",
      "http://a:73737373",
      "http://a/b",
      "http://[::1",
      "http://[]:1",
      "http://[::1]7373",
      "unix:",
      "unix:/a-path-that-is-longer-than-what-a-socket-address-has-room-for-which-are-one-hundred-"
      "and-eight-bytes-with-its-end",
  };
  for (size_t i = 0; i < SJ__COUNT_OF(texts); i++) {
    sj__endpoint endpoint;
    sj_error error;
    if (sj__endpoint_parse(texts[i], &endpoint, &error) != SJ_INVALID) fail_msg("%s", texts[i]);
    assert_non_null(strstr(error.message, "allowed: http://HOST:PORT or unix:PATH"));
  }
  sj__endpoint endpoint;
  sj_error error;
  assert_int_equal(sj__endpoint_parse("https://a", &endpoint, &error), SJ_UNSUPPORTED);
}

static sj_status parse(const char *text, sj__client_reply *reply, sj_error *error) {
  *reply = (sj__client_reply){.status = 0};
  sj__buffer_init(&reply->bytes, 0);
  sj__buffer_append_text(&reply->bytes, text);
  return sj__client_parse(reply, error);
}

static void answers_are_understood(void **state) {
  static const struct {
    const char *text;
    int status;
    const char *body;
  } cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}"},
      {"HTTP/1.0 404 Not Found\r\n\r\nabc", 404, "abc"},
      {"HTTP/1.1 204\r\n\r\n", 204, ""},
      {"HTTP/1.1 200 \r\ncontent-length:0\r\nA: b\r\n\r\n", 200, ""},
      {"HTTP/1.1 200 OK\r\nA: b\r\nCONTENT-LENGTH:   3  \r\n\r\n\r\n1", 200, "\r\n1"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__client_reply reply;
    sj_error error;
    assert_ok(parse(cases[i].text, &reply, &error));
    assert_int_equal(reply.status, cases[i].status);
    assert_slice_text(reply.body, cases[i].body);
    sj__client_reply_release(&reply);
  }
}

static void other_answers_are_refused(void **state) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", "the answer is empty: is that sojournd?"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP: is that sojournd?"},
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the answer is not HTTP: is that sojournd?"},
      {"\r\n\r\n", "the answer is not HTTP: is that sojournd?"},
      {"HTTP/2.0 200 OK\r\n\r\n", "the answer is not HTTP: is that sojournd?"},
      {"HTTP/1.1 20 OK\r\n\r\n", "the answer is not HTTP: is that sojournd?"},
      {"HTTP/1.1 043 OK\r\n\r\n", "the answer is not HTTP: is that sojournd?"},
      {"HTTP/1.1 600 OK\r\n\r\n", "the answer is not HTTP: is that sojournd?"},
      {"HTTP/1.1 2000 OK\r\n\r\n", "the answer is not HTTP: is that sojournd?"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "the answer is not HTTP: is that sojournd?"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
       "the answer is not whole: is that sojournd?"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
       "the answer is not whole: is that sojournd?"},
      {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
       "the answer is not whole: is that sojournd?"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__client_reply reply;
    sj_error error;
    assert_int_equal(parse(cases[i].text, &reply, &error), SJ_INVALID);
    assert_string_equal(error.message, cases[i].message);
    sj__client_reply_release(&reply);
  }
}

static void nobody_there_is_told(void **state) {
  sj__endpoint endpoint;
  sj_error error;
  sj__client_reply reply;
  const sj__client_request request = {.method = "GET", .target = "/", .timeout_ms = 1000};
  assert_ok(sj__endpoint_parse("unix:/nonexistent/sojourn.sock", &endpoint, &error));
  assert_int_equal(sj__client_call(&endpoint, &request, &reply, &error), SJ_UNAVAILABLE);
  assert_string_equal(error.message,
                      "cannot reach /nonexistent/sojourn.sock: No such file or directory");
  assert_ok(sj__endpoint_parse("http://127.0.0.1:1", &endpoint, &error));
  assert_int_equal(sj__client_call(&endpoint, &request, &reply, &error), SJ_UNAVAILABLE);
  assert_string_equal(error.message, "cannot reach 127.0.0.1 port 1: Connection refused");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(servers_are_understood), cmocka_unit_test(wrong_servers_are_refused),
      cmocka_unit_test(answers_are_understood), cmocka_unit_test(other_answers_are_refused),
      cmocka_unit_test(nobody_there_is_told),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/cli/client", tests, NULL, NULL);
}
