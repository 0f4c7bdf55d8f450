#include "store/registry.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/errors.h"

typedef struct store_row {
  const char *scheme;
  sj__store_opener *open;
  bool is_embedded;
  bool is_volatile; /* as its caps.volatile_data */
} store_row;

static const store_row stores[] = {
    {"memory", sj__memory_open, .is_embedded = true, .is_volatile = true},
    {"lmdb", sj__lmdb_open, .is_embedded = true},
};

typedef struct wrapper_row {
  const char *name;
  sj__store_wrapper *wrap;
} wrapper_row;

static const wrapper_row wrappers[] = {
    {"fault", sj__fault_wrap},
    {"trace", sj__trace_wrap},
};

/* --- URLs ------------------------------------------------------------------ */

static bool is_scheme_char(char c, bool first) {
  bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (first) return letter;
  return letter || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

sj_status sj__store_url_parse(sj_slice text, sj__store_url *out, sj_error *error) {
  size_t colon = 0;
  /* RFC 3986 3.1: ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) */
  while (colon < text.size && is_scheme_char(text.data[colon], colon == 0)) colon++;
  if (colon == 0 || colon == text.size || text.data[colon] != ':') {
    return sj__fail(error, SJ_INVALID, "store URL: does not start with a scheme such as memory:");
  }
  out->scheme = sj__slice(text.data, colon);
  sj_slice rest = sj__slice(text.data + colon + 1, text.size - colon - 1);
  const char *mark = rest.size > 0 ? memchr(rest.data, '?', rest.size) : NULL;
  out->query = (sj_slice){NULL, 0};
  out->path = rest;
  if (mark != NULL) {
    out->path.size = (size_t)(mark - rest.data);
    out->query = sj__slice(mark + 1, rest.size - out->path.size - 1);
  }
  return SJ_OK;
}

/* Takes the next "name=value" off `query`; false at its end. `value` is absent without a '='. */
static bool next_parameter(sj_slice *query, sj_slice *name, sj_slice *value) {
  if (query->data == NULL || query->size == 0) return false;
  const char *ampersand = memchr(query->data, '&', query->size);
  size_t size = ampersand != NULL ? (size_t)(ampersand - query->data) : query->size;
  *name = sj__slice(query->data, size);
  *value = (sj_slice){NULL, 0};
  const char *equals = size > 0 ? memchr(query->data, '=', size) : NULL;
  if (equals != NULL) {
    name->size = (size_t)(equals - query->data);
    *value = sj__slice(equals + 1, size - name->size - 1);
  }
  size_t step = ampersand != NULL ? size + 1 : size;
  *query = sj__slice(query->data + step, query->size - step);
  return true;
}

static size_t count_parameter(const sj__store_url *url, sj_slice wanted, sj_slice *out) {
  sj_slice rest = url->query, name, value;
  size_t count = 0;
  while (next_parameter(&rest, &name, &value)) {
    if (!sj__slice_equal(name, wanted)) continue;
    *out = value;
    count++;
  }
  return count;
}

sj_slice sj__store_url_get(const sj__store_url *url, const char *name) {
  sj_slice value = {NULL, 0};
  (void)count_parameter(url, sj__slice_text(name), &value);
  return value;
}

static bool is_allowed(sj_slice name, const char *const *allowed) {
  for (; *allowed != NULL; allowed++) {
    if (sj__slice_equal(name, sj__slice_text(*allowed))) return true;
  }
  return false;
}

static sj_status refuse_parameter(const sj__store_url *url, sj_slice name,
                                  const char *const *allowed, sj_error *error) {
  sj__buffer list;
  sj__buffer_init(&list, 256);
  for (size_t i = 0; allowed[i] != NULL; i++) {
    sj__buffer_appendf(&list, "%s%s", i > 0 ? ", " : "", allowed[i]);
  }
  sj__buffer_append_char(&list, '\0');
  int shown = name.size < 64 ? (int)name.size : 64;
  sj_status status =
      sj__fail(error, SJ_INVALID, "store URL %.*s: there is no parameter '%.*s'; allowed: %s",
               (int)url->scheme.size, url->scheme.data, shown, name.data,
               sj__buffer_status(&list) == SJ_OK && list.size > 1 ? list.data : "none");
  sj__buffer_release(&list);
  return status;
}

sj_status sj__store_url_check(const sj__store_url *url, const char *const *allowed,
                              sj_error *error) {
  sj_slice rest = url->query, name, value;
  while (next_parameter(&rest, &name, &value)) {
    if (!is_allowed(name, allowed)) return refuse_parameter(url, name, allowed, error);
    if (value.data == NULL) {
      return sj__fail(error, SJ_INVALID, "store URL: parameter '%.*s' has no value", (int)name.size,
                      name.data);
    }
    if (count_parameter(url, name, &value) > 1) {
      return sj__fail(error, SJ_INVALID, "store URL: parameter '%.*s' is given twice",
                      (int)name.size, name.data);
    }
  }
  return SJ_OK;
}

/* --- Rows ------------------------------------------------------------------ */

static const store_row *find_store(sj_slice scheme) {
  for (size_t i = 0; i < SJ__COUNT_OF(stores); i++) {
    if (sj__slice_equal_nocase(scheme, sj__slice_text(stores[i].scheme))) return &stores[i];
  }
  return NULL;
}

/* The wrapper that "name+scheme" begins with; takes it off. NULL: none does. */
static const wrapper_row *take_wrapper(sj_slice *scheme) {
  for (size_t i = 0; i < SJ__COUNT_OF(wrappers); i++) {
    sj_slice name = sj__slice_text(wrappers[i].name);
    if (scheme->size <= name.size || scheme->data[name.size] != '+' ||
        !sj__slice_equal_nocase(sj__slice(scheme->data, name.size), name)) {
      continue;
    }
    *scheme = sj__slice(scheme->data + name.size + 1, scheme->size - name.size - 1);
    return &wrappers[i];
  }
  return NULL;
}

static const store_row *innermost(const char *url) {
  sj__store_url parts;
  if (sj__store_url_parse(sj__slice_text(url), &parts, NULL) != SJ_OK) return NULL;
  while (take_wrapper(&parts.scheme) != NULL) continue;
  return find_store(parts.scheme);
}

bool sj__store_is_embedded(const char *url) {
  const store_row *row = innermost(url);
  return row != NULL && row->is_embedded;
}

bool sj__store_is_volatile(const char *url) {
  const store_row *row = innermost(url);
  return row != NULL && row->is_volatile;
}

/* --- Opening --------------------------------------------------------------- */

static sj_status open_plain(const sj__store_url *url, const sj__store_options *options,
                            sj__store **out, sj_error *error) {
  const store_row *row = find_store(url->scheme);
  if (row != NULL) return row->open(url, options, out, error);
  sj__buffer known;
  sj__buffer_init(&known, 256);
  for (size_t i = 0; i < SJ__COUNT_OF(stores); i++) {
    sj__buffer_appendf(&known, " %s:", stores[i].scheme);
  }
  sj_status status =
      sj__fail(error, SJ_UNSUPPORTED, "store URL: this build has no store '%.*s'; it has%.*s",
               url->scheme.size < 64 ? (int)url->scheme.size : 64, url->scheme.data,
               (int)known.size, sj__buffer_slice(&known).data);
  sj__buffer_release(&known);
  return status;
}

/* Copies to `own` the parameters that begin with "prefix.", to `others` the rest. */
static void split_query(sj_slice query, const char *prefix, sj__buffer *own, sj__buffer *others) {
  sj_slice rest = query, name, value, start = sj__slice_text(prefix);
  while (next_parameter(&rest, &name, &value)) {
    bool mine =
        name.size > start.size && sj__slice_starts(name, start) && name.data[start.size] == '.';
    sj__buffer *to = mine ? own : others;
    if (to->size > 0) sj__buffer_append_char(to, '&');
    size_t size = value.data != NULL ? name.size + 1 + value.size : name.size;
    sj__buffer_append(to, name.data, size);
  }
}

static sj_status open_layer(const sj__store_url *url, unsigned depth,
                            const sj__store_options *options, sj__store **out, sj_error *error);

static sj_status open_wrapped(const wrapper_row *row, sj_slice inner_scheme,
                              const sj__store_url *url, unsigned depth,
                              const sj__store_options *options, sj__store **out, sj_error *error) {
  sj__buffer own, others;
  sj__buffer_init(&own, 0);
  sj__buffer_init(&others, 0);
  split_query(url->query, row->name, &own, &others);
  sj__store_url inner_url = {inner_scheme, url->path, sj__buffer_slice(&others)};
  sj__store_url own_url = {url->scheme, url->path, sj__buffer_slice(&own)};
  sj__store *inner = NULL;
  sj_status status = sj__buffer_status(&own);
  if (status == SJ_OK) status = sj__buffer_status(&others);
  if (status == SJ_OK) status = open_layer(&inner_url, depth + 1, options, &inner, error);
  if (status == SJ_OK) {
    status = row->wrap(inner, &own_url, options, out, error);
    if (status != SJ_OK) sj__store_close(inner);
  }
  sj__buffer_release(&own);
  sj__buffer_release(&others);
  return status;
}

static sj_status open_layer(const sj__store_url *url, unsigned depth,
                            const sj__store_options *options, sj__store **out, sj_error *error) {
  if (depth > SJ__STORE_WRAPPERS_MAX) {
    return sj__fail(error, SJ_INVALID, "store URL: more than %d wrappers", SJ__STORE_WRAPPERS_MAX);
  }
  sj_slice inner_scheme = url->scheme;
  const wrapper_row *row = take_wrapper(&inner_scheme);
  if (row == NULL) return open_plain(url, options, out, error);
  return open_wrapped(row, inner_scheme, url, depth, options, out, error);
}

sj_status sj__store_open(const char *url, const sj__store_options *options, sj__store **out,
                         sj_error *error) {
  sj_slice text = sj__slice_text(url);
  if (text.size > SJ__STORE_URL_MAX) {
    return sj__fail(error, SJ_INVALID, "store URL: longer than %d bytes", SJ__STORE_URL_MAX);
  }
  sj__store_url parts;
  sj_status status = sj__store_url_parse(text, &parts, error);
  if (status != SJ_OK) return status;
  return open_layer(&parts, 0, options, out, error);
}
