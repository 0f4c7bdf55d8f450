/* Loading: defaults, the file, the environment, what follows from the state folder. */
#include "daemon/config.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "daemon/config_rules.h"
#include "daemon/config_table.h"
#include "loop/file.h"
#include "loop/state_folder.h"

#define PREFIX       "SOJOURN__"
#define WARNINGS_MAX 32u

static sj_status out_of_memory(sj_error *error) {
  return sj__fail(error, SJ_NO_MEMORY, "out of memory");
}

static size_t row_of(const sj__config_entry *entry) {
  return (size_t)(entry - sj__config_table);
}

/* --- Defaults ---------------------------------------------------------------- */

static sj_status load_defaults(sj__config *config, sj_error *error) {
  for (size_t i = 0; i < sj__config_table_count; i++) {
    const sj__config_entry *entry = &sj__config_table[i];
    config->sources[i] = "default";
    if (entry->fallback == NULL) continue;
    sj_status status =
        sj__config_read_text(entry, sj__slice_text(entry->fallback), config, &config->arena, error);
    SJ__REQUIRE(status == SJ_OK || status == SJ_NO_MEMORY);
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}

/* --- The file ------------------------------------------------------------------- */

typedef struct file_reader {
  sj__config *config;
  const char *name;
  sj_error *error;
} file_reader;

/* The names that may follow `section` ("": at the top), for suggestions. */
static void names_under(sj__arena *arena, sj_slice section,
                        const char *names[SJ__CONFIG_ENTRIES_MAX + 1]) {
  size_t count = 0;
  for (size_t i = 0; i < sj__config_table_count; i++) {
    const char *path = sj__config_table[i].path;
    const char *dot = strchr(path, '.');
    size_t head = dot != NULL ? (size_t)(dot - path) : 0;
    if (section.size > 0) {
      if (sj__slice_equal(sj__slice(path, head), section)) names[count++] = dot + 1;
    } else if (dot == NULL) {
      names[count++] = path;
    } else {
      const char *name = sj__arena_dup(arena, sj__slice(path, head)).data;
      if (name != NULL) names[count++] = name;
    }
  }
  names[count] = NULL;
}

static sj_status refuse_unknown(file_reader *reader, sj_slice section,
                                const sj__config_node *node) {
  char shown[SJ__CONFIG_SHOWN_SIZE];
  const char *name = sj__config_shown(node->name, shown);
  const char *dot = strchr(name, '.');
  if (section.size == 0 && dot != NULL && sj__config_find(name) != NULL) {
    return sj__fail(reader->error, SJ_INVALID,
                    "%s:%u: unknown key '%s'; write '%.*s:' and, indented under it, '%s:'",
                    reader->name, node->line, name, (int)(dot - name), name, dot + 1);
  }
  const char *names[SJ__CONFIG_ENTRIES_MAX + 1];
  names_under(&reader->config->arena, section, names);
  const char *nearest = sj__config_nearest(node->name, names);
  const char *separator = section.size > 0 ? "." : "";
  if (nearest == NULL) {
    return sj__fail(reader->error, SJ_INVALID,
                    "%s:%u: unknown key '%.*s%s%s'; sojournd --help-config lists all", reader->name,
                    node->line, (int)section.size, section.data, separator, name);
  }
  return sj__fail(reader->error, SJ_INVALID, "%s:%u: unknown key '%.*s%s%s'; did you mean '%s'?",
                  reader->name, node->line, (int)section.size, section.data, separator, name,
                  nearest);
}

static const sj__config_entry *find_under(sj_slice section, sj_slice name) {
  for (size_t i = 0; i < sj__config_table_count; i++) {
    sj_slice path = sj__slice_text(sj__config_table[i].path);
    if (section.size > 0) {
      if (path.size <= section.size || path.data[section.size] != '.' ||
          !sj__slice_starts(path, section)) {
        continue;
      }
      path = sj__slice(path.data + section.size + 1, path.size - section.size - 1);
    }
    if (sj__slice_equal(path, name) && memchr(name.data, '.', name.size) == NULL) {
      return &sj__config_table[i];
    }
  }
  return NULL;
}

static bool is_section(sj_slice name) {
  for (size_t i = 0; i < sj__config_table_count; i++) {
    const char *dot = strchr(sj__config_table[i].path, '.');
    if (dot == NULL) continue;
    sj_slice section =
        sj__slice(sj__config_table[i].path, (size_t)(dot - sj__config_table[i].path));
    if (sj__slice_equal(section, name)) return true;
  }
  return false;
}

static sj_status load_entry(file_reader *reader, sj_slice section, const sj__config_node *node) {
  sj__config *config = reader->config;
  const sj__config_entry *entry = find_under(section, node->name);
  if (entry == NULL) return refuse_unknown(reader, section, node);
  unsigned line = node->line;
  sj_error why;
  sj_status status = sj__config_read(entry, node, config, &config->arena, &line, &why);
  if (status != SJ_OK) {
    return sj__fail(reader->error, status, "%s:%u: %s", reader->name, line, why.message);
  }
  const char *source = sj__arena_printf(&config->arena, "%s:%u", reader->name, node->line);
  if (source == NULL) return out_of_memory(reader->error);
  config->sources[row_of(entry)] = source;
  return SJ_OK;
}

static sj_status load_section(file_reader *reader, const sj__config_node *section) {
  if (section->kind == SJ__NODE_NOTHING) return SJ_OK; /* everything under it commented out */
  if (section->kind != SJ__NODE_MAP) {
    return sj__fail(reader->error, SJ_INVALID, "%s:%u: %.*s: is not a map of settings",
                    reader->name, section->line, (int)section->name.size, section->name.data);
  }
  for (sj__config_node *node = section->first; node != NULL; node = node->next) {
    sj_status status = load_entry(reader, section->name, node);
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}

static sj_status load_text(sj__config *config, const char *name, sj_slice text, sj_error *error) {
  file_reader reader = {config, name, error};
  sj__config_node *root = NULL;
  sj_status status = sj__config_yaml_parse(&config->arena, name, text, &root, error);
  if (status != SJ_OK) return status;
  for (sj__config_node *node = root->first; node != NULL && status == SJ_OK; node = node->next) {
    status = is_section(node->name) ? load_section(&reader, node)
                                    : load_entry(&reader, (sj_slice){NULL, 0}, node);
  }
  return status;
}

/* --- The environment ------------------------------------------------------------- */

/* session.idle: SOJOURN__SESSION__IDLE. */
static bool names_entry(sj_slice variable, const char *path) {
  size_t at = sizeof PREFIX - 1;
  for (; *path != '\0'; path++) {
    char c = *path >= 'a' && *path <= 'z' ? (char)(*path - 'a' + 'A') : *path;
    size_t width = c == '.' ? 2 : 1;
    if (at + width > variable.size) return false;
    if (c == '.' ? memcmp(variable.data + at, "__", 2) != 0 : variable.data[at] != c) return false;
    at += width;
  }
  return at == variable.size;
}

static const sj__config_entry *entry_of_variable(sj_slice variable) {
  for (size_t i = 0; i < sj__config_table_count; i++) {
    if (names_entry(variable, sj__config_table[i].path)) return &sj__config_table[i];
  }
  return NULL;
}

static sj_status warn(sj__config *config, const char *text, sj_error *error) {
  if (text == NULL) return out_of_memory(error);
  if (config->warnings.items == NULL) {
    config->warnings.items =
        sj__arena_calloc(&config->arena, WARNINGS_MAX, sizeof *config->warnings.items);
    if (config->warnings.items == NULL) return out_of_memory(error);
  }
  if (config->warnings.count < WARNINGS_MAX) {
    config->warnings.items[config->warnings.count++] = text;
  }
  return SJ_OK;
}

static sj_status load_variable(sj__config *config, sj_slice variable, sj_slice value,
                               sj_error *error) {
  char shown[SJ__CONFIG_SHOWN_SIZE];
  const sj__config_entry *entry = entry_of_variable(variable);
  if (entry == NULL) {
    return warn(config,
                sj__arena_printf(&config->arena, "%s names no setting and is ignored",
                                 sj__config_shown(variable, shown)),
                error);
  }
  sj_error why;
  sj_status status = sj__config_read_text(entry, value, config, &config->arena, &why);
  sj_slice source = sj__arena_dup(&config->arena, variable);
  if (source.data == NULL) return out_of_memory(error);
  if (status != SJ_OK) return sj__fail(error, status, "%s: %s", source.data, why.message);
  config->sources[row_of(entry)] = source.data;
  return SJ_OK;
}

static sj_status load_environment(sj__config *config, const char *const *environment,
                                  sj_error *error) {
  for (; environment != NULL && *environment != NULL; environment++) {
    sj_slice pair = sj__slice_text(*environment);
    const char *equals = memchr(pair.data, '=', pair.size);
    if (!sj__slice_starts(pair, SJ__SLICE(PREFIX)) || equals == NULL) continue;
    sj_slice name = sj__slice(pair.data, (size_t)(equals - pair.data));
    sj_slice value = sj__slice(equals + 1, pair.size - name.size - 1);
    sj_status status = load_variable(config, name, value, error);
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}

/* --- What follows from the state folder ---------------------------------------------- */

static const char *default_state(sj__arena *arena, const char *const *environment) {
  sj__buffer path;
  sj__buffer_init(&path, 0);
  sj__state_folder_append(environment, &path);
  const char *state = NULL;
  if (sj__buffer_status(&path) == SJ_OK) state = sj__arena_dup(arena, sj__buffer_slice(&path)).data;
  sj__buffer_release(&path);
  return state;
}

/* A relative path would mean something else after a change of folder, and nothing in a log. */
static const char *absolute(sj__arena *arena, const char *path) {
  char folder[PATH_MAX];
  if (path[0] == '/' || getcwd(folder, sizeof folder) == NULL) return path;
  return sj__arena_printf(arena, "%s/%s", folder, path);
}

static sj_status derive(sj__config *config, const char *const *environment, sj_error *error) {
  sj__arena *arena = &config->arena;
  if (config->state == NULL) config->state = default_state(arena, environment);
  if (config->state == NULL) return out_of_memory(error);
  config->state = absolute(arena, config->state);
  if (config->state == NULL) return out_of_memory(error);
  if (config->store == NULL) {
    config->store = sj__arena_printf(arena, "lmdb:%s/store", config->state);
  }
  config->keyring_default = config->keyring_file == NULL;
  if (config->keyring_default) {
    config->keyring_file = sj__arena_printf(arena, "%s/keyring", config->state);
  }
  config->api_keys_default = config->api_keys.items == NULL;
  if (config->api_keys_default) {
    config->api_keys.items = sj__arena_calloc(arena, 1, sizeof *config->api_keys.items);
    if (config->api_keys.items == NULL) return out_of_memory(error);
    config->api_keys.items[0] = sj__arena_printf(arena, "%s/api-key", config->state);
    config->api_keys.count = 1;
  }
  bool complete =
      config->store != NULL && config->keyring_file != NULL && config->api_keys.items[0] != NULL;
  return complete ? SJ_OK : out_of_memory(error);
}

/* --- Life -------------------------------------------------------------------------------- */

sj_status sj__config_parse(sj__config *config, const char *name, sj_slice text,
                           const char *const *environment, sj_error *error) {
  memset(config, 0, sizeof *config);
  sj__arena_init(&config->arena, NULL, 0, 0);
  sj_status status = load_defaults(config, error);
  if (status == SJ_OK && text.data != NULL) status = load_text(config, name, text, error);
  if (status == SJ_OK) status = load_environment(config, environment, error);
  if (status == SJ_OK) status = derive(config, environment, error);
  if (status == SJ_OK) status = sj__config_check_rules(config, error);
  return status;
}

sj_status sj__config_load(sj__config *config, const char *file, const char *const *environment,
                          sj_error *error) {
  if (file == NULL) return sj__config_parse(config, "", (sj_slice){NULL, 0}, environment, error);
  memset(config, 0, sizeof *config);
  sj__buffer text;
  sj__buffer_init(&text, SJ__CONFIG_FILE_MAX);
  sj_status status = sj__file_read(file, SJ__FILE_ANY, SJ__CONFIG_FILE_MAX, &text, error);
  if (status == SJ_OK) {
    status = sj__config_parse(config, file, sj__buffer_slice(&text), environment, error);
  }
  sj__buffer_release(&text);
  return status;
}

void sj__config_release(sj__config *config) {
  sj__arena_release(&config->arena);
  memset(config, 0, sizeof *config);
}
