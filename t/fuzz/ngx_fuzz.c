/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_fuzz.c: what both targets with nginx in them need.
 */

#include "ngx_fuzz.h"


static volatile u_char  fuzz_sum;
static ngx_open_file_t  fuzz_file;


static void fuzz_log_line(ngx_log_t *log, ngx_uint_t level, u_char *text,
    size_t len);


ngx_log_t  fuzz_log;


void
fuzz_fail(const char *what, const char *file, int line)
{
    (void) fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line,
                   what);
    abort();
}


void
fuzz_nginx_init(void)
{
    ngx_use_stderr = 0;
    ngx_time_init();

    ngx_pid = ngx_getpid();
    ngx_pagesize = 4096;
    ngx_cacheline_size = 64;

    fuzz_log.file = &fuzz_file;
    fuzz_log.log_level = NGX_LOG_DEBUG;
    fuzz_log.writer = fuzz_log_line;
}


static void
fuzz_log_line(ngx_log_t *log, ngx_uint_t level, u_char *text, size_t len)
{
    size_t  i;
    u_char  sum;

    fuzz_check(level <= NGX_LOG_DEBUG);
    fuzz_check(len <= NGX_MAX_ERROR_STR);

    sum = 0;

    for (i = 0; i < len; i++) {
        sum ^= text[i];
    }

    fuzz_sum ^= sum;
}
