#!/bin/sh
# fill-users.sh TEMPLATE FILE: as fill.sh, for a file of Redis' users. Its comments are left out, and a line
# that begins with a space goes on with the one before it: Redis takes no comments there, and a user on one
# line alone.
set -eu
umask 077
"$(dirname "$0")/fill.sh" "$1" "$2"
awk '
  /^(#|$)/ { next }
  /^ / { sub(/^ +/, " "); printf "%s", $0; next }
  { printf "%s%s", written++ ? "\n" : "", $0 }
  END { print "" }
' "$2" >"$2.new"
mv "$2.new" "$2"
