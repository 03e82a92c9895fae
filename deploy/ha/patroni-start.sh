#!/bin/sh
# Fills Patroni's configuration in, and becomes Patroni.
set -eu
here=$(dirname "$0")
: "${CONFIG:=/tmp/patroni.yml}"
"$here/fill.sh" "$here/patroni.yml" "$CONFIG"
# The socket's folder is shared with the scheduler of backups and outlives this container. A lock there names a
# process of the container before, whose number another one has now; PostgreSQL would not start.
if [ "${BACKUP_CIPHER_PASS_FILE:-}" = /run/secrets/backup_cipher_pass ]; then
  rm -f "${PG_SOCKET_DIR:-/var/run/postgresql}"/.s.PGSQL.*
fi
# Another region may have been activated while this one was away: then it must not lead
# (docs/second-region.md). Without a repository there is no second region.
region=$here/../backup/region.sh
[ -e "$region" ] || region=/opt/fleet2/backup/region.sh
if [ -n "${BACKUP_CIPHER_PASS_FILE:-}${BACKUP_CIPHER_PASS:-}" ]; then
  "$region" start
  # Patroni takes this process's place, and its number.
  "$region" watch $$ &
fi
exec patroni "$CONFIG"
