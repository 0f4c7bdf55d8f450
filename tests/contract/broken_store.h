/* Stores that are broken on purpose, each in one clause, to see that the suite notices. */
#ifndef SJ_TESTS_BROKEN_STORE_H
#define SJ_TESTS_BROKEN_STORE_H

#include "store/store.h"

typedef struct broken_call broken_call;

typedef struct defect {
  const char *name;
  const char *clause;              /* the one that must notice */
  void (*before)(broken_call *of); /* changes what is asked; may be NULL */
  void (*after)(broken_call *of);  /* changes what is answered; may be NULL */
} defect;

extern const defect defects[];
extern const size_t defect_count;

/* Owns `inner`. */
sj_status broken_new(sj__store *inner, const defect *with, sj__store **out);

#endif
