#include "store/compose/fault_store.h"

#include "base/alloc.h"
#include "base/errors.h"
#include "base/thread.h"
#include "store/compose/fault_plan.h"
#include "store/compose/fault_previous.h"
#include "store/compose/fault_tamper.h"
#include "store/compose/wrapper_port.h"

/* What a write that is carried out late is given to succeed. */
#define LATE_DEADLINE_MS ((uint64_t)60 * 60 * 1000)

typedef struct fault_store {
  sj__store base;
  sj__store *inner;
  sj__mutex mutex; /* guards the next two */
  sj__fault_chooser chooser;
  sj__fault_previous previous;
} fault_store;

typedef struct fault_port {
  sj__wrapper_port base;
  fault_store *store;
  sj__list held; /* frames whose call the inner port doesn't have */
  sj__list late; /* frames of late writes that wait */
  bool is_detaching;
  bool is_inner_detaching;
} fault_port;

/* One call that something is done to. */
typedef struct fault_frame {
  sj__store_frame base;
  fault_port *port;
  sj__store_call *call;
  sj__fault fault;
  bool keep_previous; /* note what this write replaces */
  uint32_t noise;     /* which bit to flip */
  sj__list link;
  sj__timer timer;
  sj__task task;
  sj_status status; /* of the completion that `task` makes */
  sj__applied applied;
  sj__fault_copies copies;
  sj__store_call late;
} fault_frame;

/* --- Frames --------------------------------------------------------------------------- */

static void free_frame(fault_frame *frame) {
  sj__fault_copies_release(&frame->copies);
  sj__free(frame);
}

static fault_frame *new_frame(fault_port *port, sj__store_call *call, sj__fault fault) {
  fault_frame *frame = sj__calloc(1, sizeof(*frame));
  if (frame == NULL) return NULL;
  frame->port = port;
  frame->call = call;
  frame->fault = fault;
  sj__list_init(&frame->link);
  return frame;
}

static void detach_when_idle(fault_port *port) {
  if (!port->is_detaching || port->is_inner_detaching || !sj__list_is_empty(&port->held)) return;
  port->is_inner_detaching = true;
  sj__wrapper_port_end(&port->base);
}

/* --- Calls that are held here ------------------------------------------------------------ */

static void complete_held(sj__task *task) {
  fault_frame *frame = SJ__CONTAINER_OF(task, fault_frame, task);
  fault_port *port = frame->port;
  frame->call->status = frame->status;
  frame->call->applied = frame->applied;
  sj__list_remove(&frame->link); /* before `done`, which may detach the port */
  frame->call->done(frame->call);
  free_frame(frame);
  detach_when_idle(port);
}

/* The completion is made in a task of its own; it may be decided only once. */
static void complete_later(fault_frame *frame, sj_status status, sj__applied applied) {
  if (frame->task.queued) return;
  sj__timer_stop(frame->port->base.outer.loop, &frame->timer);
  frame->status = status;
  frame->applied = applied;
  frame->task.fn = complete_held;
  sj__loop_defer(frame->port->base.outer.loop, &frame->task);
}

static void hold(fault_frame *frame) {
  sj__list_append(&frame->port->held, &frame->link);
}

static void start_timer(fault_frame *frame, uint64_t delay_ms, sj__timer_fn *fn) {
  if (sj__timer_start(frame->port->base.outer.loop, &frame->timer, delay_ms, fn) != SJ_OK) {
    complete_later(frame, SJ_UNAVAILABLE, SJ__APPLIED_NO);
  }
}

static void on_hang_timer(sj__timer *timer) {
  complete_later(SJ__CONTAINER_OF(timer, fault_frame, timer), SJ_UNAVAILABLE, SJ__APPLIED_UNKNOWN);
}

static uint64_t left_ms(const fault_port *port, const sj__store_call *call) {
  uint64_t now_ms = sj__loop_now_ms(port->base.outer.loop);
  return call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 0;
}

