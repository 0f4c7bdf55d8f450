#include "wire/http/http_private.h"

#define OUTPUT_KEPT    16384u   /* a larger output buffer is given back once it is written */
#define LINGER_MS      2000u    /* so long we read on after the last reply */
#define DISCARDED_MAX  4194304u /* bytes that are read on and dropped */
#define DRAIN_FIRST_MS 1000u

/* --- States ---------------------------------------------------------------------- */

static bool may_move(sj__http_state from, sj__http_state to) {
  static const unsigned allowed[] = {
      [SJ__HTTP_STATE_IDLE] =
          1u << SJ__HTTP_STATE_HEAD | 1u << SJ__HTTP_STATE_FINISHING | 1u << SJ__HTTP_STATE_CLOSED,
      [SJ__HTTP_STATE_HEAD] = 1u << SJ__HTTP_STATE_IDLE | 1u << SJ__HTTP_STATE_BODY |
                              1u << SJ__HTTP_STATE_FINISHING | 1u << SJ__HTTP_STATE_CLOSED,
      [SJ__HTTP_STATE_BODY] =
          1u << SJ__HTTP_STATE_IDLE | 1u << SJ__HTTP_STATE_FINISHING | 1u << SJ__HTTP_STATE_CLOSED,
      [SJ__HTTP_STATE_FINISHING] = 1u << SJ__HTTP_STATE_LINGERING | 1u << SJ__HTTP_STATE_CLOSED,
      [SJ__HTTP_STATE_LINGERING] = 1u << SJ__HTTP_STATE_CLOSED,
      [SJ__HTTP_STATE_CLOSED] = 0,
  };
  return (allowed[from] >> to & 1u) != 0;
}

static bool is_reading(const sj__http_connection *connection) {
  return connection->state <= SJ__HTTP_STATE_BODY;
}

/* The request that was being read will not be whole. */
static void forget_incoming(sj__http_connection *connection) {
  sj__http_exchange *incoming = connection->incoming;
  if (incoming == NULL) return;
  connection->incoming = NULL;
  sj__http_server_return_exchange(connection->server, incoming);
}

/* Nothing more is served from this connection, but the client is still listened to. */
static void stop_serving(sj__http_connection *connection) {
  forget_incoming(connection);
  sj__buffer_release(&connection->held);
  connection->continue_due = false;
  if (connection->paused) {
    connection->paused = false;
    sj__stream_read_start(connection->stream);
  }
}

static void close_stream(sj__http_connection *connection) {
  forget_incoming(connection);
  sj__timer_stop(connection->server->loop, &connection->timer);
  sj__list_remove(&connection->turn_node);
  sj__buffer_release(&connection->output);
  sj__buffer_release(&connection->held);
  sj__stream_close(connection->stream);
}

static uint64_t after(const sj__http_connection *connection, uint32_t delay_ms) {
  return sj__http_now_ms(connection->server) + delay_ms;
}

void sj__http_connection_move(sj__http_connection *connection, sj__http_state state) {
  const sj__http_limits *limits = &connection->server->options.limits;
  SJ__REQUIRE(may_move(connection->state, state));
  connection->state = state;
  connection->read_deadline_ms = 0;
  switch (state) {
    case SJ__HTTP_STATE_IDLE:
      break; /* set when all replies have left */
    case SJ__HTTP_STATE_HEAD:
      connection->read_deadline_ms = after(connection, limits->head_timeout_ms);
      break;
    case SJ__HTTP_STATE_BODY:
      connection->read_deadline_ms = after(connection, limits->body_timeout_ms);
      break;
    case SJ__HTTP_STATE_FINISHING:
      stop_serving(connection);
      break;
    case SJ__HTTP_STATE_LINGERING:
      connection->read_deadline_ms = after(connection, LINGER_MS);
      break;
    case SJ__HTTP_STATE_CLOSED:
      close_stream(connection);
      break;
  }
}

