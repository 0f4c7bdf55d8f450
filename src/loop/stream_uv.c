#include <errno.h>
#include <netinet/in.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/address.h"
#include "loop/loop_uv.h"

static sj__uv_stream *self_of(const sj__stream *stream) {
  return (sj__uv_stream *)(uintptr_t)stream;
}

static sj__stream *stream_of(sj__uv_stream *self) {
  return &self->base.stream;
}

/* --- Reading -------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  sj__uv_stream *self = handle->data;
  sj__uv_loop *loop = sj__uv_loop_of(self->base.loop);
  *buffer = uv_buf_init(loop->read_buffer, sizeof(loop->read_buffer));
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer) {
  sj__uv_stream *self = handle->data;
  sj__stream *stream = stream_of(self);
  if (size > 0) {
    stream->events->on_read(stream, buffer->base, (size_t)size);
    sj__wipe(buffer->base, (size_t)size); /* keys and credentials among it */
  } else if (size < 0) {
    uv_read_stop(handle);
    self->ended = true;
    stream->events->on_end(stream, size == UV_EOF ? SJ_CLOSED : SJ_IO);
  }
  sj__loop_run_deferred(self->base.loop);
}

static void uv_stream_read_start(sj__stream *stream) {
  sj__uv_stream *self = self_of(stream);
  if (self->ended) return;
  int error = uv_read_start(&self->uv.stream, on_alloc, on_read);
  SJ__REQUIRE(error == 0 || error == UV_EALREADY);
}

static void uv_stream_read_stop(sj__stream *stream) {
  uv_read_stop(&self_of(stream)->uv.stream);
}

/* --- Writing -------------------------------------------------------------- */

#define VECTORS_MAX 64

/* What of a run of slices is still to be written. */
typedef struct remainder {
  const sj_slice *slices;
  size_t count;
  size_t offset; /* into the first */
} remainder;

static size_t fill_vectors(const remainder *rest, struct iovec vectors[VECTORS_MAX], int *used) {
  size_t total = 0;
  size_t offset = rest->offset;
  *used = 0;
  for (size_t i = 0; i < rest->count && *used < VECTORS_MAX; i++, offset = 0) {
    size_t size = rest->slices[i].size - offset;
    if (size == 0) continue;
    vectors[(*used)++] = (struct iovec){(char *)(uintptr_t)rest->slices[i].data + offset, size};
    total += size;
  }
  return total;
}

static void advance(remainder *rest, size_t size) {
  while (rest->count > 0 && size >= rest->slices[0].size - rest->offset) {
    size -= rest->slices[0].size - rest->offset;
    rest->offset = 0;
    rest->slices++;
    rest->count--;
  }
  rest->offset += size;
}

/* send costs the kernel less than sendmsg, and one slice is the usual case. */
static ssize_t send_vectors(int fd, struct iovec *vectors, int count) {
  int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  if (count == 1) return send(fd, vectors[0].iov_base, vectors[0].iov_len, flags);
  struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
  return sendmsg(fd, &message, flags);
}

/* Straight to the kernel: no request, no copy. SJ_OK with a remainder: it takes no more now. */
static sj_status write_now(int fd, remainder *rest) {
  struct iovec vectors[VECTORS_MAX];
  int used;
  size_t total;
  while ((total = fill_vectors(rest, vectors, &used)) > 0) {
    ssize_t sent = send_vectors(fd, vectors, used);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN || errno == ENOBUFS ? SJ_OK : SJ_IO;
    advance(rest, (size_t)sent);
    if ((size_t)sent < total) return SJ_OK;
  }
  rest->count = 0;
  return SJ_OK;
}

static sj_status keep_remainder(const remainder *rest, sj__buffer *waiting) {
  size_t before = waiting->size;
  for (size_t i = 0; i < rest->count; i++) {
    size_t skip = i == 0 ? rest->offset : 0;
    sj__buffer_append(waiting, rest->slices[i].data + skip, rest->slices[i].size - skip);
  }
  if (sj__buffer_status(waiting) == SJ_OK) return SJ_OK;
  waiting->status = SJ_OK;
  waiting->size = before;
  return SJ_NO_MEMORY;
}

static void finish_shutdown(sj__uv_stream *self) {
  /* ENOTCONN: the peer has reset the connection, which reading will say. */
  if (!self->broken) (void)shutdown(self->fd, SHUT_WR);
}

static sj_status start_flight(sj__uv_stream *self);

static void on_written(uv_write_t *request, int error) {
  sj__uv_stream *self = request->data;
  sj__stream *stream = stream_of(self);
  self->writing = false;
  if (self->base.closing) return;
  sj__buffer_reset(&self->flight);
  if (error == 0 && self->waiting.size > 0) {
    if (start_flight(self) == SJ_OK) return;
    error = UV_EIO;
  }
  sj__buffer_release(&self->flight);
  sj__buffer_release(&self->waiting);
  if (error != 0) self->broken = true;
  if (self->shutdown) finish_shutdown(self);
  stream->events->on_drained(stream, error == 0 ? SJ_OK : SJ_IO);
}

