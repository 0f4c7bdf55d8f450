/*
 * The one thread that writes. It takes all that waits, applies it in one
 * transaction, commits (LMDB flushes data, then the page that makes it count)
 * and only then lets the loops complete their calls.
 *
 * With durability=interval a group of patches and touches alone is committed
 * without the second flush (MDB_NOMETASYNC): a crash may take it back, but what
 * is taken back to is whole. Any other group, and the end of the interval,
 * makes sure of everything before it.
 */
#include <errno.h>
#include <sched.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/adapter/lmdb_private.h"

#define GROUP_MAX       256
#define GATHER_MAX_NS   5000000u
#define SKIPS_MAX       63u
#define GROUP_BYTES_MAX ((size_t)2 << 20) /* of inputs: a group must fit into the reserve */

sj_status sj__lmdb_status(int code) {
  switch (code) {
    case 0:
      return SJ_OK;
    case MDB_NOTFOUND:
      return SJ_MISSING;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return SJ_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
      return SJ_CORRUPT;
    default:
      return SJ_UNAVAILABLE;
  }
}

/* --- Groups --------------------------------------------------------------------------------- */

static sj__lmdb_write *write_of(sj__list *node) {
  return SJ__CONTAINER_OF(node, sj__lmdb_write, link);
}

/* A creation, a rotation, an end, a mark: never left to the interval. */
static bool is_durable(const sj__lmdb_write *write) {
  const sj__store_call *call = &write->in;
  if (call->op == SJ__END || call->op == SJ__MARK) return true;
  if (call->op != SJ__PUT) return false;
  if (call->in.put.write_class == SJ__WRITE_DURABLE || call->in.put.expected == 0) return true;
  return call->in.put.record.size >= SJ__RECORD_HEADER_SIZE &&
         sj__record_state(call->in.put.record) != SJ__ACTIVE;
}

static bool interval_is_over(const sj__lmdb_store *store) {
  return store->is_loose && sj__monotonic_ms() - store->loose_since_ms >= store->interval_ms;
}

static bool must_flush(const sj__lmdb_store *store, sj__list *group) {
  if (store->interval_ms == 0 || interval_is_over(store)) return true;
  SJ__LIST_FOR(node, group) {
    if (is_durable(write_of(node))) return true;
  }
  return false;
}

static void note_commit(sj__lmdb_store *store, bool flushes) {
  if (flushes) {
    store->is_loose = false;
    sj__metric_add(store->flushes, 1);
  } else if (!store->is_loose) {
    store->is_loose = true;
    store->loose_since_ms = sj__monotonic_ms();
  }
  sj__metric_add(store->commits, 1);
  sj__lmdb_note_commit(store);
}

static int commit(sj__lmdb_store *store, MDB_txn *txn, bool flushes) {
  uint64_t started_ns = sj__monotonic_ns();
  if (store->interval_ms > 0) mdb_env_set_flags(store->env, MDB_NOMETASYNC, !flushes);
  int code = mdb_txn_commit(txn);
  if (code == 0) note_commit(store, flushes);
  store->commit_ns = sj__monotonic_ns() - started_ns;
  sj__metric_observe_ns(store->commit_seconds, store->commit_ns);
  return code;
}

/* 0 or what spoiled the transaction; *changed: there is something to commit. */
static int apply_group(sj__lmdb_store *store, MDB_txn *txn, sj__list *group, bool *changed) {
  *changed = false;
  SJ__LIST_FOR(node, group) {
    sj__lmdb_write *write = write_of(node);
    int code = 0;
    sj__free(write->handed_back);
    write->handed_back = NULL;
    write->in.record = (sj_slice){NULL, 0};
    write->in.status = sj__lmdb_apply(store, txn, write, &code);
    if (code != 0) return code;
    *changed |= write->has_changed;
  }
  return 0;
}

static void set_tried(sj__list *group) {
  SJ__LIST_FOR(node, group) write_of(node)->is_tried = true;
}

/* 0: all of the group is answered, and what it wrote is committed. */
static int write_group(sj__lmdb_store *store, sj__list *group) {
  MDB_txn *txn;
  bool changed;
  int code = mdb_txn_begin(store->env, NULL, 0, &txn);
  if (code != 0) return code;
  code = apply_group(store, txn, group, &changed);
  if (code != 0 || !changed) {
    mdb_txn_abort(txn);
    return code;
  }
  set_tried(group);
  return commit(store, txn, must_flush(store, group));
}

