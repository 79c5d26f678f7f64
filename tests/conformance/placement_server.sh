#!/bin/bash
# placement_server.sh PORT: a throw-away zone with nothing but Placement at `/` on 127.0.0.1:PORT, in the foreground; gone on TERM with
# all that it started. auth_strategy is noauth2, the database is new at every start.
#
# GABBIT_PROFILE says how it is set up: default and legacy-rbac (the default policies), secure-rbac (enforce_scope and
# enforce_new_defaults), open-policy, cors. ZONEGATE is the program (else the release build, which is made if there is none).
# ZONEGATE_TEST_DATABASE (tests/with_mariadb.sh) names a server to use instead of one of its own: quicker to start again and again.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
port=${1:-}
profile=${GABBIT_PROFILE:-default}

die() { echo "placement_server: $*" >&2; exit 1; }
[[ $port =~ ^[0-9]+$ ]] || { echo "usage: $0 PORT" >&2; exit 2; }

case $profile in
    default|legacy-rbac) settings= ;;
    secure-rbac) settings=$'enforce_scope = true\nenforce_new_defaults = true' ;;
    open-policy) settings='open_policy = true' ;;
    cors) settings=$'allowed_origin = http://valid.example.com\nallow_headers = openstack-api-version' ;;
    *) die "there is no profile '$profile'" ;;
esac

program=${ZONEGATE:-$root/.build/release/zonegate}
if [ ! -x "$program" ] && [ -z "${ZONEGATE:-}" ]; then
    (cd "$root" && cmake --preset release && cmake --build .build/release --target zonegate) >&2 || die "the release build failed"
fi
[ -x "$program" ] || die "there is no program at $program"

directory=$(mktemp -d /tmp/zg-placement.XXXXXX) || exit 1
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

connection=private
if [ -n "${ZONEGATE_TEST_DATABASE:-}" ]; then
    socket=${ZONEGATE_TEST_DATABASE##*socket=}
    socket=${socket%%&*}
    name=zonegate_placement_$port
    mariadb --no-defaults --user=root --socket="$socket" -e "DROP DATABASE IF EXISTS $name" || die "the database cannot be emptied"
    connection="mariadb:///$name?socket=$socket&user=root"
fi

cat >"$directory/zone.conf" <<END
[zone]
name = placement
state_dir = $directory/state
[api]
listen = 127.0.0.1:0
[database]
connection = $connection
[log]
level = ${ZONEGATE_LOG_LEVEL:-warn}
[placement]
listen = 127.0.0.1:$port
auth_strategy = noauth2
$settings
END

"$program" --config "$directory/zone.conf" serve &
server=$!
wait "$server"
status=$?
server=
exit $status
