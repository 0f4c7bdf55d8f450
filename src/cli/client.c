#include "cli/client.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/errors.h"

/* --- Where ------------------------------------------------------------------- */

static sj_status refuse_endpoint(const char *text, sj_error *error) {
  return sj__fail(error, SJ_INVALID, "'%s' is no server; allowed: http://HOST:PORT or unix:PATH",
                  text);
}

static bool copy_part(char *out, size_t room, const char *from, size_t size) {
  if (size == 0 || size >= room) return false;
  memcpy(out, from, size);
  out[size] = '\0';
  return true;
}

static bool is_port(const char *text) {
  uint64_t port = 0;
  return sj__slice_to_u64(sj__slice_text(text), 65535, &port) && port > 0;
}

static bool parse_http(const char *text, sj__endpoint *out) {
  size_t size = strcspn(text, "/");
  if (text[size] == '/' && text[size + 1] != '\0') return false; /* a path has no meaning here */
  const char *bracket = text[0] == '[' ? memchr(text, ']', size) : NULL;
  const char *host = bracket != NULL ? text + 1 : text;
  const char *rest = bracket != NULL ? bracket + 1 : text + strcspn(text, ":/");
  const char *end = bracket != NULL ? bracket : rest;
  if (!copy_part(out->host, sizeof out->host, host, (size_t)(end - host))) return false;
  size_t left = (size_t)(text + size - rest);
  if (left == 0) return copy_part(out->port, sizeof out->port, "80", 2);
  return *rest == ':' && copy_part(out->port, sizeof out->port, rest + 1, left - 1) &&
         is_port(out->port);
}

sj_status sj__endpoint_parse(const char *text, sj__endpoint *out, sj_error *error) {
  *out = (sj__endpoint){.is_unix = false};
  if (strncmp(text, "https:", 6) == 0) {
    return sj__fail(error, SJ_UNSUPPORTED, "'%s': TLS is not supported here; ask the daemon itself",
                    text);
  }
  if (strncmp(text, "unix:", 5) == 0) {
    out->is_unix = true;
    size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
    if (copy_part(out->host, room, text + 5, strlen(text + 5))) return SJ_OK;
  } else if (strncmp(text, "http://", 7) == 0 && parse_http(text + 7, out)) {
    return SJ_OK;
  }
  return refuse_endpoint(text, error);
}

/* --- Connecting ------------------------------------------------------------------ */

static const char *shown(const sj__endpoint *endpoint, char out[SJ__CLIENT_HOST_MAX + 16]) {
  if (endpoint->is_unix) {
    snprintf(out, SJ__CLIENT_HOST_MAX + 16, "%s", endpoint->host);
  } else {
    snprintf(out, SJ__CLIENT_HOST_MAX + 16, "%s port %s", endpoint->host, endpoint->port);
  }
  return out;
}

static sj_status failed(const sj__endpoint *endpoint, const char *what, int number,
                        sj_error *error) {
  char where[SJ__CLIENT_HOST_MAX + 16];
  sj_status status = number == EAGAIN || number == EINPROGRESS || number == ETIMEDOUT ? SJ_TIMED_OUT
                     : number == ECONNREFUSED || number == ENOENT ? SJ_UNAVAILABLE
                                                                  : SJ_IO;
  return sj__fail(error, status, "%s %s: %s", what, shown(endpoint, where),
                  status == SJ_TIMED_OUT ? "no answer in time" : strerror(number));
}

/* Linux: SO_SNDTIMEO bounds connect(2), too. */
static int open_socket(int family, const struct sockaddr *address, socklen_t size,
                       uint32_t timeout_ms) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct timeval timeout = {timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000};
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (connect(fd, address, size) == 0) return fd;
  int number = errno;
  close(fd);
  errno = number;
  return -1;
}

static int connect_unix(const sj__endpoint *endpoint, uint32_t timeout_ms) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, endpoint->host, strlen(endpoint->host) + 1); /* fits: see parsing */
  return open_socket(AF_UNIX, (const struct sockaddr *)&address, sizeof address, timeout_ms);
}

static sj_status connect_tcp(const sj__endpoint *endpoint, uint32_t timeout_ms, int *fd,
                             sj_error *error) {
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  int code = getaddrinfo(endpoint->host, endpoint->port, &hints, &found);
  if (code != 0) {
    return sj__fail(error, SJ_UNAVAILABLE, "%s: %s", endpoint->host, gai_strerror(code));
  }
  *fd = -1;
  for (struct addrinfo *one = found; one != NULL && *fd < 0; one = one->ai_next) {
    *fd = open_socket(one->ai_family, one->ai_addr, one->ai_addrlen, timeout_ms);
  }
  int number = errno;
  freeaddrinfo(found);
  return *fd >= 0 ? SJ_OK : failed(endpoint, "cannot reach", number, error);
}

/* --- One exchange ------------------------------------------------------------------ */

static void write_request(const sj__endpoint *endpoint, const sj__client_request *request,
                          sj__buffer *out) {
  sj__buffer_appendf(out, "%s %s HTTP/1.0\r\n", request->method, request->target);
  if (endpoint->is_unix) {
    sj__buffer_append_literal(out, "Host: localhost\r\n");
  } else if (strchr(endpoint->host, ':') != NULL) {
    sj__buffer_appendf(out, "Host: [%s]:%s\r\n", endpoint->host, endpoint->port);
  } else {
    sj__buffer_appendf(out, "Host: %s:%s\r\n", endpoint->host, endpoint->port);
  }
  if (request->key.data != NULL) {
    sj__buffer_append_literal(out, "Sojourn-Key: ");
    sj__buffer_append_slice(out, request->key);
    sj__buffer_append_literal(out, "\r\n");
  }
  if (request->body.data != NULL) {
    sj__buffer_appendf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                       request->body.size);
  }
  sj__buffer_append_literal(out, "\r\n");
  sj__buffer_append_slice(out, request->body);
}