/*
 * The commit that failed was taken back as a whole, so nothing was applied;
 * unless LMDB could neither write the page that counts nor put it back, and
 * says MDB_PANIC since: then the next start will tell.
 */
static void set_failed(sj__lmdb_store *store, sj__lmdb_write *write, int code) {
  bool is_unknown = code == MDB_PANIC && write->is_tried;
  if (code == MDB_PANIC && !atomic_exchange(&store->is_broken, true)) {
    SJ__LOG(SJ__LOG_ERROR, "the store cannot be written any more: restart");
  }
  write->in.status = sj__lmdb_is_full(store, code) ? SJ_FULL : sj__lmdb_status(code);
  write->in.applied = is_unknown ? SJ__APPLIED_UNKNOWN : SJ__APPLIED_NO;
  write->in.record = (sj_slice){NULL, 0};
  write->is_event_due = false;
}

/* After a failure: each for itself, so that one that doesn't fit spoils no other. */
static void write_singly(sj__lmdb_store *store, sj__list *group) {
  sj__list rest;
  sj__list_init(&rest);
  sj__list_splice(&rest, group);
  while (!sj__list_is_empty(&rest)) {
    sj__list one;
    sj__list *node = rest.next;
    sj__list_init(&one);
    sj__list_remove(node);
    sj__list_append(&one, node);
    int code = write_group(store, &one);
    if (code != 0) set_failed(store, write_of(node), code);
    sj__list_splice(group, &one);
  }
}

static void refuse_all(sj__lmdb_store *store, sj__list *group) {
  sj__lmdb_note_failure(store, SJ__LMDB_DISPLACED);
  SJ__LIST_FOR(node, group) set_failed(store, write_of(node), SJ__LMDB_DISPLACED);
}

static void write_all(sj__lmdb_store *store, sj__list *group) {
  if (!sj__lmdb_is_in_place(store)) {
    refuse_all(store, group);
    return;
  }
  sj__lmdb_judge_room(store);
  int code = write_group(store, group);
  if (code == 0) return;
  sj__lmdb_note_failure(store, code);
  if (sj__lmdb_is_full(store, code)) {
    /* The disk was fuller than it seemed: what only ends sessions may still fit. */
    store->room = 0;
    atomic_store(&store->writable, false);
    if (write_group(store, group) == 0) return;
  } else {
    sj__lmdb_judge_room(store);
  }
  write_singly(store, group);
}

/* --- Completions ------------------------------------------------------------------------- */

static sj_slice event_of(const sj__store_call *call) {
  switch (call->op) {
    case SJ__PUT:
      return call->in.put.event;
    case SJ__END:
      return call->in.end.event;
    case SJ__PUBLISH:
      return call->in.publish.event;
    default:
      return (sj_slice){NULL, 0};
  }
}

static void publish(sj__lmdb_store *store, const sj__lmdb_write *write) {
  sj_slice event = event_of(&write->in);
  if (write->is_event_due && event.data != NULL) sj__event_hub_append(&store->hub, event);
}

static void complete(sj__lmdb_store *store, sj__list *group) {
  uint64_t count = 0;
  SJ__LIST_FOR(node, group) {
    publish(store, write_of(node));
    count++;
  }
  sj__metric_add(store->writes, count);
  sj__event_hub_wake(&store->hub);
  SJ__LIST_FOR_SAFE(node, group) {
    sj__lmdb_write *write = write_of(node);
    sj__list_remove(node);
    sj__loop_post(write->port->base.loop, &write->task);
  }
}

/* --- The thread -------------------------------------------------------------------------- */

static void flush_loose(sj__lmdb_store *store) {
  int code = mdb_env_sync(store->env, 1);
  if (code == 0) {
    store->is_loose = false;
    sj__metric_add(store->flushes, 1);
    return;
  }
  store->loose_since_ms = sj__monotonic_ms(); /* tried again after another interval */
  sj__lmdb_note_flush_failure(store, code);
}

/* Under the mutex, which it lets go while it waits. */
static void wait_for_work(sj__lmdb_store *store) {
  while (store->queued == 0 && !store->stopping) {
    if (!store->is_loose) {
      sj__cond_wait(&store->wake, &store->mutex);
    } else if (interval_is_over(store)) {
      sj__mutex_unlock(&store->mutex);
      flush_loose(store);
      sj__mutex_lock(&store->mutex);
    } else {
      uint64_t gone_ms = sj__monotonic_ms() - store->loose_since_ms;
      uint64_t left_ms = gone_ms < store->interval_ms ? store->interval_ms - gone_ms : 0;
      (void)sj__cond_wait_for(&store->wake, &store->mutex, left_ms + 1);
    }
  }
}

