/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * bench.c: a guest whose cost is known: it writes to as many pages as the
 * caller says.
 */

#include <hyperlight_guest.h>
#include <hyperlight_http.h>
#include <stdlib.h>


#define BENCH_PAGE   4096
#define BENCH_PAGES  4096


static uint8_t  bench_area[BENCH_PAGES][BENCH_PAGE];


static int32_t
dirty(int32_t n)
{
    int32_t  i;

    for (i = 0; i < n && i < BENCH_PAGES; i++) {
        ((volatile uint8_t *) bench_area[i])[0] = 1;
    }

    return i;
}


HYPERLIGHT_WRAP_FUNCTION(dirty, Int, 1, Int)


static void
dirty_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_printf(resp, "%d\n", (int) dirty(atoi(hl_http_args(req).data)));
}


void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("dirty", dirty);
    hl_http_register("dirty_http", dirty_http);
}
