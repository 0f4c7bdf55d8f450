#include "base/slice.h"

static unsigned char ascii_lower(unsigned char c) {
  return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

bool sj__slice_equal_nocase(sj_slice a, sj_slice b) {
  if (a.size != b.size) return false;
  for (size_t i = 0; i < a.size; i++) {
    if (ascii_lower((unsigned char)a.data[i]) != ascii_lower((unsigned char)b.data[i])) {
      return false;
    }
  }
  return true;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

sj_slice sj__slice_trim(sj_slice s) {
  while (s.size > 0 && is_blank(s.data[0])) {
    s.data++;
    s.size--;
  }
  while (s.size > 0 && is_blank(s.data[s.size - 1])) s.size--;
  return s;
}

sj_slice sj__slice_of_u64(uint64_t value, char space[SJ__U64_DIGITS]) {
  size_t at = SJ__U64_DIGITS;
  do {
    space[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  return sj__slice(space + at, SJ__U64_DIGITS - at);
}

bool sj__slice_to_u64(sj_slice s, uint64_t max, uint64_t *out) {
  if (s.size == 0 || (s.size > 1 && s.data[0] == '0')) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < s.size; i++) {
    if (s.data[i] < '0' || s.data[i] > '9') return false;
    uint64_t digit = (uint64_t)(s.data[i] - '0');
    if (value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  if (value > max) return false;
  *out = value;
  return true;
}
