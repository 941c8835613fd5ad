/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_handler.c: the content handler: reads the request's
 * body, or begins to, starts the call, and sends what comes of it.
 */

#include "ngx_http_hyperlight.h"


static ngx_uint_t ngx_http_hyperlight_unbuffered(
    ngx_http_hyperlight_ctx_t *ctx);
static void ngx_http_hyperlight_body_handler(ngx_http_request_t *r);
static void ngx_http_hyperlight_content_finish(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc);


ngx_int_t
ngx_http_hyperlight_handler(ngx_http_request_t *r)
{
    off_t                            room;
    ngx_int_t                        rc;
    ngx_http_hyperlight_ctx_t       *ctx;
    ngx_http_hyperlight_calls_t     *calls;
    ngx_http_hyperlight_loc_conf_t  *hlcf;

    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);

    calls = ngx_http_hyperlight_calls(r);
    if (calls == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_hyperlight_create_call(r, hlcf->pass,
                                         ngx_http_hyperlight_content_finish,
                                         &ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    calls->content = ctx;
    ctx->unbuffered = !hlcf->request_buffering
                      && ngx_http_hyperlight_unbuffered(ctx);

    room = (off_t) ngx_http_hyperlight_body_room(ctx->guest);

    /* a subrequest has the length of its parent, and no body of its own */

    if (r == r->main && r->request_body == NULL && !r->discard_body
        && !ctx->unbuffered && r->headers_in.content_length_n > room)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "hyperlight: guest \"%V\": a body of %O bytes "
                      "is over the room of %O",
                      &ctx->guest->name, r->headers_in.content_length_n,
                      room);

        ngx_http_hyperlight_record_begin(ctx);
        ngx_http_hyperlight_record_end(ctx, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE);

        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    r->request_body_no_buffering = ctx->unbuffered;

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_hyperlight_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


ngx_http_hyperlight_calls_t *
ngx_http_hyperlight_calls(ngx_http_request_t *r)
{
    ngx_http_hyperlight_calls_t  *calls;

    calls = ngx_http_get_module_ctx(r, ngx_http_hyperlight_module);

    if (calls == NULL) {
        calls = ngx_pcalloc(r->pool, sizeof(ngx_http_hyperlight_calls_t));

        if (calls) {
            ngx_http_set_ctx(r, calls, ngx_http_hyperlight_module);
        }
    }

    return calls;
}


ngx_http_hyperlight_ctx_t *
ngx_http_hyperlight_create_ctx(ngx_http_request_t *r,
    ngx_http_hyperlight_guest_t *guest, ngx_str_t *function,
    ngx_http_hyperlight_finish_pt finish)
{
    ngx_http_hyperlight_ctx_t        *ctx;
    ngx_http_hyperlight_loc_conf_t   *hlcf;
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_get_module_main_conf(r, ngx_http_hyperlight_module);
    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_hyperlight_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->log = r->connection->log;
    ctx->guest = guest;
    ctx->function = function;
    ctx->pool = ngx_http_hyperlight_pool(hmcf, guest);
    ctx->finish = finish;

    ctx->cpu_limit = ngx_min(guest->cpu_limit, hlcf->cpu_limit);
    ctx->timeout = ngx_min(guest->timeout, hlcf->timeout);
    ngx_http_hyperlight_limits_lower(&ctx->limits, &guest->limits,
                                     &hlcf->limits);

    return ctx;
}


/*
 * A typed function has the body as its argument, all of it.  A body that was
 * read before is somebody else's, too, and one that is discarded nobody's.
 */

static ngx_uint_t
ngx_http_hyperlight_unbuffered(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_request_t   *r;
    const hl_function_t  *function;

    r = ctx->request;

    if (r != r->main || r->request_body || r->discard_body) {
        return 0;
    }

    function = ngx_http_hyperlight_pool_function(ctx->pool, ctx->function);

    return function && function->kind == HL_FUNCTION_HTTP;
}


static void
ngx_http_hyperlight_body_handler(ngx_http_request_t *r)
{
    ngx_event_t                  *rev;
    ngx_http_hyperlight_calls_t  *calls;

    calls = ngx_http_get_module_ctx(r, ngx_http_hyperlight_module);
    rev = r->connection->read;

    if (r->reading_body && rev->timer_set) {

        /* the client has its time again when the guest reads on */

        ngx_del_timer(rev);
    }

    ngx_http_hyperlight_start(calls->content);
}


static void
ngx_http_hyperlight_content_finish(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    ngx_http_hyperlight_leave_body(ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_hyperlight_send(ctx);

    } else if (ctx->streaming && rc >= NGX_HTTP_SPECIAL_RESPONSE
               && rc != NGX_HTTP_REQUEST_TIME_OUT
               && rc != NGX_HTTP_CLIENT_CLOSED_REQUEST)
    {
        rc = ngx_http_hyperlight_stream_break(ctx);
    }

    ngx_http_finalize_request(r, rc);
}
