/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_original.c: views of the response that a filter is for, in the input
 * area.
 */

#include "hl_http.h"


static hl_http_list_t hl_http_original_headers(const hl_http_request_t *req);


unsigned
hl_http_original_status(const hl_http_request_t *req)
{
    return req->http->original_status;
}


hl_http_view_t
hl_http_original_header(const hl_http_request_t *req, const char *name)
{
    hl_http_list_t  list;

    list = hl_http_original_headers(req);

    return hl_http_list_find(&list, name);
}


bool
hl_http_original_next_header(const hl_http_request_t *req,
    hl_http_header_t *h)
{
    hl_http_list_t  list;

    list = hl_http_original_headers(req);

    return hl_http_list_next(&list, h);
}


static hl_http_list_t
hl_http_original_headers(const hl_http_request_t *req)
{
    hl_http_list_t  list;

    list.first = req->input + req->http->original_headers;
    list.count = req->http->original_header_count;

    return list;
}