void sj__http_connection_abort(sj__http_connection *connection) {
  if (connection->state == SJ__HTTP_STATE_CLOSED) return;
  sj__http_connection_move(connection, SJ__HTTP_STATE_CLOSED);
  sj__http_connection_drop_all(connection);
}

/* --- Deadlines --------------------------------------------------------------------- */

static uint64_t next_deadline(const sj__http_connection *connection) {
  uint64_t read = connection->read_deadline_ms;
  uint64_t write = connection->write_deadline_ms;
  if (read == 0 || write == 0) return read + write;
  return read < write ? read : write;
}

static void on_timer(sj__timer *timer);

/*
 * The timer is moved only to an earlier moment. One that fires before its
 * deadline is started again, so that a busy connection costs no timer work.
 */
static void arm(sj__http_connection *connection) {
  uint64_t deadline = next_deadline(connection);
  if (deadline == 0 || connection->state == SJ__HTTP_STATE_CLOSED) return;
  if (sj__timer_is_running(&connection->timer) && connection->timer.due_ms <= deadline) return;
  uint64_t now_ms = sj__http_now_ms(connection->server);
  uint64_t delay = deadline > now_ms ? deadline - now_ms : 0;
  if (sj__timer_start(connection->server->loop, &connection->timer, delay, on_timer) != SJ_OK) {
    sj__http_connection_abort(connection); /* without a deadline it could stay for ever */
  }
}

static bool is_quiet(const sj__http_connection *connection) {
  return connection->exchange_count == 0 && connection->output.size == 0 && !connection->writing;
}

static void refuse(sj__http_connection *connection, const sj__http_refusal *refusal);

static void read_deadline_passed(sj__http_connection *connection) {
  static const sj__http_refusal late = {408, "the request did not come in time"};
  if (connection->state == SJ__HTTP_STATE_HEAD || connection->state == SJ__HTTP_STATE_BODY) {
    refuse(connection, &late);
  } else {
    sj__http_connection_abort(connection);
  }
}

static void on_timer(sj__timer *timer) {
  sj__http_connection *connection = SJ__CONTAINER_OF(timer, sj__http_connection, timer);
  uint64_t now_ms = sj__http_now_ms(connection->server);
  if (connection->write_deadline_ms != 0 && now_ms >= connection->write_deadline_ms) {
    sj__http_server_count(connection->server, SJ__HTTP_COUNT_WRITE_TIMED_OUT);
    sj__http_connection_abort(connection);
  } else if (connection->read_deadline_ms != 0 && now_ms >= connection->read_deadline_ms) {
    read_deadline_passed(connection);
  }
  arm(connection);
}

/* --- Reading --------------------------------------------------------------------------- */

/* Answers in the place of the handler, and ends the connection. */
static void refuse(sj__http_connection *connection, const sj__http_refusal *refusal) {
  sj__http_exchange *exchange = connection->incoming;
  sj__buffer document;
  connection->incoming = NULL;
  sj__http_connection_queue(connection, exchange);
  sj__http_connection_move(connection, SJ__HTTP_STATE_FINISHING);
  sj__http_server_count_refusal(connection->server, refusal->status);
  sj__buffer_init(&document, 0);
  sj__http_write_problem(refusal, &document);
  size_t field_count;
  const sj__http_field *fields = sj__http_problem_fields(refusal->status, &field_count);
  const sj__http_response response = {
      .status = refusal->status,
      .content_type = "application/problem+json",
      .fields = fields,
      .field_count = field_count,
      .body = sj__buffer_slice(&document),
      .close = true,
  };
  sj__http_reply(&exchange->request, &response);
  sj__buffer_release(&document);
}

