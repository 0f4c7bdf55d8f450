/*
 * What clients did and were told, for the checker (checker.h). One history is
 * one run: operations of several clients, each with at most one under way, on
 * sessions of which each belongs to a lineage: what a creation made, and what
 * rotations made of it.
 *
 * Every write sets the client's own attribute, "c0" for client 0, to a number
 * that the client never used before in that lineage and that only grows: so a
 * reply shows which writes it has seen.
 */
#ifndef SJ_TESTS_HISTORY_H
#define SJ_TESTS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sojourn/sojourn.h"

#define CLIENTS_MAX 8
#define SID_TEXT    (SJ_SID_SIZE + 1)

typedef enum op_kind {
  OP_CREATE,
  OP_LOAD,
  OP_PATCH,
  OP_ROTATE,
  OP_END,
  OP_LIST,
  OP_END_ALL
} op_kind;

typedef struct op {
  op_kind kind;
  unsigned client;
  unsigned lineage;
  int subject;         /* of LIST and END_ALL, and of the session in the reply; < 0: none */
  uint64_t started;    /* places in the one order of all starts and answers */
  uint64_t finished;   /* 0: not yet */
  uint64_t started_ms; /* moments, for what may take a while */
  uint64_t finished_ms;
  /* What was asked with. */
  char sid[SID_TEXT]; /* of the presented credential; END_ALL: the spared one */
  uint64_t seen;      /* the version that the credential proves */
  bool is_newest;     /* it is the newest that this client was handed for the sid */
  bool is_strong;
  bool is_final;    /* after everything has settled */
  uint32_t attempt; /* the number that a write sets; 0: none */
  /* What was answered. */
  sj_status status;
  bool may_have_happened; /* of a write that failed */
  bool has_session;
  char result[SID_TEXT]; /* sid of the session in the reply */
  uint64_t version;
  bool has_committed; /* the version is this operation's own */
  uint32_t values[CLIENTS_MAX];
  char (*listed)[SID_TEXT]; /* allocated */
  size_t listed_count;
} op;

typedef struct history {
  op *ops;
  size_t count;
  size_t room;
  uint64_t order;
  uint32_t max_sessions; /* that the policy allowed; 0: any number */
  uint64_t bound_ms;     /* ended everywhere within (DESIGN.md 3); 0: at once */
  bool has_stale_reads;  /* reads that are not strong may lag behind, as replicas do */
} history;

void history_init(history *h);
void history_release(history *h);
/* Adds an operation that starts now. Returns its index: ops move. */
size_t history_start(history *h, const op *from, uint64_t now_ms);
/* It was answered now; the answer is in the op. */
void history_finish(history *h, size_t index, uint64_t now_ms);
/* A number that stands for everything in it. */
uint64_t history_hash(const history *h);
void history_print(const history *h, FILE *out);
void history_print_op(const op *each, FILE *out);

#endif
