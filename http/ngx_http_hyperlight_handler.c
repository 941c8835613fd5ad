/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_handler.c: one request, from its location to its end.
 *
 *     read the body -> acquire a sandbox -> begin the call -> run the guest
 *     -> release -> send the response, finalize -> restore
 *
 * The call runs to its end here.  What the guest puts out is kept apart till
 * then (ngx_http_hyperlight_response.c), so that whatever becomes of it, the
 * client sees either all of it or an error of nginx.
 */

#include "ngx_http_hyperlight.h"


#define NGX_HTTP_HYPERLIGHT_RETRY_AFTER       "1"

/* RFC 6585, 5.  nginx knows its own 494, which clients see as 400. */
#define NGX_HTTP_HYPERLIGHT_FIELDS_TOO_LARGE  431


typedef struct {
    ngx_uint_t  status;
    ngx_uint_t  level;
} ngx_http_hyperlight_outcome_t;


static void ngx_http_hyperlight_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_unavailable(ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_call(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_loc_conf_t *hlcf);
static ngx_int_t ngx_http_hyperlight_unknown(ngx_http_hyperlight_ctx_t *ctx);
static hl_status_t ngx_http_hyperlight_run(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_loc_conf_t *hlcf, hl_error_t *err);
static uint64_t ngx_http_hyperlight_now(void);
static hl_status_t ngx_http_hyperlight_result(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function, hl_error_t *err);


/*
 * What a call that ends with an error means to the client and to the log.
 * [alert] is for what cannot be if the module is right.
 */

static const ngx_http_hyperlight_outcome_t  ngx_http_hyperlight_outcomes[] = {

    [HL_ERR_ARGUMENT] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_SYSTEM] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_CRIT },
    [HL_ERR_NO_KVM] =
        { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_CRIT },
    [HL_ERR_GUEST_FILE] =
        { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [HL_ERR_INIT] =
        { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [HL_ERR_TOO_LARGE] =
        { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, NGX_LOG_ERR },
    [HL_ERR_METADATA_TOO_LARGE] =
        { NGX_HTTP_HYPERLIGHT_FIELDS_TOO_LARGE, NGX_LOG_ERR },
    [HL_ERR_STRING] =
        { NGX_HTTP_BAD_REQUEST, NGX_LOG_INFO },
    [HL_ERR_GUEST] =
        { NGX_HTTP_BAD_GATEWAY, NGX_LOG_ERR },
    [HL_ERR_OUTPUT] =
        { NGX_HTTP_BAD_GATEWAY, NGX_LOG_ERR },
    [HL_ERR_FAULT] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ERR },
    [HL_ERR_ABORTED] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ERR },
    [HL_ERR_PROTOCOL] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ERR },
    [HL_ERR_TIMEOUT] =
        { NGX_HTTP_GATEWAY_TIME_OUT, NGX_LOG_ERR },
    [HL_ERR_POISONED] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_UNRECOVERABLE] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_CRIT },
    [HL_ERR_CANCELLED] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_MEMORY_TOO_SMALL] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_MEMORY_TOO_BIG] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_SNAPSHOT_LAYOUT] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_SNAPSHOT_FUNCTIONS] =
        { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [HL_ERR_RESULT_TYPE] =
        { NGX_HTTP_BAD_GATEWAY, NGX_LOG_ERR }
};


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
    ngx_int_t                         rc;
    ngx_http_hyperlight_ctx_t         ctx;
    ngx_http_hyperlight_pool_t       *pool;
    ngx_http_hyperlight_loc_conf_t   *hlcf;
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_get_module_main_conf(r, ngx_http_hyperlight_module);
    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);

    ngx_memzero(&ctx, sizeof(ngx_http_hyperlight_ctx_t));

    ctx.request = r;
    ctx.log = r->connection->log;
    ctx.guest = hlcf->guest;
    ctx.function = &hlcf->function;

    pool = ngx_http_hyperlight_pool(hmcf, hlcf->guest);

    if (pool != NULL) {
        ctx.sandbox = ngx_http_hyperlight_acquire(pool);
    }

    if (ctx.sandbox == NULL) {
        ngx_http_hyperlight_log(&ctx, NGX_LOG_ERR, ": no sandbox is ready");
        ngx_http_finalize_request(r, ngx_http_hyperlight_unavailable(r));
        return;
    }

    rc = ngx_http_hyperlight_call(&ctx, hlcf);

    ngx_http_hyperlight_release(pool);

    if (rc == NGX_OK) {
        rc = ngx_http_hyperlight_send(&ctx);
    }

    ngx_http_finalize_request(r, rc);

    /* the client does not wait for this; the request may be gone */

    ngx_http_hyperlight_restore(pool);
}


ngx_int_t
ngx_http_hyperlight_fail(ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err)
{
    const ngx_http_hyperlight_outcome_t  *outcome;

    outcome = &ngx_http_hyperlight_outcomes[err->status];

    ngx_http_hyperlight_log(ctx, outcome->level, ": %s", err->text);

    if (outcome->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return ngx_http_hyperlight_unavailable(ctx->request);
    }

    return (ngx_int_t) outcome->status;
}


