#!/bin/bash
# Fuzzing: tests/fuzz/run.sh NAME SECONDS [--seeded-bug] builds tests/fuzz/fuzz_NAME.c with clang (libFuzzer, ASan, UBSan) against our
# own code built the same way, runs it, and prints what it did: executions, edges, corpus size. Exit status 1 on a finding, whose input
# is kept. The corpus grows in .build/fuzz/corpus/NAME and begins with tests/fuzz/seeds/NAME.
#
# --seeded-bug builds with -DZONEGATE_SEEDED_BUG (elsewhere, with a corpus of its own) and turns the verdict round: the bug must be found.
set -eu
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8
say() { echo "fuzz: $*"; }
die() { say "$*" >&2; exit 2; }

[ $# -ge 2 ] || die "usage: tests/fuzz/run.sh NAME SECONDS [--seeded-bug]; names: $(cd tests/fuzz && ls fuzz_*.c 2>/dev/null | sed 's/^fuzz_//;s/\.c$//' | tr '\n' ' ')"
name=$1 seconds=$2 seeded=false
[ "${3:-}" = --seeded-bug ] && seeded=true
[ -r "tests/fuzz/fuzz_$name.c" ] || die "no tests/fuzz/fuzz_$name.c"
case $seconds in '' | *[!0-9]*) die "SECONDS must be a number, not '$seconds'" ;; esac
tests/packages.sh build run test || exit 2

build=.build/fuzz define=()
if $seeded; then build=.build/fuzz-seeded define=(-DZONEGATE_SEEDED_BUG); fi
corpus=$build/corpus/$name findings=$build/findings/$name log=$build/$name.log
mkdir -p "$corpus" "$findings"
$seeded && rm -rf "${corpus:?}"/* "${findings:?}"/*

# Our code with coverage counters; the fuzzer's own main comes with the target.
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
flags=(-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer "${define[@]}")
cmake -S . -B "$build" -G Ninja "${launcher[@]}" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=None \
    "-DCMAKE_C_FLAGS=${flags[*]} -fsanitize=fuzzer-no-link" >"$log" 2>&1 || { tail -n 20 "$log"; exit 2; }
# the parts whose headers it includes, with what they are built on (CMakeLists.txt: zonegate_part NAME FOLDER)
targets=$(sed -n 's|^ *# *include *"\(.*\)/[^/]*"|\1|p' "tests/fuzz/fuzz_$name.c" | sort -u | while read -r folder; do
    sed -n "s|^zonegate_part(\([a-z_]*\) $folder .*|zg_\1|p" CMakeLists.txt
done)
[ -n "$targets" ] || die "tests/fuzz/fuzz_$name.c includes no header of ours"
cmake --build "$build" --target $targets >>"$log" 2>&1 || { tail -n 30 "$log"; exit 2; }
libraries=$(pkg-config --libs libmicrohttpd libcurl jansson libmariadb libvirt uuid libsodium libarchive inih)
clang -std=gnu11 -D_GNU_SOURCE "${flags[@]}" -fsanitize=fuzzer -I. "tests/fuzz/fuzz_$name.c" -Wl,--start-group "$build"/libzg_*.a \
    -Wl,--end-group $libraries -lm -lpthread -o "$build/fuzz_$name" >>"$log" 2>&1 || { tail -n 30 "$log"; exit 2; }

arguments=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$findings/")
[ -r "tests/fuzz/$name.dict" ] && arguments+=(-dict="tests/fuzz/$name.dict")
seeds=()
[ -d "tests/fuzz/seeds/$name" ] && seeds=("tests/fuzz/seeds/$name")
status=0
UBSAN_OPTIONS=print_stacktrace=1 "$build/fuzz_$name" "${arguments[@]}" "$corpus" "${seeds[@]}" >>"$log" 2>&1 || status=$?

edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
[ -n "$executions" ] || executions=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)
say "$name: ${executions:-0} executions, ${edges:-0} edges, $(find "$corpus" -type f | wc -l) inputs in the corpus"
if [ $status != 0 ]; then
    grep -E '^(SUMMARY|==.*ERROR)|runtime error' "$log" | tail -n 3
    say "a finding; its input: $(ls -t "$findings"/* 2>/dev/null | head -n 1) (log: $log)"
    if $seeded; then exit 0; else exit 1; fi
fi
[ "${executions:-0}" != 0 ] || die "nothing was executed (log: $log)"
if $seeded; then
    say "the seeded bug was not found within $seconds s"
    exit 1
fi
