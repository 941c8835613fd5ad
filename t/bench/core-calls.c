/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * core-calls.c: calls, in interleaved rounds: each round has a batch of every
 * case, so that what drifts, drifts for all.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "floor.h"
#include "jobs.h"


#define CALLS_ROUNDS        15
#define CALLS_ROUNDS_QUICK  3
#define CALLS_BATCH         300         /* at most */
#define CALLS_BATCH_US      10000       /* about */
#define CALLS_LEARN         8           /* trips before anything counts */
#define CALLS_PAGE          4096
#define CALLS_IN            (24 * 1024)
#define CALLS_MIB           (1024u * 1024)


typedef struct calls_case_s  calls_case_t;

struct calls_case_s {
    const char     *name;
    void          (*trip)(calls_case_t *c);
    int32_t         arg;
    unsigned        heap;               /* MiB; 0: the large guest */

    hl_snapshot_t  *snapshot;
    hl_sandbox_t   *sandbox;            /* each has a hot set of its own */
    unsigned        batch;
    size_t          count;
    double          samples[CALLS_ROUNDS * CALLS_BATCH];
    double          cpu[CALLS_ROUNDS];
};


static void calls_floor(calls_case_t *c);
static void calls_copy(calls_case_t *c);
static void calls_call(calls_case_t *c);
static void calls_restore(calls_case_t *c);
static void calls_host(calls_case_t *c);
static void calls_transfer(calls_case_t *c);
static void calls_sha256(calls_case_t *c);
static void calls_sha256_native(calls_case_t *c);
static void calls_mandelbrot(calls_case_t *c);
static void calls_mandelbrot_native(calls_case_t *c);


static uint8_t  calls_block[64 * 1024];
static uint8_t  calls_in[CALLS_IN];

#define CALLS_CASE(name, trip, arg, heap)                                    \
    { name, trip, arg, heap, NULL, NULL, 0, 0, { 0 }, { 0 } }

static calls_case_t  calls_cases[] = {
    CALLS_CASE("core.floor", calls_floor, 0, 0),
    CALLS_CASE("core.call", calls_call, 1, 1),
    CALLS_CASE("core.call_restore_1", calls_restore, 1, 0),
    CALLS_CASE("core.call_restore_8", calls_restore, 8, 0),
    CALLS_CASE("core.copy_32", calls_copy, 32, 0),
    CALLS_CASE("core.call_restore_32", calls_restore, 32, 0),
    CALLS_CASE("core.call_restore_64", calls_restore, 64, 0),
    CALLS_CASE("core.call_restore_128", calls_restore, 128, 0),
    CALLS_CASE("core.call_restore_512", calls_restore, 512, 0),
    CALLS_CASE("core.call_restore_2048", calls_restore, 2048, 0),
    CALLS_CASE("core.call_restore_4096", calls_restore, 4096, 0),
    CALLS_CASE("core.copy_4096", calls_copy, 4096, 0),
    CALLS_CASE("core.transfer", calls_transfer, 0, 1),
    CALLS_CASE("core.host_calls_1", calls_host, 1, 1),
    CALLS_CASE("core.host_calls_17", calls_host, 17, 1),
    CALLS_CASE("core.heap_128k", calls_restore, 32, 0),
    CALLS_CASE("core.heap_8m", calls_restore, 32, 8),
    CALLS_CASE("core.heap_64m", calls_restore, 32, 64),
    CALLS_CASE("core.heap_256m", calls_restore, 32, 256),
    CALLS_CASE("core.sha256", calls_sha256, 64, 1),
    CALLS_CASE("core.sha256_native", calls_sha256_native, 64, 1),
    CALLS_CASE("core.mandelbrot", calls_mandelbrot, 352, 1),
    CALLS_CASE("core.mandelbrot_native", calls_mandelbrot_native, 352, 1)
};

#define CALLS_CASES  (sizeof(calls_cases) / sizeof(calls_cases[0]))


static void
calls_expect(int32_t value, int32_t expected)
{
    if (value != expected) {
        (void) fprintf(stderr, "core-bench: wrong result\n");
        exit(1);
    }
}


static void
calls_put_back(calls_case_t *c)
{
    hl_error_t  err;

    bench_check(hl_sandbox_restore(c->sandbox, c->snapshot, &err), &err);
}


static void
calls_floor(calls_case_t *c)
{
    (void) c;

    floor_trip();
}


