/*
 * contract URL [--small URL] [--reopen] [--only PREFIX] [--effort N] [--quiet]
 *
 * Holds the store at URL to store/store.h, clause by clause. "{tmp}" in a URL
 * is a new folder, removed afterwards. --small names a store of the same kind
 * that is soon full; --reopen says that it persists.
 */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "contract.h"

#define ROOM_WANTED ((uint64_t)1 << 30)

static char folder[64];
static bool has_folder;

/* Memory where there is enough of it: what is tested here is not the disk. */
static const char *temporary_root(void) {
  struct statvfs seen;
  bool is_roomy = access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &seen) == 0 &&
                  (uint64_t)seen.f_bavail * seen.f_frsize >= ROOM_WANTED;
  return is_roomy ? "/dev/shm" : "/tmp";
}

static void make_folder(void) {
  (void)snprintf(folder, sizeof(folder), "%s/sojourn-contract-XXXXXX", temporary_root());
  if (mkdtemp(folder) == NULL) {
    perror(folder);
    exit(2);
  }
  has_folder = true;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
  return remove(path);
}

static void remove_folder(void) {
  if (has_folder) (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static char *expand(const char *url) {
  static const char name[] = "{tmp}";
  char out[1024];
  const char *at = strstr(url, name);
  if (at == NULL) return sj__strdup(url);
  if (!has_folder) make_folder();
  (void)snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - url), url, folder, at + sizeof(name) - 1);
  return sj__strdup(out);
}

static int usage(void) {
  fprintf(stderr,
          "usage: contract URL [--small URL] [--reopen] [--only PREFIX] [--effort N]"
          " [--quiet]\n");
  return 2;
}

static bool read_arguments(suite *self, int argc, char **argv, char **small) {
  for (int i = 2; i < argc; i++) {
    bool has_value = i + 1 < argc;
    if (strcmp(argv[i], "--reopen") == 0) {
      self->reopen = true;
    } else if (strcmp(argv[i], "--quiet") == 0) {
      self->quiet = true;
    } else if (strcmp(argv[i], "--small") == 0 && has_value) {
      *small = expand(argv[++i]);
    } else if (strcmp(argv[i], "--only") == 0 && has_value) {
      self->only = argv[++i];
    } else if (strcmp(argv[i], "--effort") == 0 && has_value) {
      self->effort = (unsigned)strtoul(argv[++i], NULL, 10);
    } else {
      return false;
    }
  }
  self->small_url = *small;
  return self->effort > 0;
}

int main(int argc, char **argv) {
  suite self;
  char *small = NULL;
  if (argc < 2) return usage();
  char *url = expand(argv[1]);
  suite_init(&self, url);
  if (!read_arguments(&self, argc, argv, &small)) return usage();
  suite_run(&self, NULL);
  if (self.skipped > 0) printf("%u clauses are for other kinds of store\n", self.skipped);
  printf("%s: %u passed, %u failed, 0 skipped\n", argv[1], self.passed, self.failed);
  suite_release(&self);
  sj__free(small);
  sj__free(url);
  remove_folder();
  return self.failed == 0 && self.passed > 0 ? 0 : 1;
}
