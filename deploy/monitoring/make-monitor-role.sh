#!/bin/sh
# Makes the role that postgres_exporter asks with, or gives it its present password: figures of the server
# (pg_monitor), no table of Fleet2's. Any number of times; the replicas get it by replication.
#   PGHOST, PGPORT, PGUSER, PGDATABASE                 the primary, as the owner (haproxy:5433)
#   POSTGRES_PASSWORD_FILE, MONITOR_PASSWORD_FILE      files with the owner's password and the role's
set -eu
for name in POSTGRES_PASSWORD_FILE MONITOR_PASSWORD_FILE; do
  eval "file=\${$name:-}"
  [ -n "$file" ] || { echo "make-monitor-role: $name is not set; it names the file with the password" >&2; exit 1; }
  [ -s "$file" ] || { echo "make-monitor-role: $file ($name) is missing or empty; deploy/make-secrets.sh makes it" >&2; exit 1; }
done
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
MONITOR_PASSWORD=$(cat "$MONITOR_PASSWORD_FILE")
export PGPASSWORD MONITOR_PASSWORD
# By the environment: arguments are everybody's to read. Two at once would meet each other's row.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 <<'SQL'
\getenv password MONITOR_PASSWORD
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('fleet2 monitor role')) \g /dev/null
SELECT 'CREATE ROLE monitor' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'monitor') \gexec
ALTER ROLE monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT 10 PASSWORD :'password';
-- A question that hangs must not hold a connection, or rows.
ALTER ROLE monitor SET statement_timeout = '2s';
ALTER ROLE monitor SET default_transaction_read_only = on;
GRANT pg_monitor TO monitor;
COMMIT;
SQL
echo "make-monitor-role: the role monitor is ready"
