#include "store/compose/wrapper_port.h"

#include "base/alloc.h"

static sj__wrapper_port *wrapper_of(sj__port *port) {
  return SJ__CONTAINER_OF(port, sj__wrapper_port, outer);
}

sj_status sj__wrapper_port_init(sj__wrapper_port *port, const sj__port_ops *ops, sj__store *outer,
                                sj__store *inner, sj__loop *loop,
                                void (*release)(sj__wrapper_port *port)) {
  port->outer = (sj__port){ops, outer, loop};
  port->release = release;
  return sj__store_attach(inner, loop, &port->inner);
}

void sj__wrapper_cancel(sj__port *port, sj__store_call *call) {
  sj__store_cancel(wrapper_of(port)->inner, call);
}

void sj__wrapper_subscribe(sj__port *port, sj__subscriber *subscriber) {
  sj__store_subscribe(wrapper_of(port)->inner, subscriber);
}

void sj__wrapper_unsubscribe(sj__port *port, sj__subscriber *subscriber) {
  sj__store_unsubscribe(wrapper_of(port)->inner, subscriber);
}

static void on_inner_detached(void *argument) {
  sj__wrapper_port *port = argument;
  void (*done)(void *) = port->done;
  void *done_argument = port->argument;
  port->release(port);
  if (done != NULL) done(done_argument);
}

void sj__wrapper_port_end(sj__wrapper_port *port) {
  sj__port_detach(port->inner, on_inner_detached, port);
}

void sj__wrapper_detach(sj__port *port, void (*done)(void *argument), void *argument) {
  sj__wrapper_port *wrapper = wrapper_of(port);
  wrapper->done = done;
  wrapper->argument = argument;
  sj__wrapper_port_end(wrapper);
}
