/* What the inputs of a write point to, copied: for stores that outlive the caller's loan. */
#ifndef SJ_STORE_CALL_INPUTS_H
#define SJ_STORE_CALL_INPUTS_H

#include "store/store.h"

/* Bytes that the copies need; 0 for calls that read. */
size_t sj__call_inputs_size(const sj__store_call *call);
/* Makes the inputs point to copies in `bytes`, which has room for them. */
void sj__call_inputs_copy(sj__store_call *call, uint8_t *bytes);

#endif
