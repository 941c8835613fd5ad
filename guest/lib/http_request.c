/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_request.c: views of a request in the input area.
 */

#include <string.h>
#include <strings.h>

#include "hl_http.h"


static hl_http_view_t hl_http_view(const hl_http_request_t *req,
    const hl_abi_view_t *view);


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
    size_t            len;
    hl_http_view_t    none = { NULL, 0 };
    hl_http_header_t  h = { 0 };

    len = strlen(name);

    while (hl_http_next_header(req, &h)) {

        if (h.name.len == len && strncasecmp(h.name.data, name, len) == 0) {
            return h.value;
        }
    }

    return none;
}


bool
hl_http_next_header(const hl_http_request_t *req, hl_http_header_t *h)
{
    const hl_abi_header_t  *header;

    if (h->index >= req->http->header_count) {
        return false;
    }

    header = hl_ptr(const hl_abi_header_t,
                    (uintptr_t) req->input + req->http->headers + h->offset);

    h->name.data = (const char *) (header + 1);
    h->name.len = header->name_len;

    h->value.data = h->name.data + header->name_len + 1;
    h->value.len = header->value_len;

    h->index++;
    h->offset += hl_abi_header_size(header->name_len, header->value_len);

    return true;
}
