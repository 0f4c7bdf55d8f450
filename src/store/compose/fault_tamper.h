/* What fault+ does to a call's inputs and results. */
#ifndef SJ_STORE_COMPOSE_FAULT_TAMPER_H
#define SJ_STORE_COMPOSE_FAULT_TAMPER_H

#include "store/store.h"

typedef struct sj__fault_copies {
  uint8_t *bytes; /* of inputs or of a record */
  sj_slice *items;
} sj__fault_copies;

void sj__fault_copies_release(sj__fault_copies *copies);

/*
 * Makes the inputs of a write point to copies: the caller takes its buffers
 * back with the completion, and a late write needs its own. False: no memory.
 */
bool sj__fault_copy_inputs(sj__fault_copies *copies, sj__store_call *call);

/* Turns any answer into SJ_UNAVAILABLE; a write's outcome is unknown then. */
void sj__fault_lose(sj__store_call *call);

/* Flips a bit, chosen by `noise`, in a copy of the record or of one item. */
void sj__fault_corrupt(sj__fault_copies *copies, sj__store_call *call, uint32_t noise);

#endif
