/*
 * An HTTP/1.1 server on the loop (RFC 9110, RFC 9112): llhttp parses, the
 * connection life cycle is ours. Strict framing; replies may come later and
 * out of order, and leave in order, coalesced into one write a turn.
 */
#ifndef SJ_WIRE_HTTP_HTTP_SERVER_H
#define SJ_WIRE_HTTP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/metrics.h"
#include "base/slice.h"
#include "loop/stream.h"

typedef struct sj__http_server sj__http_server; /* one a loop and listener set */
typedef struct sj__http_request sj__http_request;

typedef struct sj__http_field {
  sj_slice name; /* as received; compare with sj__slice_equal_nocase */
  sj_slice value; /* without surrounding white space */
} sj__http_field;

typedef enum sj__http_method {
  SJ__HTTP_OTHER, /* see method_text */
  SJ__HTTP_GET,
  SJ__HTTP_HEAD,
  SJ__HTTP_POST,
  SJ__HTTP_PUT,
  SJ__HTTP_PATCH,
  SJ__HTTP_DELETE,
  SJ__HTTP_OPTIONS
} sj__http_method;

struct sj__http_request {
  sj__http_method method;
  sj_slice method_text;
  sj_slice path;  /* of the target, still percent-encoded, without the query */
  sj_slice query; /* without '?'; absent: none */
  const sj__http_field *fields;
  size_t field_count;
  sj_slice body;
  sj__arena *arena;     /* the request's: lives until the reply has been handed over */
  const sj__peer *peer; /* of the connection */
  void *listener_data;  /* as given to sj__http_server_accept */

  /* The handler's. */
  void *data;
  /*
   * Called once if the client has gone while the reply is pending, so that
   * work can be cancelled. The reply must still be given (and is dropped).
   */
  void (*on_gone)(sj__http_request *request);
};

/* The first field of that name, or {NULL,0}. *count (may be NULL): how many there are. */
sj_slice sj__http_field_get(const sj__http_request *request, const char *name, size_t *count);

typedef struct sj__http_response {
  int status;
  const char *content_type; /* NULL: none; only with a body */
  const sj__http_field *fields; /* names and values must be valid: aborts on CR, LF, NUL */
  size_t field_count;
  sj_slice body; /* left out for HEAD (its size is still told), 204 and 304 */
  bool close;    /* end the connection after this reply */
} sj__http_response;

/*
 * Answers, at once or later, exactly once, on the loop's thread. All that
 * `response` points to is copied before this returns; `request` is gone then.
 */
void sj__http_reply(sj__http_request *request, const sj__http_response *response);

/* A whole request has come. The handler answers it now or later. */
typedef void sj__http_handler(void *context, sj__http_request *request);

typedef struct sj__http_limits {
  size_t head_max;             /* request line and fields: 16 KiB; above: 431 and close */
  size_t field_count_max;      /* 100; above: 431 and close */
  size_t body_max;             /* 64 KiB; above: 413 and close */
  uint32_t head_timeout_ms;    /* first byte of a request to end of head: 10 s; 408 and close */
  uint32_t body_timeout_ms;    /* end of head to end of body: 30 s; 408 and close */
  uint32_t idle_timeout_ms;    /* between requests: 75 s; close */
  uint32_t write_timeout_ms;   /* a reply not taken: 30 s; close */
  uint32_t pipeline_max;       /* requests of one connection under way: 64; then reading pauses */
  size_t queued_max;           /* reply bytes that wait for a slow reader: 1 MiB; then reading pauses */
  uint32_t connections_max;    /* 0: no bound; above: accepted and closed with 503 */
} sj__http_limits;
void sj__http_limits_init(sj__http_limits *limits);

typedef struct sj__http_server_options {
  sj__http_limits limits;
  sj__http_handler *handler;
  void *context;
  sj__metrics *metrics; /* may be NULL */
} sj__http_server_options;

/* SJ_NO_MEMORY. `options` is copied. */
SJ_MUST_USE sj_status sj__http_server_new(sj__loop *loop, const sj__http_server_options *options,
                                          sj__http_server **out);

/* Serves an accepted stream, which is the server's from now on. */
void sj__http_server_accept(sj__http_server *server, sj__stream *stream, void *listener_data);

size_t sj__http_server_connections(const sj__http_server *server);

/*
 * Ends it in order: idle connections close now, the others after the reply to
 * what they have sent so far (with Connection: close), all of them after
 * `grace_ms`. Then `done`, later; the server no longer exists.
 */
void sj__http_server_drain(sj__http_server *server, uint32_t grace_ms,
                           void (*done)(void *argument), void *argument);

#endif
