/* Where this user's daemon keeps its state when nobody says otherwise; tools look there, too. */
#ifndef SJ_LOOP_STATE_FOLDER_H
#define SJ_LOOP_STATE_FOLDER_H

#include "base/buffer.h"

/* The value of a variable of `environment` (NAME=value, NULL-terminated); NULL: unset or empty. */
const char *sj__environment_get(const char *const *environment, const char *name);

/*
 * Appends /var/lib/sojourn as root, else $XDG_STATE_HOME/sojourn, else
 * ~/.local/state/sojourn (XDG Base Directory Specification 0.8; relative paths
 * in XDG_STATE_HOME don't count).
 */
void sj__state_folder_append(const char *const *environment, sj__buffer *out);

#endif
