/* What only real sockets have: rights, stale files, shared ports, a lack of descriptors. */
#include "loop_kit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop/address.h"

static char folder[] = "/tmp/sojourn-listener-test-XXXXXX";
static char address[SJ__ADDRESS_MAX];
static const char *path;

static int make_folder(void **state) {
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(address, sizeof(address), "unix:%.60s/s", folder);
  path = address + 5;
  return 0;
}

static int remove_folder(void **state) {
  return rmdir(folder);
}

/* The server's end of a connection: the streams don't show their descriptors. */
static int find_other_end(int client) {
  struct sockaddr_storage own, peer;
  socklen_t own_size = sizeof(own);
  assert_int_equal(getsockname(client, (struct sockaddr *)&own, &own_size), 0);
  for (int fd = 3; fd < 256; fd++) {
    socklen_t size = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || size != own_size) continue;
    if (memcmp(&own, &peer, size) == 0) return fd;
  }
  return -1;
}

static int accepts;
static int client_end = -1;
static int no_delay;

static void accept_and_look(sj__listener *listener, sj__stream *stream) {
  accepts++;
  socklen_t size = sizeof(no_delay);
  int fd = client_end >= 0 ? find_other_end(client_end) : -1;
  if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size) != 0) no_delay = -1;
  sj__stream_close(stream);
  sj__loop_stop(sj__listener_data(listener));
}

static sj__listener *open_listener(sj__loop *loop, const sj__listen_options *options) {
  sj__listener *listener;
  sj_error error = {SJ_OK, ""};
  sj_status status = sj__listener_open(loop, options, accept_and_look, loop, &listener, &error);
  if (status != SJ_OK) fail_msg("%s", error.message);
  return listener;
}

static sj_status try_listener(sj__loop *loop, const sj__listen_options *options, sj_error *error) {
  sj__listener *listener;
  sj_status status = sj__listener_open(loop, options, accept_and_look, loop, &listener, error);
  if (status == SJ_OK) sj__listener_close(listener, NULL, NULL);
  return status;
}

/* A plain blocking client: the kernel completes it before anybody accepts. */
static int dial(const char *text) {
  sj__address target;
  assert_ok(sj__address_parse(text, &target, NULL));
  int fd = socket(target.storage.ss_family, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&target.storage, target.size), 0);
  return fd;
}

static void unix_sockets_get_their_mode(void **state) {
  static const int modes[] = {0, 0600, 0666};
  for (size_t i = 0; i < 3; i++) {
    sj__listen_options options = {.address = address, .unix_mode = modes[i]};
    sj__listener *listener = open_listener(*state, &options);
    struct stat seen;
    assert_int_equal(lstat(path, &seen), 0);
    assert_int_equal(seen.st_mode & 07777, modes[i] == 0 ? 0660 : modes[i]);
    sj__listener_close(listener, NULL, NULL);
    kit_run_for(*state, 1);
    assert_int_not_equal(access(path, F_OK), 0);
  }
}

