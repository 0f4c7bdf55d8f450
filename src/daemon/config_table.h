/* The table of settings, and what reads and writes a value by its entry. */
#ifndef SJ_DAEMON_CONFIG_TABLE_H
#define SJ_DAEMON_CONFIG_TABLE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "daemon/config.h"
#include "daemon/config_node.h"

#define SJ__CONFIG_TEXT_MAX 1024u /* bytes of a text in a list */

typedef enum sj__config_type {                      /* the member at `offset` is … */
                               SJ__CONFIG_TEXT,     /* const char * */
                               SJ__CONFIG_DURATION, /* int64_t, milliseconds */
                               SJ__CONFIG_BYTES,    /* uint64_t */
                               SJ__CONFIG_COUNT,    /* uint64_t */
                               SJ__CONFIG_MODE,     /* uint64_t, written in octal */
                               SJ__CONFIG_BOOLEAN,  /* bool */
                               SJ__CONFIG_CHOICE,   /* uint64_t, index of the name in `choices` */
                               SJ__CONFIG_FLAGS,  /* uint64_t, a bit for every name in `choices` */
                               SJ__CONFIG_TEXTS,  /* sj__config_texts */
                               SJ__CONFIG_COUNTS, /* sj__config_counts */
                               SJ__CONFIG_LISTENERS /* sj__config_listeners; members as
                                                       sj__config_listener_table */
} sj__config_type;

typedef struct sj__config_entry {
  const char *path; /* "session.idle"; at most one dot */
  sj__config_type type;
  size_t offset;
  /* Of a number in the unit of its member; of a text its bytes; of a list its elements. */
  uint64_t minimum;
  uint64_t maximum;
  const char *fallback;       /* the default as it would be written; NULL: worked out, see below */
  const char *fallback_note;  /* what is shown in place of `fallback` */
  const char *const *choices; /* NULL-terminated */
  bool (*check)(sj_slice text); /* of a text, or of each of a list's; NULL: anything clean */
  const char *check_note;       /* what `check` allows */
  const char *prose;
} sj__config_entry;

extern const sj__config_entry sj__config_table[];
extern const size_t sj__config_table_count;
extern const sj__config_entry sj__config_listener_table[];
extern const size_t sj__config_listener_table_count;
extern const char *const sj__config_role_names[]; /* NULL-terminated */

/* The row of that path, or NULL. */
const sj__config_entry *sj__config_find(const char *path);

/*
 * Reads a node as the entry's type into its member of `target`. SJ_INVALID with
 * "PATH: what was wrong; allowed: RANGE", no place before it; SJ_NO_MEMORY.
 * *line (may be NULL): the line of the node that was wrong.
 */
SJ_MUST_USE sj_status sj__config_read(const sj__config_entry *entry, const sj__config_node *node,
                                      void *target, sj__arena *arena, unsigned *line,
                                      sj_error *error);

/*
 * The same from one text, as a variable or a default gives it: lists (and
 * listeners) are JSON, everything else is the value itself.
 */
SJ_MUST_USE sj_status sj__config_read_text(const sj__config_entry *entry, sj_slice text,
                                           void *target, sj__arena *arena, sj_error *error);

/* Writes a value in the form that is read, as YAML's flow style and as JSON at once. */
void sj__config_write(const sj__config_entry *entry, const void *target, sj__buffer *out);

/* "a duration, 1s to 30d". */
void sj__config_describe(const sj__config_entry *entry, sj__buffer *out);

#endif
