/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * spin.c: a function that never ends.  When the time that the guest's
 * cpu_limit gives it is over, the request is answered with 504, and the next
 * one is served.
 *
 *     hyperlight_pass spin spin;
 */

#include <hyperlight_http.h>


static volatile bool  forever = true;


static void
spin(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    while (forever) {
        /* void */
    }

    hl_http_printf(resp, "never seen\n");
}


void
hyperlight_main(void)
{
    hl_http_register("spin", spin);
}
