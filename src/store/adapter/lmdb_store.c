/*
 * lmdb: keeps sessions in one folder of this machine. Reads are answered on the
 * caller's loop from the memory map; writes go to one thread that commits them
 * in groups (docs/stores/lmdb.md).
 */
#include <errno.h>
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

static void settle(sj__lmdb_port *port) {
  port->pending--;
  if (port->is_detaching && port->pending == 0) {
    sj__event_channel_close(port->channel, &port->detached);
  }
}

static void run_answered(sj__task *task) {
  sj__store_call *call = SJ__CONTAINER_OF(task, sj__store_call, task);
  sj__lmdb_port *port = call->owner;
  call->done(call);
  settle(port);
}

/* For what needs neither map nor writer. */
static void answer_soon(sj__lmdb_port *port, sj__store_call *call, sj_status status) {
  call->status = status;
  call->applied = SJ__APPLIED_NO;
  call->task.fn = run_answered;
  sj__loop_defer(port->base.loop, &call->task);
}

static uint64_t left_ms(const sj__lmdb_port *port, const sj__store_call *call) {
  uint64_t now_ms = sj__loop_now_ms(port->base.loop);
  return call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 0;
}

/* --- Reads ------------------------------------------------------------------------------- */

/* The snapshot ends after `done`, which may look at the map till then. */
static void run_read(sj__task *task) {
  sj__store_call *call = SJ__CONTAINER_OF(task, sj__store_call, task);
  sj__lmdb_port *port = call->owner;
  int code = left_ms(port, call) > 0 ? mdb_txn_renew(port->reader) : ETIMEDOUT;
  if (code == 0) {
    call->status = sj__lmdb_read(port, port->reader, call);
    call->done(call);
    mdb_txn_reset(port->reader);
  } else {
    call->status = SJ_UNAVAILABLE;
    call->done(call);
  }
  settle(port);
}

static bool is_read(sj__op op) {
  return op == SJ__GET || op == SJ__MARKS || op == SJ__LIST || op == SJ__SCAN;
}

/* --- Writes ------------------------------------------------------------------------------ */

/* Completes the call; the write itself may go on. */
static void answer(sj__lmdb_write *write, sj_status status, sj__applied applied) {
  sj__store_call *call = write->call;
  write->call = NULL;
  sj__timer_stop(write->port->base.loop, &write->deadline);
  call->status = status;
  call->applied = applied;
  call->done(call);
}

static void release(sj__lmdb_write *write) {
  sj__lmdb_port *port = write->port;
  sj__free(write->handed_back);
  sj__free(write);
  settle(port);
}

void sj__lmdb_written(sj__task *task) {
  sj__lmdb_write *write = SJ__CONTAINER_OF(task, sj__lmdb_write, task);
  if (write->call != NULL) {
    write->call->record = write->in.record;
    write->call->count = write->in.count;
    write->call->more = write->in.more;
    answer(write, write->in.status, write->in.applied);
  }
  release(write);
}

/* What the writer has taken may be on the disk or not: it is let go on. */
static void on_deadline(sj__timer *timer) {
  sj__lmdb_write *write = SJ__CONTAINER_OF(timer, sj__lmdb_write, deadline);
  if (sj__lmdb_writer_take_back(write->port->store, write)) {
    answer(write, SJ_UNAVAILABLE, SJ__APPLIED_NO);
    release(write);
  } else {
    answer(write, SJ_UNAVAILABLE, SJ__APPLIED_UNKNOWN);
  }
}

static sj__lmdb_write *new_write(sj__lmdb_port *port, sj__store_call *call) {
  sj__lmdb_write *write = sj__malloc(sizeof(*write) + sj__call_inputs_size(call));
  if (write == NULL) return NULL;
  memset(write, 0, sizeof(*write));
  sj__list_init(&write->link);
  write->in = *call;
  sj__call_inputs_copy(&write->in, write->bytes);
  write->port = port;
  write->call = call;
  write->task.fn = sj__lmdb_written;
  return write;
}

/* What no table needs to be asked about. */
static sj_status judge_inputs(const sj__store_call *call) {
  switch (call->op) {
    case SJ__PUT:
      if (call->in.put.record.size > SJ__LMDB_RECORD_MAX) return SJ_TOO_LARGE;
      return call->in.put.event.size > SJ__EVENT_MAX ? SJ_MISUSE : SJ_OK;
    case SJ__END:
      return call->in.end.event.size > SJ__EVENT_MAX ? SJ_MISUSE : SJ_OK;
    case SJ__MARK:
      return call->in.mark.mark.size != SJ__MARK_SIZE ? SJ_MISUSE : SJ_OK;
    case SJ__PUBLISH:
      return call->in.publish.event.size > SJ__EVENT_MAX ? SJ_MISUSE : SJ_OK;
    default:
      return SJ_OK;
  }
}

static void submit_write(sj__lmdb_port *port, sj__store_call *call) {
  uint64_t left = left_ms(port, call);
  sj_status status = left > 0 ? judge_inputs(call) : SJ_UNAVAILABLE;
  if (status != SJ_OK) {
    answer_soon(port, call, status);
    return;
  }
  sj__lmdb_write *write = new_write(port, call);
  if (write == NULL ||
      sj__timer_start(port->base.loop, &write->deadline, left, on_deadline) != SJ_OK) {
    sj__free(write);
    answer_soon(port, call, SJ_UNAVAILABLE);
    return;
  }
  call->scratch[0] = write;
  sj__lmdb_writer_add(port->store, write);
}

/* --- Ports ------------------------------------------------------------------------------- */

static void lmdb_submit(sj__port *base, sj__store_call *call) {
  sj__lmdb_port *port = port_of(base);
  SJ__REQUIRE(!port->is_detaching);
  port->pending++;
  call->owner = port;
  call->scratch[0] = NULL;
  if (is_read(call->op)) {
    call->task.fn = run_read;
    sj__loop_defer(base->loop, &call->task);
  } else {
    submit_write(port, call);
  }
}

/* Reads come this turn anyway, and what the writer has it finishes. */
static void lmdb_cancel(sj__port *base, sj__store_call *call) {
  sj__lmdb_write *write = call->scratch[0];
  if (write == NULL || !sj__lmdb_writer_take_back(write->port->store, write)) return;
  sj__timer_stop(base->loop, &write->deadline);
  write->in.status = SJ_CANCELLED;
  write->in.applied = SJ__APPLIED_NO;
  sj__loop_defer(base->loop, &write->task);
}

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
  out->writable = atomic_load(&store->writable) && !atomic_load(&store->is_broken) &&
                  !atomic_load(&store->is_failing);
  out->limit_bytes = store->max_size;
  mdb_env_info(store->env, &info);
  out->used_bytes = (info.me_last_pgno + 1) * store->page_size;
  if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn) != 0) return;
  if (mdb_stat(txn, store->tables.sessions, &stat) == 0) out->records = stat.ms_entries;
  size_t free_bytes = sj__lmdb_free_bytes(store, txn);
  if (free_bytes < out->used_bytes) out->used_bytes -= free_bytes;
  mdb_txn_abort(txn);
}

static void lmdb_close(sj__store *base) {
  sj__lmdb_store *store = store_of(base);
  SJ__REQUIRE(atomic_load(&store->ports) == 0);
  sj__lmdb_writer_stop(store);
  sj__lmdb_free(store);
}

const sj__store_ops sj__lmdb_store_ops = {
    .attach = lmdb_attach,
    .health = lmdb_health,
    .close = lmdb_close,
};
