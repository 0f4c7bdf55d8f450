/*
 * memory: keeps everything in this process. One mutex guards one table; what a
 * call returns is copied out under it into the port's own memory, so no lock is
 * ever held while a caller runs. A call is carried out where its completion is
 * made: in a deferred task on the port's loop.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/errors.h"
#include "base/thread.h"
#include "codec/units.h"
#include "store/adapter/memory_table.h"
#include "store/event_hub.h"
#include "store/registry.h"

#define MAX_RECORD ((size_t)1024 * 1024)
#define PAGE_ITEMS 1000u
#define PAGE_BYTES ((size_t)1024 * 1024)

typedef struct memory_store {
  sj__store base;
  sj__mutex mutex; /* guards table and port_count */
  sj__memory_table table;
  size_t port_count;
  sj__event_hub hub;
} memory_store;

typedef struct memory_port {
  sj__port base;
  memory_store *store;
  size_t pending;
  bool is_detaching;
  sj__event_channel *channel;
  sj__task detached;
  void (*done)(void *argument);
  void *argument;
  sj__buffer page; /* what results point into, until the next call is carried out */
  sj_slice items[PAGE_ITEMS];
} memory_port;

/* --- Results ---------------------------------------------------------------------- */

static sj_status return_record(memory_port *port, sj__store_call *call, sj_slice bytes,
                               sj_status status) {
  sj__buffer_append_slice(&port->page, bytes);
  if (sj__buffer_status(&port->page) != SJ_OK) return SJ_UNAVAILABLE;
  call->record = sj__buffer_slice(&port->page);
  return status;
}

/* False: this page takes no more. The first item always fits, or out of memory it is. */
static bool page_add(memory_port *port, sj__store_call *call, uint32_t limit, sj_slice bytes) {
  if (call->item_count >= limit || call->item_count >= PAGE_ITEMS) return false;
  if (call->item_count > 0 && port->page.size + bytes.size > PAGE_BYTES) return false;
  size_t before = port->page.size;
  sj__buffer_append_slice(&port->page, bytes);
  if (port->page.size == before) return false;
  port->items[call->item_count++].size = bytes.size;
  return true;
}

/* The page has stopped moving: sizes become slices. */
static sj_status page_finish(memory_port *port, sj__store_call *call) {
  if (sj__buffer_status(&port->page) != SJ_OK) return SJ_UNAVAILABLE;
  const char *next = port->page.data;
  for (size_t i = 0; i < call->item_count; i++) {
    port->items[i].data = next;
    next += port->items[i].size;
  }
  call->items = port->items;
  return SJ_OK;
}

/* --- Cursors: a letter for the listing, then a position in its order ----------------- */

static void set_cursor(sj__cursor *cursor, char kind, const uint8_t *position, size_t size) {
  if (position == NULL) return; /* not even one item fitted into memory */
  cursor->size = (uint8_t)(1 + size);
  cursor->bytes[0] = (uint8_t)kind;
  memcpy(cursor->bytes + 1, position, size);
}

/* False: of another kind. *position is NULL at the start. */
static bool get_cursor(const sj__cursor *cursor, char kind, size_t size, const uint8_t **position) {
  *position = NULL;
  if (cursor->size == 0) return true;
  if (cursor->size != 1 + size || cursor->bytes[0] != (uint8_t)kind) return false;
  *position = cursor->bytes + 1;
  return true;
}

/* --- The operations: under the mutex --------------------------------------------------- */

static sj_status do_get(memory_port *port, sj__store_call *call) {
  sj__memory_item *item = sj__memory_find(&port->store->table, call->in.get.key);
  if (item == NULL) return SJ_MISSING;
  sj_slice bytes = sj__memory_bytes(item);
  bool behind =
      sj__record_state(bytes) == SJ__ACTIVE && sj__record_version(bytes) < call->in.get.at_least;
  return return_record(port, call, bytes, behind ? SJ_BEHIND : SJ_OK);
}

/* SJ_OK: a put at `expected` may replace what is stored. */
static sj_status judge_put(const sj__memory_item *item, uint64_t expected) {
  if (item == NULL) return expected == 0 ? SJ_OK : SJ_MISSING;
  sj_slice stored = sj__memory_bytes(item);
  if (sj__record_state(stored) != SJ__ACTIVE) return SJ_ENDED;
  return expected != 0 && sj__record_version(stored) == expected ? SJ_OK : SJ_CONFLICT;
}

static void publish(memory_port *port, sj_slice event) {
  if (event.data != NULL) sj__event_hub_append(&port->store->hub, event);
}

