/* A kit and one site for every case of a test. */
#ifndef SJ_TESTS_SESSION_TEST_H
#define SJ_TESTS_SESSION_TEST_H

#include <stdlib.h>

#include "../unit.h"

#include "engine_kit.h"

typedef struct fixture {
  kit kit;
  site site;
} fixture;

static inline int set_up(void **state) {
  fixture *f = calloc(1, sizeof(*f));
  kit_open(&f->kit, 1, NULL);
  site_open(&f->site, &f->kit, NULL);
  *state = f;
  return 0;
}

static inline int tear_down(void **state) {
  fixture *f = *state;
  site_close(&f->site);
  kit_close(&f->kit);
  free(f);
  return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#define assert_status(answer, expected) \
  assert_string_equal(sj_status_code((answer)->status), sj_status_code(expected))

#endif
