#!/usr/bin/env bash
# What the real entry point does, in short: initdb once, with POSTGRES_USER, POSTGRES_PASSWORD(_FILE),
# POSTGRES_DB and POSTGRES_INITDB_ARGS; pg_hba lets everybody in with a password.
set -Eeuo pipefail
if [ "${1:0:1}" = '-' ]; then set -- postgres "$@"; fi

make_database() {
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD=$(<"$POSTGRES_PASSWORD_FILE"); fi
  : "${POSTGRES_USER:=postgres}" "${POSTGRES_INITDB_ARGS:=}" "${POSTGRES_PASSWORD:?}"
  : "${POSTGRES_DB:=$POSTGRES_USER}"
  # shellcheck disable=SC2086 # Several arguments.
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") $POSTGRES_INITDB_ARGS
  printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -o '-c listen_addresses= -p 5432' -w start
  [ "$POSTGRES_DB" = postgres ] || createdb --username "$POSTGRES_USER" --no-password "$POSTGRES_DB"
  PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -m fast -w stop
}

if [ "$1" = postgres ]; then
  mkdir -p "$PGDATA"
  if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --init-groups "${BASH_SOURCE[0]}" "$@"
  fi
  chmod 0700 "$PGDATA"
  if [ ! -s "$PGDATA/PG_VERSION" ]; then make_database; fi
  unset POSTGRES_PASSWORD
fi
exec "$@"
