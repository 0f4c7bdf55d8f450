/* Which clauses run, and on what. */
#include <string.h>

#include "base/clock.h"
#include "contract.h"
#include "crypto/digest.h"

static const clause *const areas[] = {
    call_clauses,       get_clauses,  put_clauses,   touch_end_clauses, list_clauses,
    scan_sweep_clauses, mark_clauses, event_clauses, race_clauses,      reopen_clauses,
};

sj_status suite_open_url(suite *self, const char *url, sj__store **out, sj_error *error) {
  return sj__store_open(url, &self->options, out, error);
}

void suite_init(suite *self, const char *url) {
  *self = (suite){.url = url, .effort = 10, .open = suite_open_url};
  SJ__REQUIRE(sj__crypto_init() == SJ_OK);
  SJ__REQUIRE(sj__keyring_generate(sj__wall_ms(), &self->options.keyring) == SJ_OK);
  self->options.realm = SJ__SLICE("contract");
  self->options.touch_every_ms = 60000;
  self->options.metrics = sj__metrics_new();
  SJ__REQUIRE(self->options.metrics != NULL);
}

void suite_release(suite *self) {
  sj__keyring_unref(self->options.keyring);
  sj__metrics_free(self->options.metrics);
}

static bool is_wanted(const suite *self, const clause *each) {
  return self->only == NULL || strncmp(each->name, self->only, strlen(self->only)) == 0;
}

static bool can_run(const suite *self, const clause *each) {
  const sj__store_caps *caps = &self->store->caps;
  if ((each->needs & NEEDS_REOPEN) && !self->reopen) return false;
  if ((each->needs & NEEDS_SMALL) && self->small_url == NULL) return false;
  if ((each->needs & NEEDS_PUSH) && !caps->push) return false;
  if ((each->needs & NEEDS_MARKS) && !caps->marks) return false;
  return !((each->needs & NEEDS_SWEEP) && caps->ttl);
}

static void count(suite *self, const clause *each, const seat *s, bool is_skipped) {
  bool failed = s->has_failed;
  self->has_passed = !failed;
  if (failed) {
    self->failed++;
    printf("failed   %s: %s\n", each->name, s->why);
  } else if (is_skipped) {
    self->skipped++;
    if (!self->quiet) printf("skipped  %s\n", each->name);
  } else {
    self->passed++;
    if (!self->quiet) printf("passed   %s\n", each->name);
  }
  fflush(stdout);
}

static void run_clause(suite *self, const clause *each) {
  seat s = {0};
  sj_error error = {0};
  bool is_skipped = true;
  sj_status status = self->open(self, self->url, &self->store, &error);
  if (status != SJ_OK) {
    seat_fail(&s, __FILE__, __LINE__, "opening: %s: %s", sj_status_code(status), error.message);
  } else {
    if (can_run(self, each) && seat_open(&s, self, self->store)) {
      is_skipped = false;
      each->run(&s);
      is_skipped = s.is_skipped;
      seat_close(&s);
    }
    sj__store_close(self->store); /* a clause that closes it leaves NULL */
  }
  count(self, each, &s, is_skipped);
}

void suite_run(suite *self, void (*report)(suite *self, const clause *each)) {
  for (size_t i = 0; i < SJ__COUNT_OF(areas); i++) {
    for (const clause *each = areas[i]; each->name != NULL; each++) {
      if (!is_wanted(self, each)) continue;
      run_clause(self, each);
      if (report != NULL) report(self, each);
    }
  }
}
