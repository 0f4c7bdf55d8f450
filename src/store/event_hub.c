#include "store/event_hub.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"

#define CHANNEL_MAX ((size_t)256 * 1024)

struct sj__event_channel {
  sj__event_hub *hub;
  sj__list link;             /* hub->channels; guarded by the hub's mutex, as the next three */
  sj__event_channel *waking; /* the next one in hub->waking */
  bool is_pending;           /* a post is due, under way or queued: `task` will run */
  sj__buffer filling;

  sj__loop *loop;
  sj__task task;

  sj__buffer draining; /* the loop's alone, as the rest */
  sj__list subscribers;
  sj__list unserved; /* of the event that is being handed out */
  sj__task *closed;  /* who waits for the end; NULL: open */
};

/* One event in a channel's buffer: this, then `size` bytes. */
typedef struct envelope {
  uint64_t sequence;
  uint32_t size;
} envelope;

sj_status sj__event_hub_init(sj__event_hub *hub) {
  memset(hub, 0, sizeof(*hub));
  sj__list_init(&hub->channels);
  return sj__mutex_init(&hub->mutex);
}

void sj__event_hub_release(sj__event_hub *hub) {
  SJ__REQUIRE(sj__list_is_empty(&hub->channels) && hub->waking == NULL);
  sj__mutex_release(&hub->mutex);
}

/* --- Publishing: any thread ----------------------------------------------------- */

static void append_to_channel(sj__event_hub *hub, sj__event_channel *channel, sj_slice event) {
  envelope head = {hub->sequence, (uint32_t)event.size};
  size_t size = sizeof(head) + event.size;
  char *room = sj__buffer_reserve(&channel->filling, size);
  if (room != NULL) {
    memcpy(room, &head, sizeof(head));
    memcpy(room + sizeof(head), event.data, event.size);
    channel->filling.size += size;
  }
  if (channel->is_pending) return;
  channel->is_pending = true;
  channel->waking = hub->waking;
  hub->waking = channel;
}

void sj__event_hub_append(sj__event_hub *hub, sj_slice event) {
  SJ__REQUIRE(event.size <= SJ__EVENT_MAX);
  sj__mutex_lock(&hub->mutex);
  hub->sequence++;
  SJ__LIST_FOR(node, &hub->channels) {
    append_to_channel(hub, SJ__CONTAINER_OF(node, sj__event_channel, link), event);
  }
  sj__mutex_unlock(&hub->mutex);
}

static sj__event_channel *take_waking(sj__event_hub *hub) {
  sj__mutex_lock(&hub->mutex);
  sj__event_channel *channel = hub->waking;
  if (channel != NULL) hub->waking = channel->waking;
  sj__mutex_unlock(&hub->mutex);
  return channel;
}

void sj__event_hub_wake(sj__event_hub *hub) {
  sj__event_channel *channel;
  while ((channel = take_waking(hub)) != NULL) {
    sj__loop_post(channel->loop, &channel->task);
  }
}

/* --- The channel: its loop's thread ----------------------------------------------- */

static void free_channel(sj__event_channel *channel) {
  sj__buffer_release(&channel->filling);
  sj__buffer_release(&channel->draining);
  sj__free(channel);
}

static void hand_out(sj__event_channel *channel, uint64_t sequence, sj_slice event) {
  sj__list_splice(&channel->unserved, &channel->subscribers);
  while (!sj__list_is_empty(&channel->unserved)) {
    sj__list *node = channel->unserved.next;
    sj__list_remove(node);
    sj__list_append(&channel->subscribers, node);
    sj__subscriber *subscriber = SJ__CONTAINER_OF(node, sj__subscriber, link);
    subscriber->on_event(subscriber, sequence, event);
  }
}

static void drain(sj__event_channel *channel) {
  size_t at = 0;
  while (at < channel->draining.size && channel->closed == NULL) {
    envelope head;
    memcpy(&head, channel->draining.data + at, sizeof(head));
    at += sizeof(head);
    hand_out(channel, head.sequence, sj__slice(channel->draining.data + at, head.size));
    at += head.size;
  }
  sj__buffer_reset(&channel->draining);
}

static void take_filled(sj__event_channel *channel) {
  sj__mutex_lock(&channel->hub->mutex);
  sj__buffer filled = channel->filling;
  channel->filling = channel->draining;
  channel->draining = filled;
  channel->is_pending = false;
  sj__mutex_unlock(&channel->hub->mutex);
}

static void on_channel_task(sj__task *task) {
  sj__event_channel *channel = SJ__CONTAINER_OF(task, sj__event_channel, task);
  if (channel->closed == NULL) {
    take_filled(channel);
    drain(channel);
    return;
  }
  sj__task *closed = channel->closed;
  free_channel(channel);
  closed->fn(closed);
}

sj_status sj__event_channel_open(sj__event_hub *hub, sj__loop *loop, sj__event_channel **out) {
  sj__event_channel *channel = sj__calloc(1, sizeof(*channel));
  if (channel == NULL) return SJ_NO_MEMORY;
  channel->hub = hub;
  channel->loop = loop;
  channel->task.fn = on_channel_task;
  sj__list_init(&channel->link);
  sj__list_init(&channel->subscribers);
  sj__list_init(&channel->unserved);
  sj__buffer_init(&channel->filling, CHANNEL_MAX);
  sj__buffer_init(&channel->draining, CHANNEL_MAX);
  *out = channel;
  return SJ_OK;
}

static bool has_subscribers(const sj__event_channel *channel) {
  return !sj__list_is_empty(&channel->subscribers) || !sj__list_is_empty(&channel->unserved);
}

static void join_hub(sj__event_channel *channel) {
  sj__mutex_lock(&channel->hub->mutex);
  sj__list_append(&channel->hub->channels, &channel->link);
  sj__mutex_unlock(&channel->hub->mutex);
}

static void leave_hub(sj__event_channel *channel) {
  sj__mutex_lock(&channel->hub->mutex);
  sj__list_remove(&channel->link);
  sj__mutex_unlock(&channel->hub->mutex);
}

void sj__event_channel_subscribe(sj__event_channel *channel, sj__subscriber *subscriber) {
  SJ__REQUIRE(channel->closed == NULL);
  if (!has_subscribers(channel)) join_hub(channel);
  sj__list_append(&channel->subscribers, &subscriber->link);
}

void sj__event_channel_unsubscribe(sj__event_channel *channel, sj__subscriber *subscriber) {
  sj__list_remove(&subscriber->link);
  if (!has_subscribers(channel)) leave_hub(channel);
}

void sj__event_channel_close(sj__event_channel *channel, sj__task *done) {
  SJ__REQUIRE(channel->closed == NULL);
  while (!sj__list_is_empty(&channel->unserved)) sj__list_remove(channel->unserved.next);
  while (!sj__list_is_empty(&channel->subscribers)) sj__list_remove(channel->subscribers.next);
  channel->closed = done;
  sj__mutex_lock(&channel->hub->mutex);
  sj__list_remove(&channel->link);
  bool is_pending = channel->is_pending;
  channel->is_pending = true;
  sj__mutex_unlock(&channel->hub->mutex);
  if (!is_pending) sj__loop_defer(channel->loop, &channel->task);
}
