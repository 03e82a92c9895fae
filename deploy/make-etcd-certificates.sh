#!/bin/sh
# make-etcd-certificates.sh FOLDER: an authority of etcd's own, and what it has signed: FOLDER/ca, and NAME_certificate with NAME_key for
#
#   server    the members, to their clients (one for the three: etcd1, etcd2, etcd3, localhost)
#   peer      the members, among themselves: a member takes nobody else's as a peer
#   patroni   Patroni, to etcd: who has it may do everything there
#
# What is there is kept. A certificate that ends within 90 days is made anew, and so is everything where the authority does:
# etcd reads a changed certificate by itself, Patroni at its next start (docs/security.md, "Keys and secrets").
set -eu
folder=${1:?usage: make-etcd-certificates.sh FOLDER}
umask 077
mkdir -p "$folder"

# Ten years for the authority, two for what it signs: renewing that needs no member to stop, the authority does.
authority_days=3650
certificate_days=730
soon=$((90 * 24 * 3600))

# Whether the certificate of this name is there, with its key, and stays for a while.
lasts() {
  [ -s "$folder/$1" ] && [ -s "$folder/$2" ] && openssl x509 -in "$folder/$1" -noout -checkend "$soon" >/dev/null 2>&1
}

make_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$folder/$1.new" && mv "$folder/$1.new" "$folder/$1"; }

# sign NAME COMMON_NAME USES [ALTERNATIVE_NAMES]
sign() {
  name=$1 subject=$2 uses=$3 alternatives=${4:-}
  if lasts "${name}_certificate" "${name}_key" && openssl verify -CAfile "$folder/ca" "$folder/${name}_certificate" >/dev/null 2>&1; then return; fi
  make_key "${name}_key"
  {
    echo 'basicConstraints=critical,CA:FALSE'
    echo 'keyUsage=critical,digitalSignature'
    echo "extendedKeyUsage=$uses"
    [ -z "$alternatives" ] || echo "subjectAltName=$alternatives"
  } >"$folder/extensions.new"
  openssl req -new -sha256 -key "$folder/${name}_key" -subj "/O=fleet2/CN=$subject" -out "$folder/request.new"
  openssl x509 -req -sha256 -days "$certificate_days" -in "$folder/request.new" -CA "$folder/ca" -CAkey "$folder/ca_key" \
    -set_serial "0x$(openssl rand -hex 16)" -extfile "$folder/extensions.new" -out "$folder/certificate.new" 2>/dev/null
  mv "$folder/certificate.new" "$folder/${name}_certificate"
  rm -f "$folder/request.new" "$folder/extensions.new"
  echo "make-etcd-certificates: $folder/${name}_certificate"
}

if ! lasts ca ca_key; then
  make_key ca_key
  openssl req -x509 -new -sha256 -days "$authority_days" -key "$folder/ca_key" -subj '/O=fleet2/CN=fleet2 etcd' \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$folder/certificate.new"
  mv "$folder/certificate.new" "$folder/ca"
  echo "make-etcd-certificates: $folder/ca"
fi
members=DNS:etcd1,DNS:etcd2,DNS:etcd3
# A server's is a client's too: a member asks itself (its JSON gateway, the container's health check).
sign server etcd-server serverAuth,clientAuth "$members,DNS:localhost,IP:127.0.0.1"
sign peer etcd-peer serverAuth,clientAuth "$members"
sign patroni patroni clientAuth
