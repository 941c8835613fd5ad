/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_handler.c: the content handler: reads the request's
 * body, or begins to, then starts the call.
 */

#include "ngx_http_hyperlight.h"


static ngx_http_hyperlight_ctx_t *ngx_http_hyperlight_create_ctx(
    ngx_http_request_t *r);
static void ngx_http_hyperlight_body_handler(ngx_http_request_t *r);


ngx_int_t
ngx_http_hyperlight_handler(ngx_http_request_t *r)
{
    off_t                       room;
    ngx_int_t                   rc;
    ngx_http_hyperlight_ctx_t  *ctx;

    ctx = ngx_http_hyperlight_create_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

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


static ngx_http_hyperlight_ctx_t *
ngx_http_hyperlight_create_ctx(ngx_http_request_t *r)
{
    const hl_function_t              *function;
    ngx_http_hyperlight_ctx_t        *ctx;
    ngx_http_hyperlight_loc_conf_t   *hlcf;
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_get_module_main_conf(r, ngx_http_hyperlight_module);
    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_hyperlight_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_hyperlight_module);

    ctx->request = r;
    ctx->log = r->connection->log;
    ctx->guest = hlcf->guest;
    ctx->function = &hlcf->function;
    ctx->pool = ngx_http_hyperlight_pool(hmcf, hlcf->guest);

    ctx->cpu_limit = ngx_min(hlcf->guest->cpu_limit, hlcf->cpu_limit);
    ctx->timeout = ngx_min(hlcf->guest->timeout, hlcf->timeout);

    /*
     * A typed function has the body as its argument, all of it.  A body that
     * was read before is somebody else's, too.
     */

    if (!hlcf->request_buffering && r == r->main && r->request_body == NULL) {
        function = ngx_http_hyperlight_pool_function(ctx->pool, ctx->function);

        ctx->unbuffered = (function && function->kind == HL_FUNCTION_HTTP);
    }

    return ctx;
}


static void
ngx_http_hyperlight_body_handler(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

    if (r->reading_body && rev->timer_set) {

        /* the client has its time again when the guest reads on */

        ngx_del_timer(rev);
    }

    ngx_http_hyperlight_start(ngx_http_get_module_ctx(r,
                                                 ngx_http_hyperlight_module));
}