/* Trying is put off for longer the more often nobody came. */
static void learn(sj__lmdb_store *store, bool was_worth_it) {
  store->missed = was_worth_it ? 0 : store->missed * 2 + 1;
  if (store->missed > SKIPS_MAX) store->missed = SKIPS_MAX;
  store->skips = store->missed;
}

/*
 * Those whose writes were just completed are likely to write again soon. Without
 * waiting for them two halves would take turns, each with a flush of its own;
 * so a commit's time, at most, is spent on letting them come.
 */
static void gather(sj__lmdb_store *store, size_t target, uint64_t since_ns) {
  uint64_t patience_ns = store->commit_ns < GATHER_MAX_NS ? store->commit_ns : GATHER_MAX_NS;
  if (target > GROUP_MAX) target = GROUP_MAX;
  if (store->queued >= target || sj__monotonic_ns() - since_ns >= patience_ns) return;
  if (store->skips > 0) {
    store->skips--;
    return;
  }
  store->wanted = target;
  while (store->queued < target && !store->stopping) {
    uint64_t gone_ns = sj__monotonic_ns() - since_ns;
    if (gone_ns >= patience_ns ||
        !sj__cond_wait_for_ns(&store->wake, &store->mutex, patience_ns - gone_ns)) {
      break;
    }
  }
  store->wanted = 1;
  learn(store, store->queued * 4 >= target * 3);
}

/* False: told to stop, and nothing is left to write. */
static bool take_group(sj__lmdb_store *store, sj__list *group) {
  size_t bytes = 0;
  sj__mutex_lock(&store->mutex);
  size_t target = store->last_group + store->queued;
  uint64_t since_ns = sj__monotonic_ns();
  do {
    wait_for_work(store);
    gather(store, target, since_ns);
  } while (store->queued == 0 && !store->stopping); /* all may have been taken back */
  size_t taken = 0;
  for (; taken < GROUP_MAX && bytes < GROUP_BYTES_MAX && store->queued > 0; taken++) {
    sj__lmdb_write *write = write_of(store->queue.next);
    bytes += sj__call_inputs_size(&write->in);
    sj__list_remove(&write->link);
    sj__list_append(group, &write->link);
    write->is_queued = false;
    store->queued--;
  }
  store->last_group = taken;
  sj__mutex_unlock(&store->mutex);
  return taken > 0;
}

static void run(void *argument) {
  sj__lmdb_store *store = argument;
  sj__list group;
  sj__list_init(&group);
  while (take_group(store, &group)) {
    write_all(store, &group);
    complete(store, &group);
    /* Who was answered may write again: where the loop shares this core, it goes first. */
    sched_yield();
  }
  if (store->is_loose) flush_loose(store);
}

void sj__lmdb_writer_add(sj__lmdb_store *store, sj__lmdb_write *write) {
  sj__mutex_lock(&store->mutex);
  sj__list_append(&store->queue, &write->link);
  write->is_queued = true;
  if (++store->queued == store->wanted) sj__cond_signal(&store->wake);
  sj__mutex_unlock(&store->mutex);
}

bool sj__lmdb_writer_take_back(sj__lmdb_store *store, sj__lmdb_write *write) {
  sj__mutex_lock(&store->mutex);
  bool was_queued = write->is_queued;
  if (was_queued) {
    sj__list_remove(&write->link);
    write->is_queued = false;
    store->queued--;
  }
  sj__mutex_unlock(&store->mutex);
  return was_queued;
}

sj_status sj__lmdb_writer_start(sj__lmdb_store *store) {
  if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->survey) != 0) {
    store->survey = NULL;
    return SJ_IO;
  }
  mdb_txn_reset(store->survey);
  sj__lmdb_judge_room(store);
  store->wanted = 1;
  sj_status status = sj__thread_start(&store->writer, "lmdb-writer", run, store);
  store->writer_runs = status == SJ_OK;
  return status;
}

void sj__lmdb_writer_stop(sj__lmdb_store *store) {
  if (!store->writer_runs) return;
  sj__mutex_lock(&store->mutex);
  store->stopping = true;
  sj__cond_signal(&store->wake);
  sj__mutex_unlock(&store->mutex);
  sj__thread_join(store->writer);
}
