/*
 * Loads an HTTP server from one thread and says what it saw, as one line of
 * JSON. Closed loop (every connection sends again at once) or, with --rate,
 * open: request k is due at start + k/rate whatever the server does, and its
 * latency counts from that moment, so that a stall is seen by all who wait.
 *
 * usage: load PORT [--connections N] [--seconds S] [--rate N] [--method M]
 *             [--path P] [--field 'Name: value']… [--cookies FILE] [--body TEXT]
 *             [--pipeline N]
 *
 * --cookies: one Cookie value a line; each request carries another, drawn at
 * random. --body: a '#' becomes a number of ten digits, another each time.
 * --pipeline: so many requests leave together, and all replies are awaited.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define FIELDS_MAX      16
#define REQUEST_MAX     16384
#define REPLY_MAX       65536
#define LATENCY_MAX_US  4000000u /* longer ones count as this */

typedef struct options {
  int port;
  int connections;
  double seconds;
  double rate; /* 0: closed loop */
  const char *method;
  const char *path;
  const char *fields[FIELDS_MAX];
  size_t field_count;
  const char *cookies_file;
  const char *body;
  unsigned pipeline;
} options;

typedef struct connection {
  int fd;
  unsigned missing; /* replies; 0: idle */
  uint64_t due_ns;
  size_t received;
  size_t expected; /* 0: the head is not whole yet */
  char reply[REPLY_MAX];
} connection;

typedef struct text {
  char bytes[REQUEST_MAX];
  size_t size;
} text;

typedef struct load {
  options options;
  int epoll;
  connection *connections;
  connection *idle[CONNECTIONS_MAX];
  size_t idle_count;
  text request;     /* what is sent next … */
  bool is_constant; /* … and each time */
  char **cookies;
  size_t cookie_count;
  uint64_t random;
  uint64_t number;
  uint64_t started_ns;
  uint64_t end_ns;
  uint64_t due_count;
  uint64_t requests;
  uint64_t errors;
  uint32_t *latencies; /* by microsecond */
  uint32_t *lateness;  /* of our own sending, with --rate */
} load;

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* xorshift64*: the same cookies in the same order in every run. */
static uint64_t draw(load *self) {
  self->random ^= self->random >> 12;
  self->random ^= self->random << 25;
  self->random ^= self->random >> 27;
  return self->random * 2685821657736338717u;
}

static void count(uint32_t *by_us, uint64_t ns) {
  uint64_t us = ns / 1000;
  by_us[us < LATENCY_MAX_US ? us : LATENCY_MAX_US]++;
}

static double percentile(const uint32_t *by_us, double share) {
  uint64_t total = 0, seen = 0;
  for (size_t us = 0; us <= LATENCY_MAX_US; us++) total += by_us[us];
  for (size_t us = 0; us <= LATENCY_MAX_US; us++) {
    seen += by_us[us];
    if (total > 0 && (double)seen >= share * (double)total) return (double)us;
  }
  return 0;
}

/* --- Requests ------------------------------------------------------------------ */

static void add(text *out, const char *format, const char *value) {
  int size = snprintf(out->bytes + out->size, sizeof(out->bytes) - out->size, format, value);
  if (size < 0 || (size_t)size >= sizeof(out->bytes) - out->size) die("the request is too long");
  out->size += (size_t)size;
}

static void add_body(load *self, text *out) {
  const char *body = self->options.body;
  const char *mark = strchr(body, '#');
  char number[16], size[16];
  snprintf(number, sizeof(number), "%llu", 1000000000ull + ++self->number);
  snprintf(size, sizeof(size), "%zu", strlen(body) + (mark != NULL ? strlen(number) - 1 : 0));
  add(out, "Content-Length: %s\r\n\r\n", size);
  if (mark == NULL) {
    add(out, "%s", body);
    return;
  }
  add(out, "%s", body);
  out->size -= strlen(mark);
  add(out, "%s", number);
  add(out, "%s", mark + 1);
}

