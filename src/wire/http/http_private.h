/*
 * What the files of the HTTP server share. From the bytes up:
 *
 *   http_target.c      the grammar of request lines and Host: text alone
 *   http_parse.c       the reader: bytes into a request (llhttp)
 *   http_response.c    a response into bytes
 *   http_exchange.c    a request and its reply: pool, order, the client gone
 *   http_connection.c  one connection: states, deadlines, reading, writing
 *   http_server.c      all of them: accept, the end of a turn, drain
 *   http_metrics.c     what is counted
 */
#ifndef SJ_WIRE_HTTP_HTTP_PRIVATE_H
#define SJ_WIRE_HTTP_HTTP_PRIVATE_H

#include <llhttp.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/list.h"
#include "wire/http/http_server.h"

typedef struct sj__http_connection sj__http_connection;

/* --- Exchanges: a request and its reply ----------------------------------- */

#define SJ__HTTP_FIELDS_INLINE 32u
#define SJ__HTTP_ARENA_FIRST   4096u

typedef struct sj__http_exchange {
  sj__http_request request;
  sj__http_connection *connection;
  sj__list node; /* connection->exchanges, oldest first, or the server's pool */
  sj__arena arena;

  /* The request as it is read. All of it is in the arena but the first fields. */
  char *head;
  size_t head_size;
  size_t head_capacity;
  sj__http_field *fields;
  size_t field_capacity;
  char *body;
  size_t body_capacity;
  bool is_http_1_0;
  bool keep_alive; /* as far as the client is concerned */
  bool expects_continue;

  /* The reply, when it came before its turn: head without its end, then body. */
  sj__buffer reply;
  size_t reply_head_size;
  bool answered;
  bool close;     /* the handler wants the connection to end with this reply */
  bool dropped;   /* no longer in its connection's list: what is replied goes nowhere */
  bool told_gone; /* on_gone has had its call */

  sj__http_field fields_inline[SJ__HTTP_FIELDS_INLINE];
  _Alignas(16) char arena_first[SJ__HTTP_ARENA_FIRST];
} sj__http_exchange;

/* Readies a block for a request: everything but the embedded storage, which needs none. */
void sj__http_exchange_init(sj__http_exchange *exchange, sj__http_connection *connection);
/* Wipes what it held and keeps its memory small, for the next request or for sj__free. */
void sj__http_exchange_clear(sj__http_exchange *exchange);

/* --- The grammar of the request line (http_target.c) ---------------------- */

enum {
  SJ__HTTP_CHAR_TEXT = 1,   /* field content, request line: no control characters but HTAB */
  SJ__HTTP_CHAR_TOKEN = 2,  /* RFC 9110 5.6.2 */
  SJ__HTTP_CHAR_TARGET = 4, /* RFC 3986 3.3, 3.4: pchar, "/" and "?" */
  SJ__HTTP_CHAR_NAME = 8    /* RFC 3986 3.2.2: reg-name */
};
extern const unsigned char sj__http_chars[256];
static inline bool sj__http_char_is(char c, unsigned kind) {
  return (sj__http_chars[(unsigned char)c] & kind) != 0;
}

/* Why a request is not served: the status, and a constant sentence without a full stop. */
typedef struct sj__http_refusal {
  int status;
  const char *why;
} sj__http_refusal;

/*
 * Reads "METHOD SP target SP HTTP/1.x" (no CRLF) into method, method_text,
 * host (of an absolute target), path, query and is_http_1_0. False: refused.
 */
bool sj__http_read_request_line(sj__http_exchange *exchange, sj_slice line,
                                sj__http_refusal *refusal);
/* uri-host [ ":" port ], not empty (RFC 9110 7.2). */
bool sj__http_host_is_valid(sj_slice host);

/* --- The reader (http_parse.c) --------------------------------------------- */

typedef enum sj__http_progress {
  SJ__HTTP_READ_MORE,  /* all bytes are used, the request goes on */
  SJ__HTTP_READ_HEAD,  /* the head is whole, a body follows */
  SJ__HTTP_READ_WHOLE, /* the request is whole */
  SJ__HTTP_READ_REFUSED
} sj__http_progress;

