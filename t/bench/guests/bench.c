/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * bench.c: a guest whose cost is known: it writes to as many pages, makes as
 * many host calls and computes as much as the caller says.
 */

#include <hyperlight_guest.h>
#include <hyperlight_http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../jobs.h"


#ifndef BENCH_PAGES
#define BENCH_PAGES   4096
#endif

#define BENCH_PAGE    4096
#define BENCH_BLOCK   65536             /* what is hashed */
#define BENCH_OUT     8192
#define BENCH_TILE    128               /* points */
#define BENCH_LIMIT   256               /* iterations */


static uint8_t  bench_area[BENCH_PAGES][BENCH_PAGE];
static uint8_t  bench_block[BENCH_BLOCK];


static int32_t
dirty(int32_t n)
{
    int32_t  i;

    for (i = 0; i < n && i < BENCH_PAGES; i++) {
        ((volatile uint8_t *) bench_area[i])[0] = 1;
    }

    return i;
}


static int32_t
host_calls(int32_t n)
{
    int32_t          i, sum;
    hl_FunctionCall  call = { "Nothing", NULL, 0, hl_ReturnType_Int };

    sum = 0;

    for (i = 0; i < n; i++) {
        hl_call_host_function(&call);
        sum += hl_get_host_return_value_as_Int();
    }

    return sum;
}


/* Bytes in, and fewer out. */

static hl_Vec
transfer(hl_Vec in)
{
    if (in.len > BENCH_OUT) {
        in.len = BENCH_OUT;
    }

    return in;
}


static int32_t
sha256(int32_t n)
{
    char     hex[65];
    int32_t  i;

    for (i = 0; i < n; i++) {
        jobs_sha256(bench_block, sizeof(bench_block), hex);
    }

    return (int32_t) strtoul(hex + 57, NULL, 16);
}


static int32_t
mandelbrot(int32_t size)
{
    return (int32_t) jobs_mandelbrot((unsigned) size, BENCH_LIMIT);
}


static int32_t
spin(int32_t n)
{
    volatile int32_t  more;

    more = n;

    while (more) {
        /* void */
    }

    return n;
}


HYPERLIGHT_WRAP_FUNCTION(dirty, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(host_calls, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(transfer, VecBytes, 1, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(sha256, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(mandelbrot, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(spin, Int, 1, Int)


static void
dirty_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_printf(resp, "%d\n", (int) dirty(atoi(hl_http_args(req).data)));
}


static void
hello_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_add_header(resp, "Content-Type", "text/plain");
    hl_http_write(resp, "Hello, bench!\n", sizeof("Hello, bench!\n") - 1);
}


static void
echo_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t  body;

    body = hl_http_body(req);

    hl_http_add_header(resp, "Content-Type", "text/plain");
    hl_http_write(resp, body.data, body.len);
}


/* Eight headers by their names, the last one first. */

static void
headers_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    int   i;
    char  name[8];

    hl_http_add_header(resp, "Content-Type", "text/plain");

    for (i = 8; i > 0; i--) {
        (void) snprintf(name, sizeof(name), "X-%d", i);
        hl_http_printf(resp, "%s ", hl_http_header(req, name).data);
    }
}


static void
sha256_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char            hex[65];
    hl_http_view_t  body;

    body = hl_http_body(req);
    jobs_sha256(body.data, body.len, hex);

    hl_http_add_header(resp, "Content-Type", "text/plain");
    hl_http_write(resp, hex, 64);
}


static void
mandelbrot_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_add_header(resp, "Content-Type", "text/plain");
    hl_http_printf(resp, "%d", (int) mandelbrot(BENCH_TILE));
}


void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("dirty", dirty);
    HYPERLIGHT_REGISTER_FUNCTION("host_calls", host_calls);
    HYPERLIGHT_REGISTER_FUNCTION("transfer", transfer);
    HYPERLIGHT_REGISTER_FUNCTION("sha256", sha256);
    HYPERLIGHT_REGISTER_FUNCTION("mandelbrot", mandelbrot);
    HYPERLIGHT_REGISTER_FUNCTION("spin", spin);

    hl_http_register("dirty_http", dirty_http);
    hl_http_register("hello_http", hello_http);
    hl_http_register("echo_http", echo_http);
    hl_http_register("headers_http", headers_http);
    hl_http_register("sha256_http", sha256_http);
    hl_http_register("mandelbrot_http", mandelbrot_http);
}
