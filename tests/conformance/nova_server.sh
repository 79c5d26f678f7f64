#!/bin/bash
# nova_server.sh PORT: a throw-away OpenStack of Debian's packages in the foreground, gone on TERM with all that it started:
# Keystone on 127.0.0.1:PORT, Nova (API, conductor, scheduler, two compute services with Nova's fake driver) on PORT+1, Glance on
# PORT+2, Placement on PORT+3, and a MariaDB of their own on a socket in their state directory. Flavors, images, users and the
# lines printed are those of compute_server.sh, so that both can be asked the same; after `ready` it waits.
#
# Networks and volumes are those that Nova's own functional tests pretend (nova.tests.fixtures). Without the packages the exit code
# is 77: python3-nova python3-keystone python3-glance python3-placement python3-pymysql mariadb-server-core (apt-get install
# --no-install-recommends; none of them starts a service).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[[ ${1:-} =~ ^[0-9]+$ ]] || { echo "usage: $0 PORT" >&2; exit 2; }
for package in python3-nova python3-keystone python3-glance python3-placement python3-pymysql mariadb-server-core; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || { echo "$0: $package is not installed" >&2; exit 77; }
done
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$here/nova_server.py" "$1"
