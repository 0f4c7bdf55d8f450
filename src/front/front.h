/*
 * The HTTP front: turns requests into calls of the engine and results into
 * replies (DESIGN.md 7, docs/openapi.yaml). It translates and never decides:
 * verdicts on sessions are the engine's.
 *
 * One front a worker loop, on that loop's thread. What fronts share (metrics)
 * is made once, before threads start.
 */
#ifndef SJ_FRONT_FRONT_H
#define SJ_FRONT_FRONT_H

#include "base/metrics.h"
#include "crypto/digest.h"
#include "session/engine.h"
#include "wire/http/http_server.h"

/* In the order of the configuration's names. A set of them is a bit mask. */
typedef enum sj__role {
  SJ__ROLE_APP = 1 << 0,
  SJ__ROLE_CHECK = 1 << 1,
  SJ__ROLE_ADMIN = 1 << 2,
  SJ__ROLE_OAUTH = 1 << 3,
  SJ__ROLE_METRICS = 1 << 4,
  SJ__ROLES_ALL = (1 << 5) - 1
} sj__role;

/*
 * What a listener's requests may ask for; goes to sj__http_server_accept as
 * `listener_data` and must outlive its connections. A route exists only where
 * its role is; /healthz and /readyz are everywhere.
 */
typedef struct sj__front_listener {
  uint32_t roles;
} sj__front_listener;

/* An API key as it is kept: never the key itself. */
typedef struct sj__api_key {
  uint8_t hash[SJ__DIGEST_SIZE]; /* SHA-256 of the key's text */
  uint32_t roles;
} sj__api_key;

/* Request counts and latencies by route. */
typedef struct sj__front_metrics sj__front_metrics;
/* Registers them in `registry`, which must outlive them. NULL: no memory. */
sj__front_metrics *sj__front_metrics_new(sj__metrics *registry);
void sj__front_metrics_free(sj__front_metrics *metrics); /* NULL allowed */

typedef struct sj__front_options {
  sj_worker *worker;           /* outlives the front */
  const sj__api_key *api_keys; /* copied */
  size_t api_key_count;
  const char *const *check_attributes; /* names that /check hands on; copied */
  size_t check_attribute_count;
  sj__metrics *registry;      /* rendered by /metrics; NULL: that route answers 404 */
  sj__front_metrics *metrics; /* NULL: nothing is counted */
  /* Before /metrics is rendered, on the front's thread: sets what nothing counts as it happens. */
  void (*on_scrape)(void *context); /* may be NULL */
  void *scrape_context;
} sj__front_options;

typedef struct sj__front sj__front;

/* SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__front_new(const sj__front_options *options, sj__front **out);

/* Every request must have been answered (aborts). NULL allowed. */
void sj__front_free(sj__front *front);

/* The sj__http_handler; `front` is the sj__front. */
void sj__front_handle(void *front, sj__http_request *request);

/*
 * Takes other keys from now on, as a reload does; copied. SJ_NO_MEMORY: the
 * old ones stay.
 */
SJ_MUST_USE sj_status sj__front_set_api_keys(sj__front *front, const sj__api_key *keys,
                                             size_t count);

#endif
