#!/bin/sh
#
# Copyright (C) the Hyperlight for nginx authors
#
# run.sh BUILD TIME RUNS NAME... -- [libFuzzer's arguments]
#
# Runs the fuzz targets one after the other, each for TIME seconds or RUNS
# executions, whichever comes first (RUNS -1: no limit), and prints what they
# did.  Fails if one of them has found something; the others run all the same.

set -eu

build=$1/fuzz
time=$2
runs=$3
shift 3

names=
while [ "$1" != -- ]; do
    names="$names $1"
    shift
done
shift

UBSAN_OPTIONS=print_stacktrace=1
export UBSAN_OPTIONS

failed=

for name in $names; do
    corpus=$build/corpus/$name
    found=$build/found/$name
    mkdir -p "$corpus" "$found"

    dictionary=t/fuzz/$name.dict
    [ -f "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=

    echo "fuzz: $name"

    # shellcheck disable=SC2086  # it is one word or none
    HL_FUZZ_BUILD=$build nice "$build/fuzz_$name" "$@" $dictionary \
        -max_total_time="$time" -runs="$runs" -print_final_stats=1 \
        -artifact_prefix="$found/" \
        "$corpus" "t/fuzz/corpus/$name" >"$build/$name.log" 2>&1 \
    || { tail -n 40 "$build/$name.log"; failed="$failed $name"; }

    awk -v name="$name" '
        /^stat::number_of_executed_units:/ { runs = $2 }
        /^stat::average_exec_per_sec:/ { rate = $2 }
        / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
        END {
            printf "fuzz: %-10s %12d executions %8d/s  coverage %d\n", \
                   name, runs, rate, cov
        }
    ' "$build/$name.log" | tee -a "$build/totals"
done

awk '/executions/ { runs[$2] += $3 }
    END { for (name in runs)
        printf "fuzz: %-10s %12d executions so far\n", name, runs[name]
    }' "$build/totals" | sort

[ -z "$failed" ] || { echo "fuzz: found by:$failed"; exit 1; }
