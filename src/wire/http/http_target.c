#include "wire/http/http_private.h"

#define TEXT   SJ__HTTP_CHAR_TEXT
#define TOKEN  (SJ__HTTP_CHAR_TEXT | SJ__HTTP_CHAR_TOKEN)
#define TARGET (SJ__HTTP_CHAR_TEXT | SJ__HTTP_CHAR_TARGET)
#define DELIM  (TARGET | SJ__HTTP_CHAR_NAME)
#define PLAIN  (TOKEN | TARGET | SJ__HTTP_CHAR_NAME)

const unsigned char sj__http_chars[256] = {
    ['\t'] = TEXT,          [' '] = TEXT,          ['!'] = PLAIN,         ['"'] = TEXT,
    ['#'] = TOKEN,          ['$'] = PLAIN,         ['%'] = TOKEN,         ['&' ... '\''] = PLAIN,
    ['('] = DELIM,          [')'] = DELIM,         ['*' ... '+'] = PLAIN, [','] = DELIM,
    ['-' ... '.'] = PLAIN,  ['/'] = TARGET,        ['0' ... '9'] = PLAIN, [':'] = TARGET,
    [';'] = DELIM,          ['<'] = TEXT,          ['='] = DELIM,         ['>'] = TEXT,
    ['?' ... '@'] = TARGET, ['A' ... 'Z'] = PLAIN, ['[' ... ']'] = TEXT,  ['^'] = TOKEN,
    ['_'] = PLAIN,          ['`'] = TOKEN,         ['a' ... 'z'] = PLAIN, ['{'] = TEXT,
    ['|'] = TOKEN,          ['}'] = TEXT,          ['~'] = PLAIN,         [0x80 ... 0xff] = TEXT,
};

static bool refuse(sj__http_refusal *refusal, int status, const char *why) {
  *refusal = (sj__http_refusal){status, why};
  return false;
}

static bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* RFC 3986 3.2.2, with whole percent-encodings. */
static bool is_reg_name(sj_slice text) {
  for (size_t i = 0; i < text.size; i++) {
    if (sj__http_char_is(text.data[i], SJ__HTTP_CHAR_NAME)) continue;
    if (text.data[i] != '%' || text.size - i < 3) return false;
    if (!is_hex(text.data[i + 1]) || !is_hex(text.data[i + 2])) return false;
    i += 2;
  }
  return true;
}

static sj_slice slice_between(const char *begin, const char *end) {
  return sj__slice(begin, (size_t)(end - begin));
}

/* --- Host ----------------------------------------------------------------- */

/* [ ":" [ DIGIT+ ] ], at most 65535. */
static bool is_port_part(sj_slice text) {
  uint64_t port = 0;
  if (text.size == 0) return true;
  if (text.data[0] != ':' || text.size > 6) return false;
  for (size_t i = 1; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    port = port * 10 + (uint64_t)(text.data[i] - '0');
  }
  return port <= UINT16_MAX;
}

/* What stands between the brackets is only held to its characters: nobody connects to it. */
static const char *literal_end(sj_slice host) {
  const char *end = memchr(host.data, ']', host.size);
  if (end == NULL || end - host.data < 3) return NULL;
  for (const char *at = host.data + 1; at < end; at++) {
    if (!sj__http_char_is(*at, SJ__HTTP_CHAR_NAME) && *at != ':') return NULL;
  }
  return end + 1;
}

bool sj__http_host_is_valid(sj_slice host) {
  if (host.size == 0) return false;
  const char *end = host.data + host.size;
  const char *name_end;
  if (host.data[0] == '[') {
    name_end = literal_end(host);
    if (name_end == NULL) return false;
  } else {
    name_end = memchr(host.data, ':', host.size);
    if (name_end == NULL) name_end = end;
    if (name_end == host.data) return false;
    if (!is_reg_name(slice_between(host.data, name_end))) return false;
  }
  return is_port_part(slice_between(name_end, end));
}

/* --- Target (RFC 9112 3.2) -------------------------------------------------- */

/* Path and query, all of it (RFC 3986 3.3, 3.4). */
static bool read_path(sj__http_request *request, const char *begin, const char *end) {
  const char *mark = NULL;
  for (const char *at = begin; at < end; at++) {
    if (sj__http_char_is(*at, SJ__HTTP_CHAR_TARGET)) {
      if (*at == '?' && mark == NULL) mark = at;
    } else {
      if (*at != '%' || end - at < 3 || !is_hex(at[1]) || !is_hex(at[2])) return false;
      at += 2;
    }
  }
  const char *path_end = mark != NULL ? mark : end;
  /* An absolute target may have an empty path (RFC 9110 4.2.3). */
  request->path = path_end > begin ? slice_between(begin, path_end) : SJ__SLICE("/");
  if (mark != NULL) request->query = slice_between(mark + 1, end);
  return true;
}

