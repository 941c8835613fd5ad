/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_fuzz.h: nginx's own objects in a fuzz target: its pools, strings, lists
 * and configuration parser are the real ones, built from its source with
 * NGX_DEBUG_PALLOC, so that each allocation of a pool is one of malloc().
 */

#ifndef _NGX_FUZZ_H_INCLUDED_
#define _NGX_FUZZ_H_INCLUDED_


#include "ngx_http_hyperlight.h"


int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define fuzz_check(condition)                                                 \
    ((condition) ? (void) 0 : fuzz_fail(#condition, __FILE__, __LINE__))

void fuzz_fail(const char *what, const char *file, int line)
    __attribute__((noreturn));

/* A log that takes every level, and touches each line. */
extern ngx_log_t  fuzz_log;

/* What main() does before it reads a configuration. */
void fuzz_nginx_init(void);


#endif /* _NGX_FUZZ_H_INCLUDED_ */
