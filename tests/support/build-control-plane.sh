#!/usr/bin/env bash
# Gets programs of Kubernetes into a directory: etcd, kube-apiserver and kubectl out of the released archive of controller-tools
# where the network gives it, the rest (or all) built from their Go modules.
# usage: build-control-plane.sh BIN_DIR [PROGRAM...]
#        without a PROGRAM: etcd kube-apiserver kube-controller-manager kubectl (about 9 minutes on 2 cores, once; what is there stays)
#        for a node:        kube-scheduler kubelet (about 7 minutes more)
# kubectl is left out when there is one on the PATH. Only one of these runs at a time in one directory.
set -euo pipefail
bin=$(mkdir -p "$1" && cd "$1" && pwd)
shift
programs=("$@")
[ ${#programs[@]} -gt 0 ] || programs=(etcd kube-apiserver kube-controller-manager kubectl)
kube=1.36.3
kubelet=1.34.4 # may be older than the API server, and is the last that takes containerd 1.6 and cgroup v1
etcd=3.6.8
envtest=1.36.2

say() { echo "control plane: $*" >&2; }
fail() { say "$*"; exit 1; }
wanted() { # the programs that are not there yet
  local name
  for name in "${programs[@]}"; do
    [ "$name" = kubectl ] && command -v kubectl >/dev/null && continue
    [ -x "$bin/$name" ] || echo "$name"
  done
}

exec 9>"$bin/.lock"
if ! flock -n 9; then
  say "another run is making the programs; waiting for it"
  flock 9
fi
[ -n "$(wanted)" ] || exit 0

# In the same file system as its target, so that a program lands under its name whole or not at all.
work=$(mktemp -d "$bin/.work.XXXXXX")
pulse=
finish() {
  [ -z "$pulse" ] || kill "$pulse" 2>/dev/null || true
  # The module cache is write-protected, but it is not in here; this removes sources and half-made programs.
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
place() { chmod 755 "$work/$1" && mv "$work/$1" "$bin/$1" && say "$1 is ready"; }

# Runs a command with a line every half minute, so that nobody takes it for dead. Its own words are shown only if it fails.
long() { # long WHAT COMMAND...
  local what=$1 start=$SECONDS
  shift
  say "$what"
  (while sleep 30; do say "$what: $(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s"; done) 9>&- &
  pulse=$!
  if ! "$@" >"$work/log" 2>&1; then
    tail -n 15 "$work/log" >&2
    fail "$what: failed"
  fi
  kill "$pulse" 2>/dev/null || true
  wait "$pulse" 2>/dev/null || true
  pulse=
}

# The archive of controller-tools holds etcd, kube-apiserver and kubectl. A network that does not give it costs 5 seconds.
download() {
  local arch url name hash
  case $(uname -s)/$(uname -m) in
    Linux/x86_64) arch=linux-amd64 ;;
    Linux/aarch64) arch=linux-arm64 ;;
    *) return 1 ;;
  esac
  command -v curl >/dev/null && command -v sha512sum >/dev/null || return 1
  url=https://github.com/kubernetes-sigs/controller-tools/releases/download/envtest-v$envtest/envtest-v$envtest-$arch.tar.gz
  hash=$(curl -fsSL --connect-timeout 5 --max-time 20 "$url.sha512" 2>/dev/null | cut -d ' ' -f 1) || return 1
  [ ${#hash} = 128 ] || return 1
  say "downloading the archive of controller-tools $envtest (about 60 MB)"
  curl -fsSL --connect-timeout 5 --max-time 600 -o "$work/envtest.tar.gz" "$url" || return 1
  echo "$hash  $work/envtest.tar.gz" | sha512sum --check --status || fail "the archive does not have its published checksum: $url"
  tar -xzf "$work/envtest.tar.gz" -C "$work" --strip-components=2 --no-same-owner
  for name in $(wanted); do
    [ ! -f "$work/$name" ] || place "$name"
  done
}

# Nothing of this machine's settings for Go decides what is built: only the proxy and the caches are the user's.
export CGO_ENABLED=0 GOFLAGS=-mod=mod GOWORK=off GO111MODULE=on
unset GOOS GOARCH GOEXPERIMENT GOBIN GOTOOLDIR

build_etcd() {
  mkdir -p "$work/src-etcd" && cd "$work/src-etcd"
  go mod init etcdbuild
  go get "go.etcd.io/etcd/server/v3@v$etcd"
  go build -trimpath -ldflags '-s -w' -o "$work/etcd" go.etcd.io/etcd/server/v3
}

version() { # version PROGRAM
  if [ "$1" = kubelet ]; then echo "$kubelet"; else echo "$kube"; fi
}

# k8s.io/kubernetes keeps its staging modules at v0.0.0, so each is pinned to v0.<minor>.<patch>.
kubernetes_module() { # kubernetes_module VERSION
  mkdir -p "$work/src-$1" && cd "$work/src-$1"
  local mod command
  mod=$(go mod download -json "k8s.io/kubernetes@v$1" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  {
    echo "module kubebuild"
    grep -m1 '^go ' "$mod"
    echo "require k8s.io/kubernetes v$1"
    grep -oE '^\s*k8s\.io/\S+ v0\.0\.0$' "$mod" | awk -v v="v0.${1#*.}" '{print "replace " $1 " => " $1 " " v}'
  } >go.mod
  {
    echo '//go:build tools'
    echo 'package kubebuild'
    for command in kube-apiserver/app kube-controller-manager/app kube-scheduler/app kubelet/app kubectl; do
      echo "import _ \"k8s.io/kubernetes/cmd/$command\""
    done
  } >tools.go
  go mod tidy -e
}

build_kubernetes() { # build_kubernetes PROGRAM VERSION
  cd "$work/src-$2"
  local package=k8s.io/component-base/version
  go build -trimpath -o "$work/$1" -ldflags "-s -w -X $package.gitVersion=v$2 -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<<"$2")" \
    "k8s.io/kubernetes/cmd/$1"
}

case " $(wanted | tr '\n' ' ')" in
  *" etcd "* | *" kube-apiserver "* | *" kubectl "*) download || say "no archive of controller-tools from this network" ;;
esac
[ -n "$(wanted)" ] || exit 0
command -v go >/dev/null ||
  fail "these are missing and there is no Go to build them with: $(wanted | tr '\n' ' '); install Go 1.26, or set KUBEBUILDER_ASSETS to a directory that has them"
for name in $(wanted); do
  if [ "$name" = etcd ]; then
    long "building etcd $etcd (about half a minute)" build_etcd
  else
    version=$(version "$name")
    [ -f "$work/src-$version/go.sum" ] || long "getting the sources of Kubernetes $version (about half a minute)" kubernetes_module "$version"
    long "building $name $version (1 to 6 minutes on 2 cores)" build_kubernetes "$name" "$version"
  fi
  place "$name"
done
