/*
 * lmdb: keeps sessions in one folder of this machine. Reads are answered on the
 * caller's loop from the memory map; writes go to one thread that commits them
 * in groups (docs/stores/lmdb.md).
 */
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/adapter/lmdb_private.h"

static sj__lmdb_store *store_of(sj__store *base) {
  return SJ__CONTAINER_OF(base, sj__lmdb_store, base);
}

static sj__lmdb_port *port_of(sj__port *base) {
  return SJ__CONTAINER_OF(base, sj__lmdb_port, base);
}

/* --- Calls ------------------------------------------------------------------------------- */

static void free_port(sj__lmdb_port *port) {
  if (port->reader != NULL) mdb_txn_abort(port->reader);
  sj__free(port->items);
  sj__free(port);
}

static void on_detached(sj__task *task) {
  sj__lmdb_port *port = SJ__CONTAINER_OF(task, sj__lmdb_port, detached);
  void (*done)(void *argument) = port->done;
  void *argument = port->argument;
  atomic_fetch_sub(&port->store->ports, 1);
  free_port(port);
  if (done != NULL) done(argument);
}

static void finish(sj__lmdb_port *port, sj__store_call *call) {
  call->done(call);
  port->pending--;
  if (port->is_detaching && port->pending == 0) {
    sj__event_channel_close(port->channel, &port->detached);
  }
}

static bool is_late(const sj__lmdb_port *port, const sj__store_call *call) {
  return sj__loop_now_ms(port->base.loop) >= call->deadline_ms;
}

/* The snapshot ends after `done`, which may look at the map till then. */
static void run_read(sj__task *task) {
  sj__store_call *call = SJ__CONTAINER_OF(task, sj__store_call, task);
  sj__lmdb_port *port = call->owner;
  int code = 0;
  if (is_late(port, call)) {
    call->status = SJ_UNAVAILABLE;
  } else if ((code = mdb_txn_renew(port->reader)) != 0) {
    call->status = sj__lmdb_status(code);
  } else {
    call->status = sj__lmdb_read(port, port->reader, call);
    finish(port, call);
    mdb_txn_reset(port->reader);
    return;
  }
  finish(port, call);
}

static void run_late_write(sj__task *task) {
  sj__store_call *call = SJ__CONTAINER_OF(task, sj__store_call, task);
  call->status = SJ_UNAVAILABLE;
  call->applied = SJ__APPLIED_NO;
  finish(call->owner, call);
}

void sj__lmdb_written(sj__task *task) {
  sj__store_call *call = SJ__CONTAINER_OF(task, sj__store_call, task);
  void *handed_back = call->scratch[0];
  call->scratch[0] = NULL;
  finish(call->owner, call);
  sj__free(handed_back);
}

static bool is_read(sj__op op) {
  return op == SJ__GET || op == SJ__MARKS || op == SJ__LIST || op == SJ__SCAN;
}

static void lmdb_submit(sj__port *base, sj__store_call *call) {
  sj__lmdb_port *port = port_of(base);
  SJ__REQUIRE(!port->is_detaching);
  port->pending++;
  call->owner = port;
  call->scratch[0] = NULL;
  if (is_read(call->op)) {
    call->task.fn = run_read;
    sj__loop_defer(base->loop, &call->task);
  } else if (is_late(port, call)) {
    call->task.fn = run_late_write;
    sj__loop_defer(base->loop, &call->task);
  } else {
    sj__list_init(&call->link);
    sj__lmdb_writer_add(port->store, call);
  }
}

/* Nothing here waits longer than a flush: the result comes as soon as a cancellation would. */
static void lmdb_cancel(sj__port *base, sj__store_call *call) {}

static void lmdb_subscribe(sj__port *base, sj__subscriber *subscriber) {
  sj__event_channel_subscribe(port_of(base)->channel, subscriber);
}

static void lmdb_unsubscribe(sj__port *base, sj__subscriber *subscriber) {
  sj__event_channel_unsubscribe(port_of(base)->channel, subscriber);
}

static void lmdb_detach(sj__port *base, void (*done)(void *argument), void *argument) {
  sj__lmdb_port *port = port_of(base);
  SJ__REQUIRE(!port->is_detaching);
  port->is_detaching = true;
  port->done = done;
  port->argument = argument;
  if (port->pending == 0) sj__event_channel_close(port->channel, &port->detached);
}

static const sj__port_ops port_ops = {
    .submit = lmdb_submit,
    .cancel = lmdb_cancel,
    .subscribe = lmdb_subscribe,
    .unsubscribe = lmdb_unsubscribe,
    .detach = lmdb_detach,
};

/* --- Ports and the store --------------------------------------------------------------------- */

static sj_status open_reader(sj__lmdb_port *port) {
  int code = mdb_txn_begin(port->store->env, NULL, MDB_RDONLY, &port->reader);
  if (code != 0) {
    port->reader = NULL;
    return SJ_UNAVAILABLE;
  }
  mdb_txn_reset(port->reader);
  return SJ_OK;
}

static sj_status lmdb_attach(sj__store *base, sj__loop *loop, sj__port **out) {
  sj__lmdb_port *port = sj__calloc(1, sizeof(*port));
  if (port == NULL) return SJ_NO_MEMORY;
  port->base = (sj__port){&port_ops, base, loop};
  port->store = store_of(base);
  port->detached.fn = on_detached;
  port->items = sj__calloc(SJ__LMDB_PAGE_ITEMS, sizeof(*port->items));
  sj_status status = port->items != NULL ? open_reader(port) : SJ_NO_MEMORY;
  if (status == SJ_OK) status = sj__event_channel_open(&port->store->hub, loop, &port->channel);
  if (status != SJ_OK) {
    free_port(port);
    return status;
  }
  atomic_fetch_add(&port->store->ports, 1);
  *out = &port->base;
  return SJ_OK;
}

static void lmdb_health(sj__store *base, sj__store_health *out) {
  sj__lmdb_store *store = store_of(base);
  MDB_envinfo info;
  MDB_stat stat;
  MDB_txn *txn;
  out->reachable = true;
  out->writable = atomic_load(&store->writable);
  mdb_env_info(store->env, &info);
  out->used_bytes = (info.me_last_pgno + 1) * store->page_size;
  out->limit_bytes = store->max_size;
  if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn) != 0) return;
  if (mdb_stat(txn, store->tables.sessions, &stat) == 0) out->records = stat.ms_entries;
  mdb_txn_abort(txn);
}

static void lmdb_close(sj__store *base) {
  sj__lmdb_store *store = store_of(base);
  SJ__REQUIRE(atomic_load(&store->ports) == 0);
  sj__lmdb_writer_stop(store);
  mdb_env_sync(store->env, 1);
  mdb_env_close(store->env);
  close(store->lock_file);
  sj__event_hub_release(&store->hub);
  sj__cond_release(&store->wake);
  sj__mutex_release(&store->mutex);
  sj__free(store);
}

const sj__store_ops sj__lmdb_store_ops = {
    .attach = lmdb_attach,
    .health = lmdb_health,
    .close = lmdb_close,
};
