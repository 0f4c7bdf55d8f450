#include "loop/loop.h"

#include "base/alloc.h"
#include "loop/loop_core.h"

void sj__task_queue_push(sj__task_queue *queue, sj__task *task) {
  SJ__REQUIRE(!task->queued && task->fn != NULL);
  task->queued = true;
  task->next = NULL;
  if (queue->head == NULL) {
    queue->head = task;
  } else {
    queue->tail->next = task;
  }
  queue->tail = task;
}

void sj__task_queue_splice(sj__task_queue *to, sj__task_queue *from) {
  if (from->head == NULL) return;
  if (to->head == NULL) {
    to->head = from->head;
  } else {
    to->tail->next = from->head;
  }
  to->tail = from->tail;
  from->head = NULL;
}

/* False: the queue is empty. The task may free or queue itself again. */
static bool run_first(sj__task_queue *queue) {
  sj__task *task = queue->head;
  if (task == NULL) return false;
  queue->head = task->next;
  task->next = NULL;
  task->queued = false;
  task->fn(task);
  return true;
}

sj_status sj__loop_init(sj__loop *loop, const sj__loop_ops *ops) {
  *loop = (sj__loop){.ops = ops};
  return sj__mutex_init(&loop->post_lock);
}

void sj__loop_release(sj__loop *loop) {
  sj__mutex_release(&loop->post_lock);
  sj__free(loop->timers.entries);
}

bool sj__loop_has_tasks(const sj__loop *loop) {
  return loop->deferred.head != NULL || loop->turn_end.head != NULL || loop->farewells.head != NULL;
}

void sj__loop_run_deferred(sj__loop *loop) {
  while (run_first(&loop->deferred)) continue;
}

void sj__loop_settle(sj__loop *loop) {
  loop->settling = true;
  do {
    sj__loop_run_deferred(loop);
  } while (run_first(&loop->turn_end) || run_first(&loop->farewells));
  loop->settling = false;
}

static void stir(sj__loop *loop) {
  if (loop->ops->stir != NULL && !loop->settling) loop->ops->stir(loop);
}

void sj__loop_defer(sj__loop *loop, sj__task *task) {
  sj__task_queue_push(&loop->deferred, task);
  stir(loop);
}

void sj__loop_at_turn_end(sj__loop *loop, sj__task *task) {
  sj__task_queue_push(&loop->turn_end, task);
  stir(loop);
}

void sj__loop_first_at_turn_end(sj__loop *loop, sj__task *task) {
  sj__task_queue first = {0};
  sj__task_queue_push(&first, task);
  sj__task_queue_splice(&first, &loop->turn_end);
  loop->turn_end = first;
  stir(loop);
}

void sj__loop_farewell(sj__loop *loop, sj__task *task) {
  sj__task_queue_push(&loop->farewells, task);
  stir(loop);
}

void sj__loop_post(sj__loop *loop, sj__task *task) {
  sj__mutex_lock(&loop->post_lock);
  bool was_empty = loop->posted.head == NULL;
  sj__task_queue_push(&loop->posted, task);
  /*
   * Under the lock: once it is released the loop may run the task, and with
   * the last of its work done be freed by its owner.
   */
  if (was_empty) loop->ops->wake(loop);
  sj__mutex_unlock(&loop->post_lock);
}

void sj__loop_collect(sj__loop *loop) {
  sj__mutex_lock(&loop->post_lock);
  sj__task_queue_splice(&loop->deferred, &loop->posted);
  sj__mutex_unlock(&loop->post_lock);
}

uint64_t sj__loop_now_ms(const sj__loop *loop) {
  return loop->ops->now_ms(loop);
}

void sj__loop_run(sj__loop *loop) {
  SJ__REQUIRE(loop->ops->run != NULL);
  loop->ops->run(loop);
}

void sj__loop_stop(sj__loop *loop) {
  SJ__REQUIRE(loop->ops->run != NULL);
  loop->stopping = true;
}

void sj__loop_free(sj__loop *loop, void (*done)(void *argument), void *argument) {
  SJ__REQUIRE(loop->timers.count == 0);
  SJ__REQUIRE(loop->open_count == 0);
  loop->ops->free(loop, done, argument);
}

sj_status sj__loop_on_signal(sj__loop *loop, int signum, void (*fn)(void *argument, int signum),
                             void *argument) {
  return loop->ops->on_signal(loop, signum, fn, argument);
}
