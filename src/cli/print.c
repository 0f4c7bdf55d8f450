#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"

/* Control characters (C0, DEL, and C1 in UTF-8) could move the cursor or colour the screen. */
static size_t control_size(sj_slice text) {
  unsigned char c = (unsigned char)text.data[0];
  if (c < 0x20 || c == 0x7f) return 1;
  size_t size = sj__utf8_size(text.data, text.size);
  if (size == 0) return 1;
  return size == 2 && c == 0xc2 && (unsigned char)text.data[1] < 0xa0 ? 2 : 0;
}

void sj__cli_print(sj_slice text) {
  while (text.size > 0) {
    size_t control = control_size(text);
    size_t used = control > 0 ? control : sj__utf8_size(text.data, text.size);
    if (control > 0) {
      putchar('?');
    } else {
      fwrite(text.data, 1, used, stdout);
    }
    text = sj__slice(text.data + used, text.size - used);
  }
}

void sj__cli_print_row(const char *name, sj_slice value) {
  if (value.data == NULL) return;
  printf("%-12s", name);
  sj__cli_print(value);
  putchar('\n');
}

void sj__cli_print_member(const sj__json *object, const char *member) {
  const sj__json *value = sj__json_member(object, member);
  sj_slice text;
  if (value == NULL) return;
  if (sj__json_text(value, &text)) {
    sj__cli_print_row(member, text);
    return;
  }
  sj__buffer written;
  sj__buffer_init(&written, 0);
  sj__json_write(value, &written);
  sj__cli_print_row(member, sj__buffer_slice(&written));
  sj__buffer_release(&written);
}

void sj__cli_print_session(const sj__json *session) {
  static const char *const members[] = {
      "id",     "subject", "version",    "carrier",    "created", "last_seen", "expires",
      "device", "address", "user_agent", "auth_level", "amr",     "attributes"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    sj__cli_print_member(session, members[i]);
  }
}

void sj__cli_print_json(sj_slice text) {
  fwrite(text.data, 1, text.size, stdout);
  putchar('\n');
}

int sj__cli_finish(void) {
  if (fflush(stdout) == 0 && ferror(stdout) == 0) return SJ__EXIT_DONE;
  perror("sojourn: cannot print");
  return SJ__EXIT_REFUSED;
}
