#!/bin/bash
# Benchmarks: tests/bench/run.sh [NAME...] runs tests/bench/NAME.py (all without a name) on the release build. Each prints, among
# whatever else, one line `figure NAME VALUE UNIT` per figure; a figure of a run with an error is not printed, and the run fails.
set -eu
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
tests/packages.sh build run test
mkdir -p .build/bench
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
cmake --preset release "${launcher[@]}" >.build/bench/build.log 2>&1
cmake --build .build/release --target zonegate bench_candidates bench_claims bench_merge >>.build/bench/build.log || { tail -n 30 .build/bench/build.log; exit 1; }
flags=(-std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror)
gcc "${flags[@]}" tests/bench/load.c -o .build/bench/load
gcc "${flags[@]}" tests/bench/ceiling.c -o .build/bench/ceiling -lmicrohttpd
gcc "${flags[@]}" tests/bench/routing_front.c -o .build/bench/routing_front -lpthread
[ $# -gt 0 ] || set -- $(cd tests/bench && ls ./*.py | sed 's|^\./||;s|\.py$||' | grep -vxE 'measure|routing_.*')
status=0
for name; do
    [ -r "tests/bench/$name.py" ] || { echo "no benchmark called $name" >&2; exit 2; }
    ZONEGATE=$PWD/.build/release/zonegate PYTHONPATH=tests/integration:tests/bench /usr/bin/python3 "tests/bench/$name.py" || status=1
done
exit $status
