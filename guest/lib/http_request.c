/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_request.c: views of a request in the input area.
 */

#include "hl_http.h"


static hl_http_view_t hl_http_view(const hl_http_request_t *req,
    const hl_abi_view_t *view);
static hl_http_list_t hl_http_headers(const hl_http_request_t *req);


hl_http_view_t
hl_http_method(const hl_http_request_t *req)
{
    return hl_http_view(req, &req->http->method);
}


hl_http_view_t
hl_http_uri(const hl_http_request_t *req)
{
    return hl_http_view(req, &req->http->uri);
}


hl_http_view_t
hl_http_args(const hl_http_request_t *req)
{
    return hl_http_view(req, &req->http->args);
}


hl_http_view_t
hl_http_protocol(const hl_http_request_t *req)
{
    return hl_http_view(req, &req->http->protocol);
}


hl_http_view_t
hl_http_remote_addr(const hl_http_request_t *req)
{
    return hl_http_view(req, &req->http->remote_addr);
}


hl_http_view_t
hl_http_body(const hl_http_request_t *req)
{
    return hl_http_view(req, &req->http->body);
}


static hl_http_view_t
hl_http_view(const hl_http_request_t *req, const hl_abi_view_t *view)
{
    hl_http_view_t  v;

    v.data = req->input + view->offset;
    v.len = view->len;

    return v;
}


hl_http_view_t
hl_http_header(const hl_http_request_t *req, const char *name)
{
    hl_http_list_t  list;

    list = hl_http_headers(req);

    return hl_http_list_find(&list, name);
}


bool
hl_http_next_header(const hl_http_request_t *req, hl_http_header_t *h)
{
    hl_http_list_t  list;

    list = hl_http_headers(req);

    return hl_http_list_next(&list, h);
}


static hl_http_list_t
hl_http_headers(const hl_http_request_t *req)
{
    hl_http_list_t  list;

    list.first = req->input + req->http->headers;
    list.count = req->http->header_count;

    return list;
}
