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
static ngx_int_t ngx_http_hyperlight_await_writable(
    ngx_http_hyperlight_ctx_t *ctx);
static void ngx_http_hyperlight_await_rate(ngx_http_hyperlight_ctx_t *ctx);
static void ngx_http_hyperlight_rate_handler(ngx_event_t *ev);


/* A member of the services: hl_http_flush(). */

hl_status_t
ngx_http_hyperlight_flush(void *data, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    if (ctx->whole) {
        return hl_error_set(err, HL_ERR_GUEST, "what is put out here is not "
                            "streamed, but looked at when it is whole");
    }

    if (ngx_http_hyperlight_may_wait(ctx, err) != HL_OK) {
        return err->status;
    }

    return ngx_http_hyperlight_await(ctx, ngx_http_hyperlight_drain(ctx), 0);
}


ngx_int_t
ngx_http_hyperlight_await_drain(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t             rc;
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

    if (ngx_http_hyperlight_stream_send(ctx, ngx_http_output_filter)
        != NGX_OK)
    {
        return c->error ? NGX_HTTP_CLIENT_CLOSED_REQUEST : NGX_ERROR;
    }

    if (ctx->busy) {
        return ngx_http_hyperlight_await_writable(ctx);
    }

    if (ctx->wake.timer_set) {
        ngx_del_timer(&ctx->wake);
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


ngx_int_t
ngx_http_hyperlight_stream_send(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_output_body_filter_pt output)
{
    ngx_int_t            rc;
    ngx_chain_t         *out;
    ngx_http_request_t  *r;

    r = ctx->request;
    out = ctx->body;

    if (out) {
        ctx->last->buf->flush = 1;

    } else if (ctx->busy == NULL) {
        return NGX_OK;
    }

    ctx->body = NULL;
    ctx->last = NULL;
    ctx->body_size = 0;

    rc = output(r, out);

    ngx_chain_update_chains(r->pool, &ctx->free, &ctx->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_hyperlight_module);

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* Of a sub-request that only a guest waits for, its reader wakes it. */

static ngx_int_t
ngx_http_hyperlight_await_writable(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = ctx->request;

    if (r->connection->data != r) {
        return NGX_AGAIN;
    }

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (wev->delayed) {
        ngx_http_hyperlight_await_rate(ctx);

    } else {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/*
 * limit_rate.  An upstream that is read without buffering takes the timer of
 * the client's socket for its own, and deletes it when it has something: then
 * the delay would have no end.
 */

static void
ngx_http_hyperlight_await_rate(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_event_t     *wev;
    ngx_msec_int_t   left;

    wev = ctx->request->connection->write;

    ngx_http_hyperlight_stream_rate(ctx);

    if (ctx->sub == NULL) {
        return;
    }

    left = (ngx_msec_int_t) (wev->timer.key - ngx_current_msec);

    ctx->wake.handler = ngx_http_hyperlight_rate_handler;
    ctx->wake.data = ctx;
    ctx->wake.log = ctx->log;

    ngx_add_timer(&ctx->wake, left > 0 ? (ngx_msec_t) left + 1 : 1);
}


static void
ngx_http_hyperlight_rate_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_ctx_t *ctx = ev->data;

    ev->timedout = 0;

    if (ctx->request->connection->write->delayed) {
        ngx_http_hyperlight_await_rate(ctx);
    }
}


/* How long it is, nginx finds out when it tries again. */

void
ngx_http_hyperlight_stream_rate(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_event_t  *wev;

    wev = ctx->request->connection->write;

    if (wev->delayed && !wev->timer_set) {
        ngx_add_timer(wev, 1);
    }
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

    if (c->error && !r->main->post_action) {

        /* HTTP/2 tells it here, if it has something of ours to send */

        ngx_http_hyperlight_done(ctx, NGX_HTTP_CLIENT_CLOSED_REQUEST);
        return;
    }

    if (ctx->await != ngx_http_hyperlight_await_drain) {

        /* a timer of a sub-request: it waits for the guest, not for the
         * client; or it was delayed (limit_req), and this is the end of it */

        wev->timedout = 0;

        if (!wev->delayed) {
            ngx_http_hyperlight_sub_go_on(ctx);
        }

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
        if (ngx_http_hyperlight_await_writable(ctx) == NGX_ERROR) {
            ngx_http_hyperlight_done(ctx, NGX_ERROR);
        }

        return;
    }

    ngx_http_hyperlight_attempt(ctx, ngx_http_hyperlight_await_drain);
}


/* As nginx does with an upstream that breaks off. */

ngx_int_t
ngx_http_hyperlight_stream_break(ngx_http_hyperlight_ctx_t *ctx)
{
    ctx->request->keepalive = 0;

    return ngx_http_send_special(ctx->request, NGX_HTTP_FLUSH);
}
