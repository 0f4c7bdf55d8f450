#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "codec/units.h"

typedef struct figures {
  bool known; /* the metrics could be read */
  double start_s;
  double resident_bytes;
  double records;
  double used_bytes;
  double store_reachable;
  double store_writable;
  double requests;
} figures;

/* One line of Prometheus' text format: name, perhaps {labels}, a space, the value. */
static bool read_sample(sj_slice line, sj_slice *name, double *value) {
  char number[32];
  size_t size = 0;
  while (size < line.size && line.data[size] != '{' && line.data[size] != ' ') size++;
  *name = sj__slice(line.data, size);
  const char *space = line.size > 0 ? memrchr(line.data, ' ', line.size) : NULL;
  if (size == 0 || line.data[0] == '#' || space == NULL) return false;
  size_t left = (size_t)(line.data + line.size - (space + 1));
  if (left == 0 || left >= sizeof number) return false;
  memcpy(number, space + 1, left);
  number[left] = '\0';
  return sscanf(number, "%lf", value) == 1; /* NOLINT(cert-err34-c): "+Inf" and the like are fine */
}

static void note(figures *out, sj_slice name, double value) {
  const struct {
    const char *name;
    double *figure;
  } wanted[] = {
      {"process_start_time_seconds", &out->start_s},
      {"process_resident_memory_bytes", &out->resident_bytes},
      {"sojourn_store_records", &out->records},
      {"sojourn_store_used_bytes", &out->used_bytes},
      {"sojourn_store_reachable", &out->store_reachable},
      {"sojourn_store_writable", &out->store_writable},
      {"sojourn_http_requests_total", &out->requests},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    if (sj__slice_equal(name, sj__slice_text(wanted[i].name))) *wanted[i].figure += value;
  }
}

static void read_figures(sj_slice text, figures *out) {
  while (text.size > 0) {
    const char *end = memchr(text.data, '\n', text.size);
    size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
    sj_slice name;
    double value = 0;
    if (read_sample(sj__slice(text.data, size), &name, &value)) note(out, name, value);
    size_t used = end != NULL ? size + 1 : size;
    text = sj__slice(text.data + used, text.size - used);
  }
  out->known = out->start_s > 0;
}

/* --- Printing ------------------------------------------------------------------- */

static const char *yes_no(bool value) {
  return value ? "yes" : "no";
}

static void print_size(const char *name, double bytes) {
  printf("%-12s%.1f MiB\n", name, bytes / (1024.0 * 1024.0));
}

static void print_uptime(double start_s) {
  int64_t seconds = sj__wall_ms() / 1000 - (int64_t)start_s;
  if (seconds < 0) seconds = 0;
  printf("%-12s%lldd %lldh %lldm %llds\n", "up", (long long)(seconds / 86400),
         (long long)(seconds / 3600 % 24), (long long)(seconds / 60 % 60),
         (long long)(seconds % 60));
}

static void print_text(const sj__cli *cli, bool healthy, bool ready, const figures *found) {
  sj__cli_print_row("server", sj__slice_text(cli->server));
  printf("%-12s%s\n%-12s%s\n", "healthy", yes_no(healthy), "ready", yes_no(ready));
  if (!found->known) {
    printf("(no figures: /metrics needs an API key with the role metrics)\n");
    return;
  }
  print_uptime(found->start_s);
  print_size("memory", found->resident_bytes);
  printf("%-12s%.0f\n", "requests", found->requests);
  printf("%-12s%s\n", "store",
         found->store_reachable <= 0  ? "unreachable"
         : found->store_writable <= 0 ? "read-only"
                                      : "reachable, writable");
  if (found->records > 0) printf("%-12s%.0f\n", "records", found->records);
  if (found->used_bytes > 0) print_size("used", found->used_bytes);
}

static void print_json(const sj__cli *cli, bool healthy, bool ready, const figures *found) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__buffer_append_literal(&out, "{\"server\": ");
  sj__append_json_string(&out, sj__slice_text(cli->server));
  sj__buffer_appendf(&out, ", \"healthy\": %s, \"ready\": %s", healthy ? "true" : "false",
                     ready ? "true" : "false");
  if (found->known) {
    sj__buffer_appendf(&out,
                       ", \"started\": %.0f, \"memory_bytes\": %.0f, \"requests\": %.0f, "
                       "\"store\": {\"reachable\": %s, \"writable\": %s, \"records\": %.0f, "
                       "\"used_bytes\": %.0f}",
                       found->start_s, found->resident_bytes, found->requests,
                       found->store_reachable > 0 ? "true" : "false",
                       found->store_writable > 0 ? "true" : "false", found->records,
                       found->used_bytes);
  }
  sj__buffer_append_char(&out, '}');
  sj__cli_print_json(sj__buffer_slice(&out));
  sj__buffer_release(&out);
}

static int run(sj__cli *cli, char **words) {
  size_t count = 0;
  int health = 0;
  int ready = 0;
  int metrics = 0;
  sj_slice body;
  figures found = {.known = false};
  if (!sj__cli_parse(cli, words, NULL, NULL, 0, &count)) return SJ__EXIT_USAGE;
  int code = sj__cli_ask_any(cli, "GET", "/healthz", false, &health, &body);
  if (code == SJ__EXIT_DONE) {
    code = sj__cli_ask_any(cli, "GET", "/readyz", false, &ready, &body);
  }
  if (code == SJ__EXIT_DONE) {
    code = sj__cli_ask_any(cli, "GET", "/metrics", true, &metrics, &body);
  }
  if (code != SJ__EXIT_DONE) return code;
  if (metrics == 200) read_figures(body, &found);
  if (cli->json) {
    print_json(cli, health == 200, ready == 200, &found);
  } else {
    print_text(cli, health == 200, ready == 200, &found);
  }
  code = sj__cli_finish();
  return code == SJ__EXIT_DONE && (health != 200 || ready != 200) ? SJ__EXIT_REFUSED : code;
}

const sj__cli_verb sj__status_verb = {
    .name = "status",
    .arguments = "",
    .summary = "tell whether the daemon is ready, and its key figures",
    .help = "Exit status 1 if it answers but is not ready.\n",
    .run = run,
};