static sj_status send_all(int fd, const sj__endpoint *endpoint, sj_slice bytes, sj_error *error) {
  while (bytes.size > 0) {
    ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    /* The server may have answered and closed before it had read all: look at what it says. */
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return SJ_OK;
    if (sent < 0) return failed(endpoint, "cannot write to", errno, error);
    bytes = sj__slice(bytes.data + sent, bytes.size - (size_t)sent);
  }
  return SJ_OK;
}

static sj_status read_all(int fd, const sj__endpoint *endpoint, sj__buffer *out, sj_error *error) {
  for (;;) {
    char *room = sj__buffer_reserve(out, 16384);
    if (room == NULL) {
      return sj__fail(error, sj__buffer_status(out), "the answer is too large");
    }
    ssize_t got = recv(fd, room, 16384, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(endpoint, "cannot read from", errno, error);
    if (got == 0) return SJ_OK;
    out->size += (size_t)got;
  }
}

/* --- Reading the answer ---------------------------------------------------------------- */

static sj_status refuse_answer(const char *why, sj_error *error) {
  return sj__fail(error, SJ_INVALID, "the answer is %s: is that sojournd?", why);
}

/* RFC 9112 6.3: what is shorter than it was announced is not whole. */
static bool is_whole(sj_slice head, size_t body_size) {
  static const char name[] = "content-length:";
  while (head.size > 0) {
    const char *end = memchr(head.data, '\n', head.size);
    size_t size = end != NULL ? (size_t)(end - head.data) : head.size;
    if (size > sizeof name &&
        sj__slice_equal_nocase(sj__slice(head.data, sizeof name - 1), SJ__SLICE(name))) {
      sj_slice value = sj__slice(head.data + sizeof name - 1, size - (sizeof name - 1));
      if (value.data[value.size - 1] == '\r') value.size--;
      uint64_t announced = 0;
      return sj__slice_to_u64(sj__slice_trim(value), SIZE_MAX, &announced) &&
             announced == body_size;
    }
    size_t used = end != NULL ? size + 1 : size;
    head = sj__slice(head.data + used, head.size - used);
  }
  return true;
}

/* RFC 9112 4: HTTP-version SP 3DIGIT, then a space or the line's end. RFC 9110 15: 100 to 599. */
static bool parse_status_line(sj_slice text, int *status) {
  const char *s = text.data;
  if (text.size < 13 || memcmp(s, "HTTP/1.", 7) != 0 || s[8] != ' ') return false;
  for (int i = 9; i < 12; i++) {
    if (s[i] < '0' || s[i] > '9') return false;
  }
  *status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
  return *status >= 100 && *status <= 599 && (s[12] == ' ' || s[12] == '\r');
}

sj_status sj__client_parse(sj__client_reply *reply, sj_error *error) {
  sj_slice text = sj__buffer_slice(&reply->bytes);
  const char *end = text.size > 0 ? memmem(text.data, text.size, "\r\n\r\n", 4) : NULL;
  if (text.size == 0) return refuse_answer("empty", error);
  if (end == NULL || !parse_status_line(text, &reply->status)) {
    return refuse_answer("not HTTP", error);
  }
  sj_slice head = sj__slice(text.data, (size_t)(end - text.data));
  reply->body = sj__slice(end + 4, text.size - head.size - 4);
  return is_whole(head, reply->body.size) ? SJ_OK : refuse_answer("not whole", error);
}

static sj_status exchange(int fd, const sj__endpoint *endpoint, const sj__client_request *request,
                          sj__client_reply *reply, sj_error *error) {
  sj__buffer written;
  sj__buffer_init(&written, 0);
  write_request(endpoint, request, &written);
  sj_status status = sj__buffer_status(&written);
  if (status != SJ_OK) sj__error_set(error, status, "%s", sj_status_text(status));
  if (status == SJ_OK) status = send_all(fd, endpoint, sj__buffer_slice(&written), error);
  if (status == SJ_OK) status = read_all(fd, endpoint, &reply->bytes, error);
  if (status == SJ_OK) status = sj__client_parse(reply, error);
  sj__buffer_release(&written); /* wipes the key */
  return status;
}

sj_status sj__client_call(const sj__endpoint *endpoint, const sj__client_request *request,
                          sj__client_reply *reply, sj_error *error) {
  int fd = -1;
  sj_status status = SJ_OK;
  if (endpoint->is_unix) {
    fd = connect_unix(endpoint, request->timeout_ms);
    if (fd < 0) status = failed(endpoint, "cannot reach", errno, error);
  } else {
    status = connect_tcp(endpoint, request->timeout_ms, &fd, error);
  }
  if (status != SJ_OK) return status;
  *reply = (sj__client_reply){.status = 0};
  sj__buffer_init(&reply->bytes, SJ__CLIENT_REPLY_MAX);
  status = exchange(fd, endpoint, request, reply, error);
  close(fd);
  if (status != SJ_OK) sj__buffer_release(&reply->bytes);
  return status;
}

void sj__client_reply_release(sj__client_reply *reply) {
  sj__buffer_release(&reply->bytes);
}
