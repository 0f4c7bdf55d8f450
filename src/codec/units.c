#include "codec/units.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* --- Numbers with units ---------------------------------------------------- */

typedef struct unit {
  const char *name;
  uint64_t factor;
} unit;

/* Largest first, as writing tries them. */
static const unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
static const unit sizes[] = {
    {"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"", 1},
};

#define DURATION_MAX_MS (UINT64_C(36525) * 86400000) /* 100 Julian years */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static sj_status parse_with_unit(sj_slice text, const unit *units, size_t unit_count, uint64_t max,
                                 uint64_t *out) {
  size_t digits = 0;
  while (digits < text.size && is_digit(text.data[digits])) digits++;
  sj_slice name = sj__slice(text.data + digits, text.size - digits);
  for (size_t i = 0; i < unit_count; i++) {
    if (!sj__slice_equal(name, sj__slice_text(units[i].name))) continue;
    uint64_t number;
    if (!sj__slice_to_u64(sj__slice(text.data, digits), max / units[i].factor, &number)) break;
    *out = number * units[i].factor;
    return SJ_OK;
  }
  return SJ_INVALID;
}

static void append_with_unit(sj__buffer *out, const unit *units, uint64_t value) {
  while (value % units->factor != 0) units++;
  sj__buffer_append_u64(out, value / units->factor);
  sj__buffer_append_text(out, units->name);
}

sj_status sj__duration_parse(sj_slice text, int64_t *out_ms) {
  uint64_t ms = 0;
  if (!sj__slice_equal(text, SJ__SLICE("0"))) {
    sj_status status =
        parse_with_unit(text, durations, SJ__COUNT_OF(durations), DURATION_MAX_MS, &ms);
    if (status != SJ_OK || ms == 0) return SJ_INVALID;
  }
  *out_ms = (int64_t)ms;
  return SJ_OK;
}

void sj__duration_append(sj__buffer *out, int64_t ms) {
  SJ__REQUIRE(ms >= 0);
  if (ms == 0) {
    sj__buffer_append_char(out, '0');
  } else {
    append_with_unit(out, durations, (uint64_t)ms);
  }
}

sj_status sj__bytes_parse(sj_slice text, uint64_t *out) {
  return parse_with_unit(text, sizes, SJ__COUNT_OF(sizes), UINT64_MAX, out);
}

void sj__bytes_append(sj__buffer *out, uint64_t bytes) {
  if (bytes == 0) {
    sj__buffer_append_char(out, '0');
  } else {
    append_with_unit(out, sizes, bytes);
  }
}

/* --- Moments (RFC 3339) ---------------------------------------------------- */

/* Exactly `count` digits at the front of `rest`, which moves past them. */
static bool take_number(sj_slice *rest, size_t count, int min, int max, int *out) {
  if (rest->size < count) return false;
  int value = 0;
  for (size_t i = 0; i < count; i++) {
    if (!is_digit(rest->data[i])) return false;
    value = value * 10 + (rest->data[i] - '0');
  }
  *rest = sj__slice(rest->data + count, rest->size - count);
  *out = value;
  return value >= min && value <= max;
}

static bool take_letter(sj_slice *rest, char upper) {
  if (rest->size == 0 || (rest->data[0] != upper && rest->data[0] != (upper | 0x20))) return false;
  *rest = sj__slice(rest->data + 1, rest->size - 1);
  return true;
}

