#!/bin/sh
# pgbackrest-push.sh PATH: PostgreSQL's archive_command (PATH is its %p): the segment into the repository. 0: it is
# there. The configuration is written when it is first needed, from the variables of configure.sh; nothing is
# archived where there is no key, and PostgreSQL's log says why. (Its name: pgBackRest takes no backup of a
# server whose archive_command does not contain the word.)
set -eu
here=$(dirname "$0")
export PGBACKREST_CONFIG="${PGBACKREST_CONFIG:-/tmp/pgbackrest.conf}"
[ -r "$PGBACKREST_CONFIG" ] || "$here/configure.sh" "$PGBACKREST_CONFIG"
# A region that was replaced while it was away must not write into the archive of the one that replaced it.
code=0
"$here/region.sh" check archive || code=$?
[ "$code" != 1 ] || exit 1
exec pgbackrest --stanza="${BACKUP_STANZA:-fleet2}" archive-push "$1"
