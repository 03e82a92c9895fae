#!/bin/sh
# make-etcd-certificates.sh FOLDER: an authority of etcd's own, and what it has signed: FOLDER/ca, and
# NAME_certificate with NAME_key for
#
#   server    the members, to their clients (one for the three: etcd1, etcd2, etcd3, localhost)
#   peer      the members, among themselves: a member takes nobody else's as a peer
#   patroni   Patroni, to etcd: who has it may do everything there
#
# What is there is kept. A certificate that ends within 90 days is made anew, and so is everything where the
# authority does. A container sees a changed file when it is started again (docs/deployment.md, "Changing a
# secret").
set -eu
folder=${1:?usage: make-etcd-certificates.sh FOLDER}
umask 077
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Ten years for the authority, two for what it signs: that is renewed member by member, the authority at once.
authority_days=3650
certificate_days=730
soon=$((90 * 24 * 3600))
# Valid since before they were made: a node whose clock is behind must not be kept out by it.
since=$(($(date -u +%Y) - 1))0101000000Z
members=DNS:etcd1,DNS:etcd2,DNS:etcd3

# `openssl ca` is the one command of every OpenSSL that can say since when. A server's certificate is a
# client's too: a member asks itself (its JSON gateway, the container's health check).
cat >"$work/ca.cnf" <<END
[ca]
default_ca = own
[own]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
[any]
organizationName = supplied
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = $members, DNS:localhost, IP:127.0.0.1
[peer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = $members
[patroni]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
END
: >"$work/index"

# make KEY CERTIFICATE SECTION COMMON_NAME DAYS [how it is signed…]
make() {
  key=$1 certificate=$2 section=$3 subject=$4 days=$5
  shift 5
  openssl ecparam -name prime256v1 -genkey -noout -out "$work/key"
  openssl req -new -sha256 -key "$work/key" -subj "/O=fleet2/CN=$subject" -out "$work/request"
  openssl ca -batch -notext -config "$work/ca.cnf" -extensions "$section" -startdate "$since" -days "$days" \
    -in "$work/request" -out "$work/certificate" "$@" 2>"$work/said" || { cat "$work/said" >&2; exit 1; }
  mv "$work/key" "$folder/$key"
  mv "$work/certificate" "$folder/$certificate"
  echo "make-etcd-certificates: $folder/$certificate"
}

# Whether the certificate is there, with its key, and stays for a while.
lasts() {
  [ -s "$folder/$1" ] && [ -s "$folder/$2" ] || return 1
  openssl x509 -in "$folder/$1" -noout -checkend "$soon" >/dev/null 2>&1
}
# Whether it is this authority's.
signed() { openssl verify -CAfile "$folder/ca" "$folder/$1" >/dev/null 2>&1; }

lasts ca ca_key || make ca_key ca authority 'fleet2 etcd' "$authority_days" -selfsign -keyfile "$work/key"
for name in server peer patroni; do
  case $name in patroni) subject=patroni ;; *) subject=etcd-$name ;; esac
  if lasts "${name}_certificate" "${name}_key" && signed "${name}_certificate"; then continue; fi
  make "${name}_key" "${name}_certificate" "$name" "$subject" "$certificate_days" \
    -cert "$folder/ca" -keyfile "$folder/ca_key"
done
