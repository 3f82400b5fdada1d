#!/bin/sh
# build.sh OUT - makes OUT/gvisor, gVisor's netstack for tern-bench, from Debian's packages golang-go and
# golang-gvisor-gvisor-dev; does nothing when it is newer than its source. It fails with a sentence where they are not installed.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
out=${1:?"usage: build.sh OUT"}
sources=/usr/share/gocode
die() {
    printf 'gVisor: %s\n' "$*" >&2
    exit 1
}

[ -z "$(find "$here" -newer "$out/gvisor" 2>&1)" ] && exit 0
command -v go >/dev/null && [ -d "$sources/src/gvisor.dev/gvisor" ] ||
    die 'not here: apt-get install --no-install-recommends golang-go golang-gvisor-gvisor-dev'
mkdir -p -- "$out"
out=$(CDPATH='' cd -- "$out" && pwd -P)
GO111MODULE=off GOFLAGS='' GOPATH=$sources GOCACHE=$out/go go build -o "$out/gvisor" "$here/main.go" >"$out/gvisor.log" 2>&1 ||
    die "does not build: see $out/gvisor.log"
