#include "store/store.h"

#include <string.h>

#include "base/alloc.h"

static const char *const op_names[SJ__OP_COUNT] = {
    [SJ__GET] = "get",     [SJ__PUT] = "put",         [SJ__TOUCH] = "touch", [SJ__END] = "end",
    [SJ__MARK] = "mark",   [SJ__MARKS] = "marks",     [SJ__LIST] = "list",   [SJ__SCAN] = "scan",
    [SJ__SWEEP] = "sweep", [SJ__PUBLISH] = "publish",
};

const char *sj__op_name(sj__op op) {
  SJ__REQUIRE(op >= 0 && op < SJ__OP_COUNT);
  return op_names[op];
}

void sj__store_close(sj__store *store) {
  if (store != NULL) store->ops->close(store);
}

sj_status sj__store_attach(sj__store *store, sj__loop *loop, sj__port **out) {
  return store->ops->attach(store, loop, out);
}

void sj__port_detach(sj__port *port, void (*done)(void *argument), void *argument) {
  port->ops->detach(port, done, argument);
}

static void clear_results(sj__store_call *call) {
  call->status = SJ_OK;
  call->applied = SJ__APPLIED_NO;
  call->record = (sj_slice){NULL, 0};
  call->items = NULL;
  call->item_count = 0;
  call->cursor_next.size = 0;
  call->count = 0;
  call->more = false;
}

void sj__store_submit(sj__port *port, sj__store_call *call) {
  SJ__REQUIRE(call->done != NULL && call->op >= 0 && call->op < SJ__OP_COUNT);
  clear_results(call);
  port->ops->submit(port, call);
}

void sj__store_cancel(sj__port *port, sj__store_call *call) {
  port->ops->cancel(port, call);
}

void sj__store_subscribe(sj__port *port, sj__subscriber *subscriber) {
  port->ops->subscribe(port, subscriber);
}

void sj__store_unsubscribe(sj__port *port, sj__subscriber *subscriber) {
  port->ops->unsubscribe(port, subscriber);
}

void sj__store_health_get(sj__store *store, sj__store_health *out) {
  memset(out, 0, sizeof(*out));
  store->ops->health(store, out);
}

void sj__store_frame_push(sj__store_call *call, sj__store_frame *frame, sj__store_done *done) {
  frame->done = call->done;
  frame->next = call->frames;
  call->frames = frame;
  call->done = done;
}

sj__store_frame *sj__store_frame_pop(sj__store_call *call) {
  sj__store_frame *frame = call->frames;
  SJ__REQUIRE(frame != NULL);
  call->frames = frame->next;
  call->done = frame->done;
  return frame;
}
