/* The effective configuration, for people and for machines. */
#include <string.h>

#include "base/slice.h"
#include "base/text.h"
#include "daemon/config.h"
#include "daemon/config_table.h"

/* A URL's password is nobody's affair: redis://user:SECRET@host becomes redis://user:***@host. */
static void write_store(const char *url, sj__buffer *out) {
  const char *start = strstr(url, "://");
  const char *end = start != NULL ? strpbrk(start + 3, "/?") : NULL;
  const char *at = NULL;
  const char *colon = NULL;
  for (const char *c = start != NULL ? start + 3 : ""; *c != '\0' && c != end; c++) {
    if (*c == '@') at = c;
    if (*c == ':' && colon == NULL) colon = c;
  }
  if (at == NULL || colon == NULL || colon > at) {
    sj__append_json_string(out, sj__slice_text(url));
    return;
  }
  sj__buffer shown;
  sj__buffer_init(&shown, 0);
  sj__buffer_append(&shown, url, (size_t)(colon + 1 - url));
  sj__buffer_append_literal(&shown, "***");
  sj__buffer_append_text(&shown, at);
  sj__append_json_string(out, sj__buffer_slice(&shown));
  sj__buffer_release(&shown);
}

static void write_entry(const sj__config *config, const sj__config_entry *entry, sj__buffer *out) {
  if (entry->offset == offsetof(sj__config, store)) {
    write_store(config->store, out);
  } else {
    sj__config_write(entry, config, out);
  }
}

void sj__config_show_yaml(const sj__config *config, sj__buffer *out) {
  sj_slice section = {NULL, 0};
  for (size_t i = 0; i < sj__config_table_count; i++) {
    const sj__config_entry *entry = &sj__config_table[i];
    const char *dot = strchr(entry->path, '.');
    const char *name = dot != NULL ? dot + 1 : entry->path;
    sj_slice head = sj__slice(entry->path, dot != NULL ? (size_t)(dot - entry->path) : 0);
    if (head.size > 0 && !sj__slice_equal(head, section)) {
      sj__buffer_append_slice(out, head);
      sj__buffer_append_literal(out, ":\n");
    }
    section = head;
    if (head.size > 0) sj__buffer_append_literal(out, "  ");
    sj__buffer_appendf(out, "%s: ", name);
    write_entry(config, entry, out);
    sj__buffer_append_literal(out, "  # ");
    sj__buffer_append_text(out, config->sources[i]);
    sj__buffer_append_char(out, '\n');
  }
}

void sj__config_show_json(const sj__config *config, sj__buffer *out) {
  sj__buffer_append_literal(out, "{\n");
  for (size_t i = 0; i < sj__config_table_count; i++) {
    const sj__config_entry *entry = &sj__config_table[i];
    sj__buffer_appendf(out, "  \"%s\": {\"value\": ", entry->path);
    write_entry(config, entry, out);
    sj__buffer_append_literal(out, ", \"source\": ");
    sj__append_json_string(out, sj__slice_text(config->sources[i]));
    sj__buffer_append_text(out, i + 1 < sj__config_table_count ? "},\n" : "}\n");
  }
  sj__buffer_append_literal(out, "}\n");
}
