/*
 * Fills a daemon's state folder with sessions through the engine, as fast as
 * it goes: real sealed records in the store that the daemon then opens. Prints
 * a Cookie value a session.
 *
 * usage: fill STATE COUNT ATTRIBUTE_BYTES AGE_SECONDS
 *
 * AGE_SECONDS: how long ago they are made; they live for twelve hours, so that
 * those of yesterday are garbage.
 *
 * Not flushed until the end: what is in the file is the same, and a million
 * sessions take seconds instead of minutes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "session/engine.h"

#define UNDER_WAY 1024

typedef struct filler {
  sj__loop *loop;
  sj_worker *worker;
  sj_call calls[UNDER_WAY];
  char *attributes;
  uint64_t wanted;
  uint64_t started;
  uint64_t done;
  bool failed;
} filler;

/* In the place of libc's, for LMDB's commits: seen from the outside, unlike all else of ours. */
__attribute__((visibility("default"))) int fdatasync(int fd) {
  return 0;
}

static int64_t age_ms;

static int64_t aged_wall_ms(void *context) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - age_ms;
}

static uint64_t monotonic_ns(void *context) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void on_detached(void *argument) {
  filler *self = argument;
  sj__loop_stop(self->loop);
}

static void create(filler *self, sj_call *call) {
  char subject[32];
  (void)snprintf(subject, sizeof(subject), "user-%" PRIu64, self->started++);
  /* Copied by the engine when the call begins, which is later: it lives with the call. */
  char *kept = call->data != NULL ? call->data : sj__malloc(sizeof(subject));
  SJ__REQUIRE(kept != NULL);
  memcpy(kept, subject, sizeof(subject));
  call->data = kept;
  const sj_create_args args = {
      .subject = sj__slice_text(kept),
      .attributes = sj__slice_text(self->attributes),
      .idle_ms = 12 * 3600000,
      .absolute_ms = 12 * 3600000,
  };
  SJ__REQUIRE(sj_create(self->worker, call, &args) == SJ_OK);
}

static filler *the_filler;

static void on_created(sj_call *call) {
  filler *self = the_filler;
  if (call->status != SJ_OK) {
    if (!self->failed) fprintf(stderr, "fill: %s\n", sj_status_text(call->status));
    self->failed = true;
  } else {
    printf("__Host-sojourn=%.*s\n", (int)call->new_credential.size, call->new_credential.data);
  }
  self->done++;
  if (!self->failed && self->started < self->wanted) {
    create(self, call);
  } else if (self->done == self->started) {
    sj_detach(self->worker, on_detached, self);
  }
}

static void fill(filler *self) {
  for (size_t i = 0; i < UNDER_WAY && self->started < self->wanted; i++) {
    self->calls[i].done = on_created;
    self->calls[i].timeout_ms = 60000;
    create(self, &self->calls[i]);
  }
  sj__loop_run(self->loop);
  for (size_t i = 0; i < UNDER_WAY; i++) sj__free(self->calls[i].data);
}

static char *attributes_of(size_t size) {
  static const char before[] = "{\"filler\":\"", after[] = "\"}";
  size_t fixed = sizeof(before) + sizeof(after) - 2;
  size_t filling = size > fixed ? size - fixed : 0;
  char *text = sj__calloc(1, fixed + filling + 1);
  SJ__REQUIRE(text != NULL);
  memcpy(text, before, sizeof(before) - 1);
  memset(text + sizeof(before) - 1, 'x', filling);
  memcpy(text + sizeof(before) - 1 + filling, after, sizeof(after));
  return text;
}

static sj_status open_sessions(const char *state, sj_sessions **out, sj_error *error) {
  char store[4096], keyring[4096];
  sj_options options;
  (void)snprintf(store, sizeof(store), "lmdb:%s/store", state);
  (void)snprintf(keyring, sizeof(keyring), "%s/keyring", state);
  sj_options_init(&options);
  options.store = store;
  options.keyring_file = keyring;
  options.keyring_create = true;
  return sj_open(&options, out, error);
}

int main(int argc, char **argv) {
  static filler self;
  static const sj__clock clock = {aged_wall_ms, monotonic_ns, NULL};
  sj_error error = {SJ_OK, ""};
  sj_sessions *sessions;
  if (argc != 5) {
    fprintf(stderr, "usage: fill STATE COUNT ATTRIBUTE_BYTES AGE_SECONDS\n");
    return 2;
  }
  the_filler = &self;
  self.wanted = strtoull(argv[2], NULL, 10);
  self.attributes = attributes_of(strtoull(argv[3], NULL, 10));
  age_ms = strtoll(argv[4], NULL, 10) * 1000;
  sj__clock_install(&clock);
  if (open_sessions(argv[1], &sessions, &error) != SJ_OK) {
    fprintf(stderr, "fill: %s\n", error.message);
    return 1;
  }
  SJ__REQUIRE(sj__loop_new(&self.loop) == SJ_OK);
  SJ__REQUIRE(sj__engine_attach(sessions, self.loop, &self.worker) == SJ_OK);
  fill(&self);
  sj__loop_free(self.loop, NULL, NULL);
  sj_close(sessions);
  sj__free(self.attributes);
  sync(); /* all at once */
  return self.failed ? 1 : 0;
}
