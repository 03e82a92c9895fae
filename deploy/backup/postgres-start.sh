#!/bin/sh
# postgres-start.sh COMMAND…: the entry point of the small set-up's PostgreSQL, before the image's own. The
# socket's folder is shared with the scheduler of backups, and outlives this container: a lock there names a
# process of the container before, whose number another one has now, and PostgreSQL would not start.
set -eu
rm -f "${PG_SOCKET_DIR:-/var/run/postgresql}"/.s.PGSQL.*
exec docker-entrypoint.sh "$@"
