/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_filter_out.c: what a body filter puts out, and how it
 * ends; ngx_http_hyperlight_filter_body.c says whose events it lives by.
 */

#include "ngx_http_hyperlight_filter.h"


static ngx_int_t ngx_http_hyperlight_filter_header(
    ngx_http_hyperlight_ctx_t *ctx, off_t length);
static void ngx_http_hyperlight_filter_watch(ngx_http_hyperlight_filter_t *f);
static void ngx_http_hyperlight_filter_write_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_filter_send(
    ngx_http_hyperlight_ctx_t *ctx);


ngx_int_t
ngx_http_hyperlight_filter_drain(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_hyperlight_filter_t  *f;

    f = ctx->filter;
    r = f->request;
    c = r->connection;

    if (r->post_action) {
        return NGX_ERROR;
    }

    if (!ctx->streaming) {

        if (ngx_http_hyperlight_filter_header(ctx, -1) != NGX_OK) {
            return NGX_ERROR;
        }

        ctx->streaming = 1;

        if (r->header_only || ngx_http_hyperlight_bodiless(ctx)) {
            return NGX_DONE;
        }

        if (ctx->body == NULL
            && ngx_http_hyperlight_send_special(r, NGX_HTTP_FLUSH,
                                         ngx_http_hyperlight_filter_next_body)
               == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    if (c->data != r) {

        /* of a sub-request whose turn it is not: nginx would keep all of it */

        ngx_http_hyperlight_filter_watch(f);
        return NGX_AGAIN;
    }

    if (ngx_http_hyperlight_stream_send(ctx,
                                        ngx_http_hyperlight_filter_next_body)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->busy) {
        ngx_http_hyperlight_filter_watch(f);
        return NGX_AGAIN;
    }

    ngx_http_hyperlight_filter_quiet(f);

    if (ctx->asked) {
        ngx_http_hyperlight_answer(ctx, NULL, 0);
    }

    return NGX_OK;
}


/* Another body than the original's: what was said of that holds no more. */

static ngx_int_t
ngx_http_hyperlight_filter_header(ngx_http_hyperlight_ctx_t *ctx,
    off_t length)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    if (ngx_http_hyperlight_filter_change(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_hyperlight_bodiless(ctx)) {
        ctx->body = NULL;

    } else {
        r->headers_out.content_length_n = length;
    }

    rc = ngx_http_hyperlight_filter_next_header(r);

    return (rc == NGX_ERROR || rc > NGX_OK) ? NGX_ERROR : NGX_OK;
}


/* The client has to take more, or its turn has to come. */

static void
ngx_http_hyperlight_filter_watch(ngx_http_hyperlight_filter_t *f)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = f->request;

    if (r->write_event_handler != ngx_http_hyperlight_filter_write_handler) {
        f->write_handler = r->write_event_handler;
        r->write_event_handler = ngx_http_hyperlight_filter_write_handler;
    }

    if (r->connection->data != r) {
        return;
    }

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    /* an error is found again by who writes next */

    (void) ngx_handle_write_event(wev, clcf->send_lowat);
}


void
ngx_http_hyperlight_filter_unwatch(ngx_http_hyperlight_filter_t *f)
{
    ngx_http_request_t  *r;

    r = f->request;

    if (r->write_event_handler == ngx_http_hyperlight_filter_write_handler) {
        r->write_event_handler = f->write_handler;
    }
}


static void
ngx_http_hyperlight_filter_write_handler(ngx_http_request_t *r)
{
    ngx_event_t                   *wev;
    ngx_connection_t              *c;
    ngx_http_event_handler_pt      handler;
    ngx_http_hyperlight_filter_t  *f;

    c = r->connection;
    wev = c->write;

    f = ngx_http_hyperlight_filter_of(r);
    handler = f->write_handler;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        ngx_http_hyperlight_done(f->ctx, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (c->error) {
        ngx_http_hyperlight_done(f->ctx, NGX_ERROR);
        return;
    }

    if (!wev->delayed) {
        ngx_http_hyperlight_filter_unwatch(f);
        ngx_http_hyperlight_attempt(f->ctx, ngx_http_hyperlight_filter_drain);

        if (f->passing) {
            return;
        }
    }

    handler(r);
}


/* nginx's writer gives the client a time to take what only waits here. */

void
ngx_http_hyperlight_filter_quiet(ngx_http_hyperlight_filter_t *f)
{
    ngx_connection_t  *c;

    c = f->request->connection;

    if (c->write->timer_set && !c->write->delayed && !c->buffered
        && c->data == f->request)
    {
        ngx_del_timer(c->write);
    }
}


/* ---- the end ------------------------------------------------------------ */

void
ngx_http_hyperlight_filter_finish(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_http_request_t            *r;
    ngx_http_hyperlight_calls_t   *calls;
    ngx_http_hyperlight_filter_t  *f;

    f = ctx->filter;
    r = f->request;

    if (f->starting) {
        f->rc = rc;
        return;
    }

    if (f->passing || r->post_action) {

        /* nobody's: the client has left, and nginx gone on */

        return;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_hyperlight_filter_send(ctx);
    }

    if (rc == NGX_OK) {
        ngx_http_hyperlight_filter_end(f);
        return;
    }

    if (rc != NGX_ERROR && rc != NGX_HTTP_REQUEST_TIME_OUT && r != r->main) {

        /* a part of a page: the rest of it is missing */

        ngx_http_hyperlight_filter_end(f);
        return;
    }

    f->failed = 1;
    f->passing = 1;
    r->keepalive = 0;

    calls = ngx_http_get_module_ctx(r, ngx_http_hyperlight_module);

    if (calls && calls->lingers) {

        /* the original's guest: not to go on beside an error page, or a
         * post_action */

        ngx_http_hyperlight_abandon(calls->lingers);
    }

    if (rc != NGX_ERROR && rc != NGX_HTTP_REQUEST_TIME_OUT) {

        if (!ctx->streaming) {
            rc = ngx_http_hyperlight_filter_status(ctx, rc);
            (void) ngx_http_filter_finalize_request(r,
                                                  &ngx_http_hyperlight_module,
                                                  rc);
        }

        rc = NGX_ERROR;
    }

    /*
     * Whoever produces the rest of the original stops with the request, and
     * an upstream gives up its hold on it: there must be another.  Behind a
     * post_action, too, there is only the end, for all who have a hold on it
     * or something of it buffered; nginx does so with a filter's error page.
     */

    r->main->count++;
    r->connection->error = 1;

    ngx_http_finalize_request(r, rc);
}


ngx_int_t
ngx_http_hyperlight_filter_status(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc)
{
    /* what does not fit is not the client's */

    return rc < NGX_HTTP_INTERNAL_SERVER_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR
                                               : rc;
}


static ngx_int_t
ngx_http_hyperlight_filter_send(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_http_request_t            *r;
    ngx_http_hyperlight_filter_t  *f;

    r = ctx->request;

    if (!ctx->streaming
        && ngx_http_hyperlight_filter_header(ctx, (off_t) ctx->body_size)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->header_only || ngx_http_hyperlight_bodiless(ctx)) {
        return NGX_OK;
    }

    f = ctx->filter;

    f->ended = 1;
    f->ending = 1;
    rc = ngx_http_hyperlight_send_last(ctx,
                                       ngx_http_hyperlight_filter_next_body);
    f->ending = 0;

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}
