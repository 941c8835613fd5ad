/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * core-bench.c: what a call costs through core, beside the floor.
 *
 *     core-bench bench.elf     rounds of the floor and of calls, interleaved
 *     core-bench floor         the floor alone, in CPU time
 *
 * Prints one JSON object a line: name, median and p99 of single trips in
 * microseconds of real time, min and cpu of a round's mean in CPU time.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "floor.h"
#include "hyperlight.h"


#define BENCH_ROUNDS   15
#define BENCH_BATCH    400
#define BENCH_SAMPLES  (BENCH_ROUNDS * BENCH_BATCH)


/* Each case has a sandbox of its own, since each has a hot set of its own. */
typedef struct {
    const char    *name;
    int32_t        pages;               /* -1: the floor */
    hl_sandbox_t  *sandbox;
    double         samples[BENCH_SAMPLES];
    double         cpu[BENCH_ROUNDS];
} bench_t;


static hl_host_t      *bench_host;
static hl_snapshot_t  *bench_snapshot;


static double
bench_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec * 1e-3;
}


static int
bench_compare(const void *a, const void *b)
{
    double  x, y;

    x = *(const double *) a;
    y = *(const double *) b;

    return (x > y) - (x < y);
}


static void
bench_check(hl_status_t status, const hl_error_t *err)
{
    if (status != HL_OK) {
        fprintf(stderr, "core-bench: %s\n", err->text);
        exit(1);
    }
}


static void
bench_open(const char *path)
{
    int            fd;
    hl_error_t     err;
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sandbox;

    hl_config_init(&config);

    bench_check(hl_kvm_open(&fd, HL_KVM_DEVICE, &err), &err);
    bench_check(hl_host_create(&bench_host, fd, SIGRTMIN, &err), &err);
    bench_check(hl_guest_open(&guest, path, &err), &err);
    bench_check(hl_sandbox_create(&sandbox, bench_host, guest, &config, &err),
                &err);
    bench_check(hl_sandbox_evolve(sandbox, 1000000000, &err), &err);
    bench_check(hl_snapshot_create(&bench_snapshot, sandbox, &err), &err);
}


static void
bench_call(hl_sandbox_t *sb, int32_t pages)
{
    hl_value_t  arg;
    hl_error_t  err;

    memset(&arg, 0, sizeof(arg));
    arg.type = HL_TYPE_INT;
    arg.v.i32 = pages;

    bench_check(hl_call_typed(sb, NULL, "dirty", HL_TYPE_INT, &arg, 1, NULL,
                              &err), &err);
    bench_check(hl_sandbox_finish(sb, 1000000000, &err), &err);

    if (hl_call_result(sb)->v.i32 != pages) {
        fprintf(stderr, "core-bench: wrong result\n");
        exit(1);
    }

    bench_check(hl_sandbox_restore(sb, bench_snapshot, &err), &err);
}


static void
bench_round(bench_t *b, int round)
{
    int     i;
    double  cpu, before;

    cpu = bench_clock(CLOCK_THREAD_CPUTIME_ID);

    for (i = 0; i < BENCH_BATCH; i++) {
        before = bench_clock(CLOCK_MONOTONIC);

        if (b->pages == -1) {
            floor_trip();

        } else {
            bench_call(b->sandbox, b->pages);
        }

        b->samples[round * BENCH_BATCH + i] =
                                    bench_clock(CLOCK_MONOTONIC) - before;
    }

    b->cpu[round] = (bench_clock(CLOCK_THREAD_CPUTIME_ID) - cpu)
                    / BENCH_BATCH;
}


static void
bench_print(bench_t *b)
{
    qsort(b->samples, BENCH_SAMPLES, sizeof(double), bench_compare);
    qsort(b->cpu, BENCH_ROUNDS, sizeof(double), bench_compare);

    printf("{\"name\":\"%s\",\"median\":%.2f,\"p99\":%.2f,\"cpu\":%.2f,"
           "\"cpu_min\":%.2f,\"unit\":\"us\"}\n", b->name,
           b->samples[BENCH_SAMPLES / 2], b->samples[BENCH_SAMPLES * 99 / 100],
           b->cpu[BENCH_ROUNDS / 2], b->cpu[0]);
}


int
main(int argc, char **argv)
{
    int         round;
    size_t      i, n;
    hl_error_t  err;

    static bench_t  benches[] = {
        { "core.floor", -1, NULL, { 0 }, { 0 } },
        { "core.call_restore_1", 1, NULL, { 0 }, { 0 } },
        { "core.call_restore_32", 32, NULL, { 0 }, { 0 } },
        { "core.call_restore_128", 128, NULL, { 0 }, { 0 } }
    };

    if (argc != 2) {
        fprintf(stderr, "usage: core-bench bench.elf | floor\n");
        return 2;
    }

    floor_open();
    n = 1;

    if (strcmp(argv[1], "floor") != 0) {
        bench_open(argv[1]);
        n = sizeof(benches) / sizeof(benches[0]);

        for (i = 1; i < n; i++) {
            bench_check(hl_sandbox_from_snapshot(&benches[i].sandbox,
                                                 bench_host, bench_snapshot,
                                                 &err), &err);
        }
    }

    /* the first round is for learning the hot set, and not kept */

    for (round = -1; round < BENCH_ROUNDS; round++) {
        for (i = 0; i < n; i++) {
            bench_round(&benches[i], round < 0 ? 0 : round);
        }
    }

    for (i = 0; i < n; i++) {
        bench_print(&benches[i]);
    }

    return 0;
}
