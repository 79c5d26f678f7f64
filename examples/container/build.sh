#!/bin/bash
# Builds the image: examples/container/build.sh [TAG] (default zonegate). Uses docker or podman, whichever answers ($ENGINE
# to choose, options included: ENGINE="podman --runtime=runc").
# Where no registry can be reached, the base is made with debootstrap from the Debian archive that this machine uses.
set -eu
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
tag=${1:-zonegate}
base=docker.io/library/debian:12-slim
own_base=localhost/zonegate-base:12
die() { echo "container: $*" >&2; exit 1; }

find_engine() {
    local candidate
    if [ -n "${ENGINE:-}" ]; then
        read -ra engine <<<"$ENGINE"
        "${engine[@]}" info >/dev/null 2>&1 && return
        die "$ENGINE does not answer"
    fi
    for candidate in docker podman; do
        engine=("$candidate")
        command -v "$candidate" >/dev/null && "$candidate" info >/dev/null 2>&1 && return
    done
    die "no container engine answers: start docker or podman"
}
make_base() {
    command -v debootstrap >/dev/null || die "$base cannot be pulled, and debootstrap, which could make a base, is not installed"
    local rootfs status=0
    rootfs=$(mktemp -d)
    debootstrap --variant=minbase bookworm "$rootfs" >"$rootfs.log" 2>&1 || { tail -n 5 "$rootfs.log" >&2; status=1; }
    if [ $status = 0 ]; then
        # the archive as this machine reaches it
        cp -a /etc/apt/sources.list* /etc/apt/apt.conf.d "$rootfs/etc/apt/" 2>/dev/null || true
        tar -C "$rootfs" -c . | "${engine[@]}" import - "$own_base" >/dev/null || status=1
    fi
    rm -rf "$rootfs" "$rootfs.log"
    [ $status = 0 ] || die "no base could be made"
}

find_engine
if "${engine[@]}" image inspect "$own_base" >/dev/null 2>&1; then
    base=$own_base
elif ! "${engine[@]}" image inspect "$base" >/dev/null 2>&1 && ! timeout 120 "${engine[@]}" pull -q "$base" >/dev/null 2>&1; then
    make_base
    base=$own_base
fi
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
tar -C "$root" --exclude=./.build --exclude=./.git -c . | tar -C "$context" -x
"${engine[@]}" build --network=host --build-arg BASE="$base" -t "$tag" -f "$context/examples/container/Containerfile" "$context"
echo "container: image $tag is built by ${engine[*]}"
