#!/bin/bash
# Everything that must hold before a commit; tests/run.sh --help says what. Installs what is missing, then hands over to tests/run.py.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
case " $* " in *" --help "* | *" -h "*) ;; *) tests/packages.sh build run test || { echo "0 passed, 1 failed"; exit 1; } ;; esac
exec /usr/bin/python3 tests/run.py "$@"
