/* A connection that moves to another loop: its descriptor travels, the handles stay behind. */
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/loop_uv.h"

typedef struct handover {
  sj__task task;
  sj__loop *to;
  int fd;
  bool is_unix;
  sj__arrived_fn *on_arrived;
  void *argument;
} handover;

static void arrive(sj__task *task) {
  handover self = *SJ__CONTAINER_OF(task, handover, task);
  sj__free(SJ__CONTAINER_OF(task, handover, task));
  sj__uv_stream *stream = NULL;
  if (sj__uv_stream_adopt(self.to, self.is_unix, self.fd, &stream) != SJ_OK) stream = NULL;
  self.on_arrived(self.argument, stream != NULL ? &stream->base.stream : NULL);
}

sj_status sj__uv_stream_hand_over(sj__stream *stream, sj__loop *to, sj__arrived_fn *on_arrived,
                                  void *argument) {
  const sj__uv_stream *from = (const sj__uv_stream *)(const void *)stream;
  handover *self = sj__calloc(1, sizeof(*self));
  if (self == NULL) return SJ_NO_MEMORY;
  /* A second descriptor: libuv closes the one that it was given. */
  int fd = fcntl(from->fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) {
    sj__free(self);
    return SJ_IO;
  }
  *self = (handover){{.fn = arrive}, to, fd, from->is_unix, on_arrived, argument};
  sj__loop_post(to, &self->task);
  return SJ_OK;
}
