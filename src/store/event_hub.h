/*
 * Change events inside one process: from whichever worker committed a write to
 * the subscribers on every port. For stores that live in the process.
 *
 * A store has one hub, a port one channel on it. Events get their sequence
 * where they are appended, which a store does under the lock of the write
 * itself; loops are woken afterwards, with no lock of the store held.
 */
#ifndef SJ_STORE_EVENT_HUB_H
#define SJ_STORE_EVENT_HUB_H

#include "base/thread.h"
#include "store/store.h"

typedef struct sj__event_channel sj__event_channel;

typedef struct sj__event_hub {
  sj__mutex mutex;
  sj__list channels;         /* those with subscribers */
  sj__event_channel *waking; /* have events and must be posted */
  uint64_t sequence;         /* of the newest event */
} sj__event_hub;

SJ_MUST_USE sj_status sj__event_hub_init(sj__event_hub *hub);
void sj__event_hub_release(sj__event_hub *hub); /* every channel is closed */

/*
 * Appends to every channel. Any thread; the caller may hold its store's lock.
 * A channel that has no memory or whose reader has fallen more than 256 KiB
 * behind loses the event, which its subscribers see as a gap.
 */
void sj__event_hub_append(sj__event_hub *hub, sj_slice event);
/* Wakes the loops of channels that got something. Any thread, no lock held. */
void sj__event_hub_wake(sj__event_hub *hub);

/* On the loop's thread, as all that follows. SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__event_channel_open(sj__event_hub *hub, sj__loop *loop,
                                             sj__event_channel **out);
void sj__event_channel_subscribe(sj__event_channel *channel, sj__subscriber *subscriber);
/* Allowed inside on_event, for any subscriber. */
void sj__event_channel_unsubscribe(sj__event_channel *channel, sj__subscriber *subscriber);

/*
 * No subscriber is called any more. `done`, which runs `task->fn`, comes from a
 * later turn of the loop; the channel no longer exists then.
 */
void sj__event_channel_close(sj__event_channel *channel, sj__task *done);

#endif