static void on_delay_timer(sj__timer *timer) {
  fault_frame *frame = SJ__CONTAINER_OF(timer, fault_frame, timer);
  fault_port *port = frame->port;
  sj__store_call *call = frame->call;
  sj__list_remove(&frame->link);
  free_frame(frame);
  sj__store_submit(port->base.inner, call);
  detach_when_idle(port);
}

static void on_deadline_timer(sj__timer *timer) {
  complete_later(SJ__CONTAINER_OF(timer, fault_frame, timer), SJ_UNAVAILABLE, SJ__APPLIED_NO);
}

static void hold_for_delay(fault_frame *frame, uint32_t delay_ms) {
  uint64_t left = left_ms(frame->port, frame->call);
  hold(frame);
  if (delay_ms < left) {
    start_timer(frame, delay_ms, on_delay_timer);
  } else {
    start_timer(frame, left, on_deadline_timer);
  }
}

static void hold_until_deadline(fault_frame *frame) {
  hold(frame);
  start_timer(frame, left_ms(frame->port, frame->call), on_hang_timer);
}

/* --- Late writes ------------------------------------------------------------------------- */

static void late_done(sj__store_call *call) {
  free_frame(SJ__CONTAINER_OF(call, fault_frame, late));
}

static void on_late_timer(sj__timer *timer) {
  fault_frame *frame = SJ__CONTAINER_OF(timer, fault_frame, timer);
  sj__list_remove(&frame->link);
  frame->late.done = late_done;
  frame->late.deadline_ms = sj__loop_now_ms(frame->port->base.outer.loop) + LATE_DEADLINE_MS;
  sj__store_submit(frame->port->base.inner, &frame->late);
}

static void start_late_write(fault_port *port, sj__store_call *call, uint32_t delay_ms) {
  fault_frame *frame = new_frame(port, call, SJ__FAULT_LATE);
  if (frame == NULL) return;
  sj__list_append(&port->late, &frame->link);
  frame->late = *call;
  frame->late.frames = NULL;
  if (!sj__fault_copy_inputs(&frame->copies, &frame->late) ||
      sj__timer_start(port->base.outer.loop, &frame->timer, delay_ms, on_late_timer) != SJ_OK) {
    sj__list_remove(&frame->link);
    free_frame(frame);
  }
}

static void drop_late_writes(fault_port *port) {
  SJ__LIST_FOR_SAFE(node, &port->late) {
    fault_frame *frame = SJ__CONTAINER_OF(node, fault_frame, link);
    sj__timer_stop(port->base.outer.loop, &frame->timer);
    sj__list_remove(&frame->link);
    free_frame(frame);
  }
}

/* --- Calls that pass, and whose answer is tampered with ------------------------------ */

static void note_previous(fault_store *store, const sj__store_call *call) {
  if (call->status != SJ_OK) return;
  sj__mutex_lock(&store->mutex);
  if (call->op == SJ__PUT) {
    sj_slice record = call->in.put.record;
    sj__fault_previous_note(&store->previous, sj__record_key(record), record);
  } else if (call->op == SJ__END) {
    sj__fault_previous_note(&store->previous, call->in.end.key, (sj_slice){NULL, 0});
  }
  sj__mutex_unlock(&store->mutex);
}

static void passed_done(sj__store_call *call) {
  fault_frame *frame = SJ__CONTAINER_OF(sj__store_frame_pop(call), fault_frame, base);
  if (frame->keep_previous) note_previous(frame->port->store, call);
  if (frame->fault == SJ__FAULT_LOSE) sj__fault_lose(call);
  if (frame->fault == SJ__FAULT_CORRUPT) sj__fault_corrupt(&frame->copies, call, frame->noise);
  call->done(call);
  free_frame(frame);
}

static void pass(fault_frame *frame) {
  sj__store_frame_push(frame->call, &frame->base, passed_done);
  sj__store_submit(frame->port->base.inner, frame->call);
}

