/*
 * What the ports of all composites have in common: the port of the store
 * inside, to which they hand on whatever they do nothing about.
 */
#ifndef SJ_STORE_COMPOSE_WRAPPER_PORT_H
#define SJ_STORE_COMPOSE_WRAPPER_PORT_H

#include "store/store.h"

/* First member of a composite's own port. */
typedef struct sj__wrapper_port {
  sj__port outer;
  sj__port *inner;
  void (*done)(void *argument); /* of the detachment, whose operation sets it */
  void *argument;
  void (*release)(struct sj__wrapper_port *port);
} sj__wrapper_port;

/*
 * Attaches `inner` and fills the port, which is `outer`'s, with it. `release`
 * frees the port once it is detached. Errors as sj__store_attach: nothing is
 * attached then, and the port still the caller's to free.
 */
SJ_MUST_USE sj_status sj__wrapper_port_init(sj__wrapper_port *port, const sj__port_ops *ops,
                                            sj__store *outer, sj__store *inner, sj__loop *loop,
                                            void (*release)(sj__wrapper_port *port));

/* Members of sj__port_ops that hand on to the port inside. */
void sj__wrapper_cancel(sj__port *port, sj__store_call *call);
void sj__wrapper_subscribe(sj__port *port, sj__subscriber *subscriber);
void sj__wrapper_unsubscribe(sj__port *port, sj__subscriber *subscriber);
void sj__wrapper_detach(sj__port *port, void (*done)(void *argument), void *argument);

/* The end of a detachment: detaches the port inside, releases this one, calls its `done`. */
void sj__wrapper_port_end(sj__wrapper_port *port);

#endif
