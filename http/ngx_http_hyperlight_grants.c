/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_grants.c: what a guest may ask of nginx, and say.
 *
 * It is the host that refuses, whatever the guest library does.  A host
 * function that is not granted is an error that the guest sees, a record is
 * dropped; either is counted, and said once in a call.
 */

#include "ngx_http_hyperlight.h"


static ngx_http_hyperlight_grant_e ngx_http_hyperlight_need(const char *name,
    uint32_t id);


ngx_str_t  ngx_http_hyperlight_grant_names[] = {
    ngx_string("headers"),
    ngx_string("log"),
    ngx_string("response_headers"),
    ngx_string("sleep"),
    ngx_string("stream"),
    ngx_string("subrequest"),
    ngx_string("variables"),
    ngx_string("metrics")
};

_Static_assert(sizeof(ngx_http_hyperlight_grant_names)
               / sizeof(ngx_str_t) == NGX_HTTP_HYPERLIGHT_GRANTS,
               "each grant has a name");


/* allow WORD ...; what is not in the list is not granted. */

char *
ngx_http_hyperlight_guest_allow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    ngx_str_t   *value;
    ngx_uint_t   i, k;

    if (guest->grants != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    guest->grants = 0;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "none") == 0) {
        return NGX_CONF_OK;
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "all") == 0) {
        guest->grants = NGX_HTTP_HYPERLIGHT_MAY_ALL;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        for (k = 0; k < NGX_HTTP_HYPERLIGHT_GRANTS; k++) {
            if (ngx_strcmp(value[i].data,
                           ngx_http_hyperlight_grant_names[k].data)
                == 0)
            {
                break;
            }
        }

        if (k == NGX_HTTP_HYPERLIGHT_GRANTS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid grant \"%V\", it must be \"headers\", "
                               "\"log\", \"response_headers\", \"sleep\", "
                               "\"stream\", \"subrequest\", \"variables\" or "
                               "\"metrics\", or \"none\" or \"all\" alone",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        guest->grants |= (ngx_uint_t) 1 << k;
    }

    return NGX_CONF_OK;
}


/* hide_header NAME ... */

char *
ngx_http_hyperlight_guest_hide_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    ngx_str_t   *value, *name;
    ngx_uint_t   i;

    if (guest->hidden) {
        return "is duplicate";
    }

    guest->hidden = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                     sizeof(ngx_str_t));
    if (guest->hidden == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (!ngx_http_hyperlight_is_name(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid header name \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        name = ngx_array_push(guest->hidden);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
    }

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_hyperlight_hidden(ngx_http_hyperlight_guest_t *guest,
    ngx_str_t *header)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (guest->hidden == NULL) {
        return 0;
    }

    name = guest->hidden->elts;

    for (i = 0; i < guest->hidden->nelts; i++) {
        if (ngx_http_hyperlight_same(&name[i], header)) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_hyperlight_may(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_grant_e grant)
{
    ngx_uint_t  bit;

    bit = (ngx_uint_t) 1 << grant;

    if (ctx->guest->grants & bit) {
        return 1;
    }

    ngx_http_hyperlight_row(ctx->guest->metrics)->refused[grant]++;

    if (!(ctx->refused & bit)) {
        ctx->refused |= bit;
        ngx_http_hyperlight_log(ctx, NGX_LOG_WARN,
                                " was refused \"%V\", which its \"allow\" "
                                "lacks",
                                &ngx_http_hyperlight_grant_names[grant]);
    }

    return 0;
}


hl_status_t
ngx_http_hyperlight_admit(void *data, const char *name, uint32_t id,
    hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    ngx_http_hyperlight_grant_e  need;

    /* what moves a body on is paid for by its bytes */

    if ((name || (id != HL_RAW_FLUSH && id != HL_RAW_READ_BODY
                  && id != HL_RAW_SUBREQUEST_READ))
        && ctx->host_calls++ == (ngx_uint_t) ctx->limits.host_calls)
    {
        ngx_http_hyperlight_over(ctx, NGX_HTTP_HYPERLIGHT_OVER_HOST_CALLS);

        return hl_error_set(err, HL_ERR_LIMIT, "it exceeded its "
                            "host_call_limit of %ld calls",
                            (long) ctx->limits.host_calls);
    }

    need = ngx_http_hyperlight_need(name, id);

    if (need == NGX_HTTP_HYPERLIGHT_GRANTS
        || ngx_http_hyperlight_may(ctx, need))
    {
        return HL_OK;
    }

    return hl_error_set(err, HL_ERR_GUEST, "the guest may not use \"%s\"",
                        (char *) ngx_http_hyperlight_grant_names[need].data);
}


/* GRANTS: nothing that is granted. */

static ngx_http_hyperlight_grant_e
ngx_http_hyperlight_need(const char *name, uint32_t id)
{
    if (name) {
        if (ngx_strcmp(name, "GetHeader") == 0) {
            return NGX_HTTP_HYPERLIGHT_MAY_HEADERS;
        }

        if (ngx_strcmp(name, "GetVariable") == 0) {
            return NGX_HTTP_HYPERLIGHT_MAY_VARIABLES;
        }

        return ngx_strcmp(name, "HostPrint") == 0
               ? NGX_HTTP_HYPERLIGHT_MAY_LOG : NGX_HTTP_HYPERLIGHT_GRANTS;
    }

    switch (id) {

    case HL_RAW_SLEEP:
        return NGX_HTTP_HYPERLIGHT_MAY_SLEEP;

    case HL_RAW_FLUSH:
        return NGX_HTTP_HYPERLIGHT_MAY_STREAM;

    case HL_RAW_SUBREQUEST:
    case HL_RAW_SUBREQUEST_READ:
    case HL_RAW_SUBREQUEST_CLOSE:
        return NGX_HTTP_HYPERLIGHT_MAY_SUBREQUEST;

    case HL_RAW_VARIABLE:
        return NGX_HTTP_HYPERLIGHT_MAY_VARIABLES;

    default:
        return NGX_HTTP_HYPERLIGHT_GRANTS;
    }
}
