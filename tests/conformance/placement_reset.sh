#!/bin/bash
# placement_reset.sh PORT DIRECTORY COMMAND…: the reset command of the conformance runner. Ends the server that the last call started and
# starts COMMAND PORT anew; returns when it answers. `placement_reset.sh PORT DIRECTORY` only ends it. DIRECTORY keeps its pid and log.
set -u
port=$1
directory=$2
shift 2

if [ -s "$directory/pid" ]; then
    pid=$(cat "$directory/pid")
    kill -TERM "$pid" 2>/dev/null && while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    rm -f "$directory/pid"
fi
[ $# -gt 0 ] || exit 0

"$@" "$port" >>"$directory/log" 2>&1 </dev/null &
echo $! >"$directory/pid"
for _ in $(seq 600); do
    curl -s -o "$directory/answer" "http://127.0.0.1:$port/" && exit 0
    kill -0 "$(cat "$directory/pid")" 2>/dev/null || break
    sleep 0.05
done
tail -n 20 "$directory/log" >&2
exit 1
