#!/usr/bin/env bash
# A real Kubernetes API server with etcd, on loopback, for tests and for the quickstart.
# usage: control-plane.sh find                 prints the directory with the binaries; builds them when there are none
#        control-plane.sh up STATE_DIR [--controllers]    starts them; prints the path of an admin kubeconfig
#        control-plane.sh down STATE_DIR       stops what `up` started
# Looks in KUBEBUILDER_ASSETS, then in ~/.cache/arcwright/bin, then builds from Go modules into that directory.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

find_binaries() {
  local cache="${XDG_CACHE_HOME:-$HOME/.cache}/arcwright/bin" dir
  for dir in "${KUBEBUILDER_ASSETS:-}" "$cache"; do
    if [ -n "$dir" ] && [ -x "$dir/etcd" ] && [ -x "$dir/kube-apiserver" ]; then echo "$dir"; return; fi
  done
  # Two test runs at once must not build into each other.
  mkdir -p "$cache"
  (flock 9 && "$here/build-control-plane.sh" "$cache" >&2) 9>"$cache/.lock"
  echo "$cache"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

start() { # start NAME COMMAND...: in the background, its log and pid in the state directory
  local name=$1; shift
  nohup "$@" >"$state/$name.log" 2>&1 </dev/null &
  echo $! >"$state/$name.pid"
}

up() {
  local bin client peer api
  bin=$(find_binaries)
  state=$(mkdir -p "$1" && cd "$1" && pwd)
  client=$(free_port); peer=$(free_port); api=$(free_port)
  [ -f "$state/sa.key" ] || openssl genrsa -out "$state/sa.key" 2048 2>/dev/null
  local token
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077; echo "$token,admin,admin,\"system:masters\"" >"$state/tokens.csv")
  start etcd "$bin/etcd" --data-dir "$state/etcd" --unsafe-no-fsync --log-level error \
    --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
    --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "default=http://127.0.0.1:$peer"
  start kube-apiserver "$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$client" --cert-dir "$state/certs" \
    --secure-port "$api" --bind-address 127.0.0.1 --service-cluster-ip-range 10.0.0.0/16 \
    --service-account-key-file "$state/sa.key" --service-account-signing-key-file "$state/sa.key" \
    --service-account-issuer https://kubernetes.default.svc --authorization-mode RBAC --token-auth-file "$state/tokens.csv"
  (umask 077; cat >"$state/kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://127.0.0.1:$api", certificate-authority: "$state/certs/apiserver.crt"}}]
users: [{name: admin, user: {token: $token}}]
contexts: [{name: local, context: {cluster: local, user: admin}}]
current-context: local
Y
  )
  for _ in $(seq 480); do
    if curl -sk "https://127.0.0.1:$api/readyz" -H "Authorization: Bearer $token" 2>/dev/null | grep -q '^ok'; then
      if [ "${2:-}" = --controllers ]; then
        start kube-controller-manager "$bin/kube-controller-manager" --kubeconfig "$state/kubeconfig" --leader-elect=false \
          --service-account-private-key-file "$state/sa.key" --root-ca-file "$state/certs/apiserver.crt" \
          --secure-port "$(free_port)" --bind-address 127.0.0.1
      fi
      echo "$state/kubeconfig"
      return
    fi
    kill -0 "$(cat "$state/kube-apiserver.pid")" 2>/dev/null || break
    sleep 0.25
  done
  echo "control-plane: the API server did not become ready; the end of its log:" >&2
  tail -5 "$state/kube-apiserver.log" >&2
  down "$state"
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
  up) up "$2" "${3:-}" ;;
  down) down "$2" ;;
  *) sed -n '2,6p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
