#include "base/errors.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Cut at a whole character, and on one line whatever the arguments held. */
static void store_message(sj_error *error, const char *text) {
  size_t size = strnlen(text, sizeof(error->message));
  if (size == sizeof(error->message)) size = sj__utf8_floor(text, size - 1);
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    error->message[i] = c < 0x20 || c == 0x7f ? ' ' : text[i];
  }
  error->message[size] = '\0';
}

void sj__error_set(sj_error *error, sj_status status, const char *format, ...) {
  if (error == NULL) return;
  /* Formatted aside: an argument may be the message that is replaced. */
  char text[sizeof(error->message) + 1];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  error->status = status;
  store_message(error, size >= 0 ? text : sj_status_text(status));
}

void sj__error_prefix(sj_error *error, const char *prefix) {
  if (error != NULL) sj__error_set(error, error->status, "%s: %s", prefix, error->message);
}