/* The floor of a restore: pages in one piece, and in the cache if they fit. */
static void
calls_copy(calls_case_t *c)
{
    size_t  size;

    static uint8_t  *from, *to;

    size = (size_t) c->arg * CALLS_PAGE;

    if (from == NULL) {
        from = malloc(16 * CALLS_MIB);
        to = malloc(16 * CALLS_MIB);

        if (from == NULL || to == NULL) {
            abort();
        }

        memset(from, 1, 16 * CALLS_MIB);
    }

    memcpy(to, from, size);
    __asm__ volatile ("" : : "r" (to) : "memory");
}


static void
calls_call(calls_case_t *c)
{
    calls_expect(bench_call(c->sandbox, "dirty", c->arg), c->arg);
}


static void
calls_restore(calls_case_t *c)
{
    calls_call(c);
    calls_put_back(c);
}


static void
calls_host(calls_case_t *c)
{
    calls_expect(bench_call(c->sandbox, "host_calls", c->arg), c->arg);
    calls_put_back(c);
}


static void
calls_transfer(calls_case_t *c)
{
    hl_value_t  arg;
    hl_error_t  err;

    static uint8_t  out[CALLS_IN];

    memset(&arg, 0, sizeof(arg));
    arg.type = HL_TYPE_VECBYTES;
    arg.v.bytes.data = calls_in;
    arg.v.bytes.len = CALLS_IN;

    bench_check(hl_call_typed(c->sandbox, NULL, "transfer", HL_TYPE_VECBYTES,
                              &arg, 1, NULL, &err), &err);
    bench_check(hl_sandbox_finish(c->sandbox, BENCH_SECOND, &err), &err);

    arg = *hl_call_result(c->sandbox);
    calls_expect((int32_t) arg.v.bytes.len, 8192);
    memcpy(out, arg.v.bytes.data, arg.v.bytes.len);

    calls_put_back(c);
}


static void
calls_sha256(calls_case_t *c)
{
    (void) bench_call(c->sandbox, "sha256", c->arg);
    calls_put_back(c);
}


static void
calls_sha256_native(calls_case_t *c)
{
    char     hex[65];
    int32_t  i;

    for (i = 0; i < c->arg; i++) {
        jobs_sha256(calls_block, sizeof(calls_block), hex);
    }
}


static void
calls_mandelbrot(calls_case_t *c)
{
    (void) bench_call(c->sandbox, "mandelbrot", c->arg);
    calls_put_back(c);
}


static void
calls_mandelbrot_native(calls_case_t *c)
{
    volatile uint32_t  sum;

    sum = jobs_mandelbrot((unsigned) c->arg, 256);
    (void) sum;
}


/* Learns the hot set, and how many trips a batch has. */
static void
calls_prepare(calls_case_t *c)
{
    int     i;
    double  before, us;

    for (i = 0; i < CALLS_LEARN; i++) {
        c->trip(c);
    }

    before = bench_clock(CLOCK_MONOTONIC);
    c->trip(c);
    c->trip(c);
    us = (bench_clock(CLOCK_MONOTONIC) - before) / 2;

    c->batch = us * CALLS_BATCH < CALLS_BATCH_US ? CALLS_BATCH
               : us > CALLS_BATCH_US ? 1 : (unsigned) (CALLS_BATCH_US / us);
}


static void
calls_round(calls_case_t *c, unsigned round)
{
    double    before, cpu;
    unsigned  i;

    /* after the others' turn, caches are theirs */

    c->trip(c);
    cpu = bench_clock(CLOCK_THREAD_CPUTIME_ID);

    for (i = 0; i < c->batch; i++) {
        before = bench_clock(CLOCK_MONOTONIC);
        c->trip(c);
        c->samples[c->count++] = bench_clock(CLOCK_MONOTONIC) - before;
    }

    c->cpu[round] = (bench_clock(CLOCK_THREAD_CPUTIME_ID) - cpu) / c->batch;
}


void
bench_calls(const char *large, const char *small)
{
    size_t         i;
    unsigned       rounds, round;
    calls_case_t  *c;

    rounds = bench_quick ? CALLS_ROUNDS_QUICK : CALLS_ROUNDS;

    for (i = 0; i < CALLS_CASES; i++) {
        c = &calls_cases[i];

        c->snapshot = bench_open(c->heap ? small : large,
                                 c->heap ? c->heap * CALLS_MIB : 131072);
        c->sandbox = bench_sandbox(c->snapshot);
        calls_prepare(c);
    }

    for (round = 0; round < rounds; round++) {
        for (i = 0; i < CALLS_CASES; i++) {
            calls_round(&calls_cases[i], round);
        }
    }

    for (i = 0; i < CALLS_CASES; i++) {
        c = &calls_cases[i];
        bench_print(c->name, c->samples, c->count, c->cpu, rounds);
    }
}