static void write_request(load *self) {
  const options *with = &self->options;
  text *out = &self->request;
  out->size = 0;
  for (unsigned i = 0; i < with->pipeline; i++) {
    add(out, "%s ", with->method);
    add(out, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n", with->path);
    for (size_t j = 0; j < with->field_count; j++) add(out, "%s\r\n", with->fields[j]);
    if (self->cookie_count > 0) {
      add(out, "Cookie: %s\r\n", self->cookies[draw(self) % self->cookie_count]);
    }
    if (with->body != NULL) {
      add_body(self, out);
    } else {
      add(out, "%s", "\r\n");
    }
  }
}

static void start_request(load *self, connection *to, uint64_t due_ns) {
  const text *request = &self->request;
  if (!self->is_constant || request->size == 0) write_request(self);
  to->missing = self->options.pipeline;
  to->due_ns = due_ns;
  to->received = to->expected = 0;
  if (self->options.rate > 0) count(self->lateness, now_ns() - due_ns);
  /* An idle connection's buffer holds a request of this size. */
  if (send(to->fd, request->bytes, request->size, MSG_NOSIGNAL) != (ssize_t)request->size) {
    die("send");
  }
}

/* --- Replies ------------------------------------------------------------------- */

/* 0: not whole yet. */
static size_t reply_size(const connection *from) {
  const char *end = memmem(from->reply, from->received, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  size_t head = (size_t)(end - from->reply) + 4;
  const char *field = memmem(from->reply, head, "Content-Length: ", 16);
  return head + (field != NULL ? strtoul(field + 16, NULL, 10) : 0);
}

static void finish_reply(load *self, connection *from, uint64_t now) {
  self->requests++;
  if (from->reply[9] != '2') self->errors++;
  count(self->latencies, now - from->due_ns);
  from->received -= from->expected;
  memmove(from->reply, from->reply + from->expected, from->received);
  from->expected = reply_size(from);
  if (--from->missing > 0) return;
  if (from->received > 0) die("more replies than requests");
  if (self->options.rate > 0) {
    self->idle[self->idle_count++] = from;
  } else if (now < self->end_ns) {
    start_request(self, from, now);
  }
}

static void read_replies(load *self, connection *from) {
  ssize_t size = recv(from->fd, from->reply + from->received, REPLY_MAX - from->received, 0);
  if (size <= 0) die("recv");
  from->received += (size_t)size;
  if (from->expected == 0) from->expected = reply_size(from);
  uint64_t now = now_ns();
  while (from->missing > 0 && from->expected > 0 && from->received >= from->expected) {
    finish_reply(self, from, now);
  }
  if (from->expected > REPLY_MAX || from->received == REPLY_MAX) die("the reply is too long");
}

/* --- The loop ------------------------------------------------------------------- */

static uint64_t due_of(const load *self, uint64_t index) {
  return self->started_ns + (uint64_t)((double)index * 1e9 / self->options.rate);
}

/* What is due goes out as far as connections are idle. Returns how long nothing is due. */
static uint64_t send_due(load *self) {
  uint64_t now = now_ns();
  for (;;) {
    uint64_t due = due_of(self, self->due_count);
    if (due >= self->end_ns) return self->end_ns > now ? self->end_ns - now : 0;
    if (due > now) return due - now;
    if (self->idle_count == 0) return 1000000;
    self->due_count++;
    start_request(self, self->idle[--self->idle_count], due);
    now = now_ns();
  }
}

static bool is_over(const load *self) {
  if (now_ns() < self->end_ns) return false;
  if (now_ns() > self->end_ns + 5000000000u) die("replies are missing");
  for (int i = 0; i < self->options.connections; i++) {
    if (self->connections[i].missing > 0) return false;
  }
  return true;
}

static void run(load *self) {
  struct epoll_event events[512];
  self->started_ns = now_ns();
  self->end_ns = self->started_ns + (uint64_t)(self->options.seconds * 1e9);
  for (int i = 0; i < self->options.connections; i++) {
    connection *each = &self->connections[i];
    if (self->options.rate > 0) {
      self->idle[self->idle_count++] = each;
    } else {
      start_request(self, each, now_ns());
    }
  }
  while (!is_over(self)) {
    uint64_t wait_ns = self->options.rate > 0 ? send_due(self) : 10000000;
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000u),
                            .tv_nsec = (long)(wait_ns % 1000000000u)};
    int ready = epoll_pwait2(self->epoll, events, 512, &wait, NULL);
    if (ready < 0 && errno != EINTR) die("epoll_pwait2");
    for (int i = 0; i < ready; i++) read_replies(self, events[i].data.ptr);
  }
}

/* --- Set-up --------------------------------------------------------------------- */

