/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hello.c: the smallest guest that is of use: an HTTP handler that reads a
 * header of the request and answers with text.
 *
 *     hyperlight_pass hello hello;
 */

#include <hyperlight_http.h>


static void
hello(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t  name, uri;

    name = hl_http_header(req, "X-Name");
    uri = hl_http_uri(req);

    hl_http_add_header(resp, "Content-Type", "text/plain");

    hl_http_printf(resp, "Hello, %s! This is %s.\n",
                   name.len > 0 ? name.data : "stranger", uri.data);
}


/* Runs once, when nginx starts a worker: names what can be called. */

void
hyperlight_main(void)
{
    hl_http_register("hello", hello);
}
