/*
 * One request on its way through a front: where its handler keeps what the
 * engine's call needs, and how it answers. Lives in the request's arena.
 */
#ifndef SJ_FRONT_EXCHANGE_H
#define SJ_FRONT_EXCHANGE_H

#include "front/front.h"
#include "front/router.h"

struct sj__front {
  sj_worker *worker;
  sj_slice cookie_name;
  sj__api_key *api_keys;
  size_t api_key_count;
  char **check_attributes;
  size_t check_attribute_count;
  sj__metrics *registry;
  sj__front_metrics *metrics;
  void (*on_scrape)(void *context);
  void *scrape_context;
  sj__buffer scratch;       /* for the reply that is being written; wiped after each */
  char *authenticate;       /* WWW-Authenticate without a credential, and … */
  char *authenticate_again; /* … with one that is not accepted */
  size_t pending;
};

struct sj__exchange {
  sj__front *front;
  sj__http_request *request;
  const sj__route *route;
  sj_slice parameters[SJ__ROUTE_PARAMETERS]; /* decoded */
  uint64_t started_ns;
  bool writes;   /* a 503 says whether the write was applied */
  bool calling;  /* the engine has `call` */
  bool finishes; /* goes on even if the client leaves: ending a session */
  void *handler_data;
  sj_call call;
};

/* --- Replies ----------------------------------------------------------------- */

#define SJ__REPLY_FIELDS 12

typedef struct sj__reply {
  sj__http_response response;
  sj__http_field fields[SJ__REPLY_FIELDS];
} sj__reply;

/* With Cache-Control: no-store, as all of ours have (DESIGN.md 7). */
void sj__reply_init(sj__reply *reply, int http);
/* An absent value adds nothing. Name and value are borrowed until the reply is sent. */
void sj__reply_add(sj__reply *reply, const char *name, sj_slice value);

/*
 * Sends it and ends the exchange, which no longer exists. `outcome` is what is
 * counted. Wipes the front's scratch buffer; if that has failed, 503 instead.
 */
void sj__exchange_send(sj__exchange *exchange, sj__reply *reply, sj_status outcome);

/* A body that was written into the scratch buffer. */
void sj__exchange_send_json(sj__exchange *exchange, sj__reply *reply);

/*
 * A problem document. `detail` {NULL,0}: the status's text. Adds what the
 * status wants: Retry-After, WWW-Authenticate, Allow.
 */
void sj__exchange_fail(sj__exchange *exchange, sj_status status, sj_slice detail);
/* The same for what the engine's call ended with, its `applied` and clearing cookie included. */
void sj__exchange_fail_call(sj__exchange *exchange);
/* The same under another HTTP status than the table's, as /check needs. */
void sj__exchange_fail_as(sj__exchange *exchange, int http, sj_status status, sj_slice detail);

/* --- The engine's call --------------------------------------------------------- */

/* sj__exchange_fail with an error's message, if it has one. */
void sj__exchange_fail_input(sj__exchange *exchange, sj_status status, const sj_error *error);

/* sj__query_parse of the request's query; false: refused, and answered. */
bool sj__exchange_take_query(sj__exchange *exchange, const char *const *names, size_t count,
                             sj_slice *values);

/* Looks for the request's credential: call.credential. SJ_NO_CREDENTIAL, SJ_BAD_CREDENTIAL. */
SJ_MUST_USE sj_status sj__exchange_find_credential(sj__exchange *exchange);

/* The same, and Sojourn-Consistency; false: refused, and answered. */
bool sj__exchange_take_credential(sj__exchange *exchange);

/* Before a start: `done` gets the exchange as call->data. */
void sj__exchange_prepare(sj__exchange *exchange, sj_done *done);
/* After it: answers if it failed. */
void sj__exchange_started(sj__exchange *exchange, sj_status status);
/* First thing in `done`. */
sj__exchange *sj__exchange_of(sj_call *call);

/* A `done` whose success is 204, with the clearing cookie where there is one. */
void sj__exchange_no_content(sj_call *call);

/* Zeroed memory that lives as long as the exchange; NULL: none, and answered. */
void *sj__exchange_alloc(sj__exchange *exchange, size_t size);

/* --- Metrics ------------------------------------------------------------------- */

void sj__front_metrics_count(sj__front_metrics *metrics, const sj__route *route, int http,
                             sj_status outcome, uint64_t elapsed_ns);
void sj__front_metrics_set_store(sj__front_metrics *metrics, bool ready,
                                 const sj__store_health *health);

/* --- Routes --------------------------------------------------------------------- */

extern const sj__route sj__routes[];
extern const size_t sj__route_count;

#endif
