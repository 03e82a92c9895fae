#!/bin/sh
# Fills PgBouncer's configuration and its list of users in, and becomes PgBouncer.
set -eu
here=$(dirname "$0")
: "${RUN_DIR:=/run/pgbouncer}"
export RUN_DIR
"$here/fill.sh" "$here/userlist.txt" "$RUN_DIR/userlist.txt"
"$here/fill.sh" "$here/pgbouncer.ini" "$RUN_DIR/pgbouncer.ini"
exec pgbouncer "$RUN_DIR/pgbouncer.ini"
