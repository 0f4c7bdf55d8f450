#!/bin/sh
# Starts the daemon for a newcomer and, when it says that it is ready, says how
# to try it. Used by `./dev run`; the daemon itself needs none of it.
set -eu
daemon=$1
shift

# introduce LINE: what the daemon's ready line tells, and three commands to paste.
introduce() {
  address=$(printf '%s\n' "$1" | sed -n 's/.*addresses[":=]*\([^",; ]*\).*/\1/p')
  state=$(printf '%s\n' "$1" | sed -n 's/.*"state":"\([^"]*\)".*/\1/p; s/.* state="\{0,1\}\([^"]*\)"\{0,1\} workers=.*/\1/p')
  key="\$(cat '$state/api-key')"
  url=http://$address
  cat <<END

sojournd is ready on $url; its state lies in $state. Try it from another terminal:

  S=\$(curl -fsS -H "Sojourn-Key: $key" -H 'Content-Type: application/json' -d '{"subject":"ada","attributes":{"cart":[1]}}' $url/v1/sessions | sed 's/.*"credential":"\\([^"]*\\)".*/\\1/'); echo "\$S"
  curl -fsS -H "Sojourn-Key: $key" -H "Authorization: Bearer \$S" -H 'Content-Type: application/merge-patch+json' -X PATCH -d '{"theme":"dark"}' $url/v1/session; echo
  curl -fsS -i -H "Authorization: Bearer \$S" $url/check

END
}

# Passes the log on, to its end, and looks at it until the daemon is ready.
watch_log() {
  trap '' INT TERM
  while IFS= read -r line; do
    printf '%s\n' "$line" >&2
    case $line in
      *'"message":"ready"'* | *' info ready '*)
        introduce "$line"
        exec cat >&2 ;;
    esac
  done
}

folder=$(mktemp -d)
mkfifo "$folder/log"
watch_log <"$folder/log" &
watcher=$!
"$daemon" "$@" 2>"$folder/log" &
pid=$!
signalled=
trap 'signalled=1; kill -TERM $pid 2>/dev/null' INT TERM
status=0
wait "$pid" || status=$?
while [ -n "$signalled" ]; do # that wait was cut short; 127: it was not, and the daemon is gone
  signalled='' again=0
  wait "$pid" || again=$?
  [ "$again" = 127 ] || status=$again
done
rm -rf "$folder"
wait "$watcher" || true
exit "$status"
