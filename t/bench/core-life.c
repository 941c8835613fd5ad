/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * core-life.c: what a sandbox costs that is made, ended from outside, or just
 * there.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"


#define LIFE_TIMES        40
#define LIFE_TIMES_QUICK  5
#define LIFE_KILLS        200
#define LIFE_KILLS_QUICK  20
#define LIFE_SANDBOXES    64
#define LIFE_PAGES        32            /* that each one has dirtied */
#define LIFE_HEAP         (16u << 20)
#define LIFE_HEAPS        5


enum {
    LIFE_CREATE,
    LIFE_EVOLVE,
    LIFE_SNAPSHOT,
    LIFE_FROM_SNAPSHOT,
    LIFE_FIRST_CALL,
    LIFE_DESTROY,
    LIFE_STEPS
};

static const char *const  life_names[LIFE_STEPS] = {
    "core.create", "core.evolve", "core.snapshot", "core.from_snapshot",
    "core.first_call", "core.destroy"
};

static const struct {
    const char  *suffix;
    size_t       heap;
} life_heaps[LIFE_HEAPS] = {
    { "", LIFE_HEAP },
    { "_128k", 128u << 10 },
    { "_8m", 8u << 20 },
    { "_64m", 64u << 20 },
    { "_256m", 256u << 20 }
};

static double  life_samples[LIFE_HEAPS][LIFE_STEPS][LIFE_TIMES];
static double  life_cpu[LIFE_HEAPS][LIFE_STEPS][LIFE_TIMES];


/* One step is over, the next one begins. */
static void
life_step(int step, int h, int i)
{
    static double  real, cpu;

    if (step >= 0) {
        life_samples[h][step][i] = bench_clock(CLOCK_MONOTONIC) - real;
        life_cpu[h][step][i] = bench_clock(CLOCK_THREAD_CPUTIME_ID) - cpu;
    }

    cpu = bench_clock(CLOCK_THREAD_CPUTIME_ID);
    real = bench_clock(CLOCK_MONOTONIC);
}


static void
life_once(const hl_guest_t *guest, int h, int i)
{
    hl_error_t      err;
    hl_config_t     config;
    hl_sandbox_t   *first, *second;
    hl_snapshot_t  *snapshot;

    bench_config(&config, life_heaps[h].heap);
    life_step(-1, h, i);

    bench_check(hl_sandbox_create(&first, bench_host, guest, &config, &err),
                &err);
    life_step(LIFE_CREATE, h, i);

    bench_check(hl_sandbox_evolve(first, BENCH_SECOND, &err), &err);
    life_step(LIFE_EVOLVE, h, i);

    bench_check(hl_snapshot_create(&snapshot, first, &err), &err);
    life_step(LIFE_SNAPSHOT, h, i);

    second = bench_sandbox(snapshot);
    life_step(LIFE_FROM_SNAPSHOT, h, i);

    (void) bench_call(second, "dirty", 1);
    life_step(LIFE_FIRST_CALL, h, i);

    hl_sandbox_destroy(second);
    life_step(LIFE_DESTROY, h, i);

    hl_sandbox_destroy(first);
    hl_snapshot_release(snapshot);
}


void
bench_life(const char *small)
{
    int          h, i, times;
    char         name[64];
    hl_error_t   err;
    hl_guest_t  *guest;

    times = bench_quick ? LIFE_TIMES_QUICK : LIFE_TIMES;
    bench_check(hl_guest_open(&guest, small, &err), &err);

    for (i = -1; i < times; i++) {
        for (h = 0; h < LIFE_HEAPS; h++) {
            life_once(guest, h, i < 0 ? 0 : i);
        }
    }

    for (h = 0; h < LIFE_HEAPS; h++) {
        for (i = 0; i < LIFE_STEPS; i++) {
            (void) snprintf(name, sizeof(name), "%s%s", life_names[i],
                            life_heaps[h].suffix);
            bench_print(name, life_samples[h][i], (size_t) times,
                        life_cpu[h][i], (size_t) times);
        }
    }
}


/* ---- interrupt --------------------------------------------------------- */

static hl_interrupt_t  *life_interrupt;
static _Atomic double   life_killed;
static atomic_int       life_turn;


static void *
life_killer(void *arg)
{
    int  i;

    for (i = 1; i <= *(int *) arg; i++) {
        while (atomic_load(&life_turn) != i) {
            (void) usleep(100);
        }

        (void) usleep(2000);
        atomic_store(&life_killed, bench_clock(CLOCK_MONOTONIC));
        (void) hl_interrupt_kill(life_interrupt);
    }

    return NULL;
}


