/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_outcome.c: what the end of a call means to the client,
 * to the log and to the counters, if it was not a good one.
 */

#include "ngx_http_hyperlight.h"


#define NGX_HTTP_HYPERLIGHT_RETRY_AFTER       1

/* RFC 6585, 5.  nginx knows its own 494, which clients see as 400. */
#define NGX_HTTP_HYPERLIGHT_FIELDS_TOO_LARGE  431


typedef struct {
    ngx_http_hyperlight_outcome_e  outcome;
    ngx_uint_t                     status;
    ngx_uint_t                     level;
} ngx_http_hyperlight_outcome_t;


/* As variables and the status have them. */

ngx_str_t  ngx_http_hyperlight_outcome_names[] = {
    ngx_string("ok"),
    ngx_string("fault"),
    ngx_string("error"),
    ngx_string("invalid"),
    ngx_string("busy"),
    ngx_string("unavailable"),
    ngx_string("timeout"),
    ngx_string("limit"),
    ngx_string("aborted")
};

_Static_assert(sizeof(ngx_http_hyperlight_outcome_names)
               / sizeof(ngx_str_t) == NGX_HTTP_HYPERLIGHT_OUTCOMES,
               "each outcome has a name");


static ngx_int_t ngx_http_hyperlight_retry_after(
    ngx_http_hyperlight_ctx_t *ctx, uint64_t seconds);


/*
 * What a call that ends with an error means to the client and to the log.
 * [alert] is for what cannot be if the module is right.
 */

static const ngx_http_hyperlight_outcome_t  ngx_http_hyperlight_outcomes[] = {

    [HL_ERR_ARGUMENT] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_SYSTEM] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_CRIT },
    [HL_ERR_NO_KVM] =
        { NGX_HTTP_HYPERLIGHT_UNAVAILABLE,
          NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_CRIT },
    [HL_ERR_GUEST_FILE] =
        { NGX_HTTP_HYPERLIGHT_UNAVAILABLE,
          NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [HL_ERR_INIT] =
        { NGX_HTTP_HYPERLIGHT_UNAVAILABLE,
          NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [HL_ERR_TOO_LARGE] =
        { NGX_HTTP_HYPERLIGHT_LIMIT,
          NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, NGX_LOG_ERR },
    [HL_ERR_METADATA_TOO_LARGE] =
        { NGX_HTTP_HYPERLIGHT_LIMIT,
          NGX_HTTP_HYPERLIGHT_FIELDS_TOO_LARGE, NGX_LOG_ERR },
    [HL_ERR_STRING] =
        { NGX_HTTP_HYPERLIGHT_LIMIT,
          NGX_HTTP_BAD_REQUEST, NGX_LOG_INFO },
    [HL_ERR_GUEST] =
        { NGX_HTTP_HYPERLIGHT_INVALID,
          NGX_HTTP_BAD_GATEWAY, NGX_LOG_ERR },
    [HL_ERR_OUTPUT] =
        { NGX_HTTP_HYPERLIGHT_INVALID,
          NGX_HTTP_BAD_GATEWAY, NGX_LOG_ERR },
    [HL_ERR_FAULT] =
        { NGX_HTTP_HYPERLIGHT_FAULT,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ERR },
    [HL_ERR_ABORTED] =
        { NGX_HTTP_HYPERLIGHT_FAULT,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ERR },
    [HL_ERR_PROTOCOL] =
        { NGX_HTTP_HYPERLIGHT_FAULT,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ERR },
    [HL_ERR_TIMEOUT] =
        { NGX_HTTP_HYPERLIGHT_TIMEOUT,
          NGX_HTTP_GATEWAY_TIME_OUT, NGX_LOG_ERR },
    [HL_ERR_POISONED] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_UNRECOVERABLE] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_CRIT },
    [HL_ERR_CANCELLED] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_MEMORY_TOO_SMALL] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_MEMORY_TOO_BIG] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_SNAPSHOT_LAYOUT] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_SNAPSHOT_FUNCTIONS] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_RESULT_TYPE] =
        { NGX_HTTP_HYPERLIGHT_INVALID,
          NGX_HTTP_BAD_GATEWAY, NGX_LOG_ERR },
    [HL_AGAIN] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_INEXACT] =
        { NGX_HTTP_HYPERLIGHT_ERROR,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_LIMIT] =
        { NGX_HTTP_HYPERLIGHT_LIMIT,
          NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ERR }
};


ngx_int_t
ngx_http_hyperlight_fail(ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err)
{
    const ngx_http_hyperlight_outcome_t  *outcome;

    outcome = &ngx_http_hyperlight_outcomes[err->status];

    ngx_http_hyperlight_log(ctx, outcome->level, ": %s", err->text);

    ctx->record.outcome = outcome->outcome;

    if (outcome->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return ngx_http_hyperlight_retry_after(ctx,
                                               NGX_HTTP_HYPERLIGHT_RETRY_AFTER);
    }

    return (ngx_int_t) outcome->status;
}


/* Busy, as long as there is one that could be waited for. */

ngx_int_t
ngx_http_hyperlight_unavailable(ngx_http_hyperlight_ctx_t *ctx)
{
    ctx->record.outcome = ctx->pool && ctx->pool->count
                          ? NGX_HTTP_HYPERLIGHT_BUSY
                          : NGX_HTTP_HYPERLIGHT_UNAVAILABLE;

    return ngx_http_hyperlight_retry_after(ctx,
                                           NGX_HTTP_HYPERLIGHT_RETRY_AFTER);
}


ngx_int_t
ngx_http_hyperlight_braked(ngx_http_hyperlight_ctx_t *ctx, uint64_t seconds)
{
    ctx->record.outcome = NGX_HTTP_HYPERLIGHT_UNAVAILABLE;

    return ngx_http_hyperlight_retry_after(ctx, ngx_max(seconds, 1));
}


static ngx_int_t
ngx_http_hyperlight_retry_after(ngx_http_hyperlight_ctx_t *ctx,
    uint64_t seconds)
{
    u_char              *p;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    if (ctx->variable) {

        /* the response is somebody else's */

        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    r = ctx->request;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Retry-After");
    h->value.data = p;
    h->value.len = (size_t) (ngx_sprintf(p, "%uL", seconds) - p);
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}
