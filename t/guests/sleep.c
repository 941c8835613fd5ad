/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * sleep.c: a guest that sleeps as many milliseconds as its arguments say,
 * and one that tries to in its initialisation.
 */

#include <errno.h>
#include <stdlib.h>

#include <hyperlight_http.h>


static int  at_start;


static void
nap(const hl_http_request_t *req, hl_http_response_t *resp)
{
    uint32_t  ms;

    ms = (uint32_t) atoi(hl_http_args(req).data);

    hl_http_printf(resp, "%d", hl_sleep(ms));
    hl_http_printf(resp, " %d", hl_sleep(0));
}


static void
start(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_printf(resp, "%s", at_start == ENOSYS ? "ENOSYS" : "slept");
}


void
hyperlight_main(void)
{
    if (hl_sleep(1) == -1) {
        at_start = errno;
    }

    hl_http_register("nap", nap);
    hl_http_register("start", start);
}
