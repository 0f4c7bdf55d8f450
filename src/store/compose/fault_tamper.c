#include "store/compose/fault_tamper.h"

#include <string.h>

#include "base/alloc.h"

void sj__fault_copies_release(sj__fault_copies *copies) {
  sj__free(copies->bytes);
  sj__free(copies->items);
  *copies = (sj__fault_copies){NULL, NULL};
}

static size_t size_of_inputs(const sj__store_call *call) {
  switch (call->op) {
    case SJ__PUT:
      return call->in.put.record.size + call->in.put.event.size;
    case SJ__TOUCH:
      return SJ__KEY_SIZE;
    case SJ__END:
      return SJ__KEY_SIZE + 8 + call->in.end.event.size;
    case SJ__MARK:
      return call->in.mark.mark.size;
    default:
      return call->in.publish.event.size;
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

bool sj__fault_copy_inputs(sj__fault_copies *copies, sj__store_call *call) {
  uint8_t *to = copies->bytes = sj__malloc(size_of_inputs(call));
  if (to == NULL) return false;
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
    default:
      keep_slice(&to, &call->in.publish.event);
      break;
  }
  return true;
}

void sj__fault_lose(sj__store_call *call) {
  bool is_read =
      call->op == SJ__GET || call->op == SJ__MARKS || call->op == SJ__LIST || call->op == SJ__SCAN;
  if (call->status == SJ_UNAVAILABLE || call->status == SJ_CANCELLED) return;
  call->status = SJ_UNAVAILABLE;
  call->applied = is_read ? SJ__APPLIED_NO : SJ__APPLIED_UNKNOWN;
  call->record = (sj_slice){NULL, 0};
  call->items = NULL;
  call->item_count = 0;
  call->cursor_next.size = 0;
  call->count = 0;
  call->more = false;
}

static void flip_bit(sj__fault_copies *copies, sj_slice *bytes, uint32_t noise) {
  if (bytes->size == 0) return;
  copies->bytes = sj__memdup(bytes->data, bytes->size);
  if (copies->bytes == NULL) return;
  size_t bit = noise % (bytes->size * 8);
  copies->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
  *bytes = sj__slice(copies->bytes, bytes->size);
}

void sj__fault_corrupt(sj__fault_copies *copies, sj__store_call *call, uint32_t noise) {
  if (call->item_count == 0) {
    flip_bit(copies, &call->record, noise);
    return;
  }
  copies->items = sj__memdup(call->items, call->item_count * sizeof(*call->items));
  if (copies->items == NULL) return;
  flip_bit(copies, &copies->items[noise % call->item_count], noise);
  call->items = copies->items;
}
