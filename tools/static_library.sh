#!/bin/sh
# libsojourn.a: static_library.sh OUTPUT FIRST OTHER…
# FIRST goes in whole, of the others what it needs. All become one object, in
# which hidden names are local: a host that links it can't collide with them.
set -eu
output=$1 first=$2
shift 2
object=${output%.a}.o
ld -r -o "$object" --whole-archive "$first" --no-whole-archive --start-group "$@" --end-group
objcopy --localize-hidden "$object"
rm -f "$output"
ar rcs "$output" "$object"
rm -f "$object"
