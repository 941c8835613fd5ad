/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_request.c: begins a call with what the request has.
 *
 * An HTTP function gets all of it.  A typed one gets the body as its only
 * argument, if it has one.  The body goes from where nginx has it straight to
 * its place in the guest's memory.
 */

#include "ngx_http_hyperlight.h"


static ngx_int_t ngx_http_hyperlight_begin_http(
    ngx_http_hyperlight_ctx_t *ctx, const hl_function_t *function);
static ngx_int_t ngx_http_hyperlight_put_fields(
    ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_put_headers(
    ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_begin_typed(
    ngx_http_hyperlight_ctx_t *ctx, const hl_function_t *function);
static ngx_int_t ngx_http_hyperlight_signature(
    ngx_http_hyperlight_ctx_t *ctx, const hl_function_t *function);
static size_t ngx_http_hyperlight_body_size(ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_copy_body(ngx_http_request_t *r,
    u_char *dst);


ngx_int_t
ngx_http_hyperlight_begin(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function)
{
    if (function->kind == HL_FUNCTION_HTTP) {
        return ngx_http_hyperlight_begin_http(ctx, function);
    }

    if (ctx->filter) {
        ngx_http_hyperlight_log(ctx, NGX_LOG_ERR, " is not an HTTP function: "
                                "no other can be a filter");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_hyperlight_begin_typed(ctx, function);
}


static ngx_int_t
ngx_http_hyperlight_begin_http(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function)
{
    void        *room;
    size_t       size;
    ngx_int_t    rc;
    hl_error_t   err;

    if (hl_call_http(ctx->sandbox, function, &err) != HL_OK) {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    rc = ngx_http_hyperlight_put_fields(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_hyperlight_put_headers(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->filter) {
        return ngx_http_hyperlight_filter_begin(ctx);
    }

    size = ctx->no_body ? 0 : ngx_http_hyperlight_body_size(ctx->request);

    if (ctx->unbuffered) {
        size = ngx_min(size, ngx_http_hyperlight_body_room(ctx->guest));
    }

    if (hl_call_http_body(ctx->sandbox, size, &room, &err) != HL_OK) {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    if (!ctx->unbuffered && !ctx->no_body) {
        return ngx_http_hyperlight_copy_body(ctx->request, room);
    }

    if (size) {
        (void) ngx_http_hyperlight_take_body(ctx->request, room, size);
    }

    /* of a body that is not there: who reads it is told so */

    if (hl_call_http_more(ctx->sandbox, &err) != HL_OK) {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_put_fields(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t           *fields[HL_HTTP_REMOTE_ADDR + 1];
    ngx_uint_t           i;
    hl_error_t           err;
    ngx_http_request_t  *r;

    r = ctx->request;

    fields[HL_HTTP_METHOD] = &r->method_name;
    fields[HL_HTTP_URI] = &r->uri;
    fields[HL_HTTP_ARGS] = &r->args;
    fields[HL_HTTP_PROTOCOL] = &r->http_protocol;
    fields[HL_HTTP_REMOTE_ADDR] = &r->connection->addr_text;

    for (i = HL_HTTP_METHOD; i <= HL_HTTP_REMOTE_ADDR; i++) {

        if (hl_call_http_field(ctx->sandbox, (hl_http_field_t) i,
                               fields[i]->data, fields[i]->len, &err)
            == HL_OK)
        {
            continue;
        }

        rc = ngx_http_hyperlight_fail(ctx, &err);

        /* the request line alone is too long, its headers do not matter */

        if (err.status == HL_ERR_METADATA_TOO_LARGE && i <= HL_HTTP_ARGS) {
            return NGX_HTTP_REQUEST_URI_TOO_LARGE;
        }

        return rc;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_put_headers(ngx_http_hyperlight_ctx_t *ctx)
{
    hl_error_t                     err;
    ngx_table_elt_t               *h;
    ngx_http_hyperlight_search_t   search;

    if (!(ctx->guest->grants & ngx_http_hyperlight_grant(HEADERS))) {
        return NGX_OK;
    }

    ngx_memzero(&search, sizeof(ngx_http_hyperlight_search_t));

    while ((h = ngx_http_hyperlight_next_header(ctx->request, &search))) {

        if (ngx_http_hyperlight_hidden(ctx->guest, &h->key)) {
            continue;
        }

        if (hl_call_http_header(ctx->sandbox, h->key.data, h->key.len,
                                h->value.data, h->value.len, &err)
            != HL_OK)
        {
            return ngx_http_hyperlight_fail(ctx, &err);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_begin_typed(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function)
{
    void        *room;
    ngx_int_t    rc;
    hl_value_t   arg;
    hl_error_t   err;

    rc = ngx_http_hyperlight_signature(ctx, function);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&arg, sizeof(hl_value_t));

    if (function->param_count) {
        arg.type = function->params[0];
        arg.v.bytes.len = ngx_http_hyperlight_body_size(ctx->request);
    }

    if (hl_call_typed(ctx->sandbox, function, NULL, function->result,
                      &arg, function->param_count, &room, &err)
        != HL_OK)
    {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    if (arg.v.bytes.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_hyperlight_copy_body(ctx->request, room);
    if (rc != NGX_OK) {
        return rc;
    }

    if (arg.type == HL_TYPE_STRING
        && hl_check_string(room, arg.v.bytes.len, &err) != HL_OK)
    {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    return NGX_OK;
}


/* Is it of those that a body can go in and come out of? */

static ngx_int_t
ngx_http_hyperlight_signature(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function)
{
    u_char     *p, *last;
    u_char      text[256];
    size_t      i;

    if ((function->param_count == 0
         || (function->param_count == 1
             && (function->params[0] == HL_TYPE_STRING
                 || function->params[0] == HL_TYPE_VECBYTES)))
        && (function->result == HL_TYPE_STRING
            || function->result == HL_TYPE_VECBYTES
            || function->result == HL_TYPE_VOID))
    {
        return NGX_OK;
    }

    p = text;
    last = text + sizeof(text);

    for (i = 0; i < function->param_count; i++) {
        p = ngx_slprintf(p, last, "%s%s", i ? ", " : "",
                         hl_type_name(function->params[i]));
    }

    ngx_http_hyperlight_log(ctx, NGX_LOG_ERR,
                            " is (%*s) -> %s: only an HTTP function, or "
                            "(), (String), (VecBytes) -> String, VecBytes, "
                            "Void can serve a request",
                            (size_t) (p - text), text,
                            hl_type_name(function->result));

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static size_t
ngx_http_hyperlight_body_size(ngx_http_request_t *r)
{
    size_t        size;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return 0;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += (size_t) ngx_buf_size(cl->buf);
    }

    return size;
}


static ngx_int_t
ngx_http_hyperlight_copy_body(ngx_http_request_t *r, u_char *dst)
{
    size_t        size;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;
        size = (size_t) ngx_buf_size(b);

        if (ngx_buf_in_memory(b)) {
            dst = ngx_cpymem(dst, b->pos, size);
            continue;
        }

        /* a part of the client's body, or all of it, in a temporary file */

        while (size) {

            n = ngx_read_file(b->file, dst, size, b->file_last - (off_t) size);

            if (n == NGX_ERROR) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            if (n == 0) {
                ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                              "hyperlight: \"%V\" has been truncated",
                              &b->file->name);
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            dst += n;
            size -= (size_t) n;
        }
    }

    return NGX_OK;
}


ngx_table_elt_t *
ngx_http_hyperlight_next_header(ngx_http_request_t *r,
    ngx_http_hyperlight_search_t *search)
{
    ngx_table_elt_t  *h;

    if (search->part == NULL) {
        search->part = &r->headers_in.headers.part;
    }

    while (search->i >= search->part->nelts) {

        if (search->part->next == NULL) {
            return NULL;
        }

        search->part = search->part->next;
        search->i = 0;
    }

    h = search->part->elts;

    return &h[search->i++];
}


ngx_table_elt_t *
ngx_http_hyperlight_find_header(ngx_http_request_t *r,
    ngx_http_hyperlight_search_t *search, const ngx_str_t *name)
{
    ngx_table_elt_t  *h;

    do {
        h = ngx_http_hyperlight_next_header(r, search);
    } while (h && !ngx_http_hyperlight_same(&h->key, name));

    return h;
}
