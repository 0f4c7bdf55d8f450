/* What the defects see of a call that passes through a broken store. */
#ifndef SJ_TESTS_BROKEN_PRIVATE_H
#define SJ_TESTS_BROKEN_PRIVATE_H

#include "base/map.h"
#include "base/thread.h"
#include "broken_store.h"
#include "store/compose/wrapper_port.h"

typedef struct broken_store {
  sj__store base;
  sj__store *inner;
  const defect *defect;
  sj__mutex mutex; /* guards what is known of sessions; held while a defect runs */
  sj__map sessions;
  bool has_swept;
} broken_store;

typedef struct broken_port {
  sj__wrapper_port base;
  broken_store *store;
} broken_port;

/* What the broken store remembers of one session. */
typedef struct memory {
  sj__map_node node;
  uint8_t key[SJ__KEY_SIZE];
  sj_slice newest; /* the last active record that was put; allocated, as the next */
  sj_slice before; /* the one before it */
  bool is_ended;
  bool is_risen;           /* shown as active again */
  int64_t false_last_seen; /* shown in its place; 0: none */
} memory;

struct broken_call {
  sj__store_frame frame;
  broken_port *port;
  sj__store_call *call;
  sj__store_call asked; /* as it was submitted */
  bool is_answered;     /* by `before`, inside the start: the inner store is not asked */
  bool is_repeated;     /* by `after`: asked again with what it changed */
  bool is_doubled;      /* by `after`: completed twice */
  unsigned rounds;      /* how often it was asked again */
  bool has_compared;    /* a defect's own */
  sj_slice copy;        /* of a record that is shown or was changed */
  sj_slice *items;
};

memory *recall(broken_call *of, const uint8_t *key); /* made if there is none */
/* What is remembered, copied for this call: others may drop it while the caller reads. */
sj_slice show(broken_call *of, sj_slice record);
/* The record of the call, copied, so that it may be changed. */
uint8_t *change_record(broken_call *of);
/* The items of the call, copied, with room for one more. */
sj_slice *change_items(broken_call *of);
/* Starts a write of the same kind that nobody waits for. */
void write_aside(broken_call *of);

#endif
