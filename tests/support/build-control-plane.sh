#!/usr/bin/env bash
# Builds etcd, kube-apiserver and kube-controller-manager from their Go modules.
# usage: build-control-plane.sh BIN_DIR      (about 8 minutes on 2 cores the first time; nothing when they are there)
set -euo pipefail
bin=$(mkdir -p "$1" && cd "$1" && pwd)
kube=1.36.3
etcd=3.6.8
command -v go >/dev/null || { echo "build-control-plane: the go command is missing; install Go 1.26 or set KUBEBUILDER_ASSETS to a directory with etcd and kube-apiserver" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0 GOFLAGS=-mod=mod

# A build lands under its own name only when it is whole.
place() { mv "$work/$1" "$bin/$1"; echo "build-control-plane: $1 is ready" >&2; }

if [ ! -x "$bin/etcd" ]; then
  echo "build-control-plane: building etcd $etcd (about half a minute)" >&2
  mkdir -p "$work/src-etcd" && cd "$work/src-etcd"
  go mod init e 2>/dev/null
  go get "go.etcd.io/etcd/server/v3@v$etcd" 2>get.log || { tail -5 get.log >&2; exit 1; }
  go build -trimpath -ldflags '-s -w' -o "$work/etcd" go.etcd.io/etcd/server/v3
  place etcd
fi

# k8s.io/kubernetes keeps its staging modules at v0.0.0, so each is pinned to v0.<minor>.<patch>.
mkdir -p "$work/src-kube" && cd "$work/src-kube"
for command in kube-apiserver kube-controller-manager; do
  [ -x "$bin/$command" ] && continue
  if [ ! -f go.mod ]; then
    mod=$(go mod download -json "k8s.io/kubernetes@v$kube" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    { echo "module kubebuild"
      grep -m1 '^go ' "$mod"
      echo "require k8s.io/kubernetes v$kube"
      grep -oE '^\s*k8s\.io/\S+ v0\.0\.0$' "$mod" | awk -v v="v0.${kube#*.}" '{print "replace " $1 " => " $1 " " v}'
    } >go.mod
    printf '//go:build tools\npackage kubebuild\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver/app"\nimport _ "k8s.io/kubernetes/cmd/kube-controller-manager/app"\n' >tools.go
    go mod tidy >tidy.log 2>&1 || { tail -5 tidy.log >&2; exit 1; }
  fi
  echo "build-control-plane: building $command $kube (3 to 6 minutes on 2 cores)" >&2
  version="-X k8s.io/component-base/version.gitVersion=v$kube -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$kube")"
  go build -trimpath -ldflags "-s -w $version" -o "$work/$command" "k8s.io/kubernetes/cmd/$command"
  place "$command"
done
