#!/bin/bash
# Builds a tiny guest for trying zonegate out: `kernel`, `ramdisk` and `disk.img` (raw, 16 MiB, empty) in OUTDIR.
#
# Everything comes from installed packages: a Debian kernel of /boot with its modules (linux-image-cloud-amd64) and busybox-static.
# The guest reads its config drive, says on the serial console who it is, asks DHCP for an address, answers to the power button, and
# idles. Nothing is downloaded, no root is needed. It has no login, no IPv6, and keeps nothing on its disk.
#
# Usage: build.sh OUTDIR [KERNEL_RELEASE]
set -euo pipefail

die() {
    echo "build.sh: $*" >&2
    exit 1
}

[ $# -ge 1 ] || die "usage: build.sh OUTDIR [KERNEL_RELEASE]"
out=$1
here=$(cd "$(dirname "$0")" && pwd)
release=${2:-$(find /lib/modules -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)}
modules=/lib/modules/$release
busybox=$(command -v busybox) || die "busybox is missing (apt-get install busybox-static)"

[ -r "/boot/vmlinuz-$release" ] || die "/boot/vmlinuz-$release cannot be read (apt-get install linux-image-cloud-amd64)"
[ -r "$modules/modules.dep" ] || die "$modules/modules.dep cannot be read"
command -v cpio >/dev/null || die "cpio is missing (apt-get install cpio)"
if ldd "$busybox" >/dev/null 2>&1; then
    die "$busybox is not static (apt-get install busybox-static)"
fi

mkdir -p "$out"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,dev,proc,sys,config,etc/acpi/PWRF,modules}
cp "$busybox" "$root/bin/busybox"
cp "$here/init" "$root/init"
cp "$here/dhcp" "$root/etc/dhcp"
cp "$here/power-button" "$root/etc/acpi/PWRF/00000080" # where busybox's acpid looks for it
chmod 0755 "$root/init" "$root/etc/dhcp" "$root/etc/acpi/PWRF/00000080"

# What the guest loads, in this order; modules.dep names what each one needs (last first). A module that is built into the kernel is skipped.
wanted="virtio_pci virtio_blk virtio_scsi sr_mod ahci isofs button evdev virtio_net"
add_module() {
    local line path
    line=$(grep -E "^[^:]*/${1//_/[-_]}\.ko[^:]*:" "$modules/modules.dep" || true)
    [ -n "$line" ] || return 0
    for path in $(tr ' ' '\n' <<<"${line#*:}" | tac) "${line%%:*}"; do
        add_file "$path"
    done
}
# Modules are unpacked and named by their place in the order: 01-virtio_ring.ko
count=0
add_file() {
    local name
    name=$(basename "$1")
    name=${name%%.ko*}.ko
    ! compgen -G "$root/modules/*-$name" >/dev/null || return 0
    count=$((count + 1))
    local target
    target=$root/modules/$(printf '%02d' "$count")-$name
    case $1 in
        *.ko) cp "$modules/$1" "$target" ;;
        *.ko.xz) xz -dc "$modules/$1" >"$target" ;;
        *.ko.zst) zstd -qdc "$modules/$1" >"$target" ;;
        *.ko.gz) gzip -dc "$modules/$1" >"$target" ;;
        *) die "$1: unknown module file" ;;
    esac
}
for module in $wanted; do
    add_module "$module"
done
[ -n "$(ls "$root/modules")" ] || die "$modules has none of: $wanted"

cp "/boot/vmlinuz-$release" "$out/kernel"
chmod 0644 "$out/kernel"
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | gzip -n -9) >"$out/ramdisk"
rm -f "$out/disk.img"
truncate -s 16M "$out/disk.img"
echo "$out: kernel $release, $(stat -c %s "$out/ramdisk") bytes of ramdisk, $count modules"
