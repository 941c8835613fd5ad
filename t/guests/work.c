/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * work.c: a guest that works as long as it is told: the arguments are a
 * number of turns, in millions.
 */

#include <stdlib.h>

#include <hyperlight_http.h>


#define MILLION  1000000


static void
work(const hl_http_request_t *req, hl_http_response_t *resp)
{
    long           i, n;
    volatile long  turns;

    n = atol(hl_http_args(req).data);
    turns = 0;

    for (i = 0; i < n * MILLION; i++) {
        turns++;
    }

    hl_http_printf(resp, "%ld", turns / MILLION);
}


void
hyperlight_main(void)
{
    hl_http_register("work", work);
}
