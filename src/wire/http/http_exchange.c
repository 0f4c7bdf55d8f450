#include "wire/http/http_private.h"

/* --- Memory -------------------------------------------------------------------- */

void sj__http_exchange_init(sj__http_exchange *exchange, sj__http_connection *connection) {
  exchange->request = (sj__http_request){
      .fields = exchange->fields_inline, .body = {"", 0}, .arena = &exchange->arena};
  exchange->connection = connection;
  sj__list_init(&exchange->node);
  sj__arena_init(&exchange->arena, exchange->arena_first, sizeof(exchange->arena_first), 0);
  exchange->head = NULL;
  exchange->head_size = 0;
  exchange->head_capacity = 0;
  exchange->fields = exchange->fields_inline;
  exchange->field_capacity = SJ__HTTP_FIELDS_INLINE;
  exchange->body = NULL;
  exchange->body_capacity = 0;
  exchange->is_http_1_0 = false;
  exchange->keep_alive = false;
  exchange->expects_continue = false;
  sj__buffer_init(&exchange->reply, 0);
  exchange->reply_head_size = 0;
  exchange->answered = false;
  exchange->close = false;
  exchange->dropped = false;
  exchange->told_gone = false;
}

void sj__http_exchange_clear(sj__http_exchange *exchange) {
  sj__arena_release(&exchange->arena);
  sj__buffer_release(&exchange->reply);
}

static void take_out(sj__http_connection *connection, sj__http_exchange *exchange) {
  sj__list_remove(&exchange->node);
  connection->exchange_count--;
}

static void discard(sj__http_connection *connection, sj__http_exchange *exchange) {
  connection->early_bytes -= exchange->reply.size;
  sj__http_server_return_exchange(connection->server, exchange);
}

/* --- The client gone -------------------------------------------------------------- */

static void tell(sj__http_exchange *exchange) {
  if (exchange->told_gone || exchange->answered) return;
  exchange->told_gone = true;
  sj__http_server_count(exchange->connection->server, SJ__HTTP_COUNT_ABANDONED);
  if (exchange->request.on_gone != NULL) exchange->request.on_gone(&exchange->request);
}

static sj__http_exchange *first_untold(const sj__http_connection *connection) {
  SJ__LIST_FOR(node, &connection->exchanges) {
    sj__http_exchange *exchange = SJ__CONTAINER_OF(node, sj__http_exchange, node);
    if (!exchange->told_gone && !exchange->answered) return exchange;
  }
  return NULL;
}

/* From the front again after each: the call may have answered any of them. */
void sj__http_connection_tell_gone(sj__http_connection *connection) {
  for (;;) {
    sj__http_exchange *exchange = first_untold(connection);
    if (exchange == NULL) return;
    tell(exchange);
  }
}

void sj__http_connection_drop_all(sj__http_connection *connection) {
  while (!sj__list_is_empty(&connection->exchanges)) {
    sj__http_exchange *exchange =
        SJ__CONTAINER_OF(connection->exchanges.next, sj__http_exchange, node);
    take_out(connection, exchange);
    if (exchange->answered) {
      discard(connection, exchange);
    } else {
      exchange->dropped = true;
      connection->orphan_count++;
      tell(exchange);
    }
  }
}

static void answer_orphan(sj__http_connection *connection, sj__http_exchange *exchange) {
  connection->orphan_count--;
  discard(connection, exchange);
  sj__http_server_bury(connection->server, connection);
}

/* --- Replies in order ---------------------------------------------------------------- */

void sj__http_connection_queue(sj__http_connection *connection, sj__http_exchange *exchange) {
  sj__list_append(&connection->exchanges, &exchange->node);
  connection->exchange_count++;
}

static bool is_first(const sj__http_connection *connection, const sj__http_exchange *exchange) {
  return connection->exchanges.next == &exchange->node;
}

/* RFC 9112 9.6: said with the last reply, by whoever wanted it to be the last. */
static bool is_last_reply(const sj__http_connection *connection,
                          const sj__http_exchange *exchange) {
  if (exchange->close || !exchange->keep_alive) return true;
  return connection->state == SJ__HTTP_STATE_FINISHING && connection->exchange_count == 1;
}

/* The reply of the first exchange stands in the output: on to the next. */
static void leave(sj__http_connection *connection, sj__http_exchange *exchange, bool last) {
  take_out(connection, exchange);
  discard(connection, exchange);
  if (last) {
    if (connection->state != SJ__HTTP_STATE_FINISHING) {
      sj__http_connection_move(connection, SJ__HTTP_STATE_FINISHING);
    }
    sj__http_connection_drop_all(connection);
  }
}

static void write_early(sj__http_connection *connection, sj__http_exchange *exchange,
                        const sj__http_response *response) {
  sj__buffer *reply = &exchange->reply;
  sj__http_write_head(response, &connection->server->date, reply);
  exchange->reply_head_size = reply->size;
  sj__buffer_append_slice(reply, sj__http_response_body(exchange, response));
  connection->early_bytes += reply->size;
}

static void write_now(sj__http_connection *connection, sj__http_exchange *exchange,
                      const sj__http_response *response) {
  sj__buffer *output = &connection->output;
  bool last = is_last_reply(connection, exchange);
  sj__http_write_head(response, &connection->server->date, output);
  sj__http_write_head_end(exchange->is_http_1_0, last, output);
  sj__buffer_append_slice(output, sj__http_response_body(exchange, response));
  leave(connection, exchange, last);
}

/* Replies that came early and are next now. */
static void write_ready(sj__http_connection *connection) {
  sj__buffer *output = &connection->output;
  while (!sj__list_is_empty(&connection->exchanges)) {
    sj__http_exchange *exchange =
        SJ__CONTAINER_OF(connection->exchanges.next, sj__http_exchange, node);
    if (!exchange->answered) return;
    const sj__buffer *reply = &exchange->reply;
    size_t head_size = exchange->reply_head_size;
    bool last = is_last_reply(connection, exchange);
    if (sj__buffer_status(reply) != SJ_OK) output->status = SJ_NO_MEMORY;
    sj__buffer_append(output, reply->data, head_size);
    sj__http_write_head_end(exchange->is_http_1_0, last, output);
    sj__buffer_append(output, reply->data + head_size, reply->size - head_size);
    leave(connection, exchange, last);
  }
}

void sj__http_reply(sj__http_request *request, const sj__http_response *response) {
  sj__http_exchange *exchange = SJ__CONTAINER_OF(request, sj__http_exchange, request);
  sj__http_connection *connection = exchange->connection;
  SJ__REQUIRE(!exchange->answered);
  exchange->answered = true;
  if (exchange->dropped) {
    answer_orphan(connection, exchange);
    return;
  }
  exchange->close = response->close;
  sj__http_date_refresh(&connection->server->date, sj__http_now_ms(connection->server));
  if (is_first(connection, exchange)) {
    write_now(connection, exchange, response);
    write_ready(connection);
    sj__http_connection_continue(connection);
    sj__http_connection_replied(connection);
  } else {
    write_early(connection, exchange, response);
  }
}

/* --- Fields --------------------------------------------------------------------------- */

sj_slice sj__http_field_get(const sj__http_request *request, const char *name, size_t *count) {
  sj_slice wanted = sj__slice_text(name);
  sj_slice first = {NULL, 0};
  size_t found = 0;
  for (size_t i = 0; i < request->field_count; i++) {
    const sj__http_field *field = &request->fields[i];
    if (field->name.size != wanted.size || !sj__slice_equal_nocase(field->name, wanted)) continue;
    if (found++ == 0) first = field->value;
  }
  if (count != NULL) *count = found;
  return first;
}
