#include "../unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "loop/address.h"

static void reads_and_writes_addresses(void **state) {
  static const struct {
    const char *text, *written, *host;
    int port;
    bool is_unix;
  } good[] = {
      {"127.0.0.1:7373", "127.0.0.1:7373", "127.0.0.1", 7373, false},
      {"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", 0, false},
      {"[::1]:65535", "[::1]:65535", "::1", 65535, false},
      {"[2001:DB8:0::7]:1", "[2001:db8::7]:1", "2001:db8::7", 1, false},
      {"[::ffff:192.0.2.1]:80", "192.0.2.1:80", "192.0.2.1", 80, false},
      {":7373", "[::]:7373", "::", 7373, false},
      {"unix:/run/sojourn.sock", "unix:/run/sojourn.sock", "unix", 0, true},
  };
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    sj__address address;
    char text[SJ__ADDRESS_MAX];
    assert_ok(sj__address_parse(good[i].text, &address, NULL));
    sj__address_format(&address, text);
    assert_string_equal(text, good[i].written);
    assert_int_equal(sj__address_host(&address, text), good[i].port);
    assert_string_equal(text, good[i].host);
    assert_int_equal(address.is_unix, good[i].is_unix);
    assert_int_equal(address.every_interface, good[i].text[0] == ':');
  }
}

static void refuses_what_is_not_numeric(void **state) {
  static const char *const bad[] = {
      "",
      "7373",
      "127.0.0.1",
      "127.0.0.1:",
      "127.0.0.1:65536",
      "127.0.0.1:-1",
      "127.0.0.1:+1",
      "127.0.0.1:07373",
      "127.0.0.1: 7373",
      " 127.0.0.1:7373",
      "127.1:7373",
      "0x7f.0.0.1:1",
      "256.0.0.1:1",
      "localhost:7373",
      "::1:7373",
      "[::1]",
      "[::1]7373",
      "[::1:7373",
      "[]:1",
      "[127.0.0.1]:1",
      "[::1]]:1",
      "[fe80::1%lo]:1",
      "unix:",
      "unix:relative",
      "unix",
      "UNIX:/x",
      "127.0.0.1:1\n",
      "[1:2:3:4:5:6:7:8:9]:1",
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    sj__address address;
    sj_error error;
    assert_int_equal(sj__address_parse(bad[i], &address, &error), SJ_INVALID);
    assert_non_null(strstr(error.message, "unix:/PATH"));
  }
}

static void unix_paths_fill_the_room_and_no_more(void **state) {
  char text[SJ__ADDRESS_MAX + 8];
  char written[SJ__ADDRESS_MAX];
  sj__address address;
  memset(text, 'p', sizeof(text));
  memcpy(text, "unix:/", 6);
  text[SJ__ADDRESS_MAX - 1] = '\0';
  assert_ok(sj__address_parse(text, &address, NULL));
  sj__address_format(&address, written);
  assert_string_equal(written, text);
  text[SJ__ADDRESS_MAX - 1] = 'p';
  text[SJ__ADDRESS_MAX] = '\0';
  assert_int_equal(sj__address_parse(text, &address, NULL), SJ_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_and_writes_addresses),
      cmocka_unit_test(refuses_what_is_not_numeric),
      cmocka_unit_test(unix_paths_fill_the_room_and_no_more),
  };
  return cmocka_run_group_tests_name("unit/loop/address", tests, NULL, NULL);
}
