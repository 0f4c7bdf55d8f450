/*
 * Simulated listeners and attempts to connect. As on a real loopback, the
 * connection exists, in the listener's backlog, as soon as it is asked for;
 * both sides hear of it later.
 */
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "loop/sim_core.h"

/* --- Listeners ------------------------------------------------------------ */

static void accept_first(sj__sim_listener *self) {
  sj__sim_stream *stream = SJ__CONTAINER_OF(self->backlog.next, sj__sim_stream, backlog_node);
  sj__list_remove(&stream->backlog_node);
  sj__sim_note(sj__sim_loop_of(self->listener.loop), 'a', stream->id, 0);
  self->listener.on_accept(&self->listener, &stream->base.stream);
}

static void on_acceptable(sj__sim_event *event) {
  sj__sim_listener *self = SJ__CONTAINER_OF(event, sj__sim_listener, acceptable);
  if (sj__list_is_empty(&self->backlog) || self->listener.closing) return;
  accept_first(self);
  if (!sj__list_is_empty(&self->backlog)) {
    sj__sim_schedule(sj__sim_loop_of(self->listener.loop), &self->acceptable);
  }
}

static void sim_listener_close(sj__listener *listener) {
  sj__sim_listener *self = (sj__sim_listener *)listener;
  sj__list_remove(&self->node);
  sj__sim_unschedule(&self->acceptable);
  while (!sj__list_is_empty(&self->backlog)) accept_first(self);
  sj__listener_gone(listener);
}

static const sj__listener_ops sim_listener_ops = {.close = sim_listener_close};

static in_port_t *port_of(sj__address *address) {
  return address->storage.ss_family == AF_INET
             ? &((struct sockaddr_in *)&address->storage)->sin_port
             : &((struct sockaddr_in6 *)&address->storage)->sin6_port;
}

static bool leads_to(sj__sim_listener *listener, sj__address *target) {
  sj__address *address = &listener->address;
  if (address->every_interface && !target->is_unix) return *port_of(address) == *port_of(target);
  return address->size == target->size &&
         memcmp(&address->storage, &target->storage, address->size) == 0;
}

/* Of several that share the address, any. */
static sj__sim_listener *find_listener(sj__sim_loop *loop, sj__address *target) {
  sj__sim_listener *found = NULL;
  uint64_t count = 0;
  SJ__LIST_FOR(node, &loop->listeners) {
    sj__sim_listener *listener = SJ__CONTAINER_OF(node, sj__sim_listener, node);
    if (!leads_to(listener, target)) continue;
    if (sj__sim_draw(&loop->loop, ++count) == 0) found = listener;
  }
  return found;
}

static sj_status claim_address(sj__sim_loop *loop, sj__sim_listener *self,
                               const sj__listen_options *options, sj_error *error) {
  sj_status status = sj__address_parse(options->address, &self->address, error);
  if (status != SJ_OK) return status;
  if (!self->address.is_unix && *port_of(&self->address) == 0) {
    *port_of(&self->address) = htons(loop->next_port++);
  }
  sj__address_format(&self->address, self->listener.address);
  self->reuse_port = options->reuse_port;
  const sj__sim_listener *other = find_listener(loop, &self->address);
  if (other != NULL && (!self->reuse_port || !other->reuse_port || options->first)) {
    return sj__fail(error, SJ_BUSY, "cannot listen on %s: in use", self->listener.address);
  }
  return SJ_OK;
}

sj_status sj__sim_listen(sj__loop *loop, const sj__listen_options *options,
                         sj__accept_fn *on_accept, void *data, sj__listener **out,
                         sj_error *error) {
  sj__sim_loop *sim = sj__sim_loop_of(loop);
  sj__sim_listener *self = sj__calloc(1, sizeof(*self));
  if (self == NULL) return sj__fail(error, SJ_NO_MEMORY, "out of memory");
  sj_status status = claim_address(sim, self, options, error);
  if (status != SJ_OK) {
    sj__free(self);
    return status;
  }
  sj__list_init(&self->backlog);
  sj__sim_event_init(&self->acceptable, on_acceptable);
  sj__list_append(&sim->listeners, &self->node);
  sj__listener_init(&self->listener, loop, &sim_listener_ops, on_accept, data);
  *out = &self->listener;
  return SJ_OK;
}

/* --- Connecting ----------------------------------------------------------- */

typedef struct sim_connect {
  sj__connect connect;
  sj__sim_stream *stream; /* NULL: nobody listens */
  sj__sim_event decided;
} sim_connect;

static void on_decided(sj__sim_event *event) {
  sim_connect *self = SJ__CONTAINER_OF(event, sim_connect, decided);
  sj__sim_loop *loop = sj__sim_loop_of(self->connect.loop);
  sj__stream *stream = self->stream != NULL ? &self->stream->base.stream : NULL;
  sj_status status = self->connect.why;
  if (status != SJ_OK && stream != NULL) {
    sj__stream_close(stream);
    stream = NULL;
  } else if (status == SJ_OK && stream == NULL) {
    status = SJ_IO;
  }
  sj__sim_note(loop, stream != NULL ? 'c' : 'f', stream != NULL ? self->stream->id : 0, status);
  sj__connect_finish(&self->connect, status, stream);
}

/* Nobody waits for the network any longer: the verdict, which says why, is due now. */
static void sim_connect_cancel(sj__connect *connect, sj_status why) {
  ((sim_connect *)connect)->decided.at_ns = sj__sim_loop_of(connect->loop)->now_ns;
}

static const sj__connect_ops sim_connect_ops = {.cancel = sim_connect_cancel};

static void name_peers(sj__sim_loop *loop, const sj__address *target, sj__sim_stream *client,
                       sj__sim_stream *server) {
  client->peer_name = (sj__peer){.is_unix = target->is_unix};
  client->peer_name.port = sj__address_host(target, client->peer_name.address);
  if (target->is_unix) client->peer_name.uid = geteuid();
  server->peer_name = client->peer_name;
  if (!target->is_unix) server->peer_name.port = loop->next_port++;
}

static sj_status begin(sj__sim_loop *loop, sim_connect *self, sj__address *target) {
  sj__sim_listener *listener = find_listener(loop, target);
  sj__sim_event_init(&self->decided, on_decided);
  if (listener != NULL) {
    sj__sim_stream *server;
    sj_status status = sj__sim_stream_pair(loop, &self->stream, &server);
    if (status != SJ_OK) return status;
    name_peers(loop, target, self->stream, server);
    sj__list_append(&listener->backlog, &server->backlog_node);
    sj__sim_schedule(loop, &listener->acceptable);
  }
  sj__sim_schedule(loop, &self->decided);
  return SJ_OK;
}

sj_status sj__sim_connect(sj__loop *loop, const char *address, uint64_t timeout_ms,
                          sj__connect_fn *done, void *argument, sj__connect **out) {
  sj__address target;
  sj_status status = sj__address_parse(address, &target, NULL);
  if (status != SJ_OK) return status;
  sim_connect *self = sj__calloc(1, sizeof(*self));
  if (self == NULL) return SJ_NO_MEMORY;
  status = sj__connect_init(&self->connect, loop, &sim_connect_ops, timeout_ms, done, argument);
  if (status == SJ_OK) status = begin(sj__sim_loop_of(loop), self, &target);
  if (status != SJ_OK) {
    sj__timer_stop(loop, &self->connect.timer);
    sj__free(self);
    return status;
  }
  *out = &self->connect;
  return SJ_OK;
}
