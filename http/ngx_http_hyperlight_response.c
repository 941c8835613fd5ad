/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_response.c: the guest's status and body, and sending
 * the response when it is whole.
 *
 * The body is copied as it comes: nothing that nginx sends lies in guest
 * memory, which is another request's before a slow client has it all.
 */

#include "ngx_http_hyperlight.h"


/* What body bytes are gathered in, if they come in small pieces. */
#define NGX_HTTP_HYPERLIGHT_BODY_BUFFER  4096


static ngx_buf_t *ngx_http_hyperlight_body_buffer(
    ngx_http_hyperlight_ctx_t *ctx, size_t len);
static void ngx_http_hyperlight_set_entity(ngx_http_hyperlight_ctx_t *ctx,
    off_t length);


hl_status_t
ngx_http_hyperlight_put_status(void *data, uint32_t status, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    if (ctx->streaming) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out a status "
                            "after the response had begun");
    }

    if (status < 200 || status > 599) {
        return hl_error_set(err, HL_ERR_OUTPUT,
                            "the guest put out the status %u", status);
    }

    ctx->status = status;

    return HL_OK;
}


hl_status_t
ngx_http_hyperlight_put_body(void *data, const void *bytes, size_t len,
    hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    size_t         n;
    ngx_buf_t     *b;
    const u_char  *p;

    if (ctx->filter && ctx->at_once) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out a body, "
                            "and is called for the headers only");
    }

    if (!ctx->streaming && len > ctx->guest->config.output - ctx->body_size) {
        return hl_error_set(err, HL_ERR_OUTPUT,
                            "the response body is over the \"output\" "
                            "of %zu bytes", ctx->guest->config.output);
    }

    ctx->body_size += len;

    for (p = bytes; len; p += n, len -= n) {

        b = ngx_http_hyperlight_body_buffer(ctx, len);
        if (b == NULL) {
            return hl_error_set(err, HL_ERR_SYSTEM, "out of memory");
        }

        n = ngx_min(len, (size_t) (b->end - b->last));
        b->last = ngx_cpymem(b->last, p, n);
    }

    return ngx_http_hyperlight_stream_due(ctx) ? HL_AGAIN : HL_OK;
}


/* One with room in it: the last, or a new one. */

static ngx_buf_t *
ngx_http_hyperlight_body_buffer(ngx_http_hyperlight_ctx_t *ctx, size_t len)
{
    ngx_buf_t    *b;
    ngx_pool_t   *pool;
    ngx_chain_t  *cl;

    if (ctx->last && ctx->last->buf->last < ctx->last->buf->end) {
        return ctx->last->buf;
    }

    pool = ctx->request->pool;

    if (ctx->free) {
        cl = ctx->free;
        ctx->free = cl->next;
        cl->buf->flush = 0;

    } else {
        cl = ngx_alloc_chain_link(pool);
        if (cl == NULL) {
            return NULL;
        }

        cl->buf = ngx_create_temp_buf(pool, ngx_max(len,
                                            NGX_HTTP_HYPERLIGHT_BODY_BUFFER));
        if (cl->buf == NULL) {
            return NULL;
        }

        cl->buf->tag = (ngx_buf_tag_t) &ngx_http_hyperlight_module;
    }

    b = cl->buf;
    cl->next = NULL;

    if (ctx->last) {
        ctx->last->next = cl;

    } else {
        ctx->body = cl;
    }

    ctx->last = cl;

    return b;
}


ngx_int_t
ngx_http_hyperlight_send(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    rc = NGX_OK;

    if (!ctx->streaming) {
        rc = ngx_http_hyperlight_send_header(ctx, (off_t) ctx->body_size);
    }

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_hyperlight_send_last(ctx, ngx_http_output_filter);
}


ngx_int_t
ngx_http_hyperlight_send_header(ngx_http_hyperlight_ctx_t *ctx, off_t length)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    r->headers_out.status = ctx->status ? ctx->status : NGX_HTTP_OK;

    if (ngx_http_hyperlight_set_headers(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_hyperlight_set_entity(ctx, length);

    /* the guest has seen If-Match and the like, and answered accordingly */

    r->disable_not_modified = 1;

    /* of the file that was to be sent instead (error_page 416) */

    r->allow_ranges = 0;

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_http_hyperlight_send_last(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_output_body_filter_pt output)
{
    ngx_buf_t           *b;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->body == NULL) {
        return ngx_http_hyperlight_send_special(r, NGX_HTTP_LAST, output);
    }

    b = ctx->last->buf;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    return output(r, ctx->body);
}


ngx_int_t
ngx_http_hyperlight_send_special(ngx_http_request_t *r, ngx_uint_t flags,
    ngx_http_output_body_filter_pt output)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (flags & NGX_HTTP_FLUSH) {
        b->flush = 1;
    }

    if (flags & NGX_HTTP_LAST) {
        b->last_buf = (r == r->main && !r->post_action) ? 1 : 0;
        b->last_in_chain = !b->last_buf;
        b->sync = b->last_in_chain;
    }

    out.buf = b;
    out.next = NULL;

    return output(r, &out);
}


/* Type and length, if there is something that they can be of. */

static void
ngx_http_hyperlight_set_entity(ngx_http_hyperlight_ctx_t *ctx, off_t length)
{
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = ctx->request;

    if (ngx_http_hyperlight_bodiless(ctx)) {
        ctx->body = NULL;
        return;
    }

    if (length == 0 && r->method == NGX_HTTP_HEAD) {

        /* that says nothing about the body of GET */

        return;
    }

    r->headers_out.content_length_n = length;

    if (length && r->headers_out.content_type.len == 0) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        r->headers_out.content_type = clcf->default_type;
        r->headers_out.content_type_len = clcf->default_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }
}
