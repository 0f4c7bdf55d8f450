/*
 * Listeners: our own accept(2) on a polled socket rather than uv_listen, so
 * that the backlog can be emptied before it closes and a lack of descriptors
 * neither spins nor drops anybody.
 */
#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "base/log.h"
#include "loop/listen_socket.h"
#include "loop/loop_uv.h"

#define ACCEPTS_A_TURN 64 /* then the connections that there are get their turn */
#define PAUSE_MS       100

typedef struct uv_listener {
  sj__listener listener;
  uv_poll_t poll;
  sj__listen_socket socket;
  sj__timer pause;
  bool pause_said; /* since the backlog was last seen empty */
} uv_listener;

typedef enum accept_result { ACCEPTED, EMPTY, SHORT_OF_RESOURCES } accept_result;

/* accept(2): errors that are pending on the new connection count as one that has gone. */
static accept_result accept_one(uv_listener *self) {
  int fd = accept4(self->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return EMPTY;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return SHORT_OF_RESOURCES;
    }
    SJ__REQUIRE(errno != EBADF && errno != EINVAL && errno != ENOTSOCK);
    return ACCEPTED;
  }
  sj__uv_stream *stream;
  bool is_unix = self->socket.address.is_unix;
  if (sj__uv_stream_adopt(self->listener.loop, is_unix, fd, &stream) == SJ_OK) {
    self->listener.on_accept(&self->listener, &stream->base.stream);
  }
  return ACCEPTED;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void resume(sj__timer *timer) {
  uv_listener *self = SJ__CONTAINER_OF(timer, uv_listener, pause);
  SJ__REQUIRE(uv_poll_start(&self->poll, UV_READABLE, on_ready) == 0);
}

/* Who waits in the backlog keeps waiting; polling on would spin. */
static void pause_accepting(uv_listener *self) {
  if (!self->pause_said) {
    SJ__LOG(SJ__LOG_WARNING, "accepting is paused: out of descriptors or memory",
            SJ__FIELD_CSTR("address", self->listener.address));
  }
  self->pause_said = true;
  if (sj__timer_start(self->listener.loop, &self->pause, PAUSE_MS, resume) == SJ_OK) {
    uv_poll_stop(&self->poll);
  }
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  uv_listener *self = poll->data;
  accept_result result = ACCEPTED;
  for (int i = 0; i < ACCEPTS_A_TURN && result == ACCEPTED && !self->listener.closing; i++) {
    result = accept_one(self);
  }
  if (result == EMPTY) self->pause_said = false;
  if (result == SHORT_OF_RESOURCES && !self->listener.closing) pause_accepting(self);
}

static void let_in_all(uv_listener *self) {
  while (accept_one(self) == ACCEPTED) continue;
}

static void on_poll_closed(uv_handle_t *handle) {
  uv_listener *self = handle->data;
  let_in_all(self); /* who was just coming */
  close(self->socket.fd);
  sj__listener_gone(&self->listener);
}

static void uv_listener_close(sj__listener *listener) {
  uv_listener *self = (uv_listener *)listener;
  sj__timer_stop(listener->loop, &self->pause);
  sj__listen_socket_deafen(&self->socket);
  let_in_all(self);
  uv_close((uv_handle_t *)&self->poll, on_poll_closed);
}

static const sj__listener_ops uv_listener_ops = {.close = uv_listener_close};

static sj_status start_polling(sj__loop *loop, uv_listener *self, sj_error *error) {
  uv_loop_t *uv = sj__uv_loop_of(loop)->uv;
  if (uv_poll_init(uv, &self->poll, self->socket.fd) != 0) {
    return sj__fail(error, SJ_IO, "cannot watch %s", self->listener.address);
  }
  self->poll.data = self;
  SJ__REQUIRE(uv_poll_start(&self->poll, UV_READABLE, on_ready) == 0);
  return SJ_OK;
}

sj_status sj__uv_listen(sj__loop *loop, const sj__listen_options *options, sj__accept_fn *on_accept,
                        void *data, sj__listener **out, sj_error *error) {
  uv_listener *self = sj__calloc(1, sizeof(*self));
  if (self == NULL) return sj__fail(error, SJ_NO_MEMORY, "out of memory");
  sj_status status = sj__listen_socket_open(options, &self->socket, error);
  if (status == SJ_OK) {
    sj__address_format(&self->socket.address, self->listener.address);
    status = start_polling(loop, self, error);
    if (status != SJ_OK) {
      sj__listen_socket_unlink(&self->socket);
      close(self->socket.fd);
    }
  }
  if (status != SJ_OK) {
    sj__free(self);
    return status;
  }
  sj__listener_init(&self->listener, loop, &uv_listener_ops, on_accept, data);
  *out = &self->listener;
  return SJ_OK;
}
