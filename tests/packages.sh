#!/bin/bash
# Installs the Debian packages of tests/packages.txt whose use (build, run, test) is among the arguments. Asks the network only when
# something is missing, never asks the user, starts no service. Ends with one sentence on stderr when it cannot.
set -u
list=$(dirname "$(readlink -f "$0")")/packages.txt

say() { echo "packages: $*" >&2; }
die() { say "$*"; exit 1; }

wanted() { awk -v uses=" $* " '!/^#/ && NF == 2 && index(uses, " " $2 " ") {print $1}' "$list"; }
is_installed() { [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = "install ok installed" ]; }
any_installed() { local name; for name; do is_installed "$name" && return 0; done; return 1; }
missing() { local entry; for entry in $(wanted "$@"); do any_installed ${entry//|/ } || echo "${entry%%|*}"; done; }
apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@" </dev/null; }

[ $# -gt 0 ] || die "usage: tests/packages.sh USE... (build, run, test)"
todo=$(missing "$@")
[ -n "$todo" ] || exit 0
command -v apt-get >/dev/null || die "these packages are missing, and this is no Debian that could install them:" $todo
[ "$(id -u)" = 0 ] || die "only root can install what is missing:" $todo

log=$(mktemp /tmp/zonegate-packages.XXXXXX)
say "installing" $todo
if ! apt update >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    die "the package lists cannot be fetched: is the network, and the archive in /etc/apt, reachable? (log: $log)"
fi
# A policy that keeps packages from starting services here; one that the system has is left alone.
policy=/usr/sbin/policy-rc.d
[ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && trap 'rm -f $policy' EXIT; }
if ! apt install --no-install-recommends -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold $todo >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    die "a package cannot be installed (log: $log)"
fi
rm -f "$log"
