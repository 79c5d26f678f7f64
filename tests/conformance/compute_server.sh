#!/bin/bash
# compute_server.sh PORT: a throw-away zone with all services on 127.0.0.1:PORT, in the foreground, gone on TERM with all that it
# started. A fresh database (of its own, in its state directory), two hosts of libvirt's test driver with plenty of room, flavors 1
# (m1.tiny) and 2 (m1.small), two active images, users tempest1 to tempest8 (member) and tempestadmin1 to tempestadmin4 (admin,
# member), password `secret`, each in a project of its own name, domain Default. It prints the ids, then `ready`.
#
# ZONEGATE is the program (else the release build, which is made if there is none). Needs root, for the hosts.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
[[ ${1:-} =~ ^[0-9]+$ ]] || { echo "usage: $0 PORT" >&2; exit 2; }
if [ -z "${ZONEGATE:-}" ]; then
    export ZONEGATE=$root/.build/release/zonegate
    [ -x "$ZONEGATE" ] || (cd "$root" && cmake --preset release && cmake --build .build/release --target zonegate) >&2
fi
export PYTHONPATH=$root/tests/integration PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$root/tests/conformance/compute_server.py" "$1"
