/* The wrapper; what it breaks is in defects.c. */
#include "broken_store.h"

#include <sched.h>
#include <string.h>

#include "base/alloc.h"
#include "broken_private.h"

/* --- What is remembered -------------------------------------------------------------- */

memory *recall(broken_call *of, const uint8_t *key) {
  sj__map *sessions = &of->port->store->sessions;
  sj__map_node *node = sj__map_find(sessions, sj__slice(key, SJ__KEY_SIZE));
  if (node != NULL) return SJ__CONTAINER_OF(node, memory, node);
  memory *made = sj__calloc(1, sizeof(*made));
  SJ__REQUIRE(made != NULL);
  memcpy(made->key, key, SJ__KEY_SIZE);
  SJ__REQUIRE(sj__map_insert(sessions, &made->node, sj__slice(made->key, SJ__KEY_SIZE)) == SJ_OK);
  return made;
}

static void free_slice(sj_slice slice) {
  sj__free((void *)(uintptr_t)slice.data);
}

static sj_slice copy_slice(sj_slice slice) {
  const void *copy = sj__memdup(slice.data, slice.size);
  SJ__REQUIRE(copy != NULL);
  return sj__slice(copy, slice.size);
}

static void remember(broken_call *of) {
  const sj__store_call *call = of->call;
  if (call->status != SJ_OK) return;
  if (call->op == SJ__END) recall(of, call->in.end.key)->is_ended = true;
  if (call->op != SJ__PUT) return;
  memory *session = recall(of, sj__record_key(call->in.put.record));
  if (sj__record_state(call->in.put.record) == SJ__ENDED) {
    session->is_ended = true;
    return;
  }
  free_slice(session->before);
  session->before = session->newest;
  session->newest = copy_slice(call->in.put.record);
}

/* --- Changing results ------------------------------------------------------------------- */

sj_slice show(broken_call *of, sj_slice record) {
  sj_slice copy = copy_slice(record);
  free_slice(of->copy);
  of->copy = copy;
  return copy;
}

uint8_t *change_record(broken_call *of) {
  of->call->record = show(of, of->call->record);
  return (uint8_t *)(uintptr_t)of->copy.data;
}

sj_slice *change_items(broken_call *of) {
  size_t count = of->call->item_count;
  of->items = sj__calloc(count + 1, sizeof(*of->items));
  SJ__REQUIRE(of->items != NULL);
  for (size_t i = 0; i < count; i++) of->items[i] = of->call->items[i];
  of->call->items = of->items;
  return of->items;
}

typedef struct aside {
  sj__store_call call;
  uint8_t key[SJ__KEY_SIZE];
} aside;

static void aside_done(sj__store_call *call) {
  sj__free(SJ__CONTAINER_OF(call, aside, call));
}

void write_aside(broken_call *of) {
  aside *self = sj__calloc(1, sizeof(*self));
  SJ__REQUIRE(self != NULL && of->call->op == SJ__TOUCH);
  memcpy(self->key, of->call->in.touch.key, SJ__KEY_SIZE);
  self->call = *of->call;
  self->call.frames = NULL;
  self->call.in.touch.key = self->key;
  self->call.done = aside_done;
  sj__store_submit(of->port->base.inner, &self->call);
}

/* --- Calls ---------------------------------------------------------------------------------- */

static void free_call(broken_call *of) {
  free_slice(of->copy);
  sj__free(of->items);
  sj__free(of);
}

static void broken_done(sj__store_call *call);

static void ask(broken_call *of) {
  sj__store_frame_push(of->call, &of->frame, broken_done);
  sj__store_submit(of->port->base.inner, of->call);
}

static void restore_inputs(broken_call *of) {
  of->call->op = of->asked.op;
  of->call->in = of->asked.in;
  of->call->now_ms = of->asked.now_ms;
  of->call->deadline_ms = of->asked.deadline_ms;
}

static void broken_done(sj__store_call *call) {
  broken_call *of = SJ__CONTAINER_OF(sj__store_frame_pop(call), broken_call, frame);
  broken_store *store = of->port->store;
  restore_inputs(of);
  sj__mutex_lock(&store->mutex);
  of->is_repeated = false;
  if (store->defect->after != NULL) store->defect->after(of);
  if (!of->is_repeated) remember(of);
  sj__mutex_unlock(&store->mutex);
  if (of->is_repeated) {
    (void)sched_yield(); /* others come in between */
    ask(of);
    return;
  }
  if (of->is_doubled) call->done(call);
  call->done(call);
  free_call(of);
}

static void broken_submit(sj__port *base, sj__store_call *call) {
  broken_port *port = SJ__CONTAINER_OF(base, broken_port, base.outer);
  broken_call *of = sj__calloc(1, sizeof(*of));
  SJ__REQUIRE(of != NULL);
  of->port = port;
  of->call = call;
  of->asked = *call;
  sj__mutex_lock(&port->store->mutex);
  if (port->store->defect->before != NULL) port->store->defect->before(of);
  sj__mutex_unlock(&port->store->mutex);
  if (!of->is_answered) {
    ask(of);
    return;
  }
  call->done(call);
  free_call(of);
}

/* --- Ports and stores ---------------------------------------------------------------- */

static void release_port(sj__wrapper_port *base) {
  sj__free(SJ__CONTAINER_OF(base, broken_port, base));
}

static const sj__port_ops port_ops = {
    .submit = broken_submit,
    .cancel = sj__wrapper_cancel,
    .subscribe = sj__wrapper_subscribe,
    .unsubscribe = sj__wrapper_unsubscribe,
    .detach = sj__wrapper_detach,
};

static sj_status broken_attach(sj__store *base, sj__loop *loop, sj__port **out) {
  broken_port *port = sj__calloc(1, sizeof(*port));
  SJ__REQUIRE(port != NULL);
  port->store = SJ__CONTAINER_OF(base, broken_store, base);
  SJ__REQUIRE(sj__wrapper_port_init(&port->base, &port_ops, base, port->store->inner, loop,
                                    release_port) == SJ_OK);
  *out = &port->base.outer;
  return SJ_OK;
}

static void broken_health(sj__store *base, sj__store_health *out) {
  sj__store_health_get(SJ__CONTAINER_OF(base, broken_store, base)->inner, out);
}

static void broken_close(sj__store *base) {
  broken_store *store = SJ__CONTAINER_OF(base, broken_store, base);
  sj__map_cursor cursor = {0, NULL};
  sj__store_close(store->inner);
  for (sj__map_node *node; (node = sj__map_next(&store->sessions, &cursor)) != NULL;) {
    memory *session = SJ__CONTAINER_OF(node, memory, node);
    free_slice(session->newest);
    free_slice(session->before);
    sj__free(session);
  }
  sj__map_release(&store->sessions);
  sj__mutex_release(&store->mutex);
  sj__free(store);
}

static const sj__store_ops store_ops = {
    .attach = broken_attach,
    .health = broken_health,
    .close = broken_close,
};

sj_status broken_new(sj__store *inner, const defect *with, sj__store **out) {
  broken_store *store = sj__calloc(1, sizeof(*store));
  SJ__REQUIRE(store != NULL);
  SJ__REQUIRE(sj__mutex_init(&store->mutex) == SJ_OK);
  SJ__REQUIRE(sj__map_init(&store->sessions) == SJ_OK);
  store->base = (sj__store){&store_ops, inner->scheme, inner->caps};
  store->inner = inner;
  store->defect = with;
  *out = &store->base;
  return SJ_OK;
}
