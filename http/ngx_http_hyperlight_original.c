/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_original.c: the head of a response that a guest
 * filters: what the guest sees of it, and what becomes of it.
 */

#include "ngx_http_hyperlight_filter.h"


static ngx_int_t ngx_http_hyperlight_put_original(void *data,
    const char *name, size_t len, ngx_str_t *value);


ngx_int_t
ngx_http_hyperlight_filter_begin(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t            rc;
    hl_error_t           err;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (hl_call_http_original(ctx->sandbox, (uint32_t) r->headers_out.status,
                              &err)
        != HL_OK)
    {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    rc = ngx_http_hyperlight_walk_headers_out(r,
                                              ngx_http_hyperlight_put_original,
                                              ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_hyperlight_filter_begin_body(ctx);
}


static ngx_int_t
ngx_http_hyperlight_put_original(void *data, const char *name, size_t len,
    ngx_str_t *value)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    hl_error_t  err;

    if (hl_call_http_original_header(ctx->sandbox, name, len, value->data,
                                     value->len, &err)
        != HL_OK)
    {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    return NGX_OK;
}


/* Those that nginx keeps elsewhere until it writes a response, and all in
 * its list. */

ngx_int_t
ngx_http_hyperlight_walk_headers_out(ngx_http_request_t *r,
    ngx_http_hyperlight_walk_pt handler, void *data)
{
    u_char                   text[sizeof("Mon, 28 Sep 1970 06:00:00 GMT")];
    ngx_int_t                rc;
    ngx_str_t                value;
    ngx_uint_t               i;
    ngx_list_part_t         *part;
    ngx_table_elt_t         *h;
    ngx_http_headers_out_t  *out;

    out = &r->headers_out;
    rc = NGX_OK;

    if (out->content_type.len) {
        rc = handler(data, "Content-Type", 12, &out->content_type);
    }

    value.data = text;

    if (rc == NGX_OK && out->content_length_n >= 0) {
        value.len = (size_t) (ngx_sprintf(text, "%O", out->content_length_n)
                              - text);
        rc = handler(data, "Content-Length", 14, &value);
    }

    if (rc == NGX_OK && out->last_modified_time != -1
        && out->last_modified == NULL)
    {
        value.len = (size_t) (ngx_http_time(text, out->last_modified_time)
                              - text);
        rc = handler(data, "Last-Modified", 13, &value);
    }

    for (part = &out->headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; rc == NGX_OK && i < part->nelts; i++) {

            if (h[i].hash) {
                rc = handler(data, (char *) h[i].key.data, h[i].key.len,
                             &h[i].value);
            }
        }
    }

    return rc;
}


/* Of an original with a status line of its own, that is of its status. */

ngx_int_t
ngx_http_hyperlight_filter_change(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->status && ctx->status != r->headers_out.status) {
        r->headers_out.status = ctx->status;
        ngx_str_null(&r->headers_out.status_line);
    }

    return ngx_http_hyperlight_set_headers(ctx) == NGX_OK
           ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
