#include "daemon/process.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void sj__process_harden(void) {
  const struct rlimit none = {0, 0};
  umask(077);
  (void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* the leak checker attaches to the process that it runs in */
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
  raise_descriptor_limit();
}

/* signal-safety(7): _exit is all that may be done here. */
static void exit_at_once(int signum) {
  _exit(1);
}

void sj__process_end_on_signal(void) {
  const struct sigaction action = {.sa_handler = exit_at_once};
  (void)sigaction(SIGTERM, &action, NULL);
  (void)sigaction(SIGINT, &action, NULL);
}

size_t sj__process_cores(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? (size_t)count : 1;
}

/* --- Metrics ---------------------------------------------------------------------- */

static void update_memory(sj__process_metrics *self) {
  FILE *file = fopen("/proc/self/statm", "re");
  if (file == NULL) return;
  unsigned long pages = 0;
  unsigned long resident = 0;
  if (fscanf(file, "%lu %lu", &pages, &resident) == 2) { /* NOLINT(cert-err34-c): the kernel's */
    int64_t page = sysconf(_SC_PAGESIZE);
    sj__metric_set(self->virtual_bytes, (int64_t)pages * page);
    sj__metric_set(self->resident_bytes, (int64_t)resident * page);
  }
  fclose(file);
}

static int64_t count_entries(const char *path) {
  DIR *folder = opendir(path);
  int64_t count = 0;
  if (folder == NULL) return -1;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] != '.') count++;
  }
  closedir(folder);
  return count;
}

void sj__process_metrics_update(sj__process_metrics *self) {
  update_memory(self);
  int64_t descriptors = count_entries("/proc/self/fd");
  int64_t threads = count_entries("/proc/self/task");
  struct rlimit limit;
  if (descriptors > 0) sj__metric_set(self->open_descriptors, descriptors - 1); /* the folder's */
  if (threads > 0) sj__metric_set(self->threads, threads);
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    sj__metric_set(self->max_descriptors, (int64_t)limit.rlim_cur);
  }
}

sj_status sj__process_metrics_init(sj__process_metrics *self, sj__metrics *metrics) {
  self->resident_bytes = sj__metrics_add(metrics, SJ__GAUGE, "process_resident_memory_bytes",
                                         "Resident memory of the process", NULL);
  self->virtual_bytes = sj__metrics_add(metrics, SJ__GAUGE, "process_virtual_memory_bytes",
                                        "Virtual memory of the process", NULL);
  self->open_descriptors =
      sj__metrics_add(metrics, SJ__GAUGE, "process_open_fds", "Open file descriptors", NULL);
  self->max_descriptors =
      sj__metrics_add(metrics, SJ__GAUGE, "process_max_fds", "Allowed file descriptors", NULL);
  self->threads =
      sj__metrics_add(metrics, SJ__GAUGE, "process_threads", "Threads of the process", NULL);
  sj__metric *start = sj__metrics_add(metrics, SJ__GAUGE, "process_start_time_seconds",
                                      "Start of the process since 1970-01-01", NULL);
  sj__metric_set(start, sj__wall_ms() / 1000);
  bool complete = self->resident_bytes != NULL && self->virtual_bytes != NULL &&
                  self->open_descriptors != NULL && self->max_descriptors != NULL &&
                  self->threads != NULL && start != NULL;
  return complete ? SJ_OK : SJ_NO_MEMORY;
}
