#!/bin/sh
# make-certificate.sh FOLDER [NAME…]: a self-signed certificate for trying things out: FOLDER/tls_certificate and FOLDER/tls_key. An existing one is kept.
# For people, get one from a real authority and put its two files there (docs/deployment.md).
set -eu
folder=${1:?usage: make-certificate.sh FOLDER [NAME…]}
shift
[ $# -gt 0 ] || set -- localhost nginx nginx2
if [ -s "$folder/tls_certificate" ] && [ -s "$folder/tls_key" ]; then
  echo "make-certificate: $folder has one already; kept"
  exit 0
fi
mkdir -p "$folder"
names=IP:127.0.0.1
first=$1
for name in "$@"; do
  case $name in
    *[!0-9.]*) names="$names,DNS:$name" ;;
    *) names="$names,IP:$name" ;;
  esac
done
umask 077
# P-256: what Mozilla's intermediate asks of a certificate. 397 days: what browsers take at most.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 397 -sha256 \
  -subj "/CN=$first" -addext "subjectAltName=$names" -addext "extendedKeyUsage=serverAuth" \
  -keyout "$folder/tls_key" -out "$folder/tls_certificate" 2>/dev/null
chmod 644 "$folder/tls_certificate"
echo "make-certificate: $folder/tls_certificate for $*"
