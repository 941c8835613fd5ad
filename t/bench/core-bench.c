/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * core-bench.c: what core costs, beside the floor.
 *
 *     core-bench calls LARGE SMALL     calls, restores, host calls, compute
 *     core-bench life SMALL            create, evolve, snapshot, ...
 *     core-bench interrupt SMALL       from hl_interrupt_kill() to the end
 *     core-bench memory SMALL KERNEL   of 64 further sandboxes
 *     core-bench floor                 the floor alone
 *
 * LARGE and SMALL are guests/bench.c with 16 MiB and 1 MiB of data; KERNEL is
 * a file that says how much memory the kernel has, a cgroup's, or "-".
 * QUICK=1 in the environment: fewer rounds.
 *
 * Prints one JSON object a line: name, median and p99 of single trips in
 * microseconds of real time, cpu and cpu_min of a round's mean in CPU time,
 * rounds: all of these means in their order, so that ratios can be taken
 * within one round.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "floor.h"


#define BENCH_FLOOR_ROUNDS  5
#define BENCH_FLOOR_BATCH   400


hl_host_t  *bench_host;
int         bench_quick;


double
bench_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec * 1e-3;
}


void
bench_check(hl_status_t status, const hl_error_t *err)
{
    if (status != HL_OK) {
        (void) fprintf(stderr, "core-bench: %s\n", err->text);
        exit(1);
    }
}


static hl_status_t
bench_nothing(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    result->type = HL_TYPE_INT;
    result->v.i32 = 1;

    return HL_OK;
}


void
bench_config(hl_config_t *config, size_t heap)
{
    static const hl_host_function_t  functions[] = {
        { "Nothing", HL_TYPE_INT, 0, { 0 }, bench_nothing }
    };

    hl_config_init(config);
    config->heap = heap;
    config->functions = functions;
    config->function_count = 1;
}


hl_snapshot_t *
bench_open(const char *path, size_t heap)
{
    hl_error_t      err;
    hl_guest_t     *guest;
    hl_config_t     config;
    hl_sandbox_t   *sandbox;
    hl_snapshot_t  *snapshot;

    bench_config(&config, heap);

    bench_check(hl_guest_open(&guest, path, &err), &err);
    bench_check(hl_sandbox_create(&sandbox, bench_host, guest, &config, &err),
                &err);
    bench_check(hl_sandbox_evolve(sandbox, 5 * BENCH_SECOND, &err), &err);
    bench_check(hl_snapshot_create(&snapshot, sandbox, &err), &err);

    hl_sandbox_destroy(sandbox);
    hl_guest_destroy(guest);

    return snapshot;
}


hl_sandbox_t *
bench_sandbox(hl_snapshot_t *snapshot)
{
    hl_error_t     err;
    hl_sandbox_t  *sandbox;

    bench_check(hl_sandbox_from_snapshot(&sandbox, bench_host, snapshot,
                                         &err), &err);

    return sandbox;
}


int32_t
bench_call(hl_sandbox_t *sb, const char *function, int32_t arg)
{
    hl_value_t  value;
    hl_error_t  err;

    memset(&value, 0, sizeof(value));
    value.type = HL_TYPE_INT;
    value.v.i32 = arg;

    bench_check(hl_call_typed(sb, NULL, function, HL_TYPE_INT, &value, 1,
                              NULL, &err), &err);
    bench_check(hl_sandbox_finish(sb, 60 * BENCH_SECOND, &err), &err);

    return hl_call_result(sb)->v.i32;
}


static int
bench_compare(const void *a, const void *b)
{
    double  x, y;

    x = *(const double *) a;
    y = *(const double *) b;

    return (x > y) - (x < y);
}


void
bench_print(const char *name, double *samples, size_t n, double *cpu,
    size_t rounds)
{
    size_t  i;

    qsort(samples, n, sizeof(double), bench_compare);

    printf("{\"name\":\"%s\",\"median\":%.3f,\"p99\":%.3f,\"rounds\":[",
           name, samples[n / 2], samples[n * 99 / 100]);

    for (i = 0; i < rounds; i++) {
        printf("%s%.3f", i > 0 ? "," : "", cpu[i]);
    }

    qsort(cpu, rounds, sizeof(double), bench_compare);

    printf("],\"cpu\":%.3f,\"cpu_min\":%.3f,\"unit\":\"us\"}\n",
           cpu[rounds / 2], cpu[0]);
}


static void
bench_floor(void)
{
    int     round, i;
    double  cpu[BENCH_FLOOR_ROUNDS], cpu_before, before;

    static double  samples[BENCH_FLOOR_ROUNDS * BENCH_FLOOR_BATCH];

    for (round = 0; round < BENCH_FLOOR_ROUNDS; round++) {
        cpu_before = bench_clock(CLOCK_THREAD_CPUTIME_ID);

        for (i = 0; i < BENCH_FLOOR_BATCH; i++) {
            before = bench_clock(CLOCK_MONOTONIC);
            floor_trip();
            samples[round * BENCH_FLOOR_BATCH + i] =
                                    bench_clock(CLOCK_MONOTONIC) - before;
        }

        cpu[round] = (bench_clock(CLOCK_THREAD_CPUTIME_ID) - cpu_before)
                     / BENCH_FLOOR_BATCH;
    }

    bench_print("core.floor", samples,
                BENCH_FLOOR_ROUNDS * BENCH_FLOOR_BATCH, cpu,
                BENCH_FLOOR_ROUNDS);
}


int
main(int argc, char **argv)
{
    int          fd;
    const char  *part, *quick;
    hl_error_t   err;

    part = argc > 1 ? argv[1] : "";
    quick = getenv("QUICK");
    bench_quick = quick != NULL && *quick != '\0';

    if (strcmp(part, "floor") == 0 || strcmp(part, "calls") == 0) {
        floor_open();
    }

    bench_check(hl_kvm_open(&fd, HL_KVM_DEVICE, &err), &err);
    bench_check(hl_host_create(&bench_host, fd, SIGRTMIN, &err), &err);

    if (strcmp(part, "floor") == 0) {
        bench_floor();

    } else if (strcmp(part, "calls") == 0 && argc == 4) {
        bench_calls(argv[2], argv[3]);

    } else if (strcmp(part, "life") == 0 && argc == 3) {
        bench_life(argv[2]);

    } else if (strcmp(part, "interrupt") == 0 && argc == 3) {
        bench_interrupt(argv[2]);

    } else if (strcmp(part, "memory") == 0 && argc == 4) {
        bench_memory(argv[2], argv[3]);

    } else {
        (void) fprintf(stderr, "usage: core-bench calls LARGE SMALL"
                       " | life SMALL | interrupt SMALL"
                       " | memory SMALL KERNEL | floor\n");
        return 2;
    }

    return 0;
}
