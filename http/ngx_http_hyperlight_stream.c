/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_stream.c: a response that is sent piece by piece.
 *
 * It begins with the guest's first flush.  From then on what the guest puts
 * out is sent when it flushes, or when enough has gathered, and the guest
 * goes on when nginx has passed all of it on: so a call holds about one
 * "output" of its guest, however slow its client is.
 */

#include "ngx_http_hyperlight.h"


static ngx_int_t ngx_http_hyperlight_stream_begin(
    ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_stream_send(
    ngx_http_hyperlight_ctx_t *ctx, ngx_chain_t *out);
static ngx_int_t ngx_http_hyperlight_await_writable(ngx_http_request_t *r);


/* A member of the services: hl_http_flush(). */

hl_status_t
ngx_http_hyperlight_flush(void *data, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    if (ctx->at_once) {
        return ngx_http_hyperlight_refuse_wait(err);
    }

    ctx->await = ngx_http_hyperlight_drain(ctx);
    ctx->asked = 1;

    return HL_AGAIN;
}


ngx_int_t
ngx_http_hyperlight_await_drain(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_chain_t          *out;
    ngx_connection_t     *c;
    ngx_http_request_t   *r;

    r = ctx->request;
    c = r->connection;

    if (!ctx->streaming) {
        rc = ngx_http_hyperlight_stream_begin(ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (c->data != r && !r->background) {

        /* of a sub-request whose turn it is not: nginx would keep all of it */

        return NGX_AGAIN;
    }

    out = ctx->body;

    if (out || ctx->busy) {
        rc = ngx_http_hyperlight_stream_send(ctx, out);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->busy) {
        return ngx_http_hyperlight_await_writable(r);
    }

    if (c->write->timer_set && !c->write->delayed && c->data == r) {
        ngx_del_timer(c->write);
    }

    if (ctx->asked) {
        ngx_http_hyperlight_answer(ctx, NULL, 0);
    }

    return NGX_OK;
}


/* The headers, now: without a body they would wait for one. */

static ngx_int_t
ngx_http_hyperlight_stream_begin(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    rc = ngx_http_hyperlight_send_header(ctx, -1);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    ctx->streaming = 1;

    /* nginx tells the second only of a response that is the client's */

    if (r->header_only || ngx_http_hyperlight_bodiless(ctx)) {
        return NGX_DONE;
    }

    if (ctx->body == NULL
        && ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_stream_send(ngx_http_hyperlight_ctx_t *ctx,
    ngx_chain_t *out)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (out) {
        ctx->last->buf->flush = 1;
    }

    ctx->body = NULL;
    ctx->last = NULL;
    ctx->body_size = 0;

    rc = ngx_http_output_filter(r, out);

    ngx_chain_update_chains(r->pool, &ctx->free, &ctx->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_hyperlight_module);

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* Of a sub-request that only a guest waits for, that guest wakes it. */

static ngx_int_t
ngx_http_hyperlight_await_writable(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    if (r->connection->data != r) {
        return NGX_AGAIN;
    }

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* The write event handler of a call that outlasts its event. */

void
ngx_http_hyperlight_write_handler(ngx_http_request_t *r)
{
    ngx_event_t                  *wev;
    ngx_connection_t             *c;
    ngx_http_hyperlight_ctx_t    *ctx;
    ngx_http_hyperlight_calls_t  *calls;

    c = r->connection;
    wev = c->write;

    calls = ngx_http_get_module_ctx(r, ngx_http_hyperlight_module);
    ctx = calls->lingers;

    if (ctx->await != ngx_http_hyperlight_await_drain) {

        /* a timer of a sub-request, which waits for the guest, not for
         * the client */

        wev->timedout = 0;
        return;
    }

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        ngx_http_hyperlight_done(ctx, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed) {
        if (ngx_http_hyperlight_await_writable(r) == NGX_ERROR) {
            ngx_http_hyperlight_done(ctx, NGX_ERROR);
        }

        return;
    }

    ngx_http_hyperlight_attempt(ctx, ngx_http_hyperlight_await_drain);
}


ngx_int_t
ngx_http_hyperlight_stream_end(ngx_http_hyperlight_ctx_t *ctx)
{
    if (ctx->request->header_only) {
        return NGX_OK;
    }

    return ngx_http_hyperlight_send_last(ctx);
}


/* As nginx does with an upstream that breaks off. */

ngx_int_t
ngx_http_hyperlight_stream_break(ngx_http_hyperlight_ctx_t *ctx)
{
    ctx->request->keepalive = 0;

    return ngx_http_send_special(ctx->request, NGX_HTTP_FLUSH);
}
