/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_access.c: a guest decides on access.
 *
 * The guest allows by a status of 200 or 204, or by none, and the headers
 * that it adds are the request's from then on; any other denies, with its
 * headers and its body.  What goes wrong denies, too.
 *
 * The phase waits for the call as long as it takes.  The body of the request
 * has not been read yet, and is not touched.  As with nginx's own, the phase
 * is not for subrequests, and is passed again after an internal redirect.
 */

#include "ngx_http_hyperlight.h"


static ngx_int_t ngx_http_hyperlight_access_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_access_call(ngx_http_request_t *r,
    ngx_http_hyperlight_calls_t *calls,
    ngx_http_hyperlight_target_t *target);
static ngx_int_t ngx_http_hyperlight_access_begin(
    ngx_http_hyperlight_ctx_t *ctx, const hl_function_t *function);
static hl_status_t ngx_http_hyperlight_access_accept(
    ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err);
static void ngx_http_hyperlight_access_finish(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_hyperlight_deny(ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_deny_bare(
    ngx_http_hyperlight_ctx_t *ctx, ngx_uint_t others);
static ngx_uint_t ngx_http_hyperlight_of_body(ngx_str_t *name);


#define ngx_http_hyperlight_allows(ctx)                                       \
    ((ctx)->status == 0 || (ctx)->status == NGX_HTTP_OK                       \
     || (ctx)->status == NGX_HTTP_NO_CONTENT)

/* For nginx, they say that there is nobody to answer: it has no page. */
#define ngx_http_hyperlight_silent(ctx)                                       \
    ((ctx)->status == NGX_HTTP_REQUEST_TIME_OUT                               \
     || (ctx)->status == NGX_HTTP_CLIENT_CLOSED_REQUEST)


/*
 * nginx asks from the last handler to the first.  The guest's is put first:
 * addresses and passwords cost less, and whom they turn away is not worth a
 * call.
 */

ngx_int_t
ngx_http_hyperlight_access_init(ngx_conf_t *cf)
{
    ngx_array_t                *handlers;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    handlers = &cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers;

    if (ngx_array_push(handlers) == NULL) {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(h + 1, h,
                (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));
    *h = ngx_http_hyperlight_access_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_hyperlight_calls_t     *calls;
    ngx_http_hyperlight_loc_conf_t  *hlcf;

    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);

    if (hlcf->access == NULL) {
        return NGX_DECLINED;
    }

    calls = ngx_http_hyperlight_calls(r);
    if (calls == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (calls->access == NULL) {
        rc = ngx_http_hyperlight_access_call(r, calls, hlcf->access);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (calls->verdict != NGX_OK) {

        /* NGX_AGAIN, and the error of a call that failed */

        return calls->verdict;
    }

    if (!ngx_http_hyperlight_allows(calls->access)) {
        return ngx_http_hyperlight_deny(calls->access);
    }

    return ngx_http_hyperlight_set_headers_in(calls->access) == NGX_OK
           ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_hyperlight_access_call(ngx_http_request_t *r,
    ngx_http_hyperlight_calls_t *calls, ngx_http_hyperlight_target_t *target)
{
    ngx_int_t                   rc;
    ngx_http_hyperlight_ctx_t  *ctx;

    rc = ngx_http_hyperlight_create_call(r, target,
                                         ngx_http_hyperlight_access_finish,
                                         &ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->begin = ngx_http_hyperlight_access_begin;
    ctx->accept = ngx_http_hyperlight_access_accept;
    ctx->no_body = 1;
    ctx->whole = 1;

    calls->access = ctx;
    calls->verdict = NGX_AGAIN;

    /* it may be over before this returns, and then the phase just goes on */

    calls->asking = 1;
    ngx_http_hyperlight_start(ctx);
    calls->asking = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_access_begin(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function)
{
    if (function->kind == HL_FUNCTION_HTTP) {
        return ngx_http_hyperlight_begin(ctx, function);
    }

    ngx_http_hyperlight_log(ctx, NGX_LOG_ERR, " is a typed function: only an "
                            "HTTP function can decide on access");

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static hl_status_t
ngx_http_hyperlight_access_accept(ngx_http_hyperlight_ctx_t *ctx,
    hl_error_t *err)
{
    if (ngx_http_hyperlight_allows(ctx)) {
        return ngx_http_hyperlight_check_headers_in(ctx, err);
    }

    if (ctx->status < NGX_HTTP_SPECIAL_RESPONSE) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the status %u neither allows "
                            "nor denies access", (unsigned) ctx->status);
    }

    return HL_OK;
}


static void
ngx_http_hyperlight_access_finish(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_http_request_t           *r;
    ngx_http_hyperlight_calls_t  *calls;

    r = ctx->request;
    calls = ngx_http_get_module_ctx(r, ngx_http_hyperlight_module);

    calls->verdict = rc;

    if (calls->asking) {
        return;
    }

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


/*
 * With "satisfy any" others may allow after all, and "auth_delay" wants its
 * delay: then there are only the challenges, or no body.
 */

static ngx_int_t
ngx_http_hyperlight_deny(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = ctx->request;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY
        && (ctx->status == NGX_HTTP_UNAUTHORIZED
            || ctx->status == NGX_HTTP_FORBIDDEN))
    {
        return ngx_http_hyperlight_deny_bare(ctx, 0);
    }

    if ((ctx->body == NULL && !ngx_http_hyperlight_silent(ctx))
        || ngx_http_hyperlight_bodiless(ctx)
        || (ctx->status == NGX_HTTP_UNAUTHORIZED && clcf->auth_delay))
    {
        return ngx_http_hyperlight_deny_bare(ctx, 1);
    }

    /* as before nginx's own error pages */

    r->expect_tested = 1;

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    ngx_http_finalize_request(r, ngx_http_hyperlight_send(ctx));

    return NGX_DONE;
}


/* Status and headers, for nginx's page: those of another body do not fit. */

static ngx_int_t
ngx_http_hyperlight_deny_bare(ngx_http_hyperlight_ctx_t *ctx,
    ngx_uint_t others)
{
    ngx_str_t                    *name;
    ngx_uint_t                    i, n;
    ngx_http_hyperlight_field_t  *field;

    static const ngx_str_t  challenge = ngx_string("WWW-Authenticate");

    n = 0;
    field = ctx->headers.elts;

    for (i = 0; i < ctx->headers.nelts; i++) {
        name = &field[i].name;

        if (others ? !ngx_http_hyperlight_of_body(name)
                   : ngx_http_hyperlight_same(name, &challenge))
        {
            field[n++] = field[i];
        }
    }

    ctx->headers.nelts = n;

    return ngx_http_hyperlight_set_headers(ctx) == NGX_OK
           ? (ngx_int_t) ctx->status : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_uint_t
ngx_http_hyperlight_of_body(ngx_str_t *name)
{
    ngx_uint_t  i;

    static const ngx_str_t  names[] = {
        ngx_string("Accept-Ranges"),
        ngx_string("ETag"),
        ngx_string("Last-Modified")
    };

    if (name->len > 8
        && ngx_strncasecmp(name->data, (u_char *) "Content-", 8) == 0)
    {
        return 1;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ngx_http_hyperlight_same(name, &names[i])) {
            return 1;
        }
    }

    return 0;
}
