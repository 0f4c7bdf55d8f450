#include <stdio.h>

#include "base/errors.h"
#include "cli/cli.h"
#include "codec/units.h"
#include "loop/file.h"
#include "loop/state_folder.h"

#define TIMEOUT_MS   10000
#define KEY_FILE_MAX 4096

static int out_of_memory(void) {
  fprintf(stderr, "sojourn: out of memory\n");
  return SJ__EXIT_UNREACHABLE;
}

const char *sj__cli_state_path(sj__cli *cli, const char *name) {
  sj__buffer path;
  sj__buffer_init(&path, 0);
  const char *state = sj__environment_get(cli->environment, "SOJOURN__STATE");
  if (state != NULL) {
    sj__buffer_append_text(&path, state);
  } else {
    sj__state_folder_append(cli->environment, &path);
  }
  sj__buffer_append_char(&path, '/');
  sj__buffer_append_text(&path, name);
  const char *copy = NULL;
  if (sj__buffer_status(&path) == SJ_OK) {
    copy = sj__arena_dup(&cli->arena, sj__buffer_slice(&path)).data;
  }
  sj__buffer_release(&path);
  return copy;
}

const char *sj__cli_target(sj__cli *cli, const char *before, const char *part, const char *after) {
  sj__buffer target;
  sj__buffer_init(&target, 0);
  sj__buffer_append_text(&target, before);
  sj__percent_encode(&target, sj__slice_text(part));
  sj__buffer_append_text(&target, after);
  const char *copy = NULL;
  if (sj__buffer_status(&target) == SJ_OK) {
    copy = sj__arena_dup(&cli->arena, sj__buffer_slice(&target)).data;
  }
  sj__buffer_release(&target);
  return copy;
}

/* --- The key ------------------------------------------------------------------- */

static const char *key_path(sj__cli *cli) {
  if (cli->key_file != NULL) return cli->key_file;
  const char *named = sj__environment_get(cli->environment, "SOJOURN_KEY_FILE");
  return named != NULL ? named : sj__cli_state_path(cli, "api-key");
}

/* A key is one word: with anything else in it the header would be another one. */
static bool is_key(sj_slice key) {
  for (size_t i = 0; i < key.size; i++) {
    if (key.data[i] <= ' ' || key.data[i] > '~') return false;
  }
  return key.size > 0;
}

static sj_status read_key(sj__cli *cli, sj_slice *key, sj_error *error) {
  const char *path = key_path(cli);
  if (path == NULL) return sj__fail(error, SJ_NO_MEMORY, "out of memory");
  sj__buffer text;
  sj__buffer_init(&text, KEY_FILE_MAX);
  sj_status status = sj__file_read(path, SJ__FILE_PRIVATE, KEY_FILE_MAX, &text, error);
  if (status == SJ_OK) {
    sj_slice trimmed = sj__buffer_slice(&text);
    while (trimmed.size > 0 &&
           (trimmed.data[trimmed.size - 1] == '\n' || trimmed.data[trimmed.size - 1] == '\r')) {
      trimmed.size--;
    }
    if (!is_key(trimmed)) {
      status = sj__fail(error, SJ_INVALID, "%s: not a key by itself", path);
    } else {
      *key = sj__arena_dup(&cli->arena, trimmed);
      if (key->data == NULL) status = sj__fail(error, SJ_NO_MEMORY, "out of memory");
    }
  }
  sj__buffer_release(&text);
  return status;
}

/* --- Requests -------------------------------------------------------------------- */

static int open_endpoint(sj__cli *cli, sj__endpoint *endpoint) {
  sj_error error;
  if (cli->server == NULL) cli->server = sj__environment_get(cli->environment, "SOJOURN_SERVER");
  if (cli->server == NULL) cli->server = "http://127.0.0.1:7373";
  if (sj__endpoint_parse(cli->server, endpoint, &error) == SJ_OK) return SJ__EXIT_DONE;
  fprintf(stderr, "sojourn: %s\n", error.message);
  return SJ__EXIT_USAGE;
}

static int send_request(sj__cli *cli, const sj__endpoint *endpoint,
                        const sj__client_request *request, int *status, sj_slice *body) {
  sj_error error;
  sj__client_reply reply;
  if (sj__client_call(endpoint, request, &reply, &error) != SJ_OK) {
    fprintf(stderr, "sojourn: %s\n", error.message);
    return SJ__EXIT_UNREACHABLE;
  }
  *status = reply.status;
  *body = sj__arena_dup(&cli->arena, reply.body);
  sj__client_reply_release(&reply);
  return body->data != NULL ? SJ__EXIT_DONE : out_of_memory();
}

int sj__cli_ask_any(sj__cli *cli, const char *method, const char *target, bool with_key,
                    int *status, sj_slice *body) {
  sj__endpoint endpoint;
  sj_error error;
  sj__client_request request = {.method = method, .target = target, .timeout_ms = TIMEOUT_MS};
  int code = open_endpoint(cli, &endpoint);
  if (code != SJ__EXIT_DONE) return code;
  if (with_key && read_key(cli, &request.key, &error) != SJ_OK) request.key = (sj_slice){NULL, 0};
  return send_request(cli, &endpoint, &request, status, body);
}

/* What a problem document (RFC 9457) says, or the bare status. */
static void say_refusal(sj__cli *cli, int status, sj_slice body) {
  sj__json *problem = NULL;
  sj_slice code = {NULL, 0};
  sj_slice detail = {NULL, 0};
  sj_error error;
  if (sj__json_parse(&cli->arena, body, &problem, &error) == SJ_OK && sj__json_is_object(problem)) {
    const sj__json *value = sj__json_member(problem, "code");
    if (value == NULL || !sj__json_text(value, &code)) code.size = 0;
    value = sj__json_member(problem, "detail");
    if (value == NULL || !sj__json_text(value, &detail)) detail.size = 0;
  }
  fflush(stdout);
  fprintf(stderr, "sojourn: %d %.*s%s%.*s\n", status, (int)code.size, code.data,
          detail.size > 0 ? ": " : "", (int)detail.size, detail.data);
}

int sj__cli_ask(sj__cli *cli, const char *method, const char *target, sj_slice request_body,
                sj_slice *body) {
  sj__endpoint endpoint;
  sj_error error;
  int status = 0;
  if (target == NULL) return out_of_memory();
  sj__client_request request = {
      .method = method, .target = target, .body = request_body, .timeout_ms = TIMEOUT_MS};
  int code = open_endpoint(cli, &endpoint);
  if (code != SJ__EXIT_DONE) return code;
  if (read_key(cli, &request.key, &error) != SJ_OK) {
    fprintf(stderr, "sojourn: %s\n", error.message);
    return SJ__EXIT_USAGE;
  }
  code = send_request(cli, &endpoint, &request, &status, body);
  if (code != SJ__EXIT_DONE) return code;
  if (status >= 200 && status <= 299) return SJ__EXIT_DONE;
  say_refusal(cli, status, *body);
  return SJ__EXIT_REFUSED;
}

sj__json *sj__cli_object(sj__cli *cli, sj_slice body) {
  sj__json *object = NULL;
  sj_error error;
  if (sj__json_parse(&cli->arena, body, &object, &error) == SJ_OK && sj__json_is_object(object)) {
    return object;
  }
  fprintf(stderr, "sojourn: the answer is not what sojournd would say\n");
  return NULL;
}