/* `more`: bytes of a further request are at hand. */
static void dispatch(sj__http_connection *connection, bool more) {
  sj__http_server *server = connection->server;
  sj__http_exchange *exchange = connection->incoming;
  connection->incoming = NULL;
  connection->served = true;
  connection->continue_due = false;
  sj__http_connection_queue(connection, exchange);
  /* What follows a request to close is not for us (RFC 9112 9.6). */
  bool last = !exchange->keep_alive || (server->draining && !more);
  sj__http_connection_move(connection, last ? SJ__HTTP_STATE_FINISHING : SJ__HTTP_STATE_IDLE);
  sj__http_server_count(server, SJ__HTTP_COUNT_RECEIVED);
  server->options.handler(server->options.context, &exchange->request);
}

/* RFC 9110 10.1.1: asked for only while none of the body is here, and in its turn. */
void sj__http_connection_continue(sj__http_connection *connection) {
  if (!connection->continue_due || connection->exchange_count > 0) return;
  connection->continue_due = false;
  sj__buffer_append_literal(&connection->output, "HTTP/1.1 100 Continue\r\n\r\n");
}

static bool begin_request(sj__http_connection *connection) {
  sj__http_exchange *exchange = sj__http_server_take_exchange(connection->server, connection);
  if (exchange == NULL) return false;
  exchange->request.peer = &connection->peer;
  exchange->request.listener_data = connection->listener_data;
  connection->incoming = exchange;
  sj__http_reader_begin(&connection->reader, exchange);
  sj__http_connection_move(connection, SJ__HTTP_STATE_HEAD);
  return true;
}

/* Reads one request at most, and returns how many bytes it took. */
static size_t read_some(sj__http_connection *connection, const char *data, size_t size) {
  sj__http_reader *reader = &connection->reader;
  size_t used = 0;
  if (connection->state == SJ__HTTP_STATE_IDLE) {
    size_t blank = sj__http_reader_skip_blank(reader, data, size);
    if (blank > 0) return blank;
    if (!begin_request(connection)) {
      sj__http_connection_abort(connection);
      return size;
    }
  }
  connection->continue_due = false;
  switch (sj__http_reader_feed(reader, data, size, &used)) {
    case SJ__HTTP_READ_MORE:
      break;
    case SJ__HTTP_READ_HEAD:
      sj__http_connection_move(connection, SJ__HTTP_STATE_BODY);
      connection->continue_due = connection->incoming->expects_continue && used == size;
      sj__http_connection_continue(connection);
      break;
    case SJ__HTTP_READ_WHOLE:
      dispatch(connection, used < size);
      break;
    case SJ__HTTP_READ_REFUSED:
      refuse(connection, &reader->refusal);
      return size;
  }
  return used;
}

static bool is_above(const sj__http_connection *connection, uint32_t exchanges, size_t bytes) {
  if (connection->exchange_count >= exchanges) return true;
  size_t waiting = connection->output.size + connection->early_bytes;
  if (connection->writing) waiting += sj__stream_queued(connection->stream);
  return waiting >= bytes;
}

/* Back-pressure: only between requests, since one request is bounded by itself. */
static bool must_pause(const sj__http_connection *connection) {
  const sj__http_limits *limits = &connection->server->options.limits;
  return connection->state == SJ__HTTP_STATE_IDLE &&
         is_above(connection, limits->pipeline_max, limits->queued_max);
}

/* Half of it gone, so that a long pipeline isn't stopped and started at every reply. */
static bool may_resume(const sj__http_connection *connection) {
  const sj__http_limits *limits = &connection->server->options.limits;
  return !is_above(connection, limits->pipeline_max / 2 + 1, limits->queued_max / 2 + 1);
}

/* Serves what the data holds, until it is used up or too much is under way. */
static size_t consume(sj__http_connection *connection, const char *data, size_t size) {
  size_t at = 0;
  while (at < size && is_reading(connection) && !must_pause(connection)) {
    at += read_some(connection, data + at, size - at);
  }
  return is_reading(connection) ? at : size;
}