static void open_connection(load *self, connection *to) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)self->options.port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int on = 1;
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = to}};
  to->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (to->fd < 0 || connect(to->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
      setsockopt(to->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
      epoll_ctl(self->epoll, EPOLL_CTL_ADD, to->fd, &event) != 0) {
    die("connecting");
  }
}

static void read_cookies(load *self) {
  FILE *file = fopen(self->options.cookies_file, "r");
  size_t capacity = 1024;
  char line[8192];
  if (file == NULL) die(self->options.cookies_file);
  self->cookies = calloc(capacity, sizeof(char *));
  while (self->cookies != NULL && fgets(line, sizeof(line), file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (self->cookie_count == capacity) {
      capacity *= 2;
      self->cookies = reallocarray(self->cookies, capacity, sizeof(char *));
      if (self->cookies == NULL) break;
    }
    self->cookies[self->cookie_count] = strdup(line);
    if (self->cookies[self->cookie_count++] == NULL) die("memory");
  }
  if (self->cookie_count == 0) die("no cookies");
  fclose(file);
}

static bool set_option(options *out, const char *name, const char *value) {
  if (strcmp(name, "--connections") == 0)
    out->connections = (int)strtol(value, NULL, 10);
  else if (strcmp(name, "--seconds") == 0)
    out->seconds = strtod(value, NULL);
  else if (strcmp(name, "--rate") == 0)
    out->rate = strtod(value, NULL);
  else if (strcmp(name, "--method") == 0)
    out->method = value;
  else if (strcmp(name, "--path") == 0)
    out->path = value;
  else if (strcmp(name, "--cookies") == 0)
    out->cookies_file = value;
  else if (strcmp(name, "--body") == 0)
    out->body = value;
  else if (strcmp(name, "--pipeline") == 0)
    out->pipeline = (unsigned)strtoul(value, NULL, 10);
  else if (strcmp(name, "--field") == 0 && out->field_count < FIELDS_MAX) {
    out->fields[out->field_count++] = value;
  } else {
    return false;
  }
  return true;
}

static void read_options(options *out, int argc, char **argv) {
  *out = (options){.connections = 64, .seconds = 3, .method = "GET", .path = "/", .pipeline = 1};
  bool good = argc >= 2 && argc % 2 == 0;
  if (good) out->port = (int)strtol(argv[1], NULL, 10);
  for (int i = 2; good && i < argc; i += 2) good = set_option(out, argv[i], argv[i + 1]);
  if (good && out->connections >= 1 && out->connections <= CONNECTIONS_MAX) return;
  fprintf(stderr, "load: see the head of bench/load.c for its arguments\n");
  exit(2);
}

static void report(const load *self) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  double seconds = (double)(now_ns() - self->started_ns) / 1e9;
  printf(
      "{\"requests\":%llu,\"errors\":%llu,\"seconds\":%.3f,\"perSecond\":%.1f,"
      "\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f,\"late_p99_us\":%.0f,"
      "\"load_cpu_us\":%.3f}\n",
      (unsigned long long)self->requests, (unsigned long long)self->errors, seconds,
      (double)self->requests / seconds, percentile(self->latencies, 0.5),
      percentile(self->latencies, 0.99), percentile(self->latencies, 1),
      percentile(self->lateness, 0.99), self->requests > 0 ? cpu_us / (double)self->requests : 0);
}

int main(int argc, char **argv) {
  static load self = {.random = 88172645463325252u};
  read_options(&self.options, argc, argv);
  prctl(PR_SET_TIMERSLACK, 1); /* nanoseconds: pacing is what this is for */
  self.epoll = epoll_create1(EPOLL_CLOEXEC);
  self.connections = calloc((size_t)self.options.connections, sizeof(connection));
  self.latencies = calloc(LATENCY_MAX_US + 1, sizeof(uint32_t));
  self.lateness = calloc(LATENCY_MAX_US + 1, sizeof(uint32_t));
  if (self.epoll < 0 || self.connections == NULL || self.latencies == NULL ||
      self.lateness == NULL) {
    die("start");
  }
  if (self.options.cookies_file != NULL) read_cookies(&self);
  self.is_constant = self.cookie_count == 0 &&
                     (self.options.body == NULL || strchr(self.options.body, '#') == NULL);
  for (int i = 0; i < self.options.connections; i++) {
    open_connection(&self, &self.connections[i]);
  }
  run(&self);
  report(&self);
  return 0;
}
