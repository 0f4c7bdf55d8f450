/*
 * Numeric addresses: "127.0.0.1:7373", "[::1]:0", ":7373", "unix:/PATH". Names are not looked up.
 */
#ifndef SJ_LOOP_ADDRESS_H
#define SJ_LOOP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop/stream.h"
#include "sojourn/status.h"

typedef struct sj__address {
  struct sockaddr_storage storage;
  socklen_t size;
  bool is_unix;
  bool every_interface; /* ":PORT": IPv6 and IPv4 */
} sj__address;

/* SJ_INVALID: `error` (may be NULL) quotes the text and says what is allowed. */
SJ_MUST_USE sj_status sj__address_parse(const char *text, sj__address *out, sj_error *error);

/* The text form, with the port of `address`. An IPv4 address inside IPv6 is written as IPv4. */
void sj__address_format(const sj__address *address, char out[SJ__ADDRESS_MAX]);

/* The text form without the port: "192.0.2.1", "unix". Returns the port, 0 for Unix sockets. */
uint16_t sj__address_host(const sj__address *address, char out[SJ__ADDRESS_MAX]);

#endif
