#!/usr/bin/env bash
# A real Kubernetes API server with etcd, on loopback, for tests and for the quickstart.
# usage: control-plane.sh find                 gets the programs if need be; prints the directory that has them
#        control-plane.sh up STATE_DIR [--controllers] [--for-pods]    starts them; prints the path of an admin kubeconfig
#          --for-pods: at the address of Service kubernetes, 10.0.0.1:443, which an interface must have (see node.sh), and with
#          a log of all writes, STATE_DIR/audit.log
#        control-plane.sh down STATE_DIR       stops what `up` started
# The programs come from KUBEBUILDER_ASSETS, from ~/.cache/arcwright/bin, or from build-control-plane.sh into the latter.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache="${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/arcwright/bin"

say() { echo "control plane: $*" >&2; }

has() { # has DIR PROGRAM...
  local dir=$1 name
  shift
  for name in "$@"; do [ -x "$dir/$name" ] || return 1; done
}

program() { # program NAME: its path; nothing when it is not there
  local dir
  for dir in "${KUBEBUILDER_ASSETS:-}" "$cache"; do
    if [ -n "$dir" ] && [ -x "$dir/$1" ]; then echo "$dir/$1" && return; fi
  done
}

need() { # need PROGRAM...: gets what is not there
  local name
  for name in "$@"; do
    [ -n "$(program "$name")" ] || { "$here/build-control-plane.sh" "$cache" >&2 && return; }
  done
}

find_binaries() {
  need etcd kube-apiserver
  command -v kubectl >/dev/null || need kubectl
  if [ -n "${KUBEBUILDER_ASSETS:-}" ] && has "$KUBEBUILDER_ASSETS" etcd kube-apiserver; then echo "$KUBEBUILDER_ASSETS"; else echo "$cache"; fi
}

# A port that nobody listens on, below those that the system gives to outgoing connections.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    # Connecting fails: nobody is there.
    (: </dev/tcp/127.0.0.1/$port) 2>/dev/null || { echo "$port" && return; }
  done
  say "no free port found"
  return 1
}

signing_key() { # for service account tokens
  if command -v openssl >/dev/null; then openssl genrsa -out "$1" 2048 2>/dev/null; else ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f "$1"; fi
}

start() { # start NAME COMMAND...: in the background, its log and pid in the state directory
  local name=$1
  shift
  nohup "$@" >"$state/$name.log" 2>&1 </dev/null &
  echo $! >"$state/$name.pid"
}

write_kubeconfig() { # write_kubeconfig ADDRESS TOKEN
  (
    umask 077
    cat >"$state/kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://$1", certificate-authority: "$state/certs/apiserver.crt"}}]
users: [{name: admin, user: {token: $2}}]
contexts: [{name: local, context: {cluster: local, user: admin}}]
current-context: local
Y
  )
}

# One line of JSON for each request that writes.
write_audit_policy() {
  cat >"$state/audit.yaml" <<'Y'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: Metadata, verbs: [create, update, patch, delete, deletecollection]}
  - {level: None}
Y
}

start_api_server() { # start_api_server TOKEN: with etcd, on ports of its choice; true when it is ready
  local client peer host=127.0.0.1 api=443 more=()
  client=$(free_port) peer=$(free_port)
  if [ -n "$for_pods" ]; then
    host=10.0.0.1
    write_audit_policy
    more=(--audit-policy-file "$state/audit.yaml" --audit-log-path "$state/audit.log" --audit-log-mode blocking)
  else
    api=$(free_port)
  fi
  start etcd "$(program etcd)" --data-dir "$state/etcd" --unsafe-no-fsync --log-level error \
    --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
    --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "default=http://127.0.0.1:$peer"
  # A service range of /16: with a /24 the tests run out of addresses.
  start kube-apiserver "$(program kube-apiserver)" --etcd-servers "http://127.0.0.1:$client" --cert-dir "$state/certs" \
    --secure-port "$api" --bind-address "$host" --service-cluster-ip-range 10.0.0.0/16 --kubelet-preferred-address-types InternalIP \
    --service-account-key-file "$state/sa.key" --service-account-signing-key-file "$state/sa.key" \
    --service-account-issuer https://kubernetes.default.svc --authorization-mode RBAC --token-auth-file "$state/tokens.csv" \
    "${more[@]}"
  write_kubeconfig "$host:$api" "$1"
  for _ in $(seq 480); do
    if curl -sk "https://$host:$api/readyz" -H "Authorization: Bearer $1" 2>/dev/null | grep -q '^ok'; then return; fi
    kill -0 "$(cat "$state/etcd.pid")" 2>/dev/null && kill -0 "$(cat "$state/kube-apiserver.pid")" 2>/dev/null || return 1
    sleep 0.25
  done
  return 1
}

up() {
  local token attempt with=" ${*:2} " for_pods= controllers=
  [[ $with != *" --for-pods "* ]] || for_pods=yes
  [[ $with != *" --controllers "* ]] || controllers=yes
  need etcd kube-apiserver
  [ -z "$controllers" ] || need kube-controller-manager
  state=$(mkdir -p "$1" && cd "$1" && pwd)
  [ -f "$state/sa.key" ] || signing_key "$state/sa.key"
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077 && echo "$token,admin,admin,\"system:masters\"" >"$state/tokens.csv")
  # Somebody else may have taken a port in between: then with others.
  for attempt in 1 2 3; do
    if start_api_server "$token"; then
      [ -z "$controllers" ] || start kube-controller-manager "$(program kube-controller-manager)" \
        --kubeconfig "$state/kubeconfig" --leader-elect=false --service-account-private-key-file "$state/sa.key" \
        --root-ca-file "$state/certs/apiserver.crt" --secure-port "$(free_port)" --bind-address 127.0.0.1
      echo "$state/kubeconfig"
      return
    fi
    down "$state"
    grep -q 'address already in use' "$state/etcd.log" "$state/kube-apiserver.log" || break
    rm -rf "$state/etcd"
  done
  say "the API server did not become ready (attempt $attempt); the ends of the logs:"
  tail -n 3 "$state/etcd.log" "$state/kube-apiserver.log" >&2
  return 1
}

down() {
  local name pid
  for name in kube-controller-manager kube-apiserver etcd; do
    [ -f "$1/$name.pid" ] || continue
    pid=$(cat "$1/$name.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 40); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$1/$name.pid"
  done
}

case "${1:-}" in
  find) find_binaries ;;
  up) up "${@:2}" ;;
  down) down "$2" ;;
  *) sed -n '2,8p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
