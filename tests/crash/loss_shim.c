/* The preload library of loss.h: LD_PRELOAD it. One process writes the file. */
#include "loss.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static int data = -1; /* a descriptor of our own, for reading */
static bool lies;

static void stop(const char *why) {
  fprintf(stderr, "loss shim: %s\n", why);
  abort();
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("LOSS_JOURNAL");
  if (path == NULL) return;
  journal = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (journal < 0) stop("the journal cannot be made");
  lies = getenv("LOSS_LIE") != NULL;
}

/* Whether `fd` is the file we watch; opens it for reading when it is first seen. */
static bool is_watched(int fd) {
  char link[40], path[512];
  if (journal < 0) return false;
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof(path) - 1);
  const size_t tail = strlen(LOSS_FILE_NAME);
  if (size < (ssize_t)tail || memcmp(path + size - tail, LOSS_FILE_NAME, tail) != 0) return false;
  path[size] = '\0';
  if (data < 0) data = open(path, O_RDONLY | O_CLOEXEC);
  if (data < 0) stop("the file cannot be read");
  return true;
}

static void append(const void *bytes, size_t size) {
  if (syscall(SYS_write, journal, bytes, size) != (long)size) stop("the journal is full");
}

/* As long as a disk takes: so that a kill meets flushes that have not completed. */
static void take_time(void) {
  const struct timespec a_while = {0, 1500000};
  (void)nanosleep(&a_while, NULL);
}

/* Before a write: what it replaces. */
static void note(int fd, size_t size, off_t offset) {
  struct stat seen;
  bool is_synchronous = !lies && (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  loss_entry entry = {.kind = is_synchronous ? LOSS_SYNCHRONOUS : LOSS_WRITE,
                      .size = (uint32_t)size,
                      .offset = (uint64_t)offset};
  if (fstat(fd, &seen) != 0) stop("the file has gone");
  entry.file_size = (uint64_t)seen.st_size;
  void *before = malloc(size);
  if (before == NULL) stop("out of memory");
  if (is_synchronous) {
    take_time();
  } else {
    long got = syscall(SYS_pread64, data, before, size, offset);
    if (got < 0) stop("the file cannot be read");
    entry.kept = (uint32_t)got;
  }
  append(&entry, sizeof(entry));
  append(before, entry.kept);
  free(before);
}

static void flushed(int fd) {
  take_time();
  if (lies) return;
  pthread_mutex_lock(&mutex);
  if (syscall(SYS_ftruncate, journal, 0) != 0) stop("the journal cannot be emptied");
  pthread_mutex_unlock(&mutex);
}

static void watch(int fd, size_t size, off_t offset) {
  if (!is_watched(fd)) return;
  pthread_mutex_lock(&mutex);
  note(fd, size, offset);
  pthread_mutex_unlock(&mutex);
}

static size_t size_of(const struct iovec *parts, int count) {
  size_t size = 0;
  for (int i = 0; i < count; i++) size += parts[i].iov_len;
  return size;
}

/* --- What programs call -------------------------------------------------------------------- */

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  watch(fd, size, offset);
  return syscall(SYS_pwrite64, fd, bytes, size, offset);
}
EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
  return pwrite(fd, bytes, size, offset);
}
EXPORT ssize_t write(int fd, const void *bytes, size_t size) {
  if (journal >= 0 && fd != journal) watch(fd, size, lseek(fd, 0, SEEK_CUR));
  return syscall(SYS_write, fd, bytes, size);
}
EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (journal >= 0) watch(fd, size_of(parts, count), lseek(fd, 0, SEEK_CUR));
  return syscall(SYS_writev, fd, parts, count);
}
EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  watch(fd, size_of(parts, count), offset);
  return syscall(SYS_pwritev, fd, parts, count, (long)offset, 0L);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev(fd, parts, count, offset);
}

/* The real flush is spared: nothing here depends on a disk. */
EXPORT int fdatasync(int fd) {
  if (!is_watched(fd)) return (int)syscall(SYS_fdatasync, fd);
  flushed(fd);
  return 0;
}
EXPORT int fsync(int fd) {
  if (!is_watched(fd)) return (int)syscall(SYS_fsync, fd);
  flushed(fd);
  return 0;
}

/* LMDB flushes so only with a writable map, which nobody asks for. */
EXPORT int msync(void *start, size_t size, int flags) {
  if (journal >= 0) stop("msync was called: this shim does not follow writable maps");
  return (int)syscall(SYS_msync, start, size, flags);
}
