#!/bin/bash
# Runs a private libvirtd in the foreground, its whole state under DIR: nothing of the machine's own libvirt is touched.
# Needs root, libvirtd and unshare. The socket is DIR/run/libvirt-sock. Usage: libvirtd.sh DIR
set -euo pipefail
dir=$1
mkdir -p "$dir"/{run,lib,etc,cache,log}
cp /etc/passwd "$dir/passwd"
cp /etc/group "$dir/group"
# libvirtd ends at once where this user is unknown, even if the guests run as root.
grep -q '^libvirt-qemu:' "$dir/passwd" || echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >>"$dir/passwd"
grep -q '^libvirt-qemu:' "$dir/group" || echo 'libvirt-qemu:x:64055:' >>"$dir/group"
[ -e "$dir/uuid" ] || cat /proc/sys/kernel/random/uuid >"$dir/uuid"
printf '%s\n' 'unix_sock_group = "root"' 'auth_unix_rw = "none"' 'auth_unix_ro = "none"' "host_uuid = \"$(cat "$dir/uuid")\"" >"$dir/etc/libvirtd.conf"
printf '%s\n' 'user = "root"' 'group = "root"' 'dynamic_ownership = 0' 'security_driver = "none"' 'namespaces = [ ]' \
    'cgroup_controllers = [ ]' 'stdio_handler = "file"' >"$dir/etc/qemu.conf"
exec unshare -m --propagation unchanged bash -c '
    mount --make-rprivate / 2>/dev/null || true # the / of a chroot is no mount of its own
    mount --bind "$0/passwd" /etc/passwd
    mount --bind "$0/group" /etc/group
    for place in run:/run lib:/var/lib etc:/etc cache:/var/cache log:/var/log; do
        mkdir -p "${place#*:}/libvirt"
        mount --bind "$0/${place%%:*}" "${place#*:}/libvirt"
    done
    exec libvirtd -f /etc/libvirt/libvirtd.conf -p /run/libvirt/libvirtd.pid' "$dir"