/* Hands what waits to libuv. */
static sj_status start_flight(sj__uv_stream *self) {
  sj__buffer empty = self->flight;
  self->flight = self->waiting;
  self->waiting = empty;
  uv_buf_t buffer = uv_buf_init(self->flight.data, (unsigned)self->flight.size);
  self->request.data = self;
  if (self->flight.size > UINT32_MAX ||
      uv_write(&self->request, &self->uv.stream, &buffer, 1, on_written) != 0) {
    return SJ_IO;
  }
  self->writing = true;
  return SJ_OK;
}

static sj_status uv_stream_write(sj__stream *stream, const sj_slice *slices, size_t count,
                                 bool *queued) {
  sj__uv_stream *self = self_of(stream);
  SJ__REQUIRE(!self->shutdown);
  if (self->broken) return SJ_IO;
  remainder rest = {slices, count, 0};
  sj_status status = self->writing ? SJ_OK : write_now(self->fd, &rest);
  if (status == SJ_OK && rest.count > 0) {
    status = keep_remainder(&rest, &self->waiting);
    if (status == SJ_OK && !self->writing) status = start_flight(self);
    *queued = status == SJ_OK;
  }
  /* A part may have gone out: nothing that follows would make sense to the peer. */
  if (status != SJ_OK) self->broken = true;
  return status;
}

static size_t uv_stream_queued(const sj__stream *stream) {
  const sj__uv_stream *self = self_of(stream);
  size_t flying = self->writing ? uv_stream_get_write_queue_size(&self->uv.stream) : 0;
  return flying + self->waiting.size;
}

static void uv_stream_shutdown(sj__stream *stream) {
  sj__uv_stream *self = self_of(stream);
  if (self->shutdown) return;
  self->shutdown = true;
  if (!self->writing) finish_shutdown(self);
}

/* --- Life ----------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
  sj__uv_stream *self = handle->data;
  sj__buffer_release(&self->flight);
  sj__buffer_release(&self->waiting);
  sj__stream_base_gone(&self->base);
}

static void uv_stream_close(sj__stream *stream) {
  uv_close(&self_of(stream)->uv.handle, on_closed);
}

static sj_status unix_uid(int fd, uint32_t *uid) {
  struct ucred peer;
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return SJ_IO;
  *uid = peer.uid;
  return SJ_OK;
}

static sj_status uv_stream_peer(const sj__stream *stream, sj__peer *out) {
  const sj__uv_stream *self = self_of(stream);
  sj__address address = {.size = sizeof(address.storage), .is_unix = self->is_unix};
  *out = (sj__peer){.is_unix = self->is_unix};
  if (self->is_unix) {
    sj_status status = unix_uid(self->fd, &out->uid);
    if (status != SJ_OK) return status;
  } else if (getpeername(self->fd, (struct sockaddr *)&address.storage, &address.size) != 0) {
    return SJ_IO;
  }
  out->port = sj__address_host(&address, out->address);
  return SJ_OK;
}

static const sj__stream_ops uv_stream_ops = {
    .read_start = uv_stream_read_start,
    .read_stop = uv_stream_read_stop,
    .write = uv_stream_write,
    .queued = uv_stream_queued,
    .shutdown = uv_stream_shutdown,
    .close = uv_stream_close,
    .peer = uv_stream_peer,
    .hand_over = sj__uv_stream_hand_over,
};

sj_status sj__uv_stream_new(sj__loop *loop, bool is_unix, sj__uv_stream **out) {
  sj__uv_stream *self = sj__calloc(1, sizeof(*self));
  if (self == NULL) return SJ_NO_MEMORY;
  uv_loop_t *uv = sj__uv_loop_of(loop)->uv;
  /* Neither can fail: no descriptor is made yet. */
  int error = is_unix ? uv_pipe_init(uv, &self->uv.pipe, 0) : uv_tcp_init(uv, &self->uv.tcp);
  SJ__REQUIRE(error == 0);
  self->uv.handle.data = self;
  self->fd = -1;
  self->is_unix = is_unix;
  sj__stream_base_init(&self->base, loop, &uv_stream_ops);
  *out = self;
  return SJ_OK;
}

sj_status sj__uv_stream_adopt(sj__loop *loop, bool is_unix, int fd, sj__uv_stream **out) {
  sj__uv_stream *self;
  sj_status status = sj__uv_stream_new(loop, is_unix, &self);
  if (status != SJ_OK) {
    close(fd);
    return status;
  }
  int error = is_unix ? uv_pipe_open(&self->uv.pipe, fd) : uv_tcp_open(&self->uv.tcp, fd);
  if (error != 0) {
    close(fd);
    sj__stream_close(stream_of(self));
    return SJ_IO;
  }
  self->fd = fd;
  *out = self;
  return SJ_OK;
}
