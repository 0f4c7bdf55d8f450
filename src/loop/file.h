/*
 * Files and folders, for what is read or written whole and seldom: keyrings,
 * API keys, configuration. These calls block: at start, on reload, in tools.
 */
#ifndef SJ_LOOP_FILE_H
#define SJ_LOOP_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "sojourn/status.h"

typedef enum sj__file_privacy {
  SJ__FILE_ANY,
  SJ__FILE_PRIVATE /* a regular file of ours (or root's), no rights for group and others */
} sj__file_privacy;

/*
 * Appends the whole file to `out`. SJ_MISSING, SJ_PERMISSION (can't be read, or
 * not private: the message names the mode and the one that is allowed),
 * SJ_TOO_LARGE (above `max` bytes), SJ_INVALID (not a regular file), SJ_IO,
 * SJ_NO_MEMORY. Modes are judged on the opened descriptor.
 */
SJ_MUST_USE sj_status sj__file_read(const char *path, sj__file_privacy privacy, size_t max,
                                    sj__buffer *out, sj_error *error);

/*
 * Makes the file with mode 0600 so that after a crash it is there whole or not
 * at all: a temporary sibling, fsync, then link (`replace` false: SJ_BUSY if
 * the path exists) or rename, then fsync of the folder.
 */
SJ_MUST_USE sj_status sj__file_write_private(const char *path, sj_slice content, bool replace,
                                             sj_error *error);

/* Makes the folder and its parents with mode 0700; one that exists is left as it is. */
SJ_MUST_USE sj_status sj__folder_make(const char *path, sj_error *error);

/*
 * Whether what lies in the folder stays what we put there: SJ_PERMISSION if it
 * is neither ours nor root's, or if others may write in it and so could put
 * files of their own in the place of ours.
 */
SJ_MUST_USE sj_status sj__folder_judge(const char *path, sj_error *error);

#endif
