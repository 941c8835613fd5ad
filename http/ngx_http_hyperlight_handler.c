/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_handler.c: the content handler: reads the request's
 * body, then starts the call.
 */

#include "ngx_http_hyperlight.h"


static void ngx_http_hyperlight_body_handler(ngx_http_request_t *r);


ngx_int_t
ngx_http_hyperlight_handler(ngx_http_request_t *r)
{
    off_t                            room;
    ngx_int_t                        rc;
    ngx_http_hyperlight_loc_conf_t  *hlcf;

    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);

    room = (off_t) ngx_http_hyperlight_body_room(hlcf->guest);

    /* a subrequest has the length of its parent, and no body of its own */

    if (r == r->main && r->request_body == NULL && !r->discard_body
        && r->headers_in.content_length_n > room)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "hyperlight: guest \"%V\": a body of %O bytes "
                      "is over the room of %O",
                      &hlcf->guest->name, r->headers_in.content_length_n,
                      room);

        ngx_http_hyperlight_record_refused(r, NGX_HTTP_HYPERLIGHT_LIMIT);

        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_hyperlight_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_hyperlight_body_handler(ngx_http_request_t *r)
{
    ngx_http_hyperlight_ctx_t        *ctx;
    ngx_http_hyperlight_loc_conf_t   *hlcf;
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_get_module_main_conf(r, ngx_http_hyperlight_module);
    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_hyperlight_ctx_t));
    if (ctx == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx->request = r;
    ctx->log = r->connection->log;
    ctx->guest = hlcf->guest;
    ctx->function = &hlcf->function;
    ctx->pool = ngx_http_hyperlight_pool(hmcf, hlcf->guest);

    ctx->cpu_limit = ngx_min(hlcf->guest->cpu_limit, hlcf->cpu_limit);
    ctx->timeout = ngx_min(hlcf->guest->timeout, hlcf->timeout);

    ngx_http_hyperlight_start(ctx);
}