void
bench_interrupt(const char *small)
{
    int             i, times;
    pthread_t       killer;
    hl_value_t      arg;
    hl_error_t      err;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    static double  samples[LIFE_KILLS], cpu[LIFE_KILLS];

    times = bench_quick ? LIFE_KILLS_QUICK : LIFE_KILLS;
    snapshot = bench_open(small, LIFE_HEAP);
    sb = bench_sandbox(snapshot);
    bench_check(hl_interrupt_create(&life_interrupt, sb, &err), &err);

    memset(&arg, 0, sizeof(arg));
    arg.type = HL_TYPE_INT;
    arg.v.i32 = 1;

    if (pthread_create(&killer, NULL, life_killer, &times) != 0) {
        (void) fprintf(stderr, "core-bench: pthread_create() failed\n");
        exit(1);
    }

    for (i = 0; i < times; i++) {
        bench_check(hl_call_typed(sb, NULL, "spin", HL_TYPE_INT, &arg, 1,
                                  NULL, &err), &err);
        atomic_store(&life_turn, i + 1);

        if (hl_sandbox_finish(sb, 10 * BENCH_SECOND, &err)
            != HL_ERR_CANCELLED)
        {
            (void) fprintf(stderr, "core-bench: not cancelled: %s\n",
                           err.text);
            exit(1);
        }

        samples[i] = bench_clock(CLOCK_MONOTONIC)
                     - atomic_load(&life_killed);

        life_step(-1, 0, 0);
        bench_check(hl_sandbox_restore(sb, snapshot, &err), &err);
        life_step(LIFE_CREATE, 0, 0);
        cpu[i] = life_cpu[0][LIFE_CREATE][0];
    }

    (void) pthread_join(killer, NULL);

    /* "cpu" is the restore's, a slow one */

    bench_print("core.interrupt", samples, (size_t) times, cpu,
                (size_t) times);
}


/* ---- memory ------------------------------------------------------------ */

/* In KiB: of /proc/self/smaps_rollup, all lines that begin so. */
static double
life_rollup(const char *what)
{
    char    line[256];
    FILE   *file;
    double  sum;

    file = fopen("/proc/self/smaps_rollup", "r");
    sum = 0;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, what, strlen(what)) == 0) {
            sum += strtod(strchr(line, ':') + 1, NULL);
        }
    }

    if (file != NULL) {
        (void) fclose(file);
    }

    return sum;
}


/* In KiB: a cgroup's number of bytes, or its memory.stat. */
static double
life_kernel(const char *path)
{
    char    line[256];
    FILE   *file;
    double  bytes;

    bytes = 0;
    file = fopen(path, "r");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "kernel ", 7) == 0) {
            bytes = strtod(line + 7, NULL);

        } else if (bytes == 0) {
            bytes = strtod(line, NULL);
        }
    }

    if (file != NULL) {
        (void) fclose(file);
    }

    return bytes / 1024;
}


void
bench_memory(const char *small, const char *kernel)
{
    int             i, j;
    double          private, shared, inside;
    hl_error_t      err;
    hl_snapshot_t  *snapshot;

    static hl_sandbox_t  *sb[LIFE_SANDBOXES + 1];

    snapshot = bench_open(small, LIFE_HEAP);

    private = shared = inside = 0;

    /* the first one pays for what all of them use */

    for (i = 0; i <= LIFE_SANDBOXES; i++) {
        sb[i] = bench_sandbox(snapshot);

        for (j = 0; j < 3; j++) {
            (void) bench_call(sb[i], "dirty", LIFE_PAGES);
            bench_check(hl_sandbox_restore(sb[i], snapshot, &err), &err);
        }

        if (i == 0) {
            private = life_rollup("Private_");
            shared = life_rollup("Shared_");
            inside = life_kernel(kernel);
        }
    }

    private = (life_rollup("Private_") - private) / LIFE_SANDBOXES;
    shared = (life_rollup("Shared_") - shared) / LIFE_SANDBOXES;
    inside = (life_kernel(kernel) - inside) / LIFE_SANDBOXES;

    printf("{\"name\":\"core.sandbox_memory\",\"private\":%.1f,"
           "\"shared\":%.1f,\"kernel\":%.1f,\"unit\":\"KiB\"}\n",
           private, shared, inside);
}
