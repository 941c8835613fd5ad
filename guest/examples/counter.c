/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * counter.c: counts its calls in a global variable, and gets to 1 each time.
 *
 * A request gets the guest as it was when hyperlight_main() had returned.
 * What another request has done to its memory is gone: no state, and no
 * secret, goes from one request to the next.
 *
 *     hyperlight_pass counter counter;
 */

#include <hyperlight_http.h>


static unsigned  calls;


static void
counter(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    calls++;

    hl_http_add_header(resp, "Content-Type", "text/plain");
    hl_http_printf(resp, "%u\n", calls);
}


void
hyperlight_main(void)
{
    hl_http_register("counter", counter);
}
