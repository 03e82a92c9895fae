#!/bin/sh
# fill-users.sh TEMPLATE FILE: as fill.sh, for a file of Redis' users: its comments and empty lines are left out, which Redis would refuse to start with.
set -eu
umask 077
"$(dirname "$0")/fill.sh" "$1" "$2"
grep '^user ' "$2" >"$2.new"
mv "$2.new" "$2"
