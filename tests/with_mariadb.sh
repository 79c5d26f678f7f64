#!/bin/bash
# with_mariadb.sh COMMAND [ARGUMENT…]: runs the command with a throw-away MariaDB server and ends with the command's status.
#
# The server has no network; its socket and data are in a new directory that is removed at the end. The command finds it by
# ZONEGATE_TEST_DATABASE (a URL as in [database] connection) and ZONEGATE_TEST_MARIADB_PID. A server that is already given is used.
set -u

if [ $# -eq 0 ]; then
    echo "usage: $0 COMMAND [ARGUMENT...]" >&2
    exit 2
fi
if [ -n "${ZONEGATE_TEST_DATABASE:-}" ]; then
    exec "$@"
fi

directory=$(mktemp -d /tmp/zg-mariadb.XXXXXX) || exit 1
server=

finish() {
    if [ -n "$server" ]; then
        kill -TERM "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

refuse() {
    echo "$0: $1" >&2
    tail -n 20 "$directory/mariadbd.log" >&2 2>/dev/null
    exit 1
}

mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$directory/data" --tmpdir="$directory" --auth-root-authentication-method=normal \
    --skip-test-db --innodb-log-file-size=16M >"$directory/mariadbd.log" 2>&1 || refuse "mariadb-install-db failed"

mariadbd --no-defaults --user="$(id -un)" --datadir="$directory/data" --tmpdir="$directory" --socket="$directory/sock" --skip-networking \
    --pid-file="$directory/pid" --log-error="$directory/mariadbd.log" --innodb-buffer-pool-size=32M --innodb-log-file-size=16M \
    --innodb-flush-log-at-trx-commit=2 --performance-schema=OFF --aria-pagecache-buffer-size=1M --key-buffer-size=1M \
    --max-connections=200 --innodb-log-buffer-size=2M --skip-name-resolve --table-open-cache=200 &
server=$!

for _ in $(seq 300); do
    mariadb --no-defaults --user=root --socket="$directory/sock" -e "CREATE DATABASE IF NOT EXISTS zonegate_test" 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || refuse "mariadbd ended at start"
    sleep 0.1
done

export ZONEGATE_TEST_DATABASE="mariadb:///zonegate_test?socket=$directory/sock&user=root"
export ZONEGATE_TEST_MARIADB_PID=$server
"$@"
