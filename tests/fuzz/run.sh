#!/bin/bash
# Fuzzing: tests/fuzz/run.sh NAME SECONDS builds tests/fuzz/fuzz_NAME.c with clang (libFuzzer, ASan, UBSan) against our own code built
# the same way, runs it, and prints what it did: executions, edges, corpus size. Exit status 1 on a finding, whose input is kept. The
# corpus grows in .build/fuzz/corpus/NAME and begins with tests/fuzz/corpus/NAME; words come from tests/fuzz/NAME.dict.
#
# tests/fuzz/run.sh smoke SECONDS runs every target that long, one after the other.
# tests/fuzz/run.sh --seeded-bug [NAME [SECONDS]] builds with -DZONEGATE_SEEDED_BUG (zones/json_scan.c), elsewhere and with a corpus
# of its own, and turns the verdict round: the bug must be found, by `rows` within 300 s if nothing else is said.
# ZONEGATE_FUZZ_DIR: another place than .build for all that is built and found.
set -eu
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8
say() { echo "fuzz: $*"; }
die() { say "$*" >&2; exit 2; }

names=$(cd tests/fuzz && ls fuzz_*.c | sed 's/^fuzz_//;s/\.c$//' | tr '\n' ' ')
seeded=false arguments=()
for word in "$@"; do
    if [ "$word" = --seeded-bug ]; then seeded=true; else arguments+=("$word"); fi
done
if $seeded; then
    name=${arguments[0]:-rows} seconds=${arguments[1]:-300}
else
    [ ${#arguments[@]} = 2 ] || die "usage: tests/fuzz/run.sh NAME|smoke SECONDS, or --seeded-bug [NAME [SECONDS]]; names: $names"
    name=${arguments[0]} seconds=${arguments[1]}
fi
case $seconds in '' | *[!0-9]*) die "SECONDS must be a number, not '$seconds'" ;; esac
[ "$name" = smoke ] || [ -r "tests/fuzz/fuzz_$name.c" ] || die "there is no target '$name'; names: $names"
tests/packages.sh build run test || exit 2

home=${ZONEGATE_FUZZ_DIR:-.build}
build=$home/fuzz define=()
if $seeded; then build=$home/fuzz-seeded define=(-DZONEGATE_SEEDED_BUG); fi
flags=(-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer "${define[@]}")

# Our code with coverage counters; the fuzzer's own main comes with the target.
configure() {
    local launcher=()
    command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    mkdir -p "$build"
    cmake -S . -B "$build" -G Ninja "${launcher[@]}" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=None \
        "-DCMAKE_C_FLAGS=${flags[*]} -fsanitize=fuzzer-no-link" >"$build/configure.log" 2>&1 ||
        { tail -n 20 "$build/configure.log"; exit 2; }
}

# build_target NAME: with the parts whose headers it includes, and what they are built on (CMakeLists.txt: zonegate_part NAME FOLDER)
build_target() {
    local source=tests/fuzz/fuzz_$1.c log=$build/$1.build.log parts libraries
    parts=$(sed -n 's|^ *# *include *"\(.*\)/[^/]*"|\1|p' "$source" | sort -u | while read -r folder; do
        sed -n "s|^zonegate_part(\([a-z_]*\) $folder .*|zg_\1|p" CMakeLists.txt
    done)
    [ -n "$parts" ] || die "$source includes no header of ours"
    cmake --build "$build" --target $parts >"$log" 2>&1 || { tail -n 30 "$log"; exit 2; }
    libraries=$(pkg-config --libs libmicrohttpd libcurl jansson libmariadb libvirt uuid libsodium libarchive inih gnutls)
    clang -std=gnu11 -D_GNU_SOURCE -Wall -Wextra "${flags[@]}" -fsanitize=fuzzer -I. "$source" -Wl,--start-group "$build"/libzg_*.a \
        -Wl,--end-group $libraries -lm -lpthread -o "$build/fuzz_$1" >>"$log" 2>&1 || { tail -n 30 "$log"; exit 2; }
}

# run_target NAME SECONDS: 0, or what the fuzzer ended with
run_target() {
    local corpus=$build/corpus/$1 findings=$build/findings/$1 log=$build/$1.log seeds=() options edges executions status=0
    mkdir -p "$corpus" "$findings"
    if $seeded; then rm -rf "${corpus:?}"/* "${findings:?}"/*; fi
    options=(-max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$findings/")
    [ -r "tests/fuzz/$1.dict" ] && options+=(-dict="tests/fuzz/$1.dict")
    [ -d "tests/fuzz/corpus/$1" ] && seeds=("tests/fuzz/corpus/$1")
    UBSAN_OPTIONS=print_stacktrace=1 LSAN_OPTIONS=suppressions=tests/unit/lsan.suppressions:print_suppressions=0 \
        "$build/fuzz_$1" "${options[@]}" "$corpus" "${seeds[@]}" >"$log" 2>&1 || status=$?
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    [ -n "$executions" ] || executions=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)
    say "$1: ${executions:-0} executions, ${edges:-0} edges, $(find "$corpus" -type f | wc -l) inputs in the corpus"
    if [ $status != 0 ]; then
        grep -E '^(SUMMARY|==.*ERROR)|runtime error' "$log" | tail -n 3
        say "a finding; its input: $(ls -t "$findings"/* 2>/dev/null | head -n 1) (log: $log)"
    elif [ "${executions:-0}" = 0 ]; then
        die "nothing was executed (log: $log)"
    fi
    return $status
}

configure
if [ "$name" = smoke ]; then
    failed=
    for each in $names; do
        build_target "$each"
        run_target "$each" "$seconds" || failed="$failed $each"
    done
    [ -z "$failed" ] || { say "findings:$failed"; exit 1; }
    exit 0
fi
build_target "$name"
if run_target "$name" "$seconds"; then
    $seeded || exit 0
    say "the seeded bug was not found within $seconds s"
    exit 1
fi
$seeded || exit 1
say "the seeded bug was found"