static void pause_if_due(sj__http_connection *connection) {
  if (connection->paused || !must_pause(connection)) return;
  connection->paused = true;
  sj__stream_read_stop(connection->stream);
}

static void discard(sj__http_connection *connection, size_t size) {
  connection->discarded += size;
  if (connection->discarded <= DISCARDED_MAX) return;
  if (connection->state == SJ__HTTP_STATE_LINGERING) {
    sj__http_connection_abort(connection);
  } else {
    sj__stream_read_stop(connection->stream);
  }
}

/* What the data did not hold whole is kept, or waits. */
static void settle_input(sj__http_connection *connection, const char *rest, size_t size) {
  if (!is_reading(connection)) return;
  pause_if_due(connection);
  if (size > 0) sj__buffer_append(&connection->held, rest, size);
  if (sj__buffer_status(&connection->held) != SJ_OK) {
    sj__http_connection_abort(connection);
    return;
  }
  arm(connection);
}

static void on_read(sj__stream *stream, char *data, size_t size) {
  sj__http_connection *connection = stream->data;
  if (!is_reading(connection)) {
    discard(connection, size);
    return;
  }
  size_t used = consume(connection, data, size);
  settle_input(connection, data + used, size - used);
  if (connection->output.size > 0) sj__http_server_touch(connection->server, connection);
}

/* The stopped reading goes on: first with what came before it was stopped. */
static void resume(sj__http_connection *connection) {
  sj__buffer *held = &connection->held;
  size_t used = consume(connection, held->data, held->size);
  if (!is_reading(connection)) return;
  sj__buffer_consume(held, used);
  if (held->size > 0 || must_pause(connection)) return;
  sj__buffer_release(held);
  connection->paused = false;
  sj__stream_read_start(connection->stream);
}

/*
 * The client has ended its side. Who waits for a reply is told; what is
 * answered all the same is still sent, since the client may be listening.
 */
static void on_end(sj__stream *stream, sj_status why) {
  sj__http_connection *connection = stream->data;
  connection->ended = true;
  bool done = connection->state == SJ__HTTP_STATE_LINGERING || is_quiet(connection);
  if (why != SJ_CLOSED || done) {
    sj__http_connection_abort(connection);
    return;
  }
  if (is_reading(connection)) sj__http_connection_move(connection, SJ__HTTP_STATE_FINISHING);
  sj__http_connection_tell_gone(connection);
  sj__http_server_touch(connection->server, connection);
}

/* --- Writing --------------------------------------------------------------------------- */

/* False: the connection is gone. */
static bool write_output(sj__http_connection *connection) {
  sj__buffer *output = &connection->output;
  bool failed = sj__buffer_status(output) != SJ_OK;
  if (!failed && (output->size == 0 || connection->writing)) return true;
  const sj_slice slice = sj__buffer_slice(output);
  bool queued = false;
  if (failed || sj__stream_write(connection->stream, &slice, 1, &queued) != SJ_OK) {
    sj__http_connection_abort(connection);
    return false;
  }
  if (output->capacity > OUTPUT_KEPT) {
    sj__buffer_release(output);
  } else {
    sj__buffer_reset(output);
  }
  if (queued) {
    connection->writing = true;
    connection->write_deadline_ms =
        after(connection, connection->server->options.limits.write_timeout_ms);
  }
  return true;
}

/* All replies have left, and none will follow. */
static void finish(sj__http_connection *connection) {
  if (connection->ended) {
    sj__http_connection_abort(connection);
    return;
  }
  /* RFC 9112 9.6: closing both sides could cost the client our last reply. */
  sj__stream_shutdown(connection->stream);
  sj__http_connection_move(connection, SJ__HTTP_STATE_LINGERING);
}

/*
 * Replies leave when the turn ends: those of one connection in one write, and
 * those of all connections one after the other, so that a client that serves
 * many of them is woken once and not once a reply.
 */