static sj_status do_put(memory_port *port, sj__store_call *call) {
  sj_slice bytes = call->in.put.record;
  sj__record record;
  if (bytes.size > MAX_RECORD) return SJ_TOO_LARGE;
  if (sj__record_parse(bytes, &record) != SJ_OK) return SJ_MISUSE;
  if (call->in.put.event.size > SJ__EVENT_MAX) return SJ_MISUSE;
  sj__memory_item *item = sj__memory_find(&port->store->table, record.key);
  sj_status status = judge_put(item, call->in.put.expected);
  if (status != SJ_OK) {
    return item == NULL ? status : return_record(port, call, sj__memory_bytes(item), status);
  }
  bool reserved = record.state == SJ__ENDED;
  status = sj__memory_store_record(&port->store->table, item, &record, bytes, reserved);
  if (status == SJ_OK) publish(port, call->in.put.event);
  return status;
}

static sj_status do_touch(memory_port *port, sj__store_call *call) {
  sj__memory_item *item = sj__memory_find(&port->store->table, call->in.touch.key);
  if (item != NULL) sj__memory_touch(&port->store->table, item, call->in.touch.last_seen_ms);
  return SJ_OK;
}

static sj_status keep_tombstone(memory_port *port, sj__memory_item *item,
                                const sj__record *tombstone) {
  uint8_t bytes[SJ__RECORD_HEADER_SIZE]; /* all of it: a tombstone has no sealed parts */
  sj__record_write_header(tombstone, bytes);
  return sj__memory_store_record(&port->store->table, item, tombstone,
                                 sj__slice(bytes, sizeof(bytes)), true);
}

static sj_status prolong(memory_port *port, sj__memory_item *item, sj__record *stored,
                         int64_t until_ms) {
  if (stored->until_ms >= until_ms) return SJ_OK;
  stored->until_ms = until_ms;
  return keep_tombstone(port, item, stored);
}

static sj_status do_end(memory_port *port, sj__store_call *call) {
  sj__memory_item *item = sj__memory_find(&port->store->table, call->in.end.key);
  sj__record stored, tombstone;
  if (call->in.end.event.size > SJ__EVENT_MAX) return SJ_MISUSE;
  if (item != NULL) {
    if (sj__record_parse(sj__memory_bytes(item), &stored) != SJ_OK) return SJ_CORRUPT;
    if (stored.state == SJ__ENDED) return prolong(port, item, &stored, call->in.end.until_ms);
  }
  sj__record_make_tombstone(&tombstone, item != NULL ? &stored : NULL, call->in.end.key,
                            call->in.end.realm, call->in.end.reason, call->in.end.until_ms);
  sj_status status = keep_tombstone(port, item, &tombstone);
  if (status != SJ_OK) return status;
  call->count = item != NULL ? 1 : 0;
  publish(port, call->in.end.event);
  return SJ_OK;
}

static sj_status do_mark(memory_port *port, sj__store_call *call) {
  if (call->in.mark.mark.size != SJ__MARK_SIZE) return SJ_MISUSE;
  return sj__memory_add_mark(&port->store->table, call->in.mark.mark);
}

static sj_status do_marks(memory_port *port, sj__store_call *call) {
  static const uint8_t start[8] = {0};
  const uint8_t *position;
  if (call->in.marks.limit == 0) return SJ_MISUSE;
  if (!get_cursor(&call->in.marks.cursor, 'm', 8, &position)) return SJ_MISUSE;
  if (position == NULL) position = start;
  set_cursor(&call->cursor_next, 'm', position, 8);
  const sj__memory_mark *mark;
  while ((mark = sj__memory_next_mark(&port->store->table, position)) != NULL &&
         page_add(port, call, call->in.marks.limit, sj__slice(mark->bytes, SJ__MARK_SIZE))) {
    position = mark->sequence;
    set_cursor(&call->cursor_next, 'm', position, 8);
  }
  return page_finish(port, call);
}

static bool is_listable(memory_port *port, const sj__memory_item *item, int64_t now_ms) {
  return sj__record_garbage_at_ms(sj__memory_bytes(item), port->store->table.touch_every_ms) >=
         now_ms;
}

static sj_status do_list(memory_port *port, sj__store_call *call) {
  const uint8_t *tag = call->in.list.subject_tag;
  const uint8_t *position;
  if (call->in.list.limit == 0) return SJ_MISUSE;
  if (!get_cursor(&call->in.list.cursor, 'l', 8 + SJ__KEY_SIZE, &position)) return SJ_MISUSE;
  const sj__memory_item *item;
  while ((item = sj__memory_next_of_subject(&port->store->table, tag, position)) != NULL) {
    if (is_listable(port, item, call->now_ms) &&
        !page_add(port, call, call->in.list.limit, sj__memory_bytes(item))) {
      set_cursor(&call->cursor_next, 'l', position, 8 + SJ__KEY_SIZE);
      break;
    }
    position = item->subject_key + SJ__TAG_SIZE;
  }
  return page_finish(port, call);
}

