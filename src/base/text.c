#include "base/text.h"

#include <string.h>

static inline unsigned char byte_at(const char *text, size_t at) {
  return (unsigned char)text[at];
}

static inline bool is_continuation(unsigned char c) {
  return (c & 0xc0) == 0x80;
}

/* RFC 3629 4: the lead byte fixes the length and narrows the second byte. */
size_t sj__utf8_size(const char *text, size_t size) {
  if (size == 0) return 0;
  unsigned char lead = byte_at(text, 0);
  if (lead < 0x80) return 1;
  size_t length = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4 || size < length) return 0;
  unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte_at(text, 1) < low || byte_at(text, 1) > high) return 0;
  for (size_t i = 2; i < length; i++) {
    if (!is_continuation(byte_at(text, i))) return 0;
  }
  return length;
}

bool sj__utf8_valid(sj_slice text) {
  size_t at = 0;
  while (at < text.size) {
    size_t length = sj__utf8_size(text.data + at, text.size - at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

size_t sj__utf8_floor(const char *text, size_t size) {
  size_t at = size;
  while (at > 0 && size - at < 3 && is_continuation(byte_at(text, at - 1))) at--;
  if (at == 0) return size;
  unsigned char lead = byte_at(text, at - 1);
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return length > size - (at - 1) ? at - 1 : size;
}

static void append_escape(sj__buffer *out, unsigned char c) {
  static const char names[] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                               ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
  static const char digits[] = "0123456789abcdef";
  if (c < sizeof(names) && names[c] != '\0') {
    const char named[2] = {'\\', names[c]};
    sj__buffer_append(out, named, sizeof(named));
  } else {
    const char coded[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    sj__buffer_append(out, coded, sizeof(coded));
  }
}

/* RFC 8259 7; DEL too, which some terminals act upon. */
static inline bool must_escape(unsigned char c) {
  return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

#define EIGHT(byte) (0x0101010101010101u * (byte))

/* The high bit of some byte is set if one of the eight equals `byte`. */
static inline uint64_t has_byte(uint64_t word, unsigned char byte) {
  uint64_t zeroed = word ^ EIGHT(byte);
  return (zeroed - EIGHT(1)) & ~zeroed;
}

/* On from `at` while eight characters together are ASCII and need no escape: nearly all do. */
static size_t skip_plain(sj_slice text, size_t at) {
  for (; text.size - at >= 8; at += 8) {
    uint64_t word;
    memcpy(&word, text.data + at, sizeof(word));
    uint64_t control = (word - EIGHT(0x20)) & ~word;
    uint64_t special = has_byte(word, '"') | has_byte(word, '\\') | has_byte(word, 0x7f);
    if (((word | control | special) & EIGHT(0x80)) != 0) break;
  }
  return at;
}

void sj__append_json_string(sj__buffer *out, sj_slice text) {
  sj__buffer_append_char(out, '"');
  size_t start = 0;
  size_t at = 0;
  while (at < text.size) {
    unsigned char c = byte_at(text.data, at);
    if (c < 0x80 && !must_escape(c)) {
      at = skip_plain(text, at + 1);
      continue;
    }
    size_t length = sj__utf8_size(text.data + at, text.size - at);
    if (length > 0 && !must_escape(c)) {
      at += length;
      continue;
    }
    sj__buffer_append(out, text.data + start, at - start);
    if (length > 0) {
      append_escape(out, c);
    } else {
      sj__buffer_append_literal(out, "\xef\xbf\xbd");
    }
    start = ++at;
  }
  sj__buffer_append(out, text.data + start, at - start);
  sj__buffer_append_char(out, '"');
}

static void write_digits(char *out, unsigned value, size_t count) {
  while (count-- > 0) {
    out[count] = (char)('0' + value % 10);
    value /= 10;
  }
}

/*
 * Days since 1970-01-01 to a proleptic Gregorian date, counted from 0000-03-01
 * so that a leap day ends its year. Not gmtime_r: it takes a lock of libc's.
 */
static void write_date(char *out, int64_t days_since_epoch) {
  uint64_t days = (uint64_t)(days_since_epoch + 719468);
  uint64_t era = days / 146097;
  uint64_t day_of_era = days % 146097;
  uint64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  uint64_t month_from_march = (5 * day_of_year + 2) / 153;
  uint64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  uint64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  write_digits(out, (unsigned)year, 4);
  write_digits(out + 5, (unsigned)month, 2);
  write_digits(out + 8, (unsigned)day, 2);
}

#define WALL_MS_MIN INT64_C(-62162035200000) /* 0000-03-01T00:00:00.000Z */
#define WALL_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define DAY_MS      86400000

void sj__append_rfc3339(sj__buffer *out, int64_t wall_ms) {
  if (wall_ms < WALL_MS_MIN) wall_ms = WALL_MS_MIN;
  if (wall_ms > WALL_MS_MAX) wall_ms = WALL_MS_MAX;
  int64_t days = wall_ms / DAY_MS - (wall_ms % DAY_MS < 0 ? 1 : 0);
  unsigned ms = (unsigned)(wall_ms - days * DAY_MS);
  char text[] = "0000-00-00T00:00:00.000Z";
  write_date(text, days);
  write_digits(text + 11, ms / 3600000, 2);
  write_digits(text + 14, ms / 60000 % 60, 2);
  write_digits(text + 17, ms / 1000 % 60, 2);
  write_digits(text + 20, ms % 1000, 3);
  sj__buffer_append(out, text, sizeof(text) - 1);
}