static size_t scheme_size(sj_slice target) {
  static const sj_slice schemes[] = {{"http://", 7}, {"https://", 8}};
  for (size_t i = 0; i < SJ__COUNT_OF(schemes); i++) {
    size_t size = schemes[i].size;
    if (target.size < size) continue;
    if (sj__slice_equal_nocase(sj__slice(target.data, size), schemes[i])) return size;
  }
  return 0;
}

/* RFC 9112 3.2.2; user information is refused with the rest (RFC 9110 4.2.4). */
static bool read_absolute(sj__http_request *request, sj_slice target) {
  size_t scheme = scheme_size(target);
  if (scheme == 0) return false;
  const char *end = target.data + target.size;
  const char *authority = target.data + scheme;
  const char *authority_end = authority;
  while (authority_end < end && *authority_end != '/' && *authority_end != '?') authority_end++;
  request->host = slice_between(authority, authority_end);
  return sj__http_host_is_valid(request->host) && read_path(request, authority_end, end);
}

static bool read_target(sj__http_request *request, sj_slice target) {
  if (target.size == 0) return false;
  if (target.data[0] == '/') {
    return read_path(request, target.data, target.data + target.size);
  }
  if (sj__slice_equal(target, SJ__SLICE("*"))) {
    request->path = target;
    return request->method == SJ__HTTP_OPTIONS; /* RFC 9112 3.2.4 */
  }
  return read_absolute(request, target);
}

/* --- Request line (RFC 9112 3) ---------------------------------------------- */

static sj__http_method method_of(sj_slice text) {
  static const struct {
    sj_slice text;
    sj__http_method method;
  } methods[] = {
      {{"GET", 3}, SJ__HTTP_GET},         {{"HEAD", 4}, SJ__HTTP_HEAD},
      {{"POST", 4}, SJ__HTTP_POST},       {{"PUT", 3}, SJ__HTTP_PUT},
      {{"PATCH", 5}, SJ__HTTP_PATCH},     {{"DELETE", 6}, SJ__HTTP_DELETE},
      {{"OPTIONS", 7}, SJ__HTTP_OPTIONS},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(methods); i++) {
    if (sj__slice_equal(text, methods[i].text)) return methods[i].method;
  }
  return SJ__HTTP_OTHER;
}

static bool is_token(sj_slice text) {
  for (size_t i = 0; i < text.size; i++) {
    if (!sj__http_char_is(text.data[i], SJ__HTTP_CHAR_TOKEN)) return false;
  }
  return text.size > 0;
}

static bool read_method(sj__http_request *request, sj_slice method, sj__http_refusal *refusal) {
  if (!is_token(method)) return refuse(refusal, 400, "the method is malformed");
  /* A tunnel is none of our business, and TRACE shows credentials (RFC 9110 9.3.8). */
  if (sj__slice_equal(method, SJ__SLICE("CONNECT")) ||
      sj__slice_equal(method, SJ__SLICE("TRACE"))) {
    return refuse(refusal, 501, "the method is not supported");
  }
  request->method_text = method;
  request->method = method_of(method);
  return true;
}

/* RFC 9112 2.3: case-sensitive, one digit each. */
static bool read_version(sj__http_exchange *exchange, sj_slice version, sj__http_refusal *refusal) {
  const char *at = version.data;
  bool formed = version.size == 8 && memcmp(at, "HTTP/", 5) == 0 && at[5] >= '0' && at[5] <= '9' &&
                at[6] == '.' && at[7] >= '0' && at[7] <= '9';
  if (!formed) return refuse(refusal, 400, "the request line is malformed");
  if (at[5] != '1' || at[7] > '1') {
    return refuse(refusal, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  exchange->is_http_1_0 = at[7] == '0';
  return true;
}

bool sj__http_read_request_line(sj__http_exchange *exchange, sj_slice line,
                                sj__http_refusal *refusal) {
  sj__http_request *request = &exchange->request;
  const char *end = line.data + line.size;
  const char *target = memchr(line.data, ' ', line.size);
  if (target == NULL) return refuse(refusal, 400, "the request line is malformed");
  if (!read_method(request, slice_between(line.data, target), refusal)) return false;
  target++;
  const char *version = memchr(target, ' ', (size_t)(end - target));
  if (version == NULL) return refuse(refusal, 400, "the request line has no version");
  /* First: what the target may be is for the version to say ("PRI * HTTP/2.0"). */
  if (!read_version(exchange, slice_between(version + 1, end), refusal)) return false;
  if (read_target(request, slice_between(target, version))) return true;
  return refuse(refusal, 400, "the request target is malformed");
}
