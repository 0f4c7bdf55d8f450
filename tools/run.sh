#!/bin/sh
# Starts the daemon for a newcomer: waits until it is ready, then says where its
# state lies and how to try it. Used by `./dev run`; the daemon itself needs none of it.
set -eu
daemon=$1
shift
state=${SOJOURN__STATE:-}
if [ -z "$state" ]; then
  if [ "$(id -u)" = 0 ]; then state=/var/lib/sojourn
  else state=${XDG_STATE_HOME:-$HOME/.local/state}/sojourn
  fi
fi
"$daemon" "$@" &
pid=$!
trap 'kill -TERM $pid 2>/dev/null' INT TERM

url=http://127.0.0.1:7373
tries=0
until [ -s "$state/api-key" ] && curl -fsS -o /dev/null "$url/readyz" 2>/dev/null; do
  kill -0 "$pid" 2>/dev/null || { wait "$pid"; exit $?; }
  tries=$((tries + 1))
  [ "$tries" -le 500 ] || break
  sleep 0.02
done

cat <<END

sojournd is ready on $url; its state lies in $state. Try it from another terminal:

  S=\$(curl -fsS -H "Sojourn-Key: \$(cat $state/api-key)" -d '{"subject":"ada","attributes":{"cart":[1]}}' -H 'Content-Type: application/json' $url/v1/sessions | sed 's/.*"credential":"\\([^"]*\\)".*/\\1/'); echo "\$S"
  curl -fsS -X PATCH -H "Sojourn-Key: \$(cat $state/api-key)" -H "Authorization: Bearer \$S" -H 'Content-Type: application/merge-patch+json' -d '{"theme":"dark"}' $url/v1/session; echo
  curl -fsS -i -H "Authorization: Bearer \$S" $url/check

END
# A second wait: the first is cut short when a signal is passed on.
wait "$pid" || { status=$?; kill -0 "$pid" 2>/dev/null && wait "$pid" || exit $status; }
