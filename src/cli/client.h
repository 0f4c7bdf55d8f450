/*
 * A small blocking HTTP client, for a tool that asks one thing and ends: over
 * TCP or a Unix socket, one connection a call (HTTP/1.0, RFC 1945: the reply
 * ends with the connection and is never chunked).
 */
#ifndef SJ_CLI_CLIENT_H
#define SJ_CLI_CLIENT_H

#include <stdint.h>

#include "base/buffer.h"
#include "sojourn/status.h"

#define SJ__CLIENT_HOST_MAX  256
#define SJ__CLIENT_REPLY_MAX ((size_t)16 * 1024 * 1024)

/* "http://127.0.0.1:7373", "http://[::1]:7373", "http://localhost", "unix:/run/sojourn.sock". */
typedef struct sj__endpoint {
  bool is_unix;
  char host[SJ__CLIENT_HOST_MAX]; /* or the socket's path */
  char port[6];
} sj__endpoint;

/* SJ_INVALID: `error` says what is wrong and what is allowed. */
SJ_MUST_USE sj_status sj__endpoint_parse(const char *text, sj__endpoint *out, sj_error *error);

typedef struct sj__client_request {
  const char *method;
  const char *target;  /* path and query, encoded */
  sj_slice key;        /* API key; absent: none */
  sj_slice body;       /* JSON; absent: none */
  uint32_t timeout_ms; /* of connecting, and of each wait for bytes */
} sj__client_request;

typedef struct sj__client_reply {
  int status;
  sj_slice body; /* into `bytes` */
  sj__buffer bytes;
} sj__client_reply;

/*
 * SJ_UNAVAILABLE (nobody listens), SJ_TIMED_OUT, SJ_IO, SJ_INVALID (the answer
 * is not HTTP, or not whole), SJ_TOO_LARGE, SJ_NO_MEMORY; `error` says which
 * and why. Release the reply after success.
 */
SJ_MUST_USE sj_status sj__client_call(const sj__endpoint *endpoint,
                                      const sj__client_request *request, sj__client_reply *reply,
                                      sj_error *error);
void sj__client_reply_release(sj__client_reply *reply); /* wipes */

/* For the tests: a whole answer, as it came, into status and body. Errors as above. */
SJ_MUST_USE sj_status sj__client_parse(sj__client_reply *reply, sj_error *error);

#endif