/*
 * Reads one request after the other from bytes cut anywhere: where they are
 * cut never changes the outcome. Needs no connection.
 */
typedef struct sj__http_reader {
  const sj__http_limits *limits;
  sj__http_exchange *exchange; /* the one being read; NULL: between requests */
  llhttp_t parser;
  enum { SJ__HTTP_BLANK_NONE, SJ__HTTP_BLANK_CR, SJ__HTTP_BLANK_CRLF } blank;
  bool line_has_cr;
  bool request_line_read;
  bool head_read;
  bool whole;
  size_t line_size;    /* of the present line of the head, so far */
  size_t framing_size; /* bytes of a chunked body that are not data */
  size_t framing_max;
  sj__http_refusal refusal;
} sj__http_reader;

void sj__http_reader_init(sj__http_reader *reader, const sj__http_limits *limits);
/* Between requests: how many bytes of an empty line to skip (RFC 9112 2.2). */
size_t sj__http_reader_skip_blank(sj__http_reader *reader, const char *data, size_t size);
/* Begins a request, which is read into `exchange`. */
void sj__http_reader_begin(sj__http_reader *reader, sj__http_exchange *exchange);
/* Reads on; *used: how many bytes it took. After WHOLE or REFUSED: begin again or stop. */
sj__http_progress sj__http_reader_feed(sj__http_reader *reader, const char *data, size_t size,
                                       size_t *used);

/* --- Responses (http_response.c) -------------------------------------------- */

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", remade once a second. */
typedef struct sj__http_date {
  char line[40];
  size_t size;
  uint64_t until_ms; /* monotonic */
} sj__http_date;

/* The status line and all fields but Connection; no empty line. Errors stick to `out`. */
void sj__http_write_head(const sj__http_response *response, const sj__http_date *date,
                         sj__buffer *out);
/* Connection, where it says something, and the empty line. */
void sj__http_write_head_end(bool is_http_1_0, bool close, sj__buffer *out);
/* What follows the head: nothing for HEAD, 204 and 304. */
sj_slice sj__http_response_body(const sj__http_exchange *exchange,
                                const sj__http_response *response);
void sj__http_date_refresh(sj__http_date *date, uint64_t now_ms);
/* The fields that go with it: Cache-Control, and Retry-After with a 503. */
const sj__http_field *sj__http_problem_fields(int status, size_t *count);
/* The problem document of a refusal. Its errors stick to `out`. */
void sj__http_write_problem(const sj__http_refusal *refusal, sj__buffer *out);

/* --- Connections (http_connection.c) ----------------------------------------- */

typedef enum sj__http_state {
  SJ__HTTP_STATE_IDLE,      /* between requests: nothing of the next one has come */
  SJ__HTTP_STATE_HEAD,      /* a head has begun */
  SJ__HTTP_STATE_BODY,      /* the head is whole, the body is not */
  SJ__HTTP_STATE_FINISHING, /* no further request is read; replies are still to leave */
  SJ__HTTP_STATE_LINGERING, /* all is written and our side shut; what comes is dropped */
  SJ__HTTP_STATE_CLOSED     /* the stream is closing; unanswered requests hold the memory */
} sj__http_state;

