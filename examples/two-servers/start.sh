#!/bin/sh
# Two application servers behind nginx, sharing their users' sessions through
# the sojournd that `./dev run` started. Ctrl-C ends all three.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
state=${SOJOURN__STATE:-}
if [ -z "$state" ]; then
  if [ "$(id -u)" = 0 ]; then state=/var/lib/sojourn
  else state=${XDG_STATE_HOME:-$HOME/.local/state}/sojourn
  fi
fi
[ -r "$state/api-key" ] || { echo "no $state/api-key: start ./dev run first" >&2; exit 1; }
SOJOURN_KEY=$(cat "$state/api-key")
export SOJOURN_KEY

PATH=$PATH:/usr/sbin # where Debian has nginx
run=$(mktemp -d)
mkdir "$run/tmp"
chmod 755 "$run" && chmod 1777 "$run/tmp" # nginx's workers are another user when root starts it
ln -s "$here/../../deploy/nginx" "$run/sojourn"
cp "$here/nginx.conf" "$run/"
node "$here/app.mjs" 7381 one & one=$!
node "$here/app.mjs" 7382 two & two=$!
nginx -p "$run" -c "$run/nginx.conf" & proxy=$!
trap 'kill $one $two $proxy 2>/dev/null; wait; rm -rf "$run"' EXIT
trap 'exit 0' INT TERM
for port in 7381 7382 7380; do
  until curl -s -o /dev/null "http://127.0.0.1:$port/"; do
    kill -0 $one $two $proxy || exit 1
    sleep 0.1
  done
done
echo "http://localhost:7380 is ready"
wait
