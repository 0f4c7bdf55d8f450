/* The folder of the store: whose it is, who else has it, and whether its file is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "store/adapter/lmdb_private.h"

#define FILE_PATH_MAX (SJ__LMDB_PATH_MAX + 32)
#define LEAST_SIZE    ((size_t)1 << 20)
/* LMDB need not have written the last pages of a commit if that commit freed them again. */
#define MISSING_MAX ((size_t)1 << 20)

static sj_status failed(const char *path, sj_error *error) {
  int number = errno;
  sj_status status = number == EACCES || number == EPERM || number == EROFS ? SJ_PERMISSION
                     : number == ENOSPC || number == EDQUOT                 ? SJ_FULL
                                                                            : SJ_IO;
  return sj__fail(error, status, "%s: %s", path, strerror(number));
}

static sj_status judge_owner(const char *path, const struct stat *seen, sj_error *error) {
  if (seen->st_uid == 0 || seen->st_uid == geteuid()) return SJ_OK;
  return sj__fail(error, SJ_PERMISSION,
                  "%s belongs to user %lu; it must belong to user %lu or root", path,
                  (unsigned long)seen->st_uid, (unsigned long)geteuid());
}

/* --- The lock ----------------------------------------------------------------------------- */

/* The holder's process id, for the message; 0: none can be read. */
static unsigned long holder_of(int lock_file) {
  char text[24];
  uint64_t pid = 0;
  ssize_t size = pread(lock_file, text, sizeof(text), 0);
  while (size > 0 && text[size - 1] == '\n') size--;
  return size > 0 && sj__slice_to_u64(sj__slice(text, (size_t)size), UINT32_MAX, &pid)
             ? (unsigned long)pid
             : 0;
}

static void write_holder(int lock_file) {
  char text[24];
  int size = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
  /* For people; the lock itself is flock's. */
  if (ftruncate(lock_file, 0) == 0) (void)!pwrite(lock_file, text, (size_t)size, 0);
}

/* LMDB itself lets several processes in; the engine's marks and sweeps are one process's. */
sj_status sj__lmdb_take_lock(const char *path, int *lock_file, sj_error *error) {
  char file[FILE_PATH_MAX];
  snprintf(file, sizeof(file), "%s/sojourn.lock", path);
  *lock_file = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (*lock_file < 0) return failed(file, error);
  if (flock(*lock_file, LOCK_EX | LOCK_NB) == 0) {
    write_holder(*lock_file);
    return SJ_OK;
  }
  if (errno != EWOULDBLOCK) return failed(file, error);
  unsigned long pid = holder_of(*lock_file);
  if (pid == 0) return sj__fail(error, SJ_BUSY, "%s: another process has this store open", path);
  return sj__fail(error, SJ_BUSY, "%s: %s has this store open (process %lu)", path,
                  pid == (unsigned long)getpid() ? "this process" : "another process", pid);
}

/* --- The file ----------------------------------------------------------------------------- */

sj_status sj__lmdb_judge_file(const char *path, size_t *size, sj_error *error) {
  char file[FILE_PATH_MAX];
  struct stat seen;
  *size = 0;
  snprintf(file, sizeof(file), "%s/data.mdb", path);
  if (lstat(file, &seen) != 0) return errno == ENOENT ? SJ_OK : failed(file, error);
  if (!S_ISREG(seen.st_mode)) {
    return sj__fail(error, SJ_INVALID, "%s is not a regular file", file);
  }
  *size = (size_t)seen.st_size;
  sj_status status = judge_owner(file, &seen, error);
  if (status != SJ_OK || (seen.st_mode & (S_IRWXG | S_IRWXO)) == 0) return status;
  return sj__fail(error, SJ_PERMISSION,
                  "%s has mode %04o; it must be 0600 (no rights for group and others)", file,
                  (unsigned)(seen.st_mode & 07777));
}

sj_status sj__lmdb_bound_by_limits(size_t *max_size, sj_error *error) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SJ_OK;
  if (limit.rlim_cur < LEAST_SIZE + SJ__LMDB_RESERVE) {
    return sj__fail(error, SJ_FULL, "the limit on file sizes (RLIMIT_FSIZE) is below %zu bytes",
                    LEAST_SIZE + SJ__LMDB_RESERVE);
  }
  size_t allowed = (size_t)limit.rlim_cur - SJ__LMDB_RESERVE;
  if (allowed < *max_size) *max_size = allowed;
  return SJ_OK;
}

/* A map beyond the file's end kills the process that looks there (SIGBUS). */
sj_status sj__lmdb_judge_length(int data_file, size_t used, const char *path, sj_error *error) {
  struct stat seen;
  if (fstat(data_file, &seen) != 0) return failed(path, error);
  size_t size = (size_t)seen.st_size;
  if (size >= used) return SJ_OK;
  if (used - size > MISSING_MAX) {
    return sj__fail(error, SJ_CORRUPT, "%s: data.mdb has been cut off: %zu bytes of %zu", path,
                    size, used);
  }
  return ftruncate(data_file, (off_t)used) == 0 ? SJ_OK : failed(path, error);
}

bool sj__lmdb_is_in_place(const sj__lmdb_store *store) {
  const char *path;
  char file[FILE_PATH_MAX];
  struct stat opened, named;
  if (mdb_env_get_path(store->env, &path) != 0) return false;
  snprintf(file, sizeof(file), "%s/data.mdb", path);
  if (fstat(store->data_file, &opened) != 0) return false;
  if (opened.st_nlink == 0) return false;
  /* A folder that may not be looked into any more proves nothing. */
  if (stat(file, &named) != 0) return errno != ENOENT && errno != ENOTDIR;
  return named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}
