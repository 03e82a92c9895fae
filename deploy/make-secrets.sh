#!/bin/sh
# make-secrets.sh [FOLDER]: the files that the compose files mount as secrets (default: ./secrets). Run it once before the first start, in the project's folder.
#
# A password is taken from the variable of the specification (POSTGRES_PASSWORD, REPLICATION_PASSWORD, REDIS_PASSWORD, SESSION_PASSWORD) where it is set, and made up
# otherwise. What is there already is kept; the addresses that are made of the passwords are written anew.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-./secrets}
user=${POSTGRES_USER:-fleet}
umask 077
mkdir -p "$folder/small" "$folder/ha"

# 36 random bytes, in letters that mean nothing in a URL, a shell, YAML or a configuration file.
random() { openssl rand -base64 36 | tr '+/' '-_' | tr -d '\n'; }

keep() {
  if [ -s "$folder/$1" ]; then return; fi
  value=${2:-$(random)}
  case $value in
    *[!A-Za-z0-9._~-]*) echo "make-secrets: $3 may hold letters, digits and . _ ~ - only: it becomes part of addresses and configuration files" >&2; exit 1 ;;
  esac
  printf '%s' "$value" >"$folder/$1"
}
keep postgres_password "${POSTGRES_PASSWORD:-}" POSTGRES_PASSWORD
keep replication_password "${REPLICATION_PASSWORD:-}" REPLICATION_PASSWORD
keep fleet_app_password "${FLEET_APP_PASSWORD:-}" FLEET_APP_PASSWORD
keep redis_password "${REDIS_PASSWORD:-}" REDIS_PASSWORD
# A comma-separated list rotates it.
[ -s "$folder/session_password" ] || printf '%s' "${SESSION_PASSWORD:-$(random)}" >"$folder/session_password"

owner=$(cat "$folder/postgres_password")
app=$(cat "$folder/fleet_app_password")
redis=$(cat "$folder/redis_password")
printf 'postgresql://fleet_app:%s@postgres:5432/fleet' "$app" >"$folder/small/database_url"
printf 'postgresql://%s:%s@postgres:5432/fleet' "$user" "$owner" >"$folder/small/database_migration_url"
printf 'redis://:%s@redis:6379' "$redis" >"$folder/small/redis_url"
printf 'postgresql://fleet_app:%s@pgbouncer-primary:6432/fleet' "$app" >"$folder/ha/database_url"
printf 'postgresql://fleet_app:%s@pgbouncer-replica:6432/fleet' "$app" >"$folder/ha/database_read_url"
printf 'postgresql://%s:%s@haproxy:5433/fleet' "$user" "$owner" >"$folder/ha/database_migration_url"
printf 'redis://:%s@redis-primary:6379' "$redis" >"$folder/ha/redis_url"
"$here/nginx/make-certificate.sh" "$folder" localhost

# The folder is its owner's alone; the files in it are read by the containers' users, whoever these are.
chmod 700 "$folder"
chmod 755 "$folder/small" "$folder/ha"
find "$folder" -type f -exec chmod 644 {} +
echo "make-secrets: $folder is ready"
