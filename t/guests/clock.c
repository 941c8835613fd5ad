/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * clock.c: a guest that tells the time, or why it cannot; and both of its
 * clocks, in ms, before and after it has slept for as many ms as its
 * arguments say.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <hyperlight_http.h>


static void
tell(const hl_http_request_t *req, hl_http_response_t *resp)
{
    struct timespec  ts;

    (void) req;

    if (clock_gettime(CLOCK_REALTIME, &ts) == -1) {
        hl_http_printf(resp, "errno %d", errno == EINVAL ? 22 : -1);
        return;
    }

    hl_http_printf(resp, "%ld", (long) ts.tv_sec);
}


static void
put_clock(hl_http_response_t *resp, clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    hl_http_printf(resp, "%lld ", (long long) ts.tv_sec * 1000
                                  + ts.tv_nsec / 1000000);
}


static void
both(const hl_http_request_t *req, hl_http_response_t *resp)
{
    put_clock(resp, CLOCK_REALTIME);
    put_clock(resp, CLOCK_MONOTONIC);

    (void) hl_sleep((uint32_t) atol(hl_http_args(req).data));

    put_clock(resp, CLOCK_REALTIME);
    put_clock(resp, CLOCK_MONOTONIC);
}


void
hyperlight_main(void)
{
    hl_http_register("tell", tell);
    hl_http_register("both", both);
}
