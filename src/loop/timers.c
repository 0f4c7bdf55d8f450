/* Timers: a binary heap over the loop's cached now (docs/decisions/timers.md). */
#include "base/alloc.h"
#include "loop/loop_core.h"

#define CAPACITY_MIN 64u

static bool is_before(const sj__timer_entry *a, const sj__timer_entry *b) {
  return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void place(sj__timer_heap *heap, size_t at, sj__timer_entry entry) {
  heap->entries[at] = entry;
  entry.timer->slot = (uint32_t)(at + 1);
}

static void sift_up(sj__timer_heap *heap, size_t at, sj__timer_entry entry) {
  while (at > 0) {
    size_t parent = (at - 1) / 2;
    if (!is_before(&entry, &heap->entries[parent])) break;
    place(heap, at, heap->entries[parent]);
    at = parent;
  }
  place(heap, at, entry);
}

static void sift_down(sj__timer_heap *heap, size_t at, sj__timer_entry entry) {
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= heap->count) break;
    if (child + 1 < heap->count && is_before(&heap->entries[child + 1], &heap->entries[child])) {
      child++;
    }
    if (!is_before(&heap->entries[child], &entry)) break;
    place(heap, at, heap->entries[child]);
    at = child;
  }
  place(heap, at, entry);
}

static sj_status make_room(sj__timer_heap *heap) {
  if (heap->count < heap->capacity) return SJ_OK;
  size_t capacity = heap->capacity > 0 ? heap->capacity * 2 : CAPACITY_MIN;
  size_t size;
  if (capacity > UINT32_MAX || !sj__size_mul(capacity, sizeof(*heap->entries), &size)) {
    return SJ_NO_MEMORY;
  }
  sj__timer_entry *entries = sj__realloc(heap->entries, size);
  if (entries == NULL) return SJ_NO_MEMORY;
  heap->entries = entries;
  heap->capacity = capacity;
  return SJ_OK;
}

/* The loop must not sleep past a new first timer. */
static void stir_if_first(sj__loop *loop, const sj__timer *timer) {
  if (timer->slot == 1 && loop->ops->stir != NULL) loop->ops->stir(loop);
}

sj_status sj__timer_start(sj__loop *loop, sj__timer *timer, uint64_t delay_ms, sj__timer_fn *fn) {
  sj__timer_heap *heap = &loop->timers;
  uint64_t now_ms = sj__loop_now_ms(loop);
  uint64_t due_ms = delay_ms < UINT64_MAX - now_ms ? now_ms + delay_ms : UINT64_MAX;
  bool was_running = timer->slot != 0;
  if (!was_running && make_room(heap) != SJ_OK) return SJ_NO_MEMORY;
  timer->fn = fn;
  timer->due_ms = due_ms;
  timer->order = heap->next_order++;
  sj__timer_entry entry = {due_ms, timer->order, timer};
  if (!was_running) {
    sift_up(heap, heap->count++, entry);
  } else if (due_ms < heap->entries[timer->slot - 1].due_ms) {
    sift_up(heap, timer->slot - 1, entry);
  }
  stir_if_first(loop, timer);
  return SJ_OK;
}

void sj__timer_stop(sj__loop *loop, sj__timer *timer) {
  if (timer->slot == 0) return;
  sj__timer_heap *heap = &loop->timers;
  size_t at = timer->slot - 1;
  SJ__REQUIRE(at < heap->count && heap->entries[at].timer == timer);
  timer->slot = 0;
  sj__timer_entry last = heap->entries[--heap->count];
  if (at == heap->count) return;
  if (at > 0 && is_before(&last, &heap->entries[(at - 1) / 2])) {
    sift_up(heap, at, last);
  } else {
    sift_down(heap, at, last);
  }
}

bool sj__timers_next(const sj__loop *loop, uint64_t *due_ms) {
  if (loop->timers.count == 0) return false;
  *due_ms = loop->timers.entries[0].due_ms;
  return true;
}

/* Gives timers that were moved on while they ran their new place, until the first is true. */
static sj__timer_entry *settle_first(sj__timer_heap *heap, uint64_t now_ms) {
  while (heap->count > 0 && heap->entries[0].due_ms <= now_ms) {
    sj__timer *timer = heap->entries[0].timer;
    if (heap->entries[0].order == timer->order) return &heap->entries[0];
    sift_down(heap, 0, (sj__timer_entry){timer->due_ms, timer->order, timer});
  }
  return NULL;
}

static bool fire_first(sj__loop *loop, uint64_t now_ms, uint64_t order_end) {
  sj__timer_entry *first = settle_first(&loop->timers, now_ms);
  if (first == NULL || first->order >= order_end) return false;
  sj__timer *timer = first->timer;
  sj__timer_stop(loop, timer);
  timer->fn(timer);
  return true;
}

bool sj__timers_fire(sj__loop *loop, uint64_t now_ms) {
  uint64_t order_end = loop->timers.next_order;
  bool any = false;
  while (fire_first(loop, now_ms, order_end)) any = true;
  return any;
}

bool sj__timers_fire_one(sj__loop *loop, uint64_t now_ms) {
  return fire_first(loop, now_ms, UINT64_MAX);
}