static void leave_stale_socket(void) {
  struct sockaddr_un stale = {.sun_family = AF_UNIX};
  snprintf(stale.sun_path, sizeof(stale.sun_path), "%.100s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&stale, sizeof(stale)), 0);
  close(fd);
}

static void a_stale_socket_is_replaced(void **state) {
  leave_stale_socket();
  sj__listen_options options = {.address = address};
  sj__listener *listener = open_listener(*state, &options);
  int fd = dial(address);
  accepts = 0;
  kit_run(*state);
  assert_int_equal(accepts, 1);
  close(fd);
  sj__listener_close(listener, NULL, NULL);
}

static void other_files_are_never_replaced(void **state) {
  sj__listen_options options = {.address = address};
  sj_error error;
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  close(fd);
  assert_int_equal(try_listener(*state, &options, &error), SJ_BUSY);
  assert_int_equal(access(path, F_OK), 0);
  unlink(path);
}

/* Another daemon has taken the path over: closing ours leaves its socket alone. */
static void only_the_own_socket_file_is_removed(void **state) {
  sj__listen_options options = {.address = address};
  sj__listener *listener = open_listener(*state, &options);
  unlink(path);
  leave_stale_socket();
  sj__listener_close(listener, NULL, NULL);
  kit_run_for(*state, 1);
  assert_int_equal(access(path, F_OK), 0);
  unlink(path);
}

static void a_missing_folder_is_told(void **state) {
  sj__listen_options options = {.address = "unix:/tmp/sojourn-no-such-folder/s"};
  sj_error error;
  assert_int_equal(try_listener(*state, &options, &error), SJ_IO);
  assert_non_null(strstr(error.message, "No such file"));
}

static void workers_share_a_port_and_strangers_do_not(void **state) {
  char shared[SJ__ADDRESS_MAX];
  sj_error error;
  sj__listen_options options = {.address = "127.0.0.1:0", .reuse_port = true, .first = true};
  sj__listener *first = open_listener(*state, &options);
  sj__listener_address(first, shared);
  options.address = shared;
  assert_int_equal(try_listener(*state, &options, &error), SJ_BUSY);
  assert_non_null(strstr(error.message, shared));
  options.first = false;
  sj__listener *second = open_listener(*state, &options);
  sj__listener_close(first, NULL, NULL);
  sj__listener_close(second, NULL, NULL);
}

static void every_interface_takes_both_families(void **state) {
  sj__listen_options options = {.address = ":0"};
  sj__listener *listener = open_listener(*state, &options);
  char text[SJ__ADDRESS_MAX], target[SJ__ADDRESS_MAX];
  sj__listener_address(listener, text);
  unsigned port = (unsigned)strtoul(strrchr(text, ':') + 1, NULL, 10);
  static const char *const hosts[] = {"127.0.0.1", "[::1]"};
  accepts = 0;
  for (int i = 0; i < 2; i++) {
    snprintf(target, sizeof(target), "%s:%u", hosts[i], port);
    int fd = dial(target);
    kit_run(*state);
    close(fd);
  }
  assert_int_equal(accepts, 2);
  sj__listener_close(listener, NULL, NULL);
}

static void accepted_connections_do_not_delay(void **state) {
  sj__listen_options options = {.address = "127.0.0.1:0"};
  sj__listener *listener = open_listener(*state, &options);
  char target[SJ__ADDRESS_MAX];
  sj__listener_address(listener, target);
  int fd = dial(target);
  client_end = fd;
  kit_run(*state);
  client_end = -1;
  assert_true(no_delay > 0);
  close(fd);
  sj__listener_close(listener, NULL, NULL);
}

/* Containers may let everybody have every port. */
static bool is_privileged(int port) {
  int first = 1024;
  FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
  if (file == NULL) return true;
  if (fscanf(file, "%d", &first) != 1) first = 1024;
  fclose(file);
  return port < first;
}

static void privileged_ports_are_refused(void **state) {
  sj__listen_options options = {.address = "127.0.0.1:1"};
  sj_error error;
  uid_t user = geteuid();
  if (user == 0) assert_int_equal(seteuid(65534), 0);
  sj_status status = try_listener(*state, &options, &error);
  if (user == 0) assert_int_equal(seteuid(user), 0);
  assert_int_equal(status, is_privileged(1) ? SJ_PERMISSION : SJ_OK);
}

static uint64_t cpu_ns(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

/* Without descriptors the loop rests, and who waits is let in when there are some again. */
static void a_lack_of_descriptors_neither_spins_nor_drops(void **state) {
  sj__listen_options options = {.address = "127.0.0.1:0"};
  sj__listener *listener = open_listener(*state, &options);
  char target[SJ__ADDRESS_MAX];
  sj__listener_address(listener, target);
  int client = dial(target);
  struct rlimit before, tight;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  int next = dup(0);
  close(next);
  tight = before;
  tight.rlim_cur = (rlim_t)next;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
  accepts = 0;
  uint64_t used_ns = cpu_ns();
  kit_run_for(*state, 250);
  used_ns = cpu_ns() - used_ns;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(accepts, 0);
  assert_true(used_ns < 100000000);
  kit_run(*state);
  assert_int_equal(accepts, 1);
  close(client);
  sj__listener_close(listener, NULL, NULL);
}

typedef struct attempt {
  sj__loop *loop;
  sj_status status;
} attempt;

static void on_given_up(void *argument, sj_status status, sj__stream *stream) {
  attempt *self = argument;
  self->status = status;
  assert_null(stream);
  sj__loop_stop(self->loop);
}

/* A listener that accepts nobody and whose backlog is full: the kernel drops what comes. */
static void an_attempt_that_takes_too_long_is_given_up(void **state) {
  enum { CALLERS = 4 };
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(local);
  int deaf = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(deaf, (struct sockaddr *)&local, sizeof(local)), 0);
  assert_int_equal(listen(deaf, 0), 0);
  assert_int_equal(getsockname(deaf, (struct sockaddr *)&local, &size), 0);
  int callers[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(callers[i], (struct sockaddr *)&local, size);
  }
  char target[SJ__ADDRESS_MAX];
  snprintf(target, sizeof(target), "127.0.0.1:%u", (unsigned)ntohs(local.sin_port));
  attempt self = {*state, SJ_OK};
  sj__connect *connect_attempt;
  assert_ok(sj__connect_start(*state, target, 30, on_given_up, &self, &connect_attempt));
  kit_run(*state);
  assert_int_equal(self.status, SJ_TIMED_OUT);
  for (int i = 0; i < CALLERS; i++) close(callers[i]);
  close(deaf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_UV(unix_sockets_get_their_mode),
      KIT_UV(a_stale_socket_is_replaced),
      KIT_UV(other_files_are_never_replaced),
      KIT_UV(only_the_own_socket_file_is_removed),
      KIT_UV(a_missing_folder_is_told),
      KIT_UV(workers_share_a_port_and_strangers_do_not),
      KIT_UV(every_interface_takes_both_families),
      KIT_UV(accepted_connections_do_not_delay),
      KIT_UV(an_attempt_that_takes_too_long_is_given_up),
      KIT_UV(privileged_ports_are_refused),
      KIT_UV(a_lack_of_descriptors_neither_spins_nor_drops),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/listener", tests, make_folder, remove_folder);
}
