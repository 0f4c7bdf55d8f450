#include "loop/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "base/random.h"

#define READ_SIZE ((size_t)4096)

static sj_status failed(const char *what, const char *path, sj_error *error) {
  int number = errno;
  sj_status status = number == ENOENT || number == ENOTDIR                    ? SJ_MISSING
                     : number == EACCES || number == EPERM || number == EROFS ? SJ_PERMISSION
                     : number == ENOSPC || number == EDQUOT                   ? SJ_FULL
                     : number == EEXIST                                       ? SJ_BUSY
                     : number == ENOMEM                                       ? SJ_NO_MEMORY
                                                                              : SJ_IO;
  return sj__fail(error, status, "cannot %s '%.300s': %s", what, path, strerror(number));
}

/* --- Reading -------------------------------------------------------------- */

static sj_status judge_owner(const struct stat *seen, const char *path, sj_error *error) {
  if (seen->st_uid == 0 || seen->st_uid == geteuid()) return SJ_OK;
  return sj__fail(error, SJ_PERMISSION,
                  "'%.300s' belongs to user %lu; it must belong to user %lu or root", path,
                  (unsigned long)seen->st_uid, (unsigned long)geteuid());
}

/* Of the opened descriptor: the path could lead elsewhere by now. */
static sj_status judge(int fd, const char *path, sj__file_privacy privacy, sj_error *error) {
  struct stat seen;
  if (fstat(fd, &seen) != 0) return failed("read", path, error);
  if (!S_ISREG(seen.st_mode)) {
    return sj__fail(error, SJ_INVALID, "'%.300s' is not a regular file", path);
  }
  if (privacy == SJ__FILE_ANY) return SJ_OK;
  sj_status status = judge_owner(&seen, path, error);
  if (status != SJ_OK) return status;
  if ((seen.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return sj__fail(error, SJ_PERMISSION,
                    "'%.300s' has mode %04o; it must be 0600 (no rights for group and others)",
                    path, (unsigned)(seen.st_mode & 07777));
  }
  return SJ_OK;
}

/* `out` may itself be bound to `max`: no more room is asked for than may be filled. */
static sj_status read_all(int fd, const char *path, size_t max, sj__buffer *out, sj_error *error) {
  size_t start = out->size;
  for (;;) {
    char beyond; /* the byte that must not come */
    size_t left = max - (out->size - start);
    size_t want = left < READ_SIZE ? left : READ_SIZE;
    char *room = want > 0 ? sj__buffer_reserve(out, want) : &beyond;
    if (room == NULL) {
      return sj__fail(error, sj__buffer_status(out), "cannot read '%.300s': %s", path,
                      sj_status_text(sj__buffer_status(out)));
    }
    ssize_t got = read(fd, room, want > 0 ? want : 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path, error);
    if (got == 0) return SJ_OK;
    if (want == 0) {
      return sj__fail(error, SJ_TOO_LARGE, "'%.300s' is larger than %zu bytes", path, max);
    }
    out->size += (size_t)got;
  }
}

sj_status sj__file_read(const char *path, sj__file_privacy privacy, size_t max, sj__buffer *out,
                        sj_error *error) {
  /* Not blocking, so that a pipe put in the file's place can't hang us. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return failed("read", path, error);
  sj_status status = judge(fd, path, privacy, error);
  if (status == SJ_OK) status = read_all(fd, path, max, out, error);
  close(fd);
  return status;
}

/* --- Writing -------------------------------------------------------------- */

static sj_status write_all(int fd, const char *path, sj_slice content, sj_error *error) {
  while (content.size > 0) {
    ssize_t sent = write(fd, content.data, content.size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return failed("write", path, error);
    content = sj__slice(content.data + sent, content.size - (size_t)sent);
  }
  return fsync(fd) == 0 ? SJ_OK : failed("flush", path, error);
}

/* The length of the folder part of a path, without its last slash; 0: the present folder. */
static size_t folder_size(const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return 0;
  return slash == path ? 1 : (size_t)(slash - path);
}

/* A new name is safe from a crash once the folder that holds it is flushed. */
static sj_status flush_folder(const char *path, sj_error *error) {
  char folder[PATH_MAX];
  size_t size = folder_size(path);
  snprintf(folder, sizeof(folder), "%.*s", size > 0 ? (int)size : 1, size > 0 ? path : ".");
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("open", folder, error);
  sj_status status = fsync(fd) == 0 ? SJ_OK : failed("flush", folder, error);
  close(fd);
  return status;
}

static sj_status name_temporary(const char *path, char out[PATH_MAX], sj_error *error) {
  uint64_t number;
  if (sj__random(&number, sizeof(number)) != SJ_OK) {
    return sj__fail(error, SJ_NO_ENTROPY, "cannot name a temporary file: no random bytes");
  }
  int size = snprintf(out, PATH_MAX, "%s.%016llx.tmp", path, (unsigned long long)number);
  if (size < 0 || size >= PATH_MAX) {
    return sj__fail(error, SJ_INVALID, "the path '%.300s' is too long", path);
  }
  return SJ_OK;
}

/* link(2) fails where the name is taken; rename(2) replaces it. */
static sj_status publish(const char *temporary, const char *path, bool replace, sj_error *error) {
  if (replace) return rename(temporary, path) == 0 ? SJ_OK : failed("write", path, error);
  if (link(temporary, path) != 0) return failed("make", path, error);
  unlink(temporary);
  return SJ_OK;
}

sj_status sj__file_write_private(const char *path, sj_slice content, bool replace,
                                 sj_error *error) {
  char temporary[PATH_MAX];
  sj_status status = name_temporary(path, temporary, error);
  if (status != SJ_OK) return status;
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed("make", temporary, error);
  status = write_all(fd, path, content, error);
  if (close(fd) != 0 && status == SJ_OK) status = failed("write", path, error);
  if (status == SJ_OK) status = publish(temporary, path, replace, error);
  if (status != SJ_OK) {
    unlink(temporary);
    return status;
  }
  return flush_folder(path, error);
}

/* --- Folders -------------------------------------------------------------- */

static sj_status make_one(const char *path, sj_error *error) {
  if (mkdir(path, 0700) == 0) return flush_folder(path, error);
  if (errno != EEXIST) return failed("make the folder", path, error);
  struct stat seen;
  if (stat(path, &seen) == 0 && S_ISDIR(seen.st_mode)) return SJ_OK;
  return sj__fail(error, SJ_INVALID, "'%.300s' exists and is not a folder", path);
}

sj_status sj__folder_make(const char *path, sj_error *error) {
  char part[PATH_MAX];
  size_t size = strlen(path);
  if (size == 0 || size >= sizeof(part)) {
    return sj__fail(error, SJ_INVALID, "a folder's path must have 1 to %d bytes", PATH_MAX - 1);
  }
  for (size_t at = 1; at <= size; at++) {
    if (at < size && path[at] != '/') continue;
    memcpy(part, path, at);
    part[at] = '\0';
    sj_status status = make_one(part, error);
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}

sj_status sj__folder_judge(const char *path, sj_error *error) {
  struct stat seen;
  if (stat(path, &seen) != 0) return failed("read", path, error);
  sj_status status = judge_owner(&seen, path, error);
  if (status != SJ_OK || (seen.st_mode & (S_IWGRP | S_IWOTH)) == 0) return status;
  return sj__fail(error, SJ_PERMISSION,
                  "'%.300s' has mode %04o; nobody but its owner may write in it (0700 is best)",
                  path, (unsigned)(seen.st_mode & 07777));
}
