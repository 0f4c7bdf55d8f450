/* YAML into nodes, by libyaml's events: nothing is resolved, tagged or shared. */
#include <string.h>
#include <yaml.h>

#include "base/errors.h"
#include "base/slice.h"
#include "daemon/config.h"
#include "daemon/config_node.h"

typedef struct yaml_reader {
  yaml_parser_t parser;
  yaml_event_t event; /* the present one; zeroed: none */
  sj__arena *arena;
  const char *name;
  sj_slice text;
  sj_error *error;
} yaml_reader;

static unsigned line_of(yaml_mark_t mark) {
  return (unsigned)mark.line + 1;
}

static sj_status refuse(yaml_reader *reader, unsigned line, const char *why) {
  return sj__fail(reader->error, SJ_INVALID, "%s:%u: %s", reader->name, line, why);
}

static sj_status out_of_memory(yaml_reader *reader) {
  return sj__fail(reader->error, SJ_NO_MEMORY, "%s: out of memory", reader->name);
}

/* A reader's error (encoding) has an offset and no mark. */
static unsigned line_at(sj_slice text, size_t offset) {
  unsigned line = 1;
  for (size_t i = 0; i < text.size && i < offset; i++) line += text.data[i] == '\n' ? 1 : 0;
  return line;
}

/* What libyaml says of the text, without quoting any of it. */
static sj_status parser_failed(yaml_reader *reader) {
  const yaml_parser_t *parser = &reader->parser;
  if (parser->error == YAML_MEMORY_ERROR) return out_of_memory(reader);
  bool encoding = parser->error == YAML_READER_ERROR;
  unsigned line =
      encoding ? line_at(reader->text, parser->problem_offset) : line_of(parser->problem_mark);
  return sj__fail(reader->error, SJ_INVALID, "%s:%u: not YAML%s: %s", reader->name, line,
                  encoding ? " in UTF-8" : "",
                  parser->problem != NULL ? parser->problem : "malformed");
}

static sj_status refuse_length(yaml_reader *reader) {
  return sj__fail(reader->error, SJ_INVALID, "%s:%u: more than %u elements", reader->name,
                  line_of(reader->event.start_mark), SJ__CONFIG_CHILDREN_MAX);
}

static sj_status next_event(yaml_reader *reader) {
  yaml_event_delete(&reader->event);
  memset(&reader->event, 0, sizeof reader->event);
  return yaml_parser_parse(&reader->parser, &reader->event) ? SJ_OK : parser_failed(reader);
}

static sj_status refuse_decoration(yaml_reader *reader, const yaml_char_t *anchor,
                                   const yaml_char_t *tag) {
  unsigned line = line_of(reader->event.start_mark);
  if (anchor != NULL) return refuse(reader, line, "anchors ('&name') are not supported");
  if (tag != NULL) return refuse(reader, line, "tags ('!name') are not supported");
  return SJ_OK;
}

/* YAML 1.2 10.2.1.1, and an empty value. */
static bool means_nothing(const yaml_event_t *event) {
  static const char *const words[] = {"", "~", "null", "Null", "NULL"};
  if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
  sj_slice text = sj__slice(event->data.scalar.value, event->data.scalar.length);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (sj__slice_equal(text, sj__slice_text(words[i]))) return true;
  }
  return false;
}

static sj_status read_scalar(yaml_reader *reader, sj__config_node **out) {
  const yaml_event_t *event = &reader->event;
  sj_status status = refuse_decoration(reader, event->data.scalar.anchor, event->data.scalar.tag);
  if (status != SJ_OK) return status;
  sj__config_node_kind kind = means_nothing(event) ? SJ__NODE_NOTHING : SJ__NODE_SCALAR;
  sj__config_node *node = sj__config_node_new(reader->arena, kind, line_of(event->start_mark));
  if (node == NULL) return out_of_memory(reader);
  node->text =
      sj__arena_dup(reader->arena, sj__slice(event->data.scalar.value, event->data.scalar.length));
  if (node->text.data == NULL) return out_of_memory(reader);
  *out = node;
  return SJ_OK;
}

static sj_status read_node(yaml_reader *reader, unsigned depth, sj__config_node **out);

static sj_status read_list(yaml_reader *reader, unsigned depth, sj__config_node *list) {
  for (;;) {
    sj_status status = next_event(reader);
    if (status != SJ_OK) return status;
    if (reader->event.type == YAML_SEQUENCE_END_EVENT) return SJ_OK;
    if (list->count == SJ__CONFIG_CHILDREN_MAX) return refuse_length(reader);
    sj__config_node *child = NULL;
    status = read_node(reader, depth, &child);
    if (status != SJ_OK) return status;
    sj__config_node_append(list, child);
  }
}

