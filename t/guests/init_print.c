/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * init_print.c: a guest that logs and prints while it is initialised.
 */

#include <stdio.h>

#include <hyperlight_http.h>


static void
nothing(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;
    (void) resp;
}


void
hyperlight_main(void)
{
    printf("printed at first\n");
    LOG(hl_Level_Warn, "logged at first");

    hl_http_register("nothing", nothing);
}