static ngx_int_t
ngx_http_hyperlight_unavailable(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Retry-After");
    ngx_str_set(&h->value, NGX_HTTP_HYPERLIGHT_RETRY_AFTER);
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}


/* NGX_OK: there is a response to send; else the status of an error. */

static ngx_int_t
ngx_http_hyperlight_call(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_loc_conf_t *hlcf)
{
    ngx_int_t             rc;
    hl_error_t            err;
    hl_status_t           status;
    const hl_function_t  *function;

    /* by name each time: a row belongs to a sandbox, and these come and go */

    function = hl_sandbox_function(ctx->sandbox, (char *) ctx->function->data);

    if (function == NULL) {
        return ngx_http_hyperlight_unknown(ctx);
    }

    hl_sandbox_set_data(ctx->sandbox, ctx);

    rc = ngx_http_hyperlight_begin(ctx, function);

    if (rc != NGX_OK) {
        hl_call_cancel(ctx->sandbox);
        return rc;
    }

    status = ngx_http_hyperlight_run(ctx, hlcf, &err);

    ngx_http_hyperlight_log_rest(ctx);

    if (status == HL_OK && function->kind == HL_FUNCTION_TYPED) {
        status = ngx_http_hyperlight_result(ctx, function, &err);
    }

    return (status == HL_OK) ? NGX_OK : ngx_http_hyperlight_fail(ctx, &err);
}


static ngx_int_t
ngx_http_hyperlight_unknown(ngx_http_hyperlight_ctx_t *ctx)
{
    u_char               *p, *last;
    size_t                i, n;
    char                  name[128];
    u_char                names[NGX_HTTP_HYPERLIGHT_LOG_TEXT];
    const hl_function_t  *rows;

    p = names;
    last = names + sizeof(names);

    rows = hl_sandbox_functions(ctx->sandbox, &n);

    for (i = 0; i < n && p < last; i++) {
        p = ngx_slprintf(p, last, "%s\"", i ? ", " : "");
        (void) hl_error_escape(name, sizeof(name), rows[i].name,
                               ngx_strlen(rows[i].name));
        p = ngx_slprintf(p, last, "%s\"", name);
    }

    ngx_http_hyperlight_log(ctx, NGX_LOG_ERR,
                            " is unknown, the guest has %*s",
                            n ? (size_t) (p - names) : 4,
                            n ? names : (u_char *) "none");

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* Runs the guest to its end, or to that of its time. */

static hl_status_t
ngx_http_hyperlight_run(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_loc_conf_t *hlcf, hl_error_t *err)
{
    uint64_t           start, cpu, cpu_limit, wall, timeout;
    const hl_stats_t  *stats;

    cpu_limit = ngx_min(ctx->guest->cpu_limit, hlcf->cpu_limit);
    cpu_limit *= 1000000;

    timeout = ngx_min(ctx->guest->timeout, hlcf->timeout);
    timeout *= 1000000;

    stats = hl_sandbox_stats(ctx->sandbox);
    start = ngx_http_hyperlight_now();

    cpu = 0;
    wall = 0;

    while (cpu < cpu_limit && wall < timeout) {

        switch (hl_sandbox_run(ctx->sandbox,
                               ngx_min(cpu_limit - cpu, timeout - wall), err))
        {
        case HL_STOP_DONE:
            return HL_OK;

        case HL_STOP_FAILED:
            return err->status;

        default: /* HL_STOP_SLICE */
            cpu = stats->guest_ns;
            wall = ngx_http_hyperlight_now() - start;
        }
    }

    hl_call_cancel(ctx->sandbox);

    return hl_error_set(err, HL_ERR_TIMEOUT, "it exceeded its %s of %u ms",
                        (cpu < cpu_limit) ? "timeout" : "cpu_limit",
                        (unsigned) (((cpu < cpu_limit) ? timeout : cpu_limit)
                                    / 1000000));
}


/* nginx's own clock stands still while a guest runs. */

static uint64_t
ngx_http_hyperlight_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


/* A typed function's result is the body, and without one there is none. */

static hl_status_t
ngx_http_hyperlight_result(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function, hl_error_t *err)
{
    const hl_value_t  *result;

    if (function->result == HL_TYPE_VOID) {
        return ngx_http_hyperlight_put_status(ctx, NGX_HTTP_NO_CONTENT, err);
    }

    result = hl_call_result(ctx->sandbox);

    if (result == NULL) {
        return hl_error_set(err, HL_ERR_OUTPUT, "there is no result");
    }

    if (function->result == HL_TYPE_STRING
        && hl_check_string(result->v.bytes.data, result->v.bytes.len, err)
           != HL_OK)
    {
        /* not the client's String but the guest's */

        err->status = HL_ERR_OUTPUT;
        return err->status;
    }

    return ngx_http_hyperlight_put_body(ctx, result->v.bytes.data,
                                        result->v.bytes.len, err);
}
