/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * bench.h: what the parts of core-bench have in common.
 */

#ifndef _BENCH_H_INCLUDED_
#define _BENCH_H_INCLUDED_


#include <time.h>

#include "hyperlight.h"


#define BENCH_SECOND  1000000000ull


extern hl_host_t  *bench_host;
extern int         bench_quick;


/* What each measures: core-bench.c has their arguments. */
void bench_calls(const char *large, const char *small);
void bench_life(const char *small);
void bench_interrupt(const char *small);
void bench_memory(const char *small, const char *kernel);

/* In microseconds. */
double bench_clock(clockid_t id);

/* Ends the program with the error's text. */
void bench_check(hl_status_t status, const hl_error_t *err);

/*
 * A sandbox, ready and frozen; the sandbox itself is gone.  The host function
 * "Nothing" is there.
 */
hl_snapshot_t *bench_open(const char *path, size_t heap);
hl_sandbox_t *bench_sandbox(hl_snapshot_t *snapshot);
void bench_config(hl_config_t *config, size_t heap);

/* A typed call, Int to Int, without a restore. */
int32_t bench_call(hl_sandbox_t *sb, const char *function, int32_t arg);

/* One line of JSON; sorts the numbers. */
void bench_print(const char *name, double *samples, size_t n, double *cpu,
    size_t rounds);


#endif /* _BENCH_H_INCLUDED_ */
