#include "store/compose/fault_tamper.h"

#include <string.h>

#include "base/alloc.h"
#include "store/call_inputs.h"

void sj__fault_copies_release(sj__fault_copies *copies) {
  sj__free(copies->bytes);
  sj__free(copies->items);
  *copies = (sj__fault_copies){NULL, NULL};
}

bool sj__fault_copy_inputs(sj__fault_copies *copies, sj__store_call *call) {
  copies->bytes = sj__malloc(sj__call_inputs_size(call));
  if (copies->bytes == NULL) return false;
  sj__call_inputs_copy(call, copies->bytes);
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