static sj_status read_key(yaml_reader *reader, const sj__config_node *map, sj__config_node **key) {
  unsigned line = line_of(reader->event.start_mark);
  if (reader->event.type != YAML_SCALAR_EVENT) return refuse(reader, line, "a key must be a word");
  sj_status status = read_scalar(reader, key);
  if (status != SJ_OK) return status;
  if ((*key)->text.size == 0) return refuse(reader, line, "a key must be a word");
  const sj__config_node *first = sj__config_node_member(map, (*key)->text);
  if (first == NULL) return SJ_OK;
  char shown[SJ__CONFIG_SHOWN_SIZE];
  return sj__fail(reader->error, SJ_INVALID, "%s:%u: '%s' is set twice (first in line %u)",
                  reader->name, line, sj__config_shown(first->name, shown), first->line);
}

static sj_status read_map(yaml_reader *reader, unsigned depth, sj__config_node *map) {
  for (;;) {
    sj_status status = next_event(reader);
    if (status != SJ_OK) return status;
    if (reader->event.type == YAML_MAPPING_END_EVENT) return SJ_OK;
    if (map->count == SJ__CONFIG_CHILDREN_MAX) return refuse_length(reader);
    sj__config_node *key = NULL;
    sj__config_node *child = NULL;
    status = read_key(reader, map, &key);
    if (status == SJ_OK) status = next_event(reader);
    if (status == SJ_OK) status = read_node(reader, depth, &child);
    if (status != SJ_OK) return status;
    child->name = key->text;
    child->line = key->line; /* people look for the key */
    sj__config_node_append(map, child);
  }
}

/* The present event begins the node; `depth` counts the levels around it. */
static sj_status read_node(yaml_reader *reader, unsigned depth, sj__config_node **out) {
  const yaml_event_t *event = &reader->event;
  unsigned line = line_of(event->start_mark);
  if (event->type == YAML_ALIAS_EVENT) {
    return refuse(reader, line, "aliases ('*name') are not supported");
  }
  if (event->type == YAML_SCALAR_EVENT) return read_scalar(reader, out);
  bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
  sj_status status = is_list ? refuse_decoration(reader, event->data.sequence_start.anchor,
                                                 event->data.sequence_start.tag)
                             : refuse_decoration(reader, event->data.mapping_start.anchor,
                                                 event->data.mapping_start.tag);
  if (status != SJ_OK) return status;
  if (depth >= SJ__CONFIG_DEPTH_MAX) return refuse(reader, line, "nested too deeply");
  *out = sj__config_node_new(reader->arena, is_list ? SJ__NODE_LIST : SJ__NODE_MAP, line);
  if (*out == NULL) return out_of_memory(reader);
  return is_list ? read_list(reader, depth + 1, *out) : read_map(reader, depth + 1, *out);
}

static sj_status read_root(yaml_reader *reader, sj__config_node **root) {
  sj_status status = read_node(reader, 0, root);
  if (status != SJ_OK) return status;
  if ((*root)->kind == SJ__NODE_NOTHING) (*root)->kind = SJ__NODE_MAP; /* only comments */
  if ((*root)->kind != SJ__NODE_MAP) {
    return refuse(reader, (*root)->line, "the document must be a map of settings ('name: value')");
  }
  return SJ_OK;
}

static sj_status read_stream(yaml_reader *reader, sj__config_node **root) {
  for (;;) {
    sj_status status = next_event(reader);
    if (status != SJ_OK) return status;
    switch (reader->event.type) {
      case YAML_STREAM_END_EVENT:
        return SJ_OK;
      case YAML_STREAM_START_EVENT:
      case YAML_DOCUMENT_END_EVENT:
        break;
      case YAML_DOCUMENT_START_EVENT:
        if (*root != NULL) {
          return refuse(reader, line_of(reader->event.start_mark),
                        "a second document ('---') is not supported");
        }
        break;
      default:
        status = read_root(reader, root);
        if (status != SJ_OK) return status;
    }
  }
}

sj_status sj__config_yaml_parse(sj__arena *arena, const char *name, sj_slice text,
                                sj__config_node **root, sj_error *error) {
  yaml_reader reader = {.arena = arena, .name = name, .text = text, .error = error};
  *root = NULL;
  if (yaml_parser_initialize(&reader.parser) == 0) return out_of_memory(&reader);
  yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.data, text.size);
  sj_status status = read_stream(&reader, root);
  yaml_event_delete(&reader.event);
  yaml_parser_delete(&reader.parser);
  if (status == SJ_OK && *root == NULL) {
    *root = sj__config_node_new(arena, SJ__NODE_MAP, 1);
    if (*root == NULL) return out_of_memory(&reader);
  }
  return status;
}