static sj_status do_scan(memory_port *port, sj__store_call *call) {
  const uint8_t *position;
  if (call->in.scan.limit == 0) return SJ_MISUSE;
  if (!get_cursor(&call->in.scan.cursor, 's', SJ__KEY_SIZE, &position)) return SJ_MISUSE;
  const sj__memory_item *item;
  while ((item = sj__memory_next_by_key(&port->store->table, position)) != NULL) {
    if (!page_add(port, call, call->in.scan.limit, sj__memory_bytes(item))) {
      set_cursor(&call->cursor_next, 's', position, SJ__KEY_SIZE);
      break;
    }
    position = item->key;
  }
  return page_finish(port, call);
}

static sj_status do_sweep(memory_port *port, sj__store_call *call) {
  if (call->in.sweep.budget == 0) return SJ_MISUSE;
  call->count =
      sj__memory_sweep(&port->store->table, call->now_ms, call->in.sweep.budget, &call->more);
  return SJ_OK;
}

static sj_status do_publish(memory_port *port, sj__store_call *call) {
  if (call->in.publish.event.size > SJ__EVENT_MAX) return SJ_MISUSE;
  publish(port, call->in.publish.event);
  return SJ_OK;
}

static sj_status (*const operations[SJ__OP_COUNT])(memory_port *port, sj__store_call *call) = {
    [SJ__GET] = do_get,         [SJ__PUT] = do_put,   [SJ__TOUCH] = do_touch,
    [SJ__END] = do_end,         [SJ__MARK] = do_mark, [SJ__MARKS] = do_marks,
    [SJ__LIST] = do_list,       [SJ__SCAN] = do_scan, [SJ__SWEEP] = do_sweep,
    [SJ__PUBLISH] = do_publish,
};

/* --- Ports ------------------------------------------------------------------------ */

static void carry_out(memory_port *port, sj__store_call *call) {
  memory_store *store = port->store;
  sj__buffer_reset(&port->page);
  sj__mutex_lock(&store->mutex);
  call->status = operations[call->op](port, call);
  sj__mutex_unlock(&store->mutex);
  sj__event_hub_wake(&store->hub);
}

static void close_port_when_idle(memory_port *port) {
  if (port->is_detaching && port->pending == 0) {
    sj__event_channel_close(port->channel, &port->detached);
  }
}

static bool is_cancelled(const sj__store_call *call) {
  return call->scratch[0] != NULL;
}

static void run_call(sj__task *task) {
  sj__store_call *call = SJ__CONTAINER_OF(task, sj__store_call, task);
  memory_port *port = call->owner;
  if (is_cancelled(call)) {
    call->status = SJ_CANCELLED;
  } else if (sj__loop_now_ms(port->base.loop) >= call->deadline_ms) {
    call->status = SJ_UNAVAILABLE;
  } else {
    carry_out(port, call);
  }
  call->done(call);
  port->pending--;
  close_port_when_idle(port);
}

static void memory_submit(sj__port *base, sj__store_call *call) {
  memory_port *port = SJ__CONTAINER_OF(base, memory_port, base);
  SJ__REQUIRE(!port->is_detaching);
  port->pending++;
  call->owner = port;
  call->scratch[0] = NULL;
  call->task.fn = run_call;
  sj__loop_defer(base->loop, &call->task);
}

static void memory_cancel(sj__port *base, sj__store_call *call) {
  call->scratch[0] = call;
}

static void memory_subscribe(sj__port *base, sj__subscriber *subscriber) {
  sj__event_channel_subscribe(SJ__CONTAINER_OF(base, memory_port, base)->channel, subscriber);
}

static void memory_unsubscribe(sj__port *base, sj__subscriber *subscriber) {
  sj__event_channel_unsubscribe(SJ__CONTAINER_OF(base, memory_port, base)->channel, subscriber);
}

static void free_port(memory_port *port) {
  sj__buffer_release(&port->page);
  sj__free(port);
}

static void count_ports(memory_store *store, int by) {
  sj__mutex_lock(&store->mutex);
  store->port_count = (size_t)((ptrdiff_t)store->port_count + by);
  sj__mutex_unlock(&store->mutex);
}

static void on_detached(sj__task *task) {
  memory_port *port = SJ__CONTAINER_OF(task, memory_port, detached);
  void (*done)(void *argument) = port->done;
  void *argument = port->argument;
  count_ports(port->store, -1);
  free_port(port);
  if (done != NULL) done(argument);
}

