/*
 * A crash of the machine, without one. The preload shim (loss_shim.c) lets every
 * write to a data.mdb through and keeps what it replaced in a journal, until a
 * flush has completed; after a kill, lose_unflushed puts it back. What it leaves
 * is what a disk could hold that had lost its power.
 *
 *     LOSS_JOURNAL=PATH   where; without it the shim does nothing
 *     LOSS_LIE=1          flushes are said to have completed and have not
 *
 * The journal is a sequence of entries, each followed by `size` bytes: what was
 * there before. A synchronous write (O_DSYNC) is an entry too: what it wrote is
 * flushed, so earlier entries of the same place no longer count.
 */
#ifndef SJ_TESTS_LOSS_H
#define SJ_TESTS_LOSS_H

#include <stdint.h>

#define LOSS_FILE_NAME "/data.mdb"
#define LOSS_PAGE      4096u

enum { LOSS_WRITE = 1, LOSS_SYNCHRONOUS = 2 };

typedef struct loss_entry {
  uint32_t kind;
  uint32_t size; /* of the write */
  uint32_t kept; /* bytes of before that follow: less than size where the file grew */
  uint32_t reserved;
  uint64_t offset;
  uint64_t file_size; /* before the write */
} loss_entry;

#endif
