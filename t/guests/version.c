/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * version.c: a guest whose file says which it is.  t/lifecycle.t changes the
 * text in a copy of the file.
 */

#include <hyperlight_http.h>


static const char  version[] = "version one";


static void
answer(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;
    (void) hl_http_write(resp, version, sizeof(version) - 1);
}


void
hyperlight_main(void)
{
    hl_http_register("version", answer);
}
