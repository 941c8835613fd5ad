/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * crash.c: what a broken guest cannot do: take nginx with it.  The request
 * is answered with 500, the error log says why, and the next one is served
 * by a guest that is whole again.
 *
 * The arguments choose how: "?abort", "?overflow", else a write to NULL.
 *
 *     hyperlight_pass crash crash;
 */

#include <string.h>

#include <hyperlight_http.h>


/* Volatile, so that the compiler does not see what is coming. */
static int *volatile    nowhere = NULL;
static volatile size_t  too_long = 64;


static void
overflow(void)
{
    char  buffer[16];

    memset(buffer, 'x', too_long);
    LOG(hl_Level_Debug, buffer);
}


static void
crash(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t  how;

    (void) resp;

    how = hl_http_args(req);

    if (strcmp(how.data, "abort") == 0) {
        hl_abort_with_code_and_message(1, "asked to abort");
    }

    if (strcmp(how.data, "overflow") == 0) {
        overflow();
        return;
    }

    *nowhere = 1;
}


void
hyperlight_main(void)
{
    hl_http_register("crash", crash);
}
