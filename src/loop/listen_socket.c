#include "loop/listen_socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"

#define BACKLOG_DEFAULT   511
#define UNIX_MODE_DEFAULT 0660

static sj_status failed(const sj__address *address, const char *what, sj_error *error) {
  int number = errno;
  char text[SJ__ADDRESS_MAX];
  sj__address_format(address, text);
  sj_status status = number == EADDRINUSE                    ? SJ_BUSY
                     : number == EACCES || number == EPERM   ? SJ_PERMISSION
                     : number == ENOMEM || number == ENOBUFS ? SJ_NO_MEMORY
                                                             : SJ_IO;
  return sj__fail(error, status, "cannot %s %s: %s", what, text, strerror(number));
}

static const char *path_of(const sj__address *address) {
  return ((const struct sockaddr_un *)&address->storage)->sun_path;
}

static bool set_flag(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static int make_socket(sj__address *address) {
  int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  int fd = socket(address->storage.ss_family, type, 0);
  if (fd >= 0 || errno != EAFNOSUPPORT || !address->every_interface) return fd;
  /* A kernel without IPv6: every interface is then every IPv4 one. */
  in_port_t port = ((const struct sockaddr_in6 *)&address->storage)->sin6_port;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = port};
  memset(&address->storage, 0, sizeof(address->storage));
  memcpy(&address->storage, &any, sizeof(any));
  address->size = sizeof(any);
  return socket(AF_INET, type, 0);
}

/* Accepted sockets inherit TCP_NODELAY on Linux, which spares a call for each. */
static bool set_tcp_options(int fd, const sj__address *address, bool reuse_port) {
  if (address->storage.ss_family == AF_INET6 &&
      !set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->every_interface)) {
    return false;
  }
  return set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
         (!reuse_port || set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1));
}

/* --- Unix sockets --------------------------------------------------------- */

/* True if the path is a socket that refuses connections: what a killed process leaves. */
static bool is_stale(const sj__address *address, struct stat *seen) {
  if (lstat(path_of(address), seen) != 0 || !S_ISSOCK(seen->st_mode)) return false;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  int result = connect(fd, (const struct sockaddr *)&address->storage, address->size);
  bool refused = result != 0 && errno == ECONNREFUSED;
  close(fd);
  return refused;
}

static void unlink_if_same(const char *path, dev_t device, ino_t inode) {
  struct stat now;
  if (lstat(path, &now) == 0 && now.st_dev == device && now.st_ino == inode) unlink(path);
}

static int bind_to(int fd, const sj__address *address) {
  return bind(fd, (const struct sockaddr *)&address->storage, address->size);
}

static sj_status bind_unix(sj__listen_socket *self, int mode, sj_error *error) {
  if (mode == 0) mode = UNIX_MODE_DEFAULT;
  /* The file is made with these rights less the umask: at no moment with more. */
  if (fchmod(self->fd, (mode_t)mode) != 0) return failed(&self->address, "protect", error);
  int result = bind_to(self->fd, &self->address);
  struct stat seen;
  if (result != 0 && errno == EADDRINUSE) {
    if (is_stale(&self->address, &seen)) {
      unlink_if_same(path_of(&self->address), seen.st_dev, seen.st_ino);
      result = bind_to(self->fd, &self->address);
    } else {
      errno = EADDRINUSE;
    }
  }
  if (result != 0) return failed(&self->address, "listen on", error);
  const char *path = path_of(&self->address);
  if (chmod(path, (mode_t)mode) != 0 || lstat(path, &seen) != 0) {
    return failed(&self->address, "protect", error);
  }
  self->device = seen.st_dev;
  self->inode = seen.st_ino;
  return SJ_OK;
}

void sj__listen_socket_unlink(const sj__listen_socket *self) {
  if (self->address.is_unix) unlink_if_same(path_of(&self->address), self->device, self->inode);
}

/* A handshake that completed between the last accept(2) and close(2) would be reset. */
static void drop_packets(const sj__listen_socket *self) {
  struct sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const struct sock_fprog program = {.len = 1, .filter = drop_all};
  /* A kernel without socket filters: the gap stays. */
  (void)setsockopt(self->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

void sj__listen_socket_deafen(const sj__listen_socket *self) {
  if (self->address.is_unix) {
    sj__listen_socket_unlink(self);
  } else {
    drop_packets(self);
  }
}

/* --- TCP ------------------------------------------------------------------ */

/*
 * SO_REUSEPORT would let us share a port with another daemon of the same user
 * without a word. A socket that does not set it finds out.
 */
static sj_status probe(const sj__address *address, sj_error *error) {
  sj__address copy = *address;
  int fd = make_socket(&copy);
  if (fd < 0) return failed(address, "open a socket for", error);
  sj_status status = SJ_OK;
  if (!set_tcp_options(fd, &copy, false) || bind_to(fd, &copy) != 0) {
    status = failed(address, "listen on", error);
  }
  close(fd);
  return status;
}

static sj_status bind_tcp(sj__listen_socket *self, const sj__listen_options *options,
                          sj_error *error) {
  if (!set_tcp_options(self->fd, &self->address, options->reuse_port) ||
      bind_to(self->fd, &self->address) != 0) {
    return failed(&self->address, "listen on", error);
  }
  return SJ_OK;
}

static sj_status bind_and_listen(sj__listen_socket *self, const sj__listen_options *options,
                                 sj_error *error) {
  sj_status status = self->address.is_unix ? bind_unix(self, options->unix_mode, error)
                                           : bind_tcp(self, options, error);
  if (status != SJ_OK) return status;
  int backlog = options->backlog > 0 ? options->backlog : BACKLOG_DEFAULT;
  struct sockaddr *local = (struct sockaddr *)&self->address.storage;
  self->address.size = sizeof(self->address.storage);
  if (listen(self->fd, backlog) == 0 && getsockname(self->fd, local, &self->address.size) == 0) {
    return SJ_OK;
  }
  status = failed(&self->address, "listen on", error);
  sj__listen_socket_unlink(self);
  return status;
}

sj_status sj__listen_socket_open(const sj__listen_options *options, sj__listen_socket *out,
                                 sj_error *error) {
  *out = (sj__listen_socket){.fd = -1};
  sj_status status = sj__address_parse(options->address, &out->address, error);
  if (status != SJ_OK) return status;
  if (options->reuse_port && options->first && !out->address.is_unix) {
    status = probe(&out->address, error);
    if (status != SJ_OK) return status;
  }
  out->fd = make_socket(&out->address);
  if (out->fd < 0) return failed(&out->address, "open a socket for", error);
  status = bind_and_listen(out, options, error);
  if (status == SJ_OK) return SJ_OK;
  close(out->fd);
  out->fd = -1;
  return status;
}
