/*
 * The least that our HTTP server can do: an empty 200 to every request, one
 * loop. What bench/http.mjs holds against nginx's `return 200`.
 *
 * usage: http_bench ADDRESS
 */
#include <signal.h>
#include <stdio.h>

#include "wire/http/http_server.h"

static sj__loop *loop;
static sj__listener *listener;
static sj__http_server *server;

static void handle(void *context, sj__http_request *request) {
  static const sj__http_response response = {.status = 200};
  sj__http_reply(request, &response);
}

static void on_accept(sj__listener *from, sj__stream *stream) {
  sj__http_server_accept(server, stream, NULL);
}

static void on_drained(void *argument) {
  sj__loop_stop(loop);
}

static void on_listener_closed(void *argument) {
  sj__http_server_drain(server, 1000, on_drained, NULL);
}

static void on_signal(void *argument, int signum) {
  sj__listener_close(listener, on_listener_closed, NULL);
}

static sj_status start(const char *address, sj_error *error) {
  sj__http_server_options options = {.handler = handle};
  const sj__listen_options where = {.address = address};
  sj__http_limits_init(&options.limits);
  sj_status status = sj__loop_new(&loop);
  if (status == SJ_OK) status = sj__loop_on_signal(loop, SIGTERM, on_signal, NULL);
  if (status == SJ_OK) status = sj__http_server_new(loop, &options, &server);
  if (status == SJ_OK) {
    status = sj__listener_open(loop, &where, on_accept, NULL, &listener, error);
  }
  return status;
}

int main(int argc, char **argv) {
  sj_error error = {SJ_OK, ""};
  if (argc != 2) {
    fprintf(stderr, "usage: http_bench ADDRESS\n");
    return 2;
  }
  sj_status status = start(argv[1], &error);
  if (status != SJ_OK) {
    fprintf(stderr, "http_bench: %s %s\n", sj_status_text(status), error.message);
    return 1;
  }
  char address[SJ__ADDRESS_MAX];
  sj__listener_address(listener, address);
  printf("listening on %s\n", address);
  fflush(stdout);
  sj__loop_run(loop);
  sj__loop_free(loop, NULL, NULL);
  return 0;
}
