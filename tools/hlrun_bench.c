/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun_bench.c: how long a call takes, and a call with the restore after
 * it: every call starts from the same snapshot, as a request in nginx does.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "hlrun.h"


#define HLRUN_WARM_UP    20             /* calls that do not count */
#define HLRUN_NS_PER_US  1000.0


static uint64_t hlrun_now(void);
static int hlrun_compare(const void *a, const void *b);
static void hlrun_bench_row(const char *name, uint64_t *times, size_t n);
static double hlrun_percentile(const uint64_t *times, size_t n,
    unsigned percent);


void
hlrun_bench(hlrun_t *run)
{
    size_t          i, n;
    uint64_t        begin, called, restored, *call, *both;
    hl_error_t      err;
    hl_snapshot_t  *snapshot;

    n = (size_t) run->options.bench;
    call = hlrun_alloc(n, sizeof(uint64_t));
    both = hlrun_alloc(n, sizeof(uint64_t));

    if (hl_snapshot_create(&snapshot, run->sandbox, &err) != HL_OK) {
        hlrun_fail_error(&err);
    }

    run->quiet = true;

    for (i = 0; i < HLRUN_WARM_UP + n; i++) {
        begin = hlrun_now();

        if (hlrun_call(run, &err) != HL_OK) {
            hlrun_fail_call(run, &err);
        }

        called = hlrun_now();

        if (hl_sandbox_restore(run->sandbox, snapshot, &err) != HL_OK) {
            hlrun_fail_error(&err);
        }

        restored = hlrun_now();

        if (i >= HLRUN_WARM_UP) {
            call[i - HLRUN_WARM_UP] = called - begin;
            both[i - HLRUN_WARM_UP] = restored - begin;
        }
    }

    (void) printf("%zu calls, us %14s %9s %9s %9s\n", n, "p50", "p90", "p99",
                  "max");
    hlrun_bench_row("call", call, n);
    hlrun_bench_row("call and restore", both, n);

    hl_snapshot_release(snapshot);
    free(both);
    free(call);
}


static uint64_t
hlrun_now(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * HLRUN_NS_PER_S + (uint64_t) now.tv_nsec;
}


static void
hlrun_bench_row(const char *name, uint64_t *times, size_t n)
{
    qsort(times, n, sizeof(uint64_t), hlrun_compare);

    (void) printf("%-18s %9.1f %9.1f %9.1f %9.1f\n", name,
                  hlrun_percentile(times, n, 50),
                  hlrun_percentile(times, n, 90),
                  hlrun_percentile(times, n, 99),
                  hlrun_percentile(times, n, 100));
}


static int
hlrun_compare(const void *a, const void *b)
{
    uint64_t  x, y;

    x = *(const uint64_t *) a;
    y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


/* The smallest time that so many per cent of all do not exceed. */

static double
hlrun_percentile(const uint64_t *times, size_t n, unsigned percent)
{
    size_t  rank;

    rank = (n * percent + 99) / 100;

    return (double) times[rank - 1] / HLRUN_NS_PER_US;
}
