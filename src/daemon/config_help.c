/* --help-config and docs/configuration.md: the table, told to people. */
#include <string.h>

#include "base/slice.h"
#include "daemon/config_table.h"

static const char *shown_default(const sj__config_entry *entry) {
  if (entry->fallback_note != NULL) return entry->fallback_note;
  return entry->fallback;
}

/* Breaks prose between words so that lines end before `width`. */
static void append_wrapped(sj__buffer *out, const char *prose, size_t indent, size_t width) {
  size_t column = 0;
  while (*prose != '\0') {
    size_t word = strcspn(prose, " ");
    if (column > 0 && column + 1 + word > width) {
      sj__buffer_append_char(out, '\n');
      column = 0;
    }
    if (column == 0) {
      for (size_t i = 0; i < indent; i++) sj__buffer_append_char(out, ' ');
      column = indent;
    } else {
      sj__buffer_append_char(out, ' ');
      column++;
    }
    sj__buffer_append(out, prose, word);
    column += word;
    prose += word;
    prose += strspn(prose, " ");
  }
  sj__buffer_append_char(out, '\n');
}

/* --- Text -------------------------------------------------------------------------- */

static void append_line(sj__buffer *out, const char *label, const char *text) {
  sj__buffer line;
  sj__buffer_init(&line, 0);
  sj__buffer_append_text(&line, label);
  sj__buffer_append_text(&line, text);
  sj__buffer_append_char(&line, '\0');
  append_wrapped(out, sj__buffer_slice(&line).data, 4, 96);
  sj__buffer_release(&line);
}

static void help_entry(const sj__config_entry *entry, sj__buffer *out) {
  sj__buffer allowed;
  sj__buffer_init(&allowed, 0);
  sj__config_describe(entry, &allowed);
  sj__buffer_append_char(&allowed, '\0');
  sj__buffer_append_text(out, entry->path);
  sj__buffer_append_char(out, '\n');
  append_wrapped(out, entry->prose, 4, 96);
  append_line(out, "allowed: ", sj__buffer_slice(&allowed).data);
  if (shown_default(entry) != NULL) append_line(out, "default: ", shown_default(entry));
  sj__buffer_append_char(out, '\n');
  sj__buffer_release(&allowed);
}

static bool is_listeners(const sj__config_entry *entry) {
  return entry->type == SJ__CONFIG_LISTENERS;
}

void sj__config_help_text(sj__buffer *out) {
  for (size_t i = 0; i < sj__config_table_count; i++) {
    help_entry(&sj__config_table[i], out);
    for (size_t j = 0; is_listeners(&sj__config_table[i]) && j < sj__config_listener_table_count;
         j++) {
      help_entry(&sj__config_listener_table[j], out);
    }
  }
}

/* --- Markdown ------------------------------------------------------------------------ */

static const char *const introduction =
    "# Configuration\n"
    "\n"
    "<!-- Made from src/daemon/config_table.c; tests/e2e/documents.test.mjs holds this file to "
    "it:\n"
    "     build/sojournd --help-config=markdown >docs/configuration.md -->\n"
    "\n"
    "`sojournd` runs without a configuration file: it listens on `127.0.0.1:7373` and keeps its\n"
    "state on disk. What is set differently stands in a YAML file (`sojournd --config FILE`), in\n"
    "the environment, or both; the environment wins.\n"
    "\n"
    "```yaml\n"
    "state: /srv/sojourn\n"
    "listeners:\n"
    "  - address: 127.0.0.1:7373\n"
    "    roles: [app, check]\n"
    "  - address: unix:/run/sojourn/admin.sock\n"
    "    mode: 0600\n"
    "    roles: [admin, metrics]\n"
    "session:\n"
    "  idle: 20m\n"
    "  absolute: 8h\n"
    "```\n"
    "\n"
    "- A key with a dot in the table below is nested in the file: `session.idle` is `idle` under\n"
    "  `session`. In the environment it is `SOJOURN__SESSION__IDLE`; lists are JSON there:\n"
    "  `SOJOURN__CHECK__ATTRIBUTES='[\"theme\"]'`.\n"
    "- Durations are `250ms`, `90s`, `30m`, `12h`, `7d`; sizes are `512`, `32KiB`, `1MiB`.\n"
    "- Unknown and repeated keys, YAML anchors, aliases and tags, and values out of range stop "
    "the\n"
    "  start with the file, the line and what is allowed. Unknown `SOJOURN__*` variables are\n"
    "  logged as warnings.\n"
    "- `sojournd --check-config FILE` checks a file without starting anything;\n"
    "  `sojournd --show-config` prints what would be in effect, and where each value comes from.\n"
    "\n";

/* '|' ends a cell, and a word in <> would be HTML. */
static void append_cell(sj__buffer *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '|' || *text == '<') sj__buffer_append_char(out, '\\');
    sj__buffer_append_char(out, *text);
  }
}

static void markdown_entry(const sj__config_entry *entry, const char *name, sj__buffer *out) {
  sj__buffer allowed;
  sj__buffer_init(&allowed, 0);
  sj__config_describe(entry, &allowed);
  sj__buffer_append_char(&allowed, '\0');
  sj__buffer_appendf(out, "| `%s` | ", name);
  append_cell(out, entry->prose);
  sj__buffer_append_literal(out, " | ");
  append_cell(out, sj__buffer_slice(&allowed).data);
  sj__buffer_append_literal(out, " | ");
  if (entry->fallback_note == NULL && entry->fallback != NULL) {
    sj__buffer_appendf(out, "`%s`", entry->fallback);
  } else if (entry->fallback_note != NULL) {
    append_cell(out, entry->fallback_note);
  } else {
    sj__buffer_append_literal(out, "must be set");
  }
  sj__buffer_append_literal(out, " |\n");
  sj__buffer_release(&allowed);
}

static void markdown_head(const char *title, size_t title_size, sj__buffer *out) {
  sj__buffer_appendf(out, "## %.*s\n\n", (int)title_size, title);
  sj__buffer_append_literal(out, "| setting | what it does | allowed | default |\n");
  sj__buffer_append_literal(out, "| --- | --- | --- | --- |\n");
}

static void markdown_listeners(sj__buffer *out) {
  sj__buffer_append_literal(out, "\n");
  markdown_head("Each of listeners", sizeof "Each of listeners" - 1, out);
  for (size_t i = 0; i < sj__config_listener_table_count; i++) {
    const sj__config_entry *entry = &sj__config_listener_table[i];
    markdown_entry(entry, entry->path + sizeof "listeners." - 1, out);
  }
}

/* Top-level settings first, as one table; then one a section. */
void sj__config_help_markdown(sj__buffer *out) {
  sj__buffer_append_text(out, introduction);
  markdown_head("Daemon", sizeof "Daemon" - 1, out);
  for (size_t i = 0; i < sj__config_table_count; i++) {
    const sj__config_entry *entry = &sj__config_table[i];
    if (strchr(entry->path, '.') == NULL) markdown_entry(entry, entry->path, out);
  }
  markdown_listeners(out);
  sj_slice section = {NULL, 0};
  for (size_t i = 0; i < sj__config_table_count; i++) {
    const sj__config_entry *entry = &sj__config_table[i];
    const char *dot = strchr(entry->path, '.');
    if (dot == NULL) continue;
    sj_slice head = sj__slice(entry->path, (size_t)(dot - entry->path));
    if (!sj__slice_equal(head, section)) {
      sj__buffer_append_char(out, '\n');
      markdown_head(head.data, head.size, out);
    }
    section = head;
    markdown_entry(entry, entry->path, out);
  }
}
