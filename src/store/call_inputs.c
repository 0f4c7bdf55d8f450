#include "store/call_inputs.h"

#include <string.h>

size_t sj__call_inputs_size(const sj__store_call *call) {
  switch (call->op) {
    case SJ__PUT:
      return call->in.put.record.size + call->in.put.event.size;
    case SJ__TOUCH:
      return SJ__KEY_SIZE;
    case SJ__END:
      return SJ__KEY_SIZE + 8 + call->in.end.event.size;
    case SJ__MARK:
      return call->in.mark.mark.size;
    case SJ__PUBLISH:
      return call->in.publish.event.size;
    default:
      return 0;
  }
}

static const uint8_t *keep_bytes(uint8_t **to, const void *from, size_t size) {
  uint8_t *copy = *to;
  memcpy(copy, from, size);
  *to += size;
  return copy;
}

static void keep_slice(uint8_t **to, sj_slice *slice) {
  if (slice->size > 0) slice->data = (const char *)keep_bytes(to, slice->data, slice->size);
}

void sj__call_inputs_copy(sj__store_call *call, uint8_t *to) {
  switch (call->op) {
    case SJ__PUT:
      keep_slice(&to, &call->in.put.record);
      keep_slice(&to, &call->in.put.event);
      break;
    case SJ__TOUCH:
      call->in.touch.key = keep_bytes(&to, call->in.touch.key, SJ__KEY_SIZE);
      break;
    case SJ__END:
      call->in.end.key = keep_bytes(&to, call->in.end.key, SJ__KEY_SIZE);
      call->in.end.realm = keep_bytes(&to, call->in.end.realm, 8);
      keep_slice(&to, &call->in.end.event);
      break;
    case SJ__MARK:
      keep_slice(&to, &call->in.mark.mark);
      break;
    case SJ__PUBLISH:
      keep_slice(&to, &call->in.publish.event);
      break;
    default:
      break;
  }
}