static void memory_detach(sj__port *base, void (*done)(void *argument), void *argument) {
  memory_port *port = SJ__CONTAINER_OF(base, memory_port, base);
  SJ__REQUIRE(!port->is_detaching);
  port->is_detaching = true;
  port->done = done;
  port->argument = argument;
  close_port_when_idle(port);
}

static const sj__port_ops port_ops = {
    .submit = memory_submit,
    .cancel = memory_cancel,
    .subscribe = memory_subscribe,
    .unsubscribe = memory_unsubscribe,
    .detach = memory_detach,
};

static sj_status memory_attach(sj__store *base, sj__loop *loop, sj__port **out) {
  memory_store *store = SJ__CONTAINER_OF(base, memory_store, base);
  memory_port *port = sj__calloc(1, sizeof(*port));
  if (port == NULL) return SJ_NO_MEMORY;
  port->base = (sj__port){&port_ops, base, loop};
  port->store = store;
  port->detached.fn = on_detached;
  sj__buffer_init(&port->page, 0);
  if (sj__event_channel_open(&store->hub, loop, &port->channel) != SJ_OK) {
    free_port(port);
    return SJ_NO_MEMORY;
  }
  count_ports(store, 1);
  *out = &port->base;
  return SJ_OK;
}

/* --- The store ---------------------------------------------------------------------- */

static void memory_health(sj__store *base, sj__store_health *out) {
  memory_store *store = SJ__CONTAINER_OF(base, memory_store, base);
  sj__mutex_lock(&store->mutex);
  out->used_bytes = store->table.used;
  out->limit_bytes = store->table.limit;
  out->records = store->table.items.count;
  sj__mutex_unlock(&store->mutex);
  out->reachable = true;
  out->writable = out->limit_bytes == 0 || out->used_bytes < out->limit_bytes;
}

static void memory_close(sj__store *base) {
  memory_store *store = SJ__CONTAINER_OF(base, memory_store, base);
  SJ__REQUIRE(store->port_count == 0);
  sj__memory_table_release(&store->table);
  sj__event_hub_release(&store->hub);
  sj__mutex_release(&store->mutex);
  sj__free(store);
}

static const sj__store_ops store_ops = {
    .attach = memory_attach,
    .health = memory_health,
    .close = memory_close,
};

static sj_status read_limit(const sj__store_url *url, size_t *limit, sj_error *error) {
  static const char *const allowed[] = {"max_size", NULL};
  sj_status status = sj__store_url_check(url, allowed, error);
  if (status != SJ_OK) return status;
  if (url->path.size > 0) {
    return sj__fail(error, SJ_INVALID, "store URL memory: nothing may stand after the colon");
  }
  *limit = 0;
  sj_slice text = sj__store_url_get(url, "max_size");
  if (text.data == NULL) return SJ_OK;
  uint64_t bytes;
  if (sj__bytes_parse(text, &bytes) != SJ_OK || bytes == 0 || bytes > SIZE_MAX) {
    return sj__fail(error, SJ_INVALID, "store URL memory: max_size is not a size such as 64MiB");
  }
  *limit = (size_t)bytes;
  return SJ_OK;
}

static sj_status init_parts(memory_store *store, size_t limit, int64_t touch_every_ms) {
  sj_status status = sj__mutex_init(&store->mutex);
  if (status != SJ_OK) return status;
  status = sj__event_hub_init(&store->hub);
  if (status == SJ_OK) {
    status = sj__memory_table_init(&store->table, limit, touch_every_ms);
    if (status == SJ_OK) return SJ_OK;
    sj__event_hub_release(&store->hub);
  }
  sj__mutex_release(&store->mutex);
  return status;
}

sj_status sj__memory_open(const sj__store_url *url, const sj__store_options *options,
                          sj__store **out, sj_error *error) {
  size_t limit = 0;
  sj_status status = read_limit(url, &limit, error);
  if (status != SJ_OK) return status;
  memory_store *store = sj__calloc(1, sizeof(*store));
  if (store == NULL) return sj__fail(error, SJ_NO_MEMORY, "store memory: out of memory");
  status = init_parts(store, limit, options->touch_every_ms);
  if (status != SJ_OK) {
    sj__free(store);
    return sj__fail(error, status, "store memory: %s", sj_status_text(status));
  }
  store->base.ops = &store_ops;
  store->base.scheme = "memory";
  store->base.caps = (sj__store_caps){
      .push = true,
      .volatile_data = true,
      .atomic_index = true,
      .marks = true,
      .max_record = MAX_RECORD,
      .durability = SJ__DURABILITY_NONE,
  };
  *out = &store->base;
  return SJ_OK;
}
