/* What was stored before the last write to each key, for stale answers. One thread at a time. */
#ifndef SJ_STORE_COMPOSE_FAULT_PREVIOUS_H
#define SJ_STORE_COMPOSE_FAULT_PREVIOUS_H

#include "base/map.h"
#include "crypto/vault.h"

typedef struct sj__fault_previous {
  sj__map keys;
} sj__fault_previous;

SJ_MUST_USE sj_status sj__fault_previous_init(sj__fault_previous *previous); /* SJ_NO_ENTROPY */
void sj__fault_previous_release(sj__fault_previous *previous);

/* `record` (absent: a tombstone of the store's making) is stored now. Out of memory: forgotten. */
void sj__fault_previous_note(sj__fault_previous *previous, const uint8_t key[SJ__KEY_SIZE],
                             sj_slice record);
/* Absent: none is known. Good until the next note. */
sj_slice sj__fault_previous_get(const sj__fault_previous *previous,
                                const uint8_t key[SJ__KEY_SIZE]);

#endif
