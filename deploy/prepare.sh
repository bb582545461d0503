#!/bin/sh
# Prepares a trial for compose.yaml: sh deploy/prepare.sh [DIR]   (DIR: deploy/trial)
# Writes documents, passwords, a KEK and certificates, all fresh, none of them for production.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
trial=${1:-$here/trial}
test ! -e "$trial" || { echo "prepare: $trial is there already: remove it first" >&2; exit 3; }
command -v openssl >/dev/null || { echo "prepare: openssl is needed" >&2; exit 3; }
umask 077
mkdir -p "$trial/ecosystem/tls" "$trial/ecosystem/.penstock"
cp -R "$here/../examples/cross-border-tax/." "$trial/ecosystem/"
mkdir -p "$trial/ecosystem/inbox/income-payments" "$trial/ecosystem/inbox/tax-residency"
cat > "$trial/ecosystem/ecosystem.yaml" <<'YAML'
version: 1
id: cross-border-tax
title: A trial of the containers
cluster:
  bootstrap: kafka:9092
  access: managed
  security:
    protocol: SASL_PLAINTEXT
    mechanism: SCRAM-SHA-512
    username_env: KAFKA_USER
    password_env: KAFKA_PASSWORD
registry: built-in
store:
  url_env: STORE_URL
gateway:
  listen: 0.0.0.0:8443
  url: https://gateway:8443
  certificate_file: tls/gateway.pem
  key_file: tls/gateway.key
YAML
password() { openssl rand -hex 24; }
{
    for name in OPERATOR CONTROLLER POSTGRES GRAFANA GATEWAY EXCHANGE_INCOME_PAYMENTS EXCHANGE_TAX_RESIDENCY \
        CONNECTOR_INCOME_PAYMENTS CONNECTOR_TAX_RESIDENCY; do
        echo "${name}_PASSWORD=$(password)"
    done
} > "$trial/.env"
openssl rand 32 > "$trial/ecosystem/.penstock/kek"
cd "$trial/ecosystem/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -keyout ca.key -out ca.pem \
    -subj "/CN=penstock trial" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout gateway.key -out gateway.csr \
    -subj "/CN=gateway" 2>/dev/null
printf 'subjectAltName=DNS:gateway,DNS:localhost,IP:127.0.0.1\n' > san
openssl x509 -req -in gateway.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile san \
    -out gateway.pem 2>/dev/null
rm -f gateway.csr san ca.srl
mv ca.key "$trial/ca.key"
# The containers' user reads documents and keys, and writes state and inbox.
if test "$(id -u)" = 0; then chown -R 10001:10001 "$trial/ecosystem"; else chmod -R go+rwX "$trial/ecosystem/inbox"; fi
echo "prepared $trial; next: docker compose --env-file $trial/.env -f $here/compose.yaml up"