struct sj__http_connection {
  sj__http_server *server;
  sj__stream *stream; /* NULL once it is gone */
  sj__list node;      /* server->connections, at last server->dead */
  sj__list turn_node; /* server->turn: there is something to do when the turn ends */
  sj__http_state state;
  sj__http_reader reader;
  sj__http_exchange *incoming; /* being read; NULL: none */
  sj__list exchanges;          /* whole requests whose replies have not left, oldest first */
  uint32_t exchange_count;     /* in that list */
  uint32_t orphan_count;       /* dropped, but not answered yet */
  size_t early_bytes;          /* of replies that came before their turn */
  sj__buffer output;           /* for the end of the turn */
  sj__buffer held;             /* input that waits while reading is paused */
  size_t discarded;            /* bytes read and dropped since no more requests are read */
  uint64_t read_deadline_ms;   /* of the present state; 0: none */
  uint64_t write_deadline_ms;  /* of what the stream holds; 0: nothing */
  sj__timer timer;             /* may be due before the deadline, never after it */
  bool writing;                /* the stream holds bytes: on_drained will come */
  bool paused;                 /* reading is stopped: too much is under way */
  bool ended;                  /* the client has shut its side */
  bool continue_due;           /* "100 Continue" waits for its turn */
  bool served;                 /* a request has been handed over */
  sj__peer peer;
  void *listener_data;
};

/*
 * Takes the stream over. SJ_NO_MEMORY, SJ_IO (it is gone); then the stream is still the caller's.
 */
SJ_MUST_USE sj_status sj__http_connection_new(sj__http_server *server, sj__stream *stream,
                                              void *listener_data);
/* Closed and without orphans. */
void sj__http_connection_free(sj__http_connection *connection);

/* The one function that changes the state. */
void sj__http_connection_move(sj__http_connection *connection, sj__http_state state);
/* Closes at once, whatever is under way; those who wait for replies are told. */
void sj__http_connection_abort(sj__http_connection *connection);
/* Writes what has gathered, then does what follows from it. */
void sj__http_connection_flush(sj__http_connection *connection);
/* There is more output: it leaves when the turn ends. */
void sj__http_connection_replied(sj__http_connection *connection);
/* The server is draining: see sj__http_server_drain. */
void sj__http_connection_drain(sj__http_connection *connection);
/* Adds a due "100 Continue" to the output if nothing is before it. */
void sj__http_connection_continue(sj__http_connection *connection);

/* Exchanges of a connection (http_exchange.c). */
void sj__http_connection_queue(sj__http_connection *connection, sj__http_exchange *exchange);
/* Tells every pending request that the client has gone. */
void sj__http_connection_tell_gone(sj__http_connection *connection);
/* Drops every request from the list: tells it, and its reply will go nowhere. */
void sj__http_connection_drop_all(sj__http_connection *connection);

/* --- The server (http_server.c) ---------------------------------------------- */

struct sj__http_server {
  sj__loop *loop;
  sj__http_server_options options;
  sj__list connections;
  sj__list dead; /* to be freed when the turn ends */
  size_t connection_count;
  sj__list turn; /* connections that the end of this turn concerns */
  sj__task turn_task;
  sj__list pool; /* of exchanges, the last used first */
  size_t pool_count;
  sj__http_date date;

  bool draining;
  sj__timer drain_timer;
  void (*drained)(void *argument);
  void *drained_argument;
};

static inline uint64_t sj__http_now_ms(const sj__http_server *server) {
  return sj__loop_now_ms(server->loop);
}
/* The connection is looked at when the turn ends. */
void sj__http_server_touch(sj__http_server *server, sj__http_connection *connection);
/* The connection is closed and may be freed when the turn ends. */
void sj__http_server_bury(sj__http_server *server, sj__http_connection *connection);
sj__http_exchange *sj__http_server_take_exchange(
    sj__http_server *server, sj__http_connection *connection); /* NULL: no memory */
void sj__http_server_return_exchange(sj__http_server *server, sj__http_exchange *exchange);

/* --- What is counted (http_metrics.c) ------------------------------------------ */

typedef enum sj__http_event {
  SJ__HTTP_COUNT_ACCEPTED,
  SJ__HTTP_COUNT_CLOSED,
  SJ__HTTP_COUNT_TURNED_AWAY,
  SJ__HTTP_COUNT_RECEIVED,
  SJ__HTTP_COUNT_ABANDONED,
  SJ__HTTP_COUNT_WRITE_TIMED_OUT
} sj__http_event;
void sj__http_server_count(sj__http_server *server, sj__http_event event);
void sj__http_server_count_refusal(sj__http_server *server, int status);

#endif
