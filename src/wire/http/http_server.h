/*
 * An HTTP/1.1 server on the loop (RFC 9110, RFC 9112): llhttp parses, the
 * connection life cycle is ours. Strict framing; replies may come later and
 * out of order, and leave in order, coalesced into one write a turn.
 *
 * What is malformed is answered by the server itself, with a problem document
 * (codec/problem.h) and the end of the connection:
 *
 *   400  anything that RFC 9112 does not allow, and what it leaves to the
 *        recipient but smugglers use: bare LF or CR, line folding, repeated or
 *        list-valued Content-Length (equal ones too), Content-Length beside
 *        Transfer-Encoding, any Transfer-Encoding but one "chunked", one in
 *        HTTP/1.0, a missing, repeated or malformed Host
 *   408  a head or body that is not whole by its deadline
 *   413  a body above body_max, before "100 Continue" and before it is read
 *   414  a request line that alone fills head_max
 *   417  an expectation other than "100-continue"
 *   431  a head above head_max or with too many fields; chunk extensions and
 *        trailers together above head_max
 *   501  a method that llhttp does not know, CONNECT and TRACE
 *   503  out of memory; connections_max
 *   505  a version other than HTTP/1.0 and HTTP/1.1
 *
 * Why, where the standard leaves a choice: docs/decisions/http-connections.md.
 *
 * One loop's thread throughout.
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
  sj_slice name;  /* as received; compare with sj__slice_equal_nocase */
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

/* All slices live until the reply is given. */
struct sj__http_request {
  sj__http_method method;
  sj_slice method_text;
  sj_slice host;  /* of an absolute target, else the Host field; absent: HTTP/1.0 without one */
  sj_slice path;  /* of the target, still percent-encoded, without the query; "*" with OPTIONS */
  sj_slice query; /* without '?'; absent: none */
  const sj__http_field *fields;
  size_t field_count;
  sj_slice body;        /* trailers are dropped (RFC 9110 6.5.1) */
  sj__arena *arena;     /* the request's: lives until the reply has been handed over */
  const sj__peer *peer; /* of the connection */
  void *listener_data;  /* as given to sj__http_server_accept */

  /* The handler's. */
  void *data;
  /*
   * Called at most once, if the client has gone while the reply is pending, so
   * that work can be cancelled. The reply must still be given, from inside
   * this call or later. A client that reset its connection or did not take its
   * replies gets nothing more; one that only ended its side (FIN) may still
   * be reading, so what is replied is sent to it before the connection closes.
   */
  void (*on_gone)(sj__http_request *request);
};

/* The first field of that name, or {NULL,0}. *count (may be NULL): how many there are. */
sj_slice sj__http_field_get(const sj__http_request *request, const char *name, size_t *count);

typedef struct sj__http_response {
  int status;                   /* 200 to 599 */
  const char *content_type;     /* NULL: none; only with a body */
  const sj__http_field *fields; /* names and values must be valid: aborts on CR, LF, NUL */
  size_t field_count;           /* the server adds Date, Content-Length and Connection itself */
  sj_slice body;                /* left out for HEAD (its size is still told), 204 and 304 */
  bool close;                   /* end the connection after this reply */
} sj__http_response;

/*
 * Answers, at once or later, exactly once, on the loop's thread. All that
 * `response` points to is copied before this returns; `request` is gone then.
 * Requests that were pipelined behind one answered with `close` are told
 * on_gone; their replies are dropped (RFC 9112 9.6).
 */
void sj__http_reply(sj__http_request *request, const sj__http_response *response);

/* A whole request has come. The handler answers it now or later. */
typedef void sj__http_handler(void *context, sj__http_request *request);

/*
 * Deadlines are totals: bytes that come or are taken now and then move none.
 * Sizes are of bytes. pipeline_max and queued_max are at least 1.
 */
typedef struct sj__http_limits {
  size_t head_max;           /* request line and fields: 16 KiB; above: 414, 431 */
  size_t field_count_max;    /* 100; above: 431 */
  size_t body_max;           /* 64 KiB; above: 413 */
  uint32_t head_timeout_ms;  /* first byte of a request to end of head: 10 s; 408 */
  uint32_t body_timeout_ms;  /* end of head to end of body: 30 s; 408 */
  uint32_t idle_timeout_ms;  /* between requests, and before the first: 75 s; close */
  uint32_t write_timeout_ms; /* a batch of replies not taken whole: 30 s; close */
  uint32_t pipeline_max;     /* requests of one connection under way: 64; then reading pauses */
  size_t queued_max; /* reply bytes that wait for a slow reader: 1 MiB; then reading pauses */
  uint32_t connections_max; /* 0: no bound; above: accepted and closed with 503 */
} sj__http_limits;
/* The values above; connections_max 0. */
void sj__http_limits_init(sj__http_limits *limits);

#define SJ__HTTP_REFUSALS 9 /* the statuses at the head of this file */

/* What a set of servers counts: made once, shared by the servers of every loop. */
typedef struct sj__http_metrics {
  sj__metric *connections; /* open now */
  sj__metric *accepted;
  sj__metric *turned_away;                /* above connections_max */
  sj__metric *received;                   /* handed to the handler */
  sj__metric *abandoned;                  /* requests whose client left before the reply */
  sj__metric *write_timed_out;            /* connections cut by write_timeout_ms */
  sj__metric *refused[SJ__HTTP_REFUSALS]; /* requests answered by the server itself, by status */
} sj__http_metrics;

/* Registers them. SJ_NO_MEMORY. At start, from one thread (base/metrics.h). */
SJ_MUST_USE sj_status sj__http_metrics_init(sj__http_metrics *out, sj__metrics *metrics);

typedef struct sj__http_server_options {
  sj__http_limits limits;
  sj__http_handler *handler;
  void *context;
  const sj__http_metrics *metrics; /* may be NULL; outlives the server */
} sj__http_server_options;

/*
 * SJ_NO_MEMORY. `options` is copied. Ends by sj__http_server_drain alone, before
 * the loop is freed.
 */
SJ_MUST_USE sj_status sj__http_server_new(sj__loop *loop, const sj__http_server_options *options,
                                          sj__http_server **out);

/*
 * Serves an accepted stream, which is the server's from now on, whatever comes
 * of it: above connections_max it is told 503 and closed, without memory closed.
 * Not after the drain's `done`; during a drain it gets a second for its first
 * request. `listener_data` is handed to every request, and lives as long as the
 * server.
 */
void sj__http_server_accept(sj__http_server *server, sj__stream *stream, void *listener_data);

/* Open ones, those that are only waiting for the client to close included. */
size_t sj__http_server_connections(const sj__http_server *server);

/*
 * Ends it in order: idle connections close now, the others after the reply to
 * what they have sent so far (with Connection: close), all of them after
 * `grace_ms` (0: now). One that was accepted but has not yet sent its first
 * request gets a second to do so. Then `done` (may be NULL), once and never from
 * inside this call, when every request has also been answered; the server no
 * longer exists. Once only.
 */
void sj__http_server_drain(sj__http_server *server, uint32_t grace_ms, void (*done)(void *argument),
                           void *argument);

#endif
