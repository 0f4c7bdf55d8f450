/*
 * Runs a fuzz target over every file of its corpus folder, so that seeds and
 * past findings are regression tests of ordinary builds. Fails on an empty
 * folder: a target without seeds is not tested.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  struct stat info;
  if (file == NULL || fstat(fileno(file), &info) != 0) return -1;
  size_t size = (size_t)info.st_size;
  /* An exact block, so that a sanitizer sees every byte read beyond the input. */
  uint8_t *data = malloc(size > 0 ? size : 1);
  int result = data != NULL && fread(data, 1, size, file) == size ? 0 : -1;
  fclose(file);
  if (result == 0) LLVMFuzzerTestOneInput(data, size);
  free(data);
  return result;
}

int main(int argc, char **argv) {
  DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
  if (folder == NULL) {
    fprintf(stderr, "usage: %s FOLDER (a corpus)\n", argv[0]);
    return 2;
  }
  unsigned count = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char path[4096];
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
    if (replay_file(path) != 0) {
      fprintf(stderr, "cannot read %s\n", path);
      return 1;
    }
    count++;
  }
  closedir(folder);
  printf("%u passed, 0 failed, 0 skipped\n", count);
  return count > 0 ? 0 : 1;
}
