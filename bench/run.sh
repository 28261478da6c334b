#!/bin/sh
# Measures what the project promises and prints the table: asked, measured, reached or not.
#
#   bench/run.sh              three runs of each scenario, about an hour; 10 GB of disk
#   QUICK=1 bench/run.sh      one short run of each, to see that everything works
#
# RUNS=n      so many runs; the table has their medians
# OUT=FILE    where the results go, one line of JSON a run (target/load.jsonl)
# HOTLINE=F   measures this binary instead of the one that is built here
# WAIT=s      waits so long at most for a machine on which nobody else works (60)
# TRIES=n     a disturbed run is repeated up to so many times (3)
# ROWS=n      so many recordings are searched (2800000, three years of a city)
set -eu
cd "$(dirname "$0")/.."

runs=${RUNS:-3} calls=30 rate=60 wait=${WAIT:-60} tries=${TRIES:-3} rows=${ROWS:-2800000}
if [ -n "${QUICK:-}" ]; then
    runs=${RUNS:-1} calls=10 rate=10 wait=${WAIT:-0} tries=${TRIES:-1} rows=${ROWS:-20000}
fi
target=${CARGO_TARGET_DIR:-target}
out=${OUT:-$target/load.jsonl}
mkdir -p "$target"
rm -f "$out"
# Removed only at the end: for a minute or more ext4 makes new files dearly where many were removed.
folder=$(mktemp -d "$target/load-XXXXXX")
trap 'rm -rf "$folder"' EXIT

load=$(cargo build --release --bench load --message-format=json |
    sed -n 's/.*"name":"load".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$load" ] || { echo "the load generator was not built" >&2; exit 1; }

measure() {
    for try in $(seq "$tries"); do
        "$load" "$@" --run "$run" --out "$out" --wait-quiet "$wait" --strict && return
    done
    return 0
}

hotline() {
    measure "$@" --folder "$folder" --keep ${HOTLINE:+--hotline "$HOTLINE"}
}

for run in $(seq "$runs"); do
    for n in 50 300; do
        measure baseline --calls $n --seconds $calls
        hotline media --calls $n --seconds $calls
    done
    measure baseline --calls 300 --seconds $calls --burn
    hotline media --calls 300 --seconds $calls --burn
    for n in 10 100; do
        hotline rooms --calls $n --seconds $calls
    done
    hotline rooms --calls 10 --seconds $calls --jitter 30
    hotline signal --rate 20 --seconds $rate
    hotline signal --rate 300 --seconds $rate
    measure archive --rows "$rows" --folder "$folder"
done
"$load" table "$out"
