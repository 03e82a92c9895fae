#!/bin/sh
# make-secrets.sh [FOLDER]: the Secrets that the files of deploy/kubernetes refer to, as a kustomization of
# what deploy/make-secrets.sh has made in FOLDER (default: ./secrets), which is run first. Then:
#
#   kubectl apply -n fleet2 -k FOLDER
#
# None of them stands in a file of the project. Whoever has a store of secrets makes the same names from
# there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-./secrets}
"$here/../make-secrets.sh" "$folder" >/dev/null
umask 077
mkdir -p "$folder/kubernetes"
write() { printf '%s' "$2" >"$folder/kubernetes/$1"; }

owner=$(cat "$folder/postgres_password")
app=$(cat "$folder/fleet_app_password")
write database_url "postgresql://fleet_app:$app@fleet2-pooler-rw:5432/fleet"
write database_read_url "postgresql://fleet_app:$app@fleet2-pooler-ro:5432/fleet"
write database_migration_url "postgresql://fleet:$owner@fleet2-db-rw:5432/fleet"
write redis_url "redis://fleet_app:$(cat "$folder/redis_password")@redis-0.redis:6379"
write owner fleet
[ -s "$folder/kubernetes/health_token" ] ||
  write health_token "$(openssl rand -base64 36 | tr '+/' '-_' | tr -d '\n')"

cat >"$folder/kustomization.yaml" <<'END'
# Written by deploy/kubernetes/make-secrets.sh.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
generatorOptions:
  # The other files name them. A changed one counts from the next start of a pod.
  disableNameSuffixHash: true
secretGenerator:
  - name: fleet2-app
    files:
      - kubernetes/database_url
      - kubernetes/database_read_url
      - kubernetes/redis_url
      - kubernetes/health_token
      - sentinel_password
      - session_password
  - name: fleet2-migrate
    files:
      - kubernetes/database_migration_url
  - name: fleet2-redis
    files:
      - redis_password
      - redis_replication_password
      - redis_sentinel_password
      - redis_operator_password
      - monitor_password
      - sentinel_password
  - name: fleet2-db-owner
    type: kubernetes.io/basic-auth
    files:
      - username=kubernetes/owner
      - password=postgres_password
  - name: fleet2-tls
    type: kubernetes.io/tls
    files:
      - tls.crt=tls_certificate
      - tls.key=tls_key
END
echo "make-secrets: $folder/kustomization.yaml is ready"
