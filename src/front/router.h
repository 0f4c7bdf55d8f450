/* Which handler answers a method and a path. Pure: no request, no reply. */
#ifndef SJ_FRONT_ROUTER_H
#define SJ_FRONT_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "wire/http/http_server.h"

#define SJ__ROUTE_METHODS    3
#define SJ__ROUTE_PARAMETERS 2

typedef struct sj__exchange sj__exchange;
typedef void sj__route_handler(sj__exchange *exchange);

typedef struct sj__route_method {
  sj__http_method method; /* SJ__HTTP_OTHER: any that is not named before */
  sj__route_handler *handler;
} sj__route_method;

typedef struct sj__route {
  const char *pattern; /* "/v1/subjects/{subject}/sessions": the label of its metrics, too */
  uint32_t role;       /* sj__role; 0: on every listener */
  bool needs_key;      /* an API key with that role */
  bool bearer_is_key;  /* takes no client credential: Authorization may carry the key */
  sj__route_method methods[SJ__ROUTE_METHODS]; /* unused ones have no handler */
} sj__route;

/*
 * The route whose pattern `path` (still percent-encoded) fits, or NULL.
 * `parameters` get what stands at {…}, still encoded and never empty.
 */
const sj__route *sj__route_find(const sj__route *routes, size_t count, sj_slice path,
                                sj_slice parameters[SJ__ROUTE_PARAMETERS]);

/* NULL: not allowed. HEAD is whatever GET is (RFC 9110 9.3.2). */
sj__route_handler *sj__route_handler_of(const sj__route *route, sj__http_method method);

/* "GET, HEAD, PATCH, DELETE, OPTIONS": the Allow field of a route with named methods. */
void sj__route_append_allow(const sj__route *route, sj__buffer *out);

#endif
