#include "front/ops/ops_front.h"

static void answer_state(sj__exchange *exchange, const char *state) {
  sj__reply reply;
  sj__reply_init(&reply, 200);
  sj__buffer_appendf(&exchange->front->scratch, "{\"status\":\"%s\"}\n", state);
  sj__exchange_send_json(exchange, &reply);
}

void sj__ops_health(sj__exchange *exchange) {
  answer_state(exchange, "alive");
}

/* A later outage keeps it ready: draining every server at once helps nobody (DESIGN.md 7). */
void sj__ops_ready(sj__exchange *exchange) {
  if (sj__engine_ready(sj__worker_sessions(exchange->front->worker))) {
    answer_state(exchange, "ready");
  } else {
    sj__exchange_fail(exchange, SJ_UNAVAILABLE,
                      SJ__SLICE("the store has not answered or marks are being replayed"));
  }
}

void sj__ops_metrics(sj__exchange *exchange) {
  sj__front *front = exchange->front;
  sj__reply reply;
  if (front->registry == NULL) {
    sj__exchange_fail(exchange, SJ_NOT_FOUND, (sj_slice){NULL, 0});
    return;
  }
  if (front->on_scrape != NULL) front->on_scrape(front->scrape_context);
  sj__store_health health = {0};
  sj_sessions *sessions = sj__worker_sessions(front->worker);
  sj__engine_health(sessions, &health);
  sj__front_metrics_set_store(front->metrics, sj__engine_ready(sessions), &health);
  sj__metrics_render(front->registry, &front->scratch);
  sj__reply_init(&reply, 200);
  reply.response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  sj__exchange_send_json(exchange, &reply);
}