static bool take_char(sj_slice *rest, char c) {
  if (rest->size == 0 || rest->data[0] != c) return false;
  *rest = sj__slice(rest->data + 1, rest->size - 1);
  return true;
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar: years begin in March. */
static int64_t days_from_date(int year, int month, int day) {
  int64_t y = month > 2 ? year : year - 1;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719468;
}

static bool take_date(sj_slice *rest, int64_t *days) {
  int year, month, day;
  if (!take_number(rest, 4, 0, 9999, &year) || !take_char(rest, '-') ||
      !take_number(rest, 2, 1, 12, &month) || !take_char(rest, '-') ||
      !take_number(rest, 2, 1, days_in_month(year, month), &day)) {
    return false;
  }
  *days = days_from_date(year, month, day);
  return true;
}

/* ".123456" in milliseconds, cut; nothing there is 0. */
static bool take_fraction(sj_slice *rest, int *ms) {
  *ms = 0;
  if (!take_char(rest, '.')) return true;
  int weight = 100;
  size_t digits = 0;
  while (digits < rest->size && is_digit(rest->data[digits])) {
    *ms += weight * (rest->data[digits++] - '0');
    weight /= 10;
  }
  *rest = sj__slice(rest->data + digits, rest->size - digits);
  return digits > 0;
}

static bool take_offset(sj_slice *rest, int *seconds) {
  int hours, minutes;
  *seconds = 0;
  if (take_letter(rest, 'Z')) return true;
  bool minus = take_char(rest, '-');
  if (!minus && !take_char(rest, '+')) return false;
  if (!take_number(rest, 2, 0, 23, &hours) || !take_char(rest, ':') ||
      !take_number(rest, 2, 0, 59, &minutes)) {
    return false;
  }
  *seconds = (hours * 60 + minutes) * (minus ? -60 : 60);
  return true;
}

sj_status sj__rfc3339_parse(sj_slice text, int64_t *out_ms) {
  int64_t days;
  int hour, minute, second, ms, offset;
  if (!take_date(&text, &days) || !take_letter(&text, 'T') ||
      !take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
      !take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ':') ||
      !take_number(&text, 2, 0, 60, &second) || !take_fraction(&text, &ms) ||
      !take_offset(&text, &offset) || text.size != 0) {
    return SJ_INVALID;
  }
  int64_t seconds = days * 86400 + (int64_t)hour * 3600 + (int64_t)minute * 60 + second - offset;
  /* RFC 3339 5.7: a leap second only ends a UTC day; POSIX time has it as the next second. */
  if (second == 60 && seconds % 86400 != 0) return SJ_INVALID;
  *out_ms = seconds * 1000 + ms;
  return SJ_OK;
}

/* --- Percent-encoding (RFC 3986 2.1) ---------------------------------------- */

static bool is_unreserved(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void sj__percent_encode(sj__buffer *out, sj_slice text) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (is_unreserved(text.data[i])) {
      sj__buffer_append_char(out, text.data[i]);
    } else {
      const char escape[] = {'%', digits[c >> 4], digits[c & 15]};
      sj__buffer_append(out, escape, sizeof escape);
    }
  }
}

static int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char lower = (char)(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The character at *position, which moves past it; < 0: not one. */
static int decode_one(sj_slice text, size_t *position, bool plus_is_space) {
  char c = text.data[(*position)++];
  if (c == '+' && plus_is_space) return ' ';
  if (c != '%') return (unsigned char)c;
  if (text.size - *position < 2) return -1;
  int high = hex_value(text.data[*position]);
  int low = hex_value(text.data[*position + 1]);
  *position += 2;
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

sj_status sj__percent_decode(sj__buffer *out, sj_slice text, bool plus_is_space) {
  size_t start = out->size;
  for (size_t position = 0; position < text.size;) {
    int c = decode_one(text, &position, plus_is_space);
    if (c <= 0) {
      out->size = start;
      return SJ_INVALID;
    }
    sj__buffer_append_char(out, (char)c);
  }
  return sj__buffer_status(out);
}

/* --- Text ------------------------------------------------------------------ */

/* C0, DEL, or C1 (U+0080 to U+009F: C2 80 to C2 9F in UTF-8). */
static bool is_control(const char *text) {
  unsigned char first = (unsigned char)text[0];
  return first < 0x20 || first == 0x7F || (first == 0xC2 && (unsigned char)text[1] < 0xA0);
}

bool sj__text_is_clean(sj_slice text, size_t max) {
  if (text.size > max) return false;
  for (size_t at = 0; at < text.size;) {
    size_t size = sj__utf8_size(text.data + at, text.size - at);
    if (size == 0 || is_control(text.data + at)) return false;
    at += size;
  }
  return true;
}
