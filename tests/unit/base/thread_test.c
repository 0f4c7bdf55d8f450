#include "../unit.h"

#include <signal.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/thread.h"

typedef struct ball {
  sj__mutex mutex;
  sj__cond cond;
  int turn; /* whose */
  int passes;
  bool all_blocked;
} ball;

static void play(void *argument) {
  ball *self = argument;
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  sj__mutex_lock(&self->mutex);
  self->all_blocked = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGUSR1) == 1;
  for (int i = 0; i < 100; i++) {
    while (self->turn != 1) sj__cond_wait(&self->cond, &self->mutex);
    self->turn = 0;
    self->passes++;
    sj__cond_signal(&self->cond);
  }
  sj__mutex_unlock(&self->mutex);
}

static void threads_take_turns(void **state) {
  ball self = {.turn = 0};
  sj__thread thread;
  assert_ok(sj__mutex_init(&self.mutex));
  assert_ok(sj__cond_init(&self.cond));
  assert_ok(sj__thread_start(&thread, "a name longer than fifteen", play, &self));
  sj__mutex_lock(&self.mutex);
  for (int i = 0; i < 100; i++) {
    while (self.turn != 0) sj__cond_wait(&self.cond, &self.mutex);
    self.turn = 1;
    sj__cond_broadcast(&self.cond);
  }
  sj__mutex_unlock(&self.mutex);
  sj__thread_join(thread);
  assert_int_equal(self.passes, 100);
  assert_true(self.all_blocked);
  sigset_t ours;
  pthread_sigmask(SIG_SETMASK, NULL, &ours);
  assert_int_equal(sigismember(&ours, SIGTERM), 0);
  sj__cond_release(&self.cond);
  sj__mutex_release(&self.mutex);
}

static void waiting_ends_in_time(void **state) {
  ball self = {.turn = 0};
  assert_ok(sj__mutex_init(&self.mutex));
  assert_ok(sj__cond_init(&self.cond));
  uint64_t before = sj__monotonic_ms();
  sj__mutex_lock(&self.mutex);
  while (sj__cond_wait_for(&self.cond, &self.mutex, 20)) continue; /* spurious wake-ups */
  assert_false(sj__cond_wait_for(&self.cond, &self.mutex, 0));
  sj__mutex_unlock(&self.mutex);
  assert_true(sj__monotonic_ms() - before >= 19);
  sj__cond_release(&self.cond);
  sj__mutex_release(&self.mutex);
}

typedef struct item {
  sj__list node;
  int value;
} item;

static void lists_keep_their_order(void **state) {
  sj__list a, b;
  sj__list_init(&a);
  sj__list_init(&b);
  item items[6];
  for (int i = 0; i < 6; i++) {
    items[i].value = i;
    sj__list_append(i < 3 ? &a : &b, &items[i].node);
  }
  sj__list_splice(&a, &b);
  assert_true(sj__list_is_empty(&b));
  sj__list_splice(&a, &b);
  sj__list_remove(&items[4].node);
  assert_true(sj__list_is_empty(&items[4].node));
  sj__list_remove(&items[4].node);
  static const int expected[] = {0, 1, 2, 3, 5};
  int at = 0;
  SJ__LIST_FOR_SAFE(node, &a) {
    assert_int_equal(((item *)node)->value, expected[at++]);
    sj__list_remove(node);
  }
  assert_int_equal(at, 5);
  assert_true(sj__list_is_empty(&a));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_take_turns),
      cmocka_unit_test(waiting_ends_in_time),
      cmocka_unit_test(lists_keep_their_order),
  };
  return cmocka_run_group_tests_name("unit/base/thread", tests, NULL, NULL);
}
