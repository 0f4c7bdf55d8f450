/* A keyring in a file: 0600 checked, made whole or not at all. Blocks. */
#ifndef SJ_SESSION_KEYRING_FILE_H
#define SJ_SESSION_KEYRING_FILE_H

#include "crypto/keyring.h"

/*
 * SJ_MISSING, SJ_PERMISSION (names the mode found and 0600), SJ_INVALID (names
 * the line), SJ_IO, SJ_NO_MEMORY.
 */
SJ_MUST_USE sj_status sj__keyring_load(const char *path, sj__keyring **out, sj_error *error);
/* Makes one with a fresh key. SJ_BUSY: the file exists. SJ_NO_ENTROPY and those of writing. */
SJ_MUST_USE sj_status sj__keyring_create(const char *path, int64_t now_ms, sj__keyring **out,
                                         sj_error *error);

#endif
