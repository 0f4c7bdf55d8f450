#include "loop/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/errors.h"

static struct sockaddr_in *as_ipv4(sj__address *address) {
  return (struct sockaddr_in *)&address->storage;
}

static struct sockaddr_in6 *as_ipv6(sj__address *address) {
  return (struct sockaddr_in6 *)&address->storage;
}

/* True if a NUL-terminated copy of the run fits. */
static bool copy_text(sj_slice text, char *out, size_t room) {
  if (text.size >= room) return false;
  memcpy(out, text.data, text.size);
  out[text.size] = '\0';
  return true;
}

static bool parse_ipv4(sj_slice host, uint16_t port, sj__address *out) {
  char text[INET_ADDRSTRLEN];
  struct sockaddr_in *address = as_ipv4(out);
  if (!copy_text(host, text, sizeof(text))) return false;
  if (inet_pton(AF_INET, text, &address->sin_addr) != 1) return false;
  address->sin_family = AF_INET;
  address->sin_port = htons(port);
  out->size = sizeof(*address);
  return true;
}

static bool parse_ipv6(sj_slice host, uint16_t port, sj__address *out) {
  char text[INET6_ADDRSTRLEN];
  struct sockaddr_in6 *address = as_ipv6(out);
  if (!copy_text(host, text, sizeof(text))) return false;
  if (inet_pton(AF_INET6, text, &address->sin6_addr) != 1) return false;
  address->sin6_family = AF_INET6;
  address->sin6_port = htons(port);
  out->size = sizeof(*address);
  return true;
}

static bool parse_unix(sj_slice path, sj__address *out) {
  struct sockaddr_un *address = (struct sockaddr_un *)&out->storage;
  size_t room = SJ__ADDRESS_MAX - sizeof("unix:") + 1;
  if (path.size == 0 || path.data[0] != '/') return false;
  if (room > sizeof(address->sun_path)) room = sizeof(address->sun_path);
  if (!copy_text(path, address->sun_path, room)) return false;
  address->sun_family = AF_UNIX;
  out->size = sizeof(*address);
  out->is_unix = true;
  return true;
}

static bool parse_host_and_port(sj_slice text, sj__address *out) {
  const char *colon = text.size > 0 ? memrchr(text.data, ':', text.size) : NULL;
  if (colon == NULL) return false;
  sj_slice host = sj__slice(text.data, (size_t)(colon - text.data));
  uint64_t port;
  if (!sj__slice_to_u64(sj__slice(colon + 1, text.size - host.size - 1), 65535, &port))
    return false;
  if (host.size == 0) {
    out->every_interface = true;
    return parse_ipv6(SJ__SLICE("::"), (uint16_t)port, out);
  }
  if (host.data[0] != '[') return parse_ipv4(host, (uint16_t)port, out);
  if (host.size < 2 || host.data[host.size - 1] != ']') return false;
  return parse_ipv6(sj__slice(host.data + 1, host.size - 2), (uint16_t)port, out);
}

sj_status sj__address_parse(const char *text, sj__address *out, sj_error *error) {
  sj_slice whole = sj__slice_text(text);
  sj_slice scheme = SJ__SLICE("unix:");
  *out = (sj__address){0};
  bool ok = sj__slice_starts(whole, scheme)
                ? parse_unix(sj__slice(whole.data + scheme.size, whole.size - scheme.size), out)
                : parse_host_and_port(whole, out);
  if (ok) return SJ_OK;
  return sj__fail(error, SJ_INVALID,
                  "'%.100s' is not an address; write 127.0.0.1:7373, [::1]:7373, :7373 or "
                  "unix:/PATH (numeric, path of at most %d bytes)",
                  text, (int)(SJ__ADDRESS_MAX - sizeof("unix:")));
}

uint16_t sj__address_host(const sj__address *address, char out[SJ__ADDRESS_MAX]) {
  const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address->storage;
  const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address->storage;
  if (address->is_unix) {
    snprintf(out, SJ__ADDRESS_MAX, "unix");
    return 0;
  }
  if (address->storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &ipv4->sin_addr, out, SJ__ADDRESS_MAX);
    return ntohs(ipv4->sin_port);
  }
  if (IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr)) {
    inet_ntop(AF_INET, &ipv6->sin6_addr.s6_addr[12], out, SJ__ADDRESS_MAX);
  } else {
    inet_ntop(AF_INET6, &ipv6->sin6_addr, out, SJ__ADDRESS_MAX);
  }
  return ntohs(ipv6->sin6_port);
}

void sj__address_format(const sj__address *address, char out[SJ__ADDRESS_MAX]) {
  if (address->is_unix) {
    const struct sockaddr_un *local = (const struct sockaddr_un *)&address->storage;
    snprintf(out, SJ__ADDRESS_MAX, "unix:%.*s", (int)(SJ__ADDRESS_MAX - sizeof("unix:")),
             local->sun_path);
    return;
  }
  char host[SJ__ADDRESS_MAX];
  unsigned port = sj__address_host(address, host);
  const char *format = strchr(host, ':') != NULL ? "[%.64s]:%u" : "%.64s:%u";
  snprintf(out, SJ__ADDRESS_MAX, format, host, port);
}
