/*
 * broken [NAME…]
 *
 * Runs the whole suite on every store that is broken on purpose (broken_store.h)
 * and fails unless the clause that the defect breaks is among those that failed.
 */
#include <string.h>

#include "broken_store.h"
#include "contract.h"

typedef struct expectation {
  const defect *defect;
  bool was_noticed;
} expectation;

static sj_status open_broken(suite *self, const char *url, sj__store **out, sj_error *error) {
  const expectation *expected = self->context;
  sj__store *inner = NULL;
  sj_status status = suite_open_url(self, url, &inner, error);
  return status == SJ_OK ? broken_new(inner, expected->defect, out) : status;
}

static void look(suite *self, const clause *each) {
  expectation *expected = self->context;
  if (!self->has_passed && strcmp(each->name, expected->defect->clause) == 0) {
    expected->was_noticed = true;
  }
}

static bool is_noticed(const defect *each) {
  suite self;
  expectation expected = {.defect = each};
  suite_init(&self, "memory:");
  self.open = open_broken;
  self.context = &expected;
  self.effort = 1;
  self.quiet = true;
  printf("--- %s\n", each->name);
  suite_run(&self, look);
  if (expected.was_noticed) {
    printf("noticed  %s, by %s and %u more\n", each->name, each->clause, self.failed - 1);
  } else {
    printf("MISSED   %s: %s passed\n", each->name, each->clause);
  }
  suite_release(&self);
  return expected.was_noticed;
}

static bool is_wanted(const char *name, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], name) == 0) return true;
  }
  return argc == 1;
}

int main(int argc, char **argv) {
  size_t run = 0, missed = 0;
  for (size_t i = 0; i < defect_count; i++) {
    if (!is_wanted(defects[i].name, argc, argv)) continue;
    run++;
    if (!is_noticed(&defects[i])) missed++;
  }
  printf("%zu passed, %zu failed, 0 skipped\n", run - missed, missed);
  return run > 0 && missed == 0 ? 0 : 1;
}
