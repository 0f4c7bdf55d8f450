/*
 * The live marks of a process: every load and verification asks it, so it is
 * read without a lock. Nothing is ever taken out: marks go with the set. Those
 * that differ in their moments alone are one, as late as the latest.
 */
#ifndef SJ_SESSION_MARK_SET_H
#define SJ_SESSION_MARK_SET_H

#include "codec/mark.h"

typedef struct sj__mark_set sj__mark_set;

sj__mark_set *sj__mark_set_new(void);      /* NULL: no memory, no entropy */
void sj__mark_set_free(sj__mark_set *set); /* nobody reads any more; NULL allowed */

/* Any thread. Adding what others say already changes nothing. SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__mark_set_add(sj__mark_set *set, const sj__mark *mark);

/* Any thread, no lock: whether a mark names the session. */
bool sj__mark_set_names(const sj__mark_set *set, const sj__record *record);

/* The greatest moment of any mark; INT64_MIN without one. Any thread. */
int64_t sj__mark_set_newest_ms(const sj__mark_set *set);

#endif
