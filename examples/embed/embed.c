/*
 * Sessions in a process of your own, on a libuv loop of your own.
 *
 *   cc embed.c -o embed $(pkg-config --cflags --libs sojourn)
 *   ./embed memory:
 *   ./embed lmdb:./store ./keyring
 *
 * The host has a timer on its loop that plays a user: with each beat it does
 * the next thing. It beats on while calls are under way, since none of them
 * blocks the loop. docs/embedding.md explains each step.
 */
#include <inttypes.h>
#include <sojourn/sojourn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BEAT_MS 5

typedef struct my_host {
  uv_timer_t timer; /* the host's own work */
  sj_sessions *sessions;
  sj_worker *worker;
  sj_call call;      /* one at a time is enough here; have as many as you like */
  char cookie[4096]; /* what the browser keeps */
  size_t next;       /* of the user's steps */
  bool pending;
  bool failed;
} my_host;

static sj_slice text(const char *text) {
  return (sj_slice){text, strlen(text)};
}

/* --- What the user does ------------------------------------------------------ */

static sj_status sign_in(my_host *host) {
  const sj_create_args args = {.subject = text("ada"), .attributes = text("{\"cart\":[]}")};
  return sj_create(host->worker, &host->call, &args);
}

static sj_status put_in_cart(my_host *host) {
  return sj_patch(host->worker, &host->call, text("{\"cart\":[\"tea\"]}"), 0);
}

static sj_status look(my_host *host) {
  return sj_load(host->worker, &host->call, NULL);
}

static sj_status list_devices(my_host *host) {
  return sj_list(host->worker, &host->call, text("ada"), (sj_slice){NULL, 0}, 0);
}

static sj_status sign_out(my_host *host) {
  return sj_end(host->worker, &host->call);
}

static const struct {
  const char *name;
  sj_status (*start)(my_host *host);
  sj_status expected;
} steps[] = {
    {"create", sign_in, SJ_OK},    {"patch", put_in_cart, SJ_OK}, {"load", look, SJ_OK},
    {"list", list_devices, SJ_OK}, {"end", sign_out, SJ_OK},      {"load", look, SJ_ENDED},
};

/* --- The loop ----------------------------------------------------------------- */

static void on_detached(void *argument) {
  my_host *host = argument;
  uv_close((uv_handle_t *)&host->timer, NULL); /* the last handle: uv_run returns */
}

static void stop(my_host *host) {
  uv_timer_stop(&host->timer);
  sj_detach(host->worker, on_detached, host);
}

/* Results live until this returns: what is kept longer is copied. */
static void on_done(sj_call *call) {
  my_host *host = call->data;
  host->pending = false;
  printf("%s: %s", steps[host->next].name, sj_status_code(call->status));
  if (call->detail.size > 0) printf(" (%.*s)", (int)call->detail.size, call->detail.data);
  if (call->new_credential.size > 0 && call->new_credential.size < sizeof(host->cookie)) {
    memcpy(host->cookie, call->new_credential.data, call->new_credential.size);
    host->cookie[call->new_credential.size] = '\0';
  }
  if (call->session != NULL) {
    printf(", version %" PRIu64 " of %.*s: %.*s", call->session->version,
           (int)call->session->subject.size, call->session->subject.data,
           (int)call->session->attributes.size, call->session->attributes.data);
  }
  if (call->session_count > 0) printf(", %zu live", call->session_count);
  printf("\n");
  host->failed = call->status != steps[host->next].expected;
  host->next++;
  if (host->failed || host->next == sizeof(steps) / sizeof(steps[0])) stop(host);
}

static void on_beat(uv_timer_t *timer) {
  my_host *host = timer->data;
  if (host->pending) return;
  host->call = (sj_call){.done = on_done, .data = host, .credential = text(host->cookie)};
  sj_status status = steps[host->next].start(host);
  host->pending = status == SJ_OK; /* otherwise on_done will not be called */
  if (status == SJ_OK) return;
  fprintf(stderr, "%s: %s\n", steps[host->next].name, sj_status_text(status));
  host->failed = true;
  stop(host);
}

static bool open_sessions(my_host *host, const char *store, const char *keyring_file) {
  sj_options options;
  sj_options_init(&options);
  options.store = store;
  options.keyring_file = keyring_file;
  options.keyring_create = keyring_file != NULL;
  options.accept_loss = strncmp(store, "memory:", 7) == 0; /* it forgets when we end */
  sj_error error;
  if (sj_open(&options, &host->sessions, &error) == SJ_OK) return true;
  fprintf(stderr, "embed: %s\n", error.message);
  return false;
}

int main(int argc, char **argv) {
  static my_host host;
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: embed STORE [KEYRING-FILE]\n");
    return 2;
  }
  if (!open_sessions(&host, argv[1], argc > 2 ? argv[2] : NULL)) return 1;
  uv_loop_t *loop = uv_default_loop();
  sj_status status = sj_attach(host.sessions, loop, &host.worker);
  if (status != SJ_OK) {
    fprintf(stderr, "embed: %s\n", sj_status_text(status));
    sj_close(host.sessions);
    return 1;
  }
  uv_timer_init(loop, &host.timer);
  host.timer.data = &host;
  uv_timer_start(&host.timer, on_beat, 0, BEAT_MS);
  uv_run(loop, UV_RUN_DEFAULT);
  sj_close(host.sessions);
  return host.failed || uv_loop_close(loop) != 0 ? 1 : 0;
}
