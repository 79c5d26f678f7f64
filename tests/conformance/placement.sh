#!/bin/bash
# placement.sh [socket|direct] [ARGUMENT…]: OpenStack's own HTTP tests for Placement, over the socket and through the direct interface.
#
# Needs the folder of tests: ZONEGATE_CONFORMANCE, or ../shared/conformance beside the checkout; without it nothing is run, and a line
# says so. Needs python3-gabbi, python3-placement and python3-oslotest. ZONEGATE is the program (else the release build), ZONEGATE_DIRECT the adapter
# (else the one beside the program). Further arguments go to the runner (--match REGEX, --show N). Ends with 1 when a test failed.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${ZONEGATE_CONFORMANCE:-$root/../shared/conformance}
ways="socket direct"
case ${1:-} in socket|direct) ways=$1; shift ;; esac

[ -x "$folder/placement/run.sh" ] || { echo "conformance: $folder/placement is not here, nothing to run"; exit 0; }
if [ -z "${ZONEGATE_TEST_DATABASE:-}" ]; then
    exec "$root/tests/with_mariadb.sh" "$0" $([ "$ways" = "socket direct" ] || echo "$ways") "$@"
fi

export ZONEGATE=${ZONEGATE:-$root/.build/release/zonegate}
[ -x "$ZONEGATE" ] || (cd "$root" && cmake --preset release && cmake --build .build/release --target zonegate placement_direct_server) >&2 || exit 1
export ZONEGATE_DIRECT=${ZONEGATE_DIRECT:-$(dirname "$ZONEGATE")/placement_direct_server}

directory=$(mktemp -d /tmp/zg-conformance.XXXXXX) || exit 1
reset=$root/tests/conformance/placement_reset.sh
free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
declare -A port runner
finish() {
    for way in $ways; do
        kill -TERM "${runner[$way]:-}" 2>/dev/null
        "$reset" "${port[$way]:-0}" "$directory/$way"
    done
    rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Both at once, each with a server, a database and a log of its own.
for way in $ways; do
    server=$root/tests/conformance/placement_server.sh
    [ "$way" = socket ] || server=$root/tests/conformance/placement_direct.sh
    mkdir "$directory/$way"
    port[$way]=$(free_port)
    "$folder/placement/run.sh" "http://127.0.0.1:${port[$way]}" \
        --reset-cmd "'$reset' ${port[$way]} '$directory/$way' '$server'" --profiles all "$@" >"$directory/$way.out" 2>&1 &
    runner[$way]=$!
done

status=0
for way in $ways; do
    wait "${runner[$way]}" || status=1
    unset "runner[$way]"
    echo "== $way"
    cat "$directory/$way.out"
done
exit $status
