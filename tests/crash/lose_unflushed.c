/*
 * lose_unflushed FILE JOURNAL [SEED]
 *
 * Takes back what was written to FILE after its last completed flush (loss.h):
 * all of it, or, with a seed, for each page an arbitrary part of its last writes,
 * since a disk keeps what it likes in any order. Prints how many pages lost
 * something, and empties the journal.
 */
#include "loss.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct page {
  uint32_t count; /* writes in the journal */
  uint32_t safe;  /* those before the last synchronous one */
  uint32_t kept;  /* how many survive */
  uint32_t left;  /* while they are gone through backwards */
  bool is_lost;
} page;

static page *pages;
static size_t page_count;
static uint64_t random_state;
static char *journal;
static size_t journal_size;
static size_t *entries; /* where they begin */
static size_t entry_count;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint32_t draw(uint32_t bound) { /* SplitMix64 */
  uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ (z >> 31)) % bound);
}

static void read_journal(const char *path) {
  struct stat seen;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &seen) != 0) fail(path);
  journal_size = (size_t)seen.st_size;
  journal = malloc(journal_size + 1);
  if (journal == NULL || read(fd, journal, journal_size) != (ssize_t)journal_size) fail(path);
  close(fd);
}

/* A kill may have cut the last one off; its write was not made then. */
static void find_entries(void) {
  entries = calloc(journal_size / sizeof(loss_entry) + 1, sizeof(*entries));
  if (entries == NULL) fail("calloc");
  for (size_t at = 0; journal_size - at >= sizeof(loss_entry);) {
    loss_entry entry;
    memcpy(&entry, journal + at, sizeof(entry));
    if (journal_size - at - sizeof(entry) < entry.kept) break;
    entries[entry_count++] = at;
    at += sizeof(entry) + entry.kept;
    size_t last = (size_t)((entry.offset + entry.size) / LOSS_PAGE) + 1;
    if (last > page_count) page_count = last;
  }
  pages = calloc(page_count + 1, sizeof(*pages));
  if (pages == NULL) fail("calloc");
}

static const char *entry_at(size_t index, loss_entry *entry) {
  memcpy(entry, journal + entries[index], sizeof(*entry));
  return journal + entries[index] + sizeof(*entry);
}

/* LMDB writes whole pages, or a few bytes within one: those that count. */
static page *page_of(const loss_entry *entry, uint64_t done) {
  return &pages[(entry->offset + done) / LOSS_PAGE];
}

static void count_writes(void) {
  loss_entry entry;
  for (size_t i = 0; i < entry_count; i++) {
    (void)entry_at(i, &entry);
    for (uint64_t done = 0; done < entry.size; done += LOSS_PAGE) {
      page *each = page_of(&entry, done);
      if (entry.kind == LOSS_SYNCHRONOUS) {
        each->safe = each->count;
      } else {
        each->left = ++each->count;
      }
    }
  }
}

static void choose(bool has_seed) {
  for (size_t i = 0; i < page_count; i++) {
    pages[i].kept = pages[i].safe;
    if (has_seed) pages[i].kept += draw(pages[i].count - pages[i].safe + 1);
  }
}

static void restore(int fd, const loss_entry *entry, const char *before, uint64_t done) {
  uint64_t size = entry->size - done < LOSS_PAGE ? entry->size - done : LOSS_PAGE;
  uint64_t there = entry->kept > done ? entry->kept - done : 0;
  char bytes[LOSS_PAGE] = {0};
  memcpy(bytes, before + done, there < size ? there : size);
  if (pwrite(fd, bytes, size, (off_t)(entry->offset + done)) != (ssize_t)size) fail("pwrite");
}

/* Backwards, so that the oldest that does not survive has the last word. */
static void put_back(int fd) {
  loss_entry entry;
  for (size_t i = entry_count; i-- > 0;) {
    const char *before = entry_at(i, &entry);
    if (entry.kind == LOSS_SYNCHRONOUS) continue;
    for (uint64_t done = 0; done < entry.size; done += LOSS_PAGE) {
      page *each = page_of(&entry, done);
      if (each->left-- <= each->kept) continue;
      each->is_lost = true;
      restore(fd, &entry, before, done);
    }
  }
}

static void cut(int fd) {
  loss_entry entry;
  if (entry_count == 0) return;
  (void)entry_at(0, &entry);
  if (ftruncate(fd, (off_t)entry.file_size) != 0) fail("ftruncate");
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  bool has_seed = argc > 3;
  if (has_seed) random_state = strtoull(argv[3], NULL, 10);
  int fd = open(argv[1], O_RDWR | O_CLOEXEC);
  if (fd < 0) fail(argv[1]);
  read_journal(argv[2]);
  find_entries();
  count_writes();
  choose(has_seed);
  put_back(fd);
  if (!has_seed) cut(fd);
  size_t lost = 0, written = 0;
  for (size_t i = 0; i < page_count; i++) {
    lost += pages[i].is_lost ? 1 : 0;
    written += pages[i].count > 0 ? 1 : 0;
  }
  printf("%zu of %zu pages\n", lost, written);
  close(fd);
  free(pages);
  free(entries);
  free(journal);
  return truncate(argv[2], 0) == 0 ? 0 : 1;
}
