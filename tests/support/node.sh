#!/usr/bin/env bash
# A real node: kube-scheduler, kubelet and containerd beside the control plane of control-plane.sh, so that pods run.
# usage: node.sh why-not           says what is missing here, and fails; says nothing where a node can be had
#        node.sh get               gets the programs of Kubernetes that it takes (15 minutes on 2 cores, once)
#        node.sh run COMMAND...    runs a command beside a node of its own
# The command finds KUBECONFIG (of an admin), CONTAINERD_ADDRESS (for `ctr -n k8s.io image import`) and NODE_ADDRESS, by which pods reach
# what it starts and ask for names, and AUDIT_LOG, which has a line for each request that writes. Pods find the image node.test/idle:1, whose program sleeps until it is told to end.
# Everything is in namespaces of processes, mounts and network that end with the command: nothing is left, and nothing outside is reached.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache="${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/arcwright/bin"
address=10.0.0.1
plugins=/usr/lib/cni

say() { echo "node: $*" >&2; }
fail() { say "$*"; exit 1; }
program() { command -v "$1" || true; }

why_not() {
  local entry missing=()
  [ "$(uname -s)" = Linux ] || fail "pods run on Linux only"
  [ "$(id -u)" = 0 ] || fail "a kubelet runs as root only"
  for entry in buildah:buildah containerd:containerd ctr:containerd runc:runc unshare:util-linux ip:iproute2 gcc:gcc; do
    [ -n "$(program "${entry%%:*}")" ] || missing+=("${entry##*:}")
  done
  [ -x "$plugins/ptp" ] || missing+=(containernetworking-plugins)
  [ ${#missing[@]} = 0 ] || fail "these packages of Debian and Ubuntu are missing: $(printf '%s\n' "${missing[@]}" | sort -u | paste -sd ' ')"
  unshare --net --mount --pid --fork --mount-proc true 2>/dev/null || fail "this machine gives no namespaces"
  mountpoint -q /sys/fs/cgroup && [ -w /sys/fs/cgroup ] || fail "this machine gives no cgroups"
}

get() {
  "$here/control-plane.sh" find >/dev/null
  "$here/build-control-plane.sh" "$cache" kube-controller-manager kube-scheduler kubelet >&2
}

# Outside: makes the namespaces, and removes what the kernel keeps when they have ended.
run() {
  why_not
  get
  state=$(mktemp -d "${TMPDIR:-/tmp}/arcwright-node.XXXX")
  trap clean EXIT
  trap 'exit 130' INT TERM HUP
  # Paths that programs insist on; they are covered inside.
  mkdir -p /var/lib/cni /var/log/containers
  # Killed with this one, and with it, its first process, all processes inside.
  unshare --net --mount --pid --fork --mount-proc --kill-child=KILL -- "${BASH_SOURCE[0]}" inside "$state" "$@"
}

# Pods that were still there have left their cgroups; those of somebody else's containers stay.
clean() {
  local group id
  for group in /sys/fs/cgroup/k8s.io /sys/fs/cgroup/*/k8s.io; do
    for id in "$state"/containerd/io.containerd.grpc.v1.cri/{sandboxes,containers}/*; do
      id=$group/${id##*/}
      [ ! -d "$id" ] || find "$id" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    rmdir "$group" 2>/dev/null || true
  done
  rm -rf "$state"
}

start() { # start NAME COMMAND...: in the background, its log in the state directory
  local name=$1
  shift
  "$@" >"$state/$name.log" 2>&1 </dev/null &
  pids[$name]=$!
}

# Waits for a condition, while a program runs.
await() { # await SECONDS NAME COMMAND...
  local end=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! kill -0 "${pids[$name]}" 2>/dev/null || [ $SECONDS -ge $end ]; then
      tail -n 15 "$state/$name.log" >&2
      fail "$name did not become ready"
    fi
    sleep 0.2
  done
}

network() {
  local directory
  ip link set lo up
  ip address add "$address/32" dev lo
  for directory in /run /var/log/containers /var/lib/cni; do mount -t tmpfs tmpfs "$directory"; done
  mkdir -p "$state/cni"
  cat >"$state/cni/pods.conflist" <<Y
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": false, "ipam":
  {"type": "host-local", "subnet": "10.244.0.0/24", "dataDir": "$state/addresses", "routes": [{"dst": "0.0.0.0/0"}]}}]}
Y
}

runtime() {
  # restrict_oom_score_adj: a confined machine lets nobody lower that.
  cat >"$state/containerd.toml" <<Y
version = 2
root = "$state/containerd"
state = "/run/containerd"
[grpc]
  address = "$CONTAINERD_ADDRESS"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  sandbox_image = "node.test/idle:1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$plugins"
    conf_dir = "$state/cni"
Y
  start containerd containerd --config "$state/containerd.toml"
  await 60 containerd ctr version
}

# The image of pods that do nothing, in the form of `docker save`; it also holds the namespaces of every pod.
idle_image() {
  local work=$state/idle
  mkdir -p "$work"
  cat >"$work/idle.c" <<'C'
#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(signal == SIGTERM ? 0 : 1); }
int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  for (;;) pause();
}
C
  gcc -static -O1 -o "$work/idle" "$work/idle.c"
  tar -C "$work" --owner=0 --group=0 -cf "$work/layer.tar" idle
  cat >"$work/config.json" <<Y
{"architecture": "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')", "os": "linux", "config": {"Entrypoint": ["/idle"], "User": "65532:65532"},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)"]}}
Y
  echo '[{"Config": "config.json", "RepoTags": ["node.test/idle:1"], "Layers": ["layer.tar"]}]' >"$work/manifest.json"
  tar -C "$work" -cf "$work/idle.tar" manifest.json config.json layer.tar
  ctr -n k8s.io image import "$work/idle.tar" >/dev/null
}

kubernetes() {
  KUBECONFIG=$("$here/control-plane.sh" up "$state/plane" --controllers --for-pods)
  export KUBECONFIG
  start kube-scheduler "$cache/kube-scheduler" --kubeconfig "$KUBECONFIG" --leader-elect=false --bind-address 127.0.0.1
  # No evictions and no cgroups but the pods' own: the machine is not the node's alone.
  cat >"$state/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
address: $address
healthzPort: 0
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
localStorageCapacityIsolation: false
evictionHard: {}
containerRuntimeEndpoint: unix://$CONTAINERD_ADDRESS
clusterDNS: ["$address"]
clusterDomain: cluster.local
podLogsDir: $state/pods
registryPullQPS: 0
syncFrequency: 5s
Y
  start kubelet "$cache/kubelet" --config "$state/kubelet.yaml" --kubeconfig "$KUBECONFIG" --hostname-override node \
    --node-ip "$address" --root-dir "$state/kubelet"
  await 60 kubelet kubectl wait --for=condition=Ready --timeout=1s node/node
}

# Inside the namespaces, as their first process.
inside() {
  declare -gA pids
  state=$1
  shift
  export CONTAINERD_ADDRESS=/run/containerd.sock NODE_ADDRESS=$address AUDIT_LOG=$state/plane/audit.log PATH="$PATH:/usr/sbin:/sbin:$cache"
  network
  runtime
  idle_image
  kubernetes
  say "ready after $SECONDS s"
  "$@"
}

case "${1:-}" in
  why-not) why_not ;;
  get) get ;;
  run) shift && [ $# -gt 0 ] && run "$@" ;;
  inside) shift && inside "$@" ;;
  *) sed -n '2,8p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
