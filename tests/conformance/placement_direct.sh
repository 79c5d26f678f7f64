#!/bin/bash
# placement_direct.sh PORT: placement_direct_server (the direct interface behind a loopback socket) on a new database, set up as
# GABBIT_PROFILE says. In the foreground, gone on TERM. Needs ZONEGATE_TEST_DATABASE and ZONEGATE_DIRECT (the program).
set -u
port=$1
socket=${ZONEGATE_TEST_DATABASE##*socket=}
socket=${socket%%&*}
name=zonegate_direct_$port
mariadb --no-defaults --user=root --socket="$socket" -e "DROP DATABASE IF EXISTS $name" || exit 1
exec "$ZONEGATE_DIRECT" "$port" "mariadb:///$name?socket=$socket&user=root" "${GABBIT_PROFILE:-default}"
