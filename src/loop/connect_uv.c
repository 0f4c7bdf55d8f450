#include "base/alloc.h"
#include "loop/address.h"
#include "loop/loop_uv.h"

typedef struct uv_connect {
  sj__connect connect;
  uv_connect_t request;
  sj__uv_stream *stream;
} uv_connect;

static void on_connected(uv_connect_t *request, int error) {
  uv_connect *self = request->data;
  sj__uv_stream *stream = self->stream;
  sj_status why = self->connect.why;
  if (error == 0 && why == SJ_OK) {
    SJ__REQUIRE(uv_fileno(&stream->uv.handle, &stream->fd) == 0);
    sj__connect_finish(&self->connect, SJ_OK, &stream->base.stream);
    return;
  }
  if (why == SJ_OK) {
    why = SJ_IO;
    sj__stream_close(&stream->base.stream);
  }
  sj__connect_finish(&self->connect, why, NULL);
}

/* Closing makes libuv complete the request with UV_ECANCELED, in a later phase of the turn. */
static void uv_connect_cancel(sj__connect *connect, sj_status why) {
  sj__stream_close(&((uv_connect *)connect)->stream->base.stream);
}

static const sj__connect_ops uv_connect_ops = {.cancel = uv_connect_cancel};

static int begin(uv_connect *self, const sj__address *address) {
  self->request.data = self;
  if (address->is_unix) {
    const struct sockaddr_un *path = (const struct sockaddr_un *)&address->storage;
    uv_pipe_connect(&self->request, &self->stream->uv.pipe, path->sun_path, on_connected);
    return 0;
  }
  uv_tcp_nodelay(&self->stream->uv.tcp, 1);
  return uv_tcp_connect(&self->request, &self->stream->uv.tcp,
                        (const struct sockaddr *)&address->storage, on_connected);
}

sj_status sj__uv_connect(sj__loop *loop, const char *address, uint64_t timeout_ms,
                         sj__connect_fn *done, void *argument, sj__connect **out) {
  sj__address parsed;
  sj_status status = sj__address_parse(address, &parsed, NULL);
  if (status != SJ_OK) return status;
  uv_connect *self = sj__calloc(1, sizeof(*self));
  if (self == NULL) return SJ_NO_MEMORY;
  status = sj__connect_init(&self->connect, loop, &uv_connect_ops, timeout_ms, done, argument);
  if (status == SJ_OK) status = sj__uv_stream_new(loop, parsed.is_unix, &self->stream);
  if (status == SJ_OK && begin(self, &parsed) != 0) {
    sj__stream_close(&self->stream->base.stream);
    status = SJ_IO;
  }
  if (status != SJ_OK) {
    sj__timer_stop(loop, &self->connect.timer);
    sj__free(self);
    return status;
  }
  *out = &self->connect;
  return SJ_OK;
}
