/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * clock.c: a guest that tells the time, or why it cannot.
 */

#include <errno.h>
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


void
hyperlight_main(void)
{
    hl_http_register("tell", tell);
}