/* A cheap read may be answered with anything new enough (store.h, GET). */
static bool answer_stale(fault_frame *frame) {
  fault_store *store = frame->port->store;
  sj__store_call *call = frame->call;
  sj__mutex_lock(&store->mutex);
  sj_slice before = sj__fault_previous_get(&store->previous, call->in.get.key);
  if (before.size > 0 && sj__record_version(before) >= call->in.get.at_least) {
    frame->copies.bytes = sj__memdup(before.data, before.size);
  }
  sj__mutex_unlock(&store->mutex);
  if (frame->copies.bytes == NULL) return false;
  call->record = sj__slice(frame->copies.bytes, before.size);
  return true;
}

/* --- Ports --------------------------------------------------------------------------- */

static void befall(fault_frame *frame, uint32_t delay_ms) {
  sj__applied applied = SJ__APPLIED_NO;
  sj_status status = SJ_UNAVAILABLE;
  switch (frame->fault) {
    case SJ__FAULT_DELAY:
      hold_for_delay(frame, delay_ms);
      return;
    case SJ__FAULT_HANG:
      hold_until_deadline(frame);
      return;
    case SJ__FAULT_REFUSE:
      break;
    case SJ__FAULT_LATE:
      applied = SJ__APPLIED_UNKNOWN;
      start_late_write(frame->port, frame->call, delay_ms);
      break;
    case SJ__FAULT_FULL:
      status = SJ_FULL;
      break;
    case SJ__FAULT_STALE:
      if (!answer_stale(frame)) {
        pass(frame);
        return;
      }
      status = SJ_OK;
      break;
    default:
      pass(frame);
      return;
  }
  hold(frame);
  complete_later(frame, status, applied);
}

static void fault_submit(sj__port *base, sj__store_call *call) {
  fault_port *port = SJ__CONTAINER_OF(base, fault_port, base.outer);
  fault_store *store = port->store;
  uint32_t delay_ms;
  SJ__REQUIRE(!port->is_detaching);
  sj__mutex_lock(&store->mutex);
  sj__fault fault = sj__fault_choose(&store->chooser, call, &delay_ms);
  uint32_t noise = sj__fault_draw(&store->chooser, UINT32_MAX);
  bool keep_previous = store->chooser.plan.keep_previous;
  sj__mutex_unlock(&store->mutex);
  bool is_untouched = fault == SJ__FAULT_NONE && !keep_previous;
  fault_frame *frame = is_untouched ? NULL : new_frame(port, call, fault);
  if (frame == NULL || left_ms(port, call) == 0) {
    sj__free(frame);
    sj__store_submit(port->base.inner, call);
    return;
  }
  frame->noise = noise;
  frame->keep_previous = keep_previous;
  befall(frame, delay_ms);
}

static void fault_cancel(sj__port *base, sj__store_call *call) {
  fault_port *port = SJ__CONTAINER_OF(base, fault_port, base.outer);
  SJ__LIST_FOR(node, &port->held) {
    fault_frame *frame = SJ__CONTAINER_OF(node, fault_frame, link);
    if (frame->call != call) continue;
    bool is_unknown = frame->fault == SJ__FAULT_HANG;
    complete_later(frame, SJ_CANCELLED, is_unknown ? SJ__APPLIED_UNKNOWN : SJ__APPLIED_NO);
    return;
  }
  sj__store_cancel(port->base.inner, call);
}

static void fault_detach(sj__port *base, void (*done)(void *argument), void *argument) {
  fault_port *port = SJ__CONTAINER_OF(base, fault_port, base.outer);
  SJ__REQUIRE(!port->is_detaching);
  port->is_detaching = true;
  port->base.done = done;
  port->base.argument = argument;
  drop_late_writes(port);
  SJ__LIST_FOR(node, &port->held) {
    fault_frame *frame = SJ__CONTAINER_OF(node, fault_frame, link);
    bool is_unknown = frame->fault == SJ__FAULT_HANG;
    complete_later(frame, SJ_CANCELLED, is_unknown ? SJ__APPLIED_UNKNOWN : SJ__APPLIED_NO);
  }
  detach_when_idle(port);
}

