/* An arena as a test's state. Header only. */
#ifndef SJ_TESTS_CODEC_ARENAS_H
#define SJ_TESTS_CODEC_ARENAS_H

#include "../unit.h"

#include <stdlib.h>

#include "base/arena.h"

static inline int set_up_arena(void **state) {
  sj__arena *arena = malloc(sizeof *arena);
  assert_non_null(arena);
  sj__arena_init(arena, NULL, 0, 0);
  *state = arena;
  return 0;
}

static inline int tear_down_arena(void **state) {
  sj__arena_release(*state);
  free(*state);
  return 0;
}

#endif
