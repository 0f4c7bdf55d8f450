#include "codec/problem.h"
#include "wire/http/http_private.h"

#define POOL_MAX 64u /* exchanges kept for the next requests: about 5 KiB each */

/* --- Options ------------------------------------------------------------------- */

void sj__http_limits_init(sj__http_limits *limits) {
  *limits = (sj__http_limits){
      .head_max = 16384,
      .field_count_max = 100,
      .body_max = 65536,
      .head_timeout_ms = 10000,
      .body_timeout_ms = 30000,
      .idle_timeout_ms = 75000,
      .write_timeout_ms = 30000,
      .pipeline_max = 64,
      .queued_max = 1048576,
  };
}

/* --- Exchanges -------------------------------------------------------------------- */

sj__http_exchange *sj__http_server_take_exchange(sj__http_server *server,
                                                 sj__http_connection *connection) {
  sj__http_exchange *exchange;
  if (sj__list_is_empty(&server->pool)) {
    exchange = sj__malloc(sizeof(*exchange));
    if (exchange == NULL) return NULL;
  } else {
    exchange = SJ__CONTAINER_OF(server->pool.next, sj__http_exchange, node);
    sj__list_remove(&exchange->node);
    server->pool_count--;
  }
  sj__http_exchange_init(exchange, connection);
  return exchange;
}

void sj__http_server_return_exchange(sj__http_server *server, sj__http_exchange *exchange) {
  sj__http_exchange_clear(exchange);
  if (server->pool_count >= POOL_MAX) {
    sj__free(exchange);
    return;
  }
  /* To the front: its memory is still in the cache. */
  sj__list_insert_before(server->pool.next, &exchange->node);
  server->pool_count++;
}

/* --- The end of a turn --------------------------------------------------------------- */

static void request_turn(sj__http_server *server) {
  if (!server->turn_task.queued) sj__loop_at_turn_end(server->loop, &server->turn_task);
}

void sj__http_server_touch(sj__http_server *server, sj__http_connection *connection) {
  if (connection->state == SJ__HTTP_STATE_CLOSED || !sj__list_is_empty(&connection->turn_node))
    return;
  sj__list_append(&server->turn, &connection->turn_node);
  request_turn(server);
}

void sj__http_server_bury(sj__http_server *server, sj__http_connection *connection) {
  if (connection->stream != NULL || connection->orphan_count > 0) return;
  SJ__REQUIRE(connection->state == SJ__HTTP_STATE_CLOSED);
  sj__list_remove(&connection->node);
  sj__list_append(&server->dead, &connection->node);
  request_turn(server);
}

static void free_dead(sj__http_server *server) {
  while (!sj__list_is_empty(&server->dead)) {
    sj__http_connection *connection =
        SJ__CONTAINER_OF(server->dead.next, sj__http_connection, node);
    sj__list_remove(&connection->node);
    sj__http_connection_free(connection);
    server->connection_count--;
    sj__http_server_count(server, SJ__HTTP_COUNT_CLOSED);
  }
}

static void server_free(sj__http_server *server) {
  sj__timer_stop(server->loop, &server->drain_timer);
  while (!sj__list_is_empty(&server->pool)) {
    sj__http_exchange *exchange = SJ__CONTAINER_OF(server->pool.next, sj__http_exchange, node);
    sj__list_remove(&exchange->node);
    sj__free(exchange);
  }
  sj__free(server);
}

static void end_turn(sj__task *task) {
  sj__http_server *server = SJ__CONTAINER_OF(task, sj__http_server, turn_task);
  while (!sj__list_is_empty(&server->turn)) {
    sj__http_connection *connection =
        SJ__CONTAINER_OF(server->turn.next, sj__http_connection, turn_node);
    sj__list_remove(&connection->turn_node);
    sj__http_connection_flush(connection);
  }
  free_dead(server);
  if (!server->draining || server->connection_count > 0 || server->turn_task.queued) return;
  void (*done)(void *) = server->drained;
  void *argument = server->drained_argument;
  server_free(server);
  if (done != NULL) done(argument);
}

/* --- Life ------------------------------------------------------------------------------- */

