/*
 * sojourn/status.h - the one table of results that every layer shares.
 *
 * A function that can fail returns `sj_status`; the compiler warns when the
 * result is dropped (SJ_MUST_USE). SJ_OK is zero; everything else is a reason.
 * A programmer's error (a NULL where none is allowed, a call on a closed
 * object) is not a status: it aborts with a message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOJOURN_STATUS_H
#define SOJOURN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SJ_API               __attribute__((visibility("default")))
#define SJ_MUST_USE          __attribute__((warn_unused_result))
#define SJ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SJ_API
#define SJ_MUST_USE
#define SJ_PRINTF(fmt, args)
#endif

/*
 * X(NAME, code, CATEGORY, text)
 *
 * `code` is stable: it is the `code` member of a problem document where the
 * result reaches HTTP, the label of the outcome metric, and what logs say.
 */
#define SJ_STATUS_MAP(X)                                                                          \
  /* done */                                                                                      \
  X(OK, "ok", DONE, "done")                                                                       \
  /* what a store answers (store/store.h) */                                                      \
  X(MISSING, "missing", STORE, "nothing is stored under this key")                                \
  X(ENDED, "ended", STORE, "the session has ended")                                               \
  X(BEHIND, "behind", STORE, "the store holds an older version than was asked for")               \
  X(CONFLICT, "conflict", STORE, "another version is stored")                                     \
  X(UNAVAILABLE, "unavailable", STORE, "the store cannot answer now")                             \
  X(TOO_LARGE, "too_large", LIMIT, "larger than allowed")                                         \
  X(FULL, "full", STORE, "the store has no room left")                                            \
  X(CORRUPT, "corrupt", STORE, "stored bytes are damaged or were tampered with")                  \
  X(CANCELLED, "cancelled", STORE, "cancelled by the caller")                                     \
  X(MISUSE, "misuse", PROGRAM, "the call is not allowed here")                                    \
  /* verdicts on a credential (session/) */                                                       \
  X(NO_CREDENTIAL, "no_credential", CREDENTIAL, "no session credential was presented")            \
  X(BAD_CREDENTIAL, "bad_credential", CREDENTIAL, "the session credential is not valid")          \
  X(EXPIRED, "expired", CREDENTIAL, "the session has expired")                                    \
  X(REPLAYED, "replayed", CREDENTIAL, "a spent refresh token was presented again")                \
  X(UNKNOWN, "unknown", CREDENTIAL, "no such session is stored")                                  \
  X(UNKNOWN_KEY, "unknown_key", CREDENTIAL, "sealed under a key that this keyring does not hold") \
  X(RETIRED_KEY, "retired_key", CREDENTIAL, "sealed under a retired key")                         \
  /* what a request may be told (session/, front/) */                                             \
  X(STEP_UP, "step_up", REQUEST, "a higher or fresher authentication level is needed")            \
  X(LIMITED, "limited", REQUEST, "too many requests")                                             \
  X(FORBIDDEN, "forbidden", REQUEST, "the API key is missing, wrong or lacks the role")           \
  X(NOT_FOUND, "not_found", REQUEST, "there is nothing here")                                     \
  X(METHOD_NOT_ALLOWED, "method_not_allowed", REQUEST, "the method is not allowed here")          \
  X(BAD_REQUEST, "bad_request", REQUEST, "the request is malformed")                              \
  X(UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", REQUEST,                                    \
    "the content type is not supported")                                                          \
  X(VERSION_MISMATCH, "version_mismatch", REQUEST,                                                \
    "the session has another version than If-Match")                                              \
  X(CONTENDED, "contended", REQUEST, "too many writers at once; try again")                       \
  /* the world */                                                                                 \
  X(INVALID, "invalid", INPUT, "malformed or out of range")                                       \
  X(NO_MEMORY, "no_memory", SYSTEM, "out of memory")                                              \
  X(NO_ENTROPY, "no_entropy", SYSTEM, "the system's random source failed")                        \
  X(IO, "io", SYSTEM, "an input or output operation failed")                                      \
  X(PERMISSION, "permission", SYSTEM, "access is denied or too permissive")                       \
  X(BUSY, "busy", SYSTEM, "in use by another process")                                            \
  X(MISMATCH, "mismatch", SYSTEM, "made for another realm, keyring or format version")            \
  X(CLOSED, "closed", SYSTEM, "the other side has gone")                                          \
  X(TIMED_OUT, "timed_out", SYSTEM, "the deadline has passed")                                    \
  X(UNSUPPORTED, "unsupported", INPUT, "not supported by this build, store or carrier")

typedef enum sj_status {
#define SJ_STATUS_ENUM(name, code, category, text) SJ_##name,
  SJ_STATUS_MAP(SJ_STATUS_ENUM)
#undef SJ_STATUS_ENUM
      SJ_STATUS_COUNT
} sj_status;

typedef enum sj_category {
  SJ_CATEGORY_DONE,
  SJ_CATEGORY_STORE,
  SJ_CATEGORY_LIMIT,
  SJ_CATEGORY_PROGRAM,
  SJ_CATEGORY_CREDENTIAL,
  SJ_CATEGORY_REQUEST,
  SJ_CATEGORY_INPUT,
  SJ_CATEGORY_SYSTEM
} sj_category;

/* The stable code of a status ("behind"). Never NULL; static. Any thread. */
SJ_API const char *sj_status_code(sj_status status);

/* One sentence for people, without a full stop. Never NULL; static. Any thread. */
SJ_API const char *sj_status_text(sj_status status);

/* The category of a status. Any thread. */
SJ_API sj_category sj_status_category(sj_status status);

/*
 * A status with its story, filled by calls that are made seldom enough to have
 * one (opening, parsing configuration, limits). `message` is one line of UTF-8
 * that says what was wrong and what is allowed; it never holds a secret.
 */
typedef struct sj_error {
  sj_status status;
  char message[512];
} sj_error;

#ifdef __cplusplus
}
#endif

#endif