static const sj__port_ops port_ops = {
    .submit = fault_submit,
    .cancel = fault_cancel,
    .subscribe = sj__wrapper_subscribe,
    .unsubscribe = sj__wrapper_unsubscribe,
    .detach = fault_detach,
};

static void release_port(sj__wrapper_port *base) {
  sj__free(SJ__CONTAINER_OF(base, fault_port, base));
}

static sj_status fault_attach(sj__store *base, sj__loop *loop, sj__port **out) {
  fault_store *store = SJ__CONTAINER_OF(base, fault_store, base);
  fault_port *port = sj__calloc(1, sizeof(*port));
  if (port == NULL) return SJ_NO_MEMORY;
  sj_status status =
      sj__wrapper_port_init(&port->base, &port_ops, base, store->inner, loop, release_port);
  if (status != SJ_OK) {
    sj__free(port);
    return status;
  }
  port->store = store;
  sj__list_init(&port->held);
  sj__list_init(&port->late);
  *out = &port->base.outer;
  return SJ_OK;
}

/* --- The store ----------------------------------------------------------------------- */

static void fault_health(sj__store *base, sj__store_health *out) {
  sj__store_health_get(SJ__CONTAINER_OF(base, fault_store, base)->inner, out);
}

static void fault_close(sj__store *base) {
  fault_store *store = SJ__CONTAINER_OF(base, fault_store, base);
  sj__store_close(store->inner);
  sj__fault_previous_release(&store->previous);
  sj__mutex_release(&store->mutex);
  sj__free(store);
}

static const sj__store_ops store_ops = {
    .attach = fault_attach,
    .health = fault_health,
    .close = fault_close,
};

static fault_store *to_fault_store(sj__store *base) {
  SJ__REQUIRE(base->ops == &store_ops);
  return SJ__CONTAINER_OF(base, fault_store, base);
}

void sj__fault_set_plan(sj__store *base, const sj__fault_plan *plan) {
  fault_store *store = to_fault_store(base);
  sj__mutex_lock(&store->mutex);
  sj__fault_chooser_reset(&store->chooser, plan);
  sj__mutex_unlock(&store->mutex);
}

sj_status sj__fault_add_step(sj__store *base, const sj__fault_step *step) {
  fault_store *store = to_fault_store(base);
  sj__mutex_lock(&store->mutex);
  sj_status status = sj__fault_chooser_add(&store->chooser, step);
  sj__mutex_unlock(&store->mutex);
  return status;
}

uint64_t sj__fault_count(sj__store *base, sj__fault fault) {
  fault_store *store = to_fault_store(base);
  sj__mutex_lock(&store->mutex);
  uint64_t count = store->chooser.counts[fault];
  sj__mutex_unlock(&store->mutex);
  return count;
}

sj_status sj__fault_new(sj__store *inner, const sj__fault_plan *plan, sj__store **out) {
  fault_store *store = sj__calloc(1, sizeof(*store));
  if (store == NULL) return SJ_NO_MEMORY;
  if (sj__mutex_init(&store->mutex) != SJ_OK) goto no_mutex;
  if (sj__fault_previous_init(&store->previous) != SJ_OK) goto no_previous;
  sj__fault_chooser_reset(&store->chooser, plan);
  store->base = (sj__store){&store_ops, inner->scheme, inner->caps};
  store->inner = inner;
  *out = &store->base;
  return SJ_OK;
no_previous:
  sj__mutex_release(&store->mutex);
no_mutex:
  sj__free(store);
  return SJ_NO_MEMORY;
}

sj_status sj__fault_wrap(sj__store *inner, const sj__store_url *url,
                         const sj__store_options *options, sj__store **out, sj_error *error) {
  sj__fault_plan plan;
  sj_status status = sj__fault_plan_parse(url, &plan, error);
  if (status != SJ_OK) return status;
  status = sj__fault_new(inner, &plan, out);
  return status == SJ_OK ? SJ_OK : sj__fail(error, status, "store fault: out of memory");
}
