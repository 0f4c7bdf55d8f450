/* The simulated loop and network, for loop_sim.c, stream_sim.c and network_sim.c alone. */
#ifndef SJ_LOOP_SIM_CORE_H
#define SJ_LOOP_SIM_CORE_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/list.h"
#include "loop/address.h"
#include "loop/loop_core.h"
#include "loop/loop_sim.h"

#define SJ__SIM_READ_BUFFER_SIZE 65536u

/* Something that will happen at a moment. Zeroed with an initialised node is not scheduled. */
typedef struct sj__sim_event sj__sim_event;
struct sj__sim_event {
  sj__list node; /* in the loop's events while scheduled */
  uint64_t at_ns;
  void (*fn)(sj__sim_event *event);
};

typedef struct sj__sim_loop {
  sj__loop loop;
  uint64_t random;
  uint64_t trace;
  uint64_t now_ns;
  int64_t wall_offset_ms; /* wall time less monotonic time */
  sj__clock clock;
  sj__sim_faults faults;
  sj__list events;    /* sj__sim_event, unordered: a few dozen at most */
  sj__list listeners; /* sj__sim_listener */
  uint32_t next_id;
  uint16_t next_port;
  char read_buffer[SJ__SIM_READ_BUFFER_SIZE];
} sj__sim_loop;

static inline sj__sim_loop *sj__sim_loop_of(const sj__loop *loop) {
  return (sj__sim_loop *)(uintptr_t)loop;
}

/* Adds to the trace. `what` is one of the letters listed in loop_sim.c. */
void sj__sim_note(sj__sim_loop *self, char what, uint32_t id, uint64_t detail);
/* True `percent` times of a hundred. */
bool sj__sim_chance(sj__sim_loop *self, unsigned percent);

void sj__sim_event_init(sj__sim_event *event, void (*fn)(sj__sim_event *event));
/* After a delay of the network's. One that is scheduled already stays where it is. */
void sj__sim_schedule(sj__sim_loop *self, sj__sim_event *event);
void sj__sim_unschedule(sj__sim_event *event);

typedef struct sj__sim_stream sj__sim_stream;
struct sj__sim_stream {
  sj__stream_base base;
  uint32_t id;
  sj__sim_stream *peer; /* NULL: has gone */
  sj__list backlog_node;
  sj__peer peer_name;
  bool reading;
  bool fin;            /* the peer has ended its side; to be told after `incoming` */
  bool reset;          /* the connection is broken; to be told now */
  bool ended;          /* on_end was said */
  bool broken;         /* nothing more can be written */
  bool shutdown;       /* ours */
  sj__buffer incoming; /* on its way to us or waiting to be read */
  sj__buffer waiting;  /* of ours; the network has not taken it yet */
  sj__sim_event readable;
  sj__sim_event writable;
};

/* SJ_NO_MEMORY. Two ends of one connection. */
SJ_MUST_USE sj_status sj__sim_stream_pair(sj__sim_loop *self, sj__sim_stream **a,
                                          sj__sim_stream **b);

typedef struct sj__sim_listener {
  sj__listener listener;
  sj__list node;
  sj__address address;
  bool reuse_port;
  sj__list backlog; /* sj__sim_stream */
  sj__sim_event acceptable;
} sj__sim_listener;

sj_status sj__sim_listen(sj__loop *loop, const sj__listen_options *options,
                         sj__accept_fn *on_accept, void *data, sj__listener **out, sj_error *error);
sj_status sj__sim_connect(sj__loop *loop, const char *address, uint64_t timeout_ms,
                          sj__connect_fn *done, void *argument, sj__connect **out);

#endif