void sj__http_connection_replied(sj__http_connection *connection) {
  sj__http_server_touch(connection->server, connection);
}

/*
 * Writes, and reads on where reading was stopped, until neither is possible:
 * what is answered meanwhile must leave too. False: the connection is gone.
 */
static bool make_way(sj__http_connection *connection) {
  if (!write_output(connection)) return false;
  while (connection->paused && may_resume(connection)) {
    resume(connection);
    if (connection->state == SJ__HTTP_STATE_CLOSED || !write_output(connection)) return false;
  }
  return true;
}

void sj__http_connection_flush(sj__http_connection *connection) {
  if (connection->state == SJ__HTTP_STATE_CLOSED || !make_way(connection)) return;
  if (!is_quiet(connection)) {
    arm(connection);
    return;
  }
  if (connection->state == SJ__HTTP_STATE_IDLE && connection->server->draining) {
    sj__http_connection_move(connection, SJ__HTTP_STATE_FINISHING);
  }
  if (connection->state == SJ__HTTP_STATE_FINISHING) {
    finish(connection);
  } else if (connection->state == SJ__HTTP_STATE_IDLE) {
    connection->read_deadline_ms =
        after(connection, connection->server->options.limits.idle_timeout_ms);
  }
  arm(connection);
}

static void on_drained(sj__stream *stream, sj_status status) {
  sj__http_connection *connection = stream->data;
  connection->writing = false;
  connection->write_deadline_ms = 0;
  if (status != SJ_OK) {
    sj__http_connection_abort(connection);
  } else {
    sj__http_server_touch(connection->server, connection);
  }
}

/* --- Life --------------------------------------------------------------------------------- */

static void on_closed(sj__stream *stream) {
  sj__http_connection *connection = stream->data;
  connection->stream = NULL;
  sj__http_server_bury(connection->server, connection);
}

static const sj__stream_events events = {on_read, on_end, on_drained, on_closed};

sj_status sj__http_connection_new(sj__http_server *server, sj__stream *stream,
                                  void *listener_data) {
  sj__http_connection *connection = sj__calloc(1, sizeof(*connection));
  if (connection == NULL) return SJ_NO_MEMORY;
  sj_status status = sj__stream_peer(stream, &connection->peer);
  connection->server = server;
  connection->read_deadline_ms = after(connection, server->options.limits.idle_timeout_ms);
  if (status == SJ_OK) {
    status = sj__timer_start(server->loop, &connection->timer,
                             server->options.limits.idle_timeout_ms, on_timer);
  }
  if (status != SJ_OK) {
    sj__free(connection);
    return status;
  }
  connection->stream = stream;
  connection->listener_data = listener_data;
  sj__list_init(&connection->turn_node);
  sj__list_init(&connection->exchanges);
  sj__buffer_init(&connection->output, 0);
  sj__buffer_init(&connection->held, 0);
  sj__http_reader_init(&connection->reader, &server->options.limits);
  sj__list_append(&server->connections, &connection->node);
  stream->events = &events;
  stream->data = connection;
  sj__stream_read_start(stream);
  if (server->draining) sj__http_connection_drain(connection);
  return SJ_OK;
}

void sj__http_connection_free(sj__http_connection *connection) {
  sj__buffer_release(&connection->output);
  sj__buffer_release(&connection->held);
  sj__free(connection);
}

void sj__http_connection_drain(sj__http_connection *connection) {
  if (connection->state != SJ__HTTP_STATE_IDLE || connection->held.size > 0) return;
  if (!is_quiet(connection)) {
    sj__http_connection_move(connection, SJ__HTTP_STATE_FINISHING);
  } else if (connection->served) {
    sj__http_connection_move(connection, SJ__HTTP_STATE_FINISHING);
    sj__http_server_touch(connection->server, connection);
  } else {
    connection->read_deadline_ms = after(connection, DRAIN_FIRST_MS);
    arm(connection);
  }
}