sj_status sj__http_server_new(sj__loop *loop, const sj__http_server_options *options,
                              sj__http_server **out) {
  const sj__http_limits *limits = &options->limits;
  SJ__REQUIRE(options->handler != NULL && limits->pipeline_max > 0 && limits->queued_max > 0);
  sj__http_server *server = sj__calloc(1, sizeof(*server));
  if (server == NULL) return SJ_NO_MEMORY;
  server->loop = loop;
  server->options = *options;
  server->turn_task.fn = end_turn;
  sj__list_init(&server->connections);
  sj__list_init(&server->dead);
  sj__list_init(&server->turn);
  sj__list_init(&server->pool);
  *out = server;
  return SJ_OK;
}

size_t sj__http_server_connections(const sj__http_server *server) {
  return server->connection_count;
}

/* --- Turning away -------------------------------------------------------------------------- */

static void ignore_read(sj__stream *stream, char *data, size_t size) {}
static void ignore_end(sj__stream *stream, sj_status why) {}
static void ignore_closed(sj__stream *stream) {}
static const sj__stream_events ignore_events = {ignore_read, ignore_end, ignore_end, ignore_closed};

/*
 * Says 503 and closes. Nothing is kept of it, and it is not waited for: above
 * the limit the cheapest way out is the right one. A new connection's buffer
 * holds so little at once; if it doesn't, that is the client's loss.
 */
static void turn_away(sj__http_server *server, sj__stream *stream) {
  static const sj__http_refusal refusal = {503, "too many connections"};
  sj__buffer document;
  sj__buffer reply;
  sj__buffer_init(&document, 0);
  sj__buffer_init(&reply, 0);
  stream->events = &ignore_events;
  sj__http_write_problem(&refusal, &document);
  size_t field_count;
  const sj__http_field *fields = sj__http_problem_fields(refusal.status, &field_count);
  const sj__http_response response = {
      .status = refusal.status,
      .content_type = "application/problem+json",
      .fields = fields,
      .field_count = field_count,
      .body = sj__buffer_slice(&document),
  };
  sj__http_date_refresh(&server->date, sj__http_now_ms(server));
  sj__http_write_head(&response, &server->date, &reply);
  sj__http_write_head_end(false, true, &reply);
  sj__buffer_append_slice(&reply, response.body);
  const sj_slice slice = sj__buffer_slice(&reply);
  if (sj__buffer_status(&reply) == SJ_OK) (void)!sj__stream_write(stream, &slice, 1, NULL);
  sj__stream_close(stream);
  sj__buffer_release(&document);
  sj__buffer_release(&reply);
}

void sj__http_server_accept(sj__http_server *server, sj__stream *stream, void *listener_data) {
  uint32_t max = server->options.limits.connections_max;
  if (max != 0 && server->connection_count >= max) {
    sj__http_server_count(server, SJ__HTTP_COUNT_TURNED_AWAY);
    turn_away(server, stream);
  } else if (sj__http_connection_new(server, stream, listener_data) != SJ_OK) {
    stream->events = &ignore_events;
    sj__stream_close(stream);
  } else {
    server->connection_count++;
    sj__http_server_count(server, SJ__HTTP_COUNT_ACCEPTED);
  }
}

/* --- Drain ------------------------------------------------------------------------------------ */

/* Requests that are still unanswered keep their connections, and the server, until they are. */
static void abort_all(sj__http_server *server) {
  SJ__LIST_FOR_SAFE(node, &server->connections) {
    sj__http_connection_abort(SJ__CONTAINER_OF(node, sj__http_connection, node));
  }
}

static void on_grace_over(sj__timer *timer) {
  abort_all(SJ__CONTAINER_OF(timer, sj__http_server, drain_timer));
}

void sj__http_server_drain(sj__http_server *server, uint32_t grace_ms, void (*done)(void *argument),
                           void *argument) {
  SJ__REQUIRE(!server->draining);
  server->draining = true;
  server->drained = done;
  server->drained_argument = argument;
  request_turn(server);
  if (grace_ms == 0 ||
      sj__timer_start(server->loop, &server->drain_timer, grace_ms, on_grace_over) != SJ_OK) {
    abort_all(server);
    return;
  }
  SJ__LIST_FOR_SAFE(node, &server->connections) {
    sj__http_connection_drain(SJ__CONTAINER_OF(node, sj__http_connection, node));
  }
}
