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
mkdir -p "$folder/small" "$folder/ha" "$folder/monitoring"

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
# The instances' at Redis; each of the others below is one party's, so that a leak opens that party's door
# alone (docs/security.md).
keep redis_password "${REDIS_PASSWORD:-}" REDIS_PASSWORD
keep redis_replication_password "${REDIS_REPLICATION_PASSWORD:-}" REDIS_REPLICATION_PASSWORD
keep redis_sentinel_password "${REDIS_SENTINEL_PASSWORD:-}" REDIS_SENTINEL_PASSWORD
keep redis_operator_password "${REDIS_OPERATOR_PASSWORD:-}" REDIS_OPERATOR_PASSWORD
keep sentinel_password "${SENTINEL_PASSWORD:-}" SENTINEL_PASSWORD
keep monitor_password "${MONITOR_PASSWORD:-}" MONITOR_PASSWORD
keep patroni_rest_password "${PATRONI_REST_PASSWORD:-}" PATRONI_REST_PASSWORD
keep pgbouncer_admin_password "${PGBOUNCER_ADMIN_PASSWORD:-}" PGBOUNCER_ADMIN_PASSWORD
# Grafana's administrator, and what it seals its own secrets with.
keep monitoring/grafana_admin_password "${GRAFANA_ADMIN_PASSWORD:-}" GRAFANA_ADMIN_PASSWORD
keep monitoring/grafana_secret_key '' grafana_secret_key
# What backups are encrypted with. KEEP A COPY OF IT APART: without it none can be read.
keep backup_cipher_pass "${BACKUP_CIPHER_PASS:-}" BACKUP_CIPHER_PASS
# Who may write into the bucket of the backups (BACKUP_S3_BUCKET); empty where they go into a volume.
for name in backup_s3_key backup_s3_key_secret; do
  [ -e "$folder/$name" ] || : >"$folder/$name"
done
if [ -n "${BACKUP_S3_KEY:-}" ]; then printf '%s' "$BACKUP_S3_KEY" >"$folder/backup_s3_key"; fi
if [ -n "${BACKUP_S3_KEY_SECRET:-}" ]; then
  printf '%s' "$BACKUP_S3_KEY_SECRET" >"$folder/backup_s3_key_secret"
fi
# A comma-separated list rotates it.
[ -s "$folder/session_password" ] || printf '%s' "${SESSION_PASSWORD:-$(random)}" >"$folder/session_password"

owner=$(cat "$folder/postgres_password")
app=$(cat "$folder/fleet_app_password")
redis=$(cat "$folder/redis_password")
printf 'postgresql://fleet_app:%s@postgres:5432/fleet' "$app" >"$folder/small/database_url"
printf 'postgresql://%s:%s@postgres:5432/fleet' "$user" "$owner" >"$folder/small/database_migration_url"
printf 'redis://fleet_app:%s@redis:6379' "$redis" >"$folder/small/redis_url"
printf 'postgresql://fleet_app:%s@pgbouncer-primary:6432/fleet' "$app" >"$folder/ha/database_url"
printf 'postgresql://fleet_app:%s@pgbouncer-replica:6432/fleet' "$app" >"$folder/ha/database_read_url"
printf 'postgresql://%s:%s@haproxy:5433/fleet' "$user" "$owner" >"$folder/ha/database_migration_url"
printf 'redis://fleet_app:%s@redis-primary:6379' "$redis" >"$folder/ha/redis_url"
# What nobody can make up stays empty, and Alertmanager names it (deploy/monitoring/alertmanager-start.sh).
for name in pagerduty_routing_key slack_webhook_url smtp_password dead_mans_switch_url; do
  [ -e "$folder/monitoring/$name" ] || : >"$folder/monitoring/$name"
done
"$here/nginx/make-certificate.sh" "$folder" localhost
"$here/make-etcd-certificates.sh" "$folder/etcd"

# The folder is its owner's alone; the files in it are read by the containers' users, whoever these are.
chmod 700 "$folder"
chmod 755 "$folder/small" "$folder/ha" "$folder/etcd" "$folder/monitoring"
find "$folder" -type f -exec chmod 644 {} +
# No container gets it: with it anybody can make certificates that etcd takes.
chmod 600 "$folder/etcd/ca_key"
echo "make-secrets: $folder is ready. Keep a copy of backup_cipher_pass elsewhere: no backup can be read without"
