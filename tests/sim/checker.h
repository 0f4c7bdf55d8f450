/*
 * Holds a history to the guarantees (DESIGN.md 1 and 6): what a client was told
 * must be what one session store, that loses and forgets nothing, could have
 * told it. Knows nothing of how the history came about.
 */
#ifndef SJ_TESTS_CHECKER_H
#define SJ_TESTS_CHECKER_H

#include "history.h"

typedef enum violation_kind {
  READ_YOUR_WRITES,  /* a reply older than a write that the client was acknowledged */
  MONOTONIC_READS,   /* a reply older than one that the client had before */
  BELOW_CREDENTIAL,  /* a reply older than the presented credential proves */
  STALE_STRONG_READ, /* a strong read older than what anybody was acknowledged before it */
  LOST_UPDATE,       /* an acknowledged write isn't in a later version */
  DOUBLE_COMMIT,     /* two writes were acknowledged as one version */
  DIVERGED,          /* one version was shown with two contents */
  PHANTOM,           /* a write that was told to have failed is seen */
  RESURRECTION,      /* told ended, and told alive later */
  LOST_SESSION,      /* acknowledged, never ended, unknown */
  UNLISTED,          /* alive all the time, and not in a list */
  ORPHAN,            /* alive in the end, though nobody was ever answered */
  OVER_LIMIT,        /* more sessions in the end than the policy allows */
  UNANSWERED,        /* an operation was never answered */
  VIOLATION_COUNT
} violation_kind;
const char *violation_name(violation_kind kind);

typedef struct violations {
  unsigned counts[VIOLATION_COUNT];
  unsigned total;
  FILE *out; /* where the first few are told; NULL: nowhere */
} violations;

/* Adds what it finds to `found`, which starts zeroed but for `out`. True: nothing. */
bool history_check(const history *h, violations *found);

#endif
