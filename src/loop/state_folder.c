#include "loop/state_folder.h"

#include <string.h>
#include <unistd.h>

const char *sj__environment_get(const char *const *environment, const char *name) {
  size_t size = strlen(name);
  for (; environment != NULL && *environment != NULL; environment++) {
    const char *entry = *environment;
    if (strncmp(entry, name, size) == 0 && entry[size] == '=' && entry[size + 1] != '\0') {
      return entry + size + 1;
    }
  }
  return NULL;
}

void sj__state_folder_append(const char *const *environment, sj__buffer *out) {
  if (geteuid() == 0) {
    sj__buffer_append_text(out, "/var/lib/sojourn");
    return;
  }
  const char *xdg = sj__environment_get(environment, "XDG_STATE_HOME");
  const char *home = sj__environment_get(environment, "HOME");
  if (xdg != NULL && xdg[0] == '/') {
    sj__buffer_append_text(out, xdg);
  } else {
    sj__buffer_append_text(out, home != NULL ? home : "");
    sj__buffer_append_literal(out, "/.local/state");
  }
  sj__buffer_append_literal(out, "/sojourn");
}
