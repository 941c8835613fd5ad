/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_set.c: a variable whose value a guest computes.
 *
 * It is computed when somebody looks at it, once for a request unless it is
 * volatile.  nginx's variables do not wait: the guest runs to its end in one
 * slice, in a sandbox that is free now, and without what would suspend it;
 * else the variable is not found, and a line of the log says why.
 *
 * What is in a variable goes into headers and requests to others as it is.
 * So a value that has control characters is none.
 */

#include "ngx_http_hyperlight.h"

#include <inttypes.h>


/* What fits in a ngx_http_variable_value_t's "len", of 28 bits. */
#define NGX_HTTP_HYPERLIGHT_VALUE_MAX  0x0fffffff


typedef struct {
    ngx_int_t                       index;        /* of the variable */
    ngx_http_hyperlight_target_t    target;
    ngx_array_t                     args;
                                     /* of ngx_http_complex_value_t */
    unsigned                        is_volatile:1;
    unsigned                        busy:1;       /* is being looked at */
} ngx_http_hyperlight_set_t;


static ngx_http_variable_t *ngx_http_hyperlight_set_variable(ngx_conf_t *cf,
    ngx_str_t *name, ngx_int_t *index);
static char *ngx_http_hyperlight_set_args(ngx_conf_t *cf,
    ngx_http_hyperlight_set_t *set, ngx_str_t *value, ngx_uint_t n);
static ngx_http_hyperlight_set_t *ngx_http_hyperlight_set_find(
    ngx_array_t *sets, ngx_int_t index);
static ngx_int_t ngx_http_hyperlight_set_handler(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_hyperlight_set_call(ngx_http_request_t *r,
    ngx_http_hyperlight_set_t *set, ngx_http_variable_value_t *v);
static ngx_int_t ngx_http_hyperlight_set_begin(
    ngx_http_hyperlight_ctx_t *ctx, const hl_function_t *function);
static ngx_uint_t ngx_http_hyperlight_set_signature(
    ngx_http_hyperlight_ctx_t *ctx, const hl_function_t *function);
static hl_status_t ngx_http_hyperlight_set_accept(
    ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err);
static void ngx_http_hyperlight_set_finish(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc);


/* hyperlight_set [volatile] $variable GUEST FUNCTION [ARGUMENT ...] */

char *
ngx_http_hyperlight_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_hyperlight_loc_conf_t *hlcf = conf;

    ngx_int_t                    index;
    ngx_str_t                   *value, *end;
    ngx_uint_t                   is_volatile;
    ngx_http_hyperlight_set_t   *set, **setp;

    value = cf->args->elts;
    end = value + cf->args->nelts;
    value++;

    is_volatile = (ngx_strcmp(value->data, "volatile") == 0);
    value += is_volatile;

    if (end - value < 3) {
        return "needs a variable, GUEST and FUNCTION";
    }

    if (ngx_http_hyperlight_set_variable(cf, value, &index) == NULL) {
        return NGX_CONF_ERROR;
    }

    if (hlcf->sets == NULL) {
        hlcf->sets = ngx_array_create(cf->pool, 4,
                                      sizeof(ngx_http_hyperlight_set_t *));
        if (hlcf->sets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_hyperlight_set_find(hlcf->sets, index)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate hyperlight_set \"$%V\"", value);
        return NGX_CONF_ERROR;
    }

    set = ngx_pcalloc(cf->pool, sizeof(ngx_http_hyperlight_set_t));
    setp = ngx_array_push(hlcf->sets);

    if (set == NULL || setp == NULL) {
        return NGX_CONF_ERROR;
    }

    *setp = set;

    set->index = index;
    set->is_volatile = is_volatile & 1;

    if (ngx_http_hyperlight_target(cf, &value[1], &set->target)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    value += 3;

    return ngx_http_hyperlight_set_args(cf, set, value,
                                        (ngx_uint_t) (end - value));
}


/* Without its "$", then; in several locations it has several meanings. */

static ngx_http_variable_t *
ngx_http_hyperlight_set_variable(ngx_conf_t *cf, ngx_str_t *name,
    ngx_int_t *index)
{
    ngx_http_variable_t  *v;

    if (name->len < 2 || name->data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\"", name);
        return NULL;
    }

    name->data++;
    name->len--;

    v = ngx_http_add_variable(cf, name, NGX_HTTP_VAR_CHANGEABLE);
    if (v == NULL) {
        return NULL;
    }

    if (v->get_handler && v->get_handler != ngx_http_hyperlight_set_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the variable \"$%V\" is another's already", name);
        return NULL;
    }

    *index = ngx_http_get_variable_index(cf, name);
    if (*index == NGX_ERROR) {
        return NULL;
    }

    v->get_handler = ngx_http_hyperlight_set_handler;
    v->data = (uintptr_t) *index;

    return v;
}


static char *
ngx_http_hyperlight_set_args(ngx_conf_t *cf, ngx_http_hyperlight_set_t *set,
    ngx_str_t *value, ngx_uint_t n)
{
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    if (n > HL_ABI_PARAMS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a function has %d arguments at most",
                           HL_ABI_PARAMS_MAX);
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&set->args, cf->pool, n ? n : 1,
                       sizeof(ngx_http_complex_value_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {
        cv = ngx_array_push(&set->args);    /* there is room for it */

        if (ngx_http_hyperlight_target_value(cf, &value[i], cv)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_http_hyperlight_set_t *
ngx_http_hyperlight_set_find(ngx_array_t *sets, ngx_int_t index)
{
    ngx_uint_t                   i;
    ngx_http_hyperlight_set_t  **set;

    if (sets == NULL) {
        return NULL;
    }

    set = sets->elts;

    for (i = 0; i < sets->nelts; i++) {
        if (set[i]->index == index) {
            return set[i];
        }
    }

    return NULL;
}


/* Each variable by itself: one that the child has, hides the parent's. */

char *
ngx_http_hyperlight_set_merge(ngx_http_hyperlight_loc_conf_t *conf,
    ngx_http_hyperlight_loc_conf_t *prev)
{
    ngx_uint_t                   i;
    ngx_http_hyperlight_set_t  **from, **to;

    if (conf->sets == NULL || prev->sets == NULL) {
        conf->sets = conf->sets ? conf->sets : prev->sets;
        return NGX_CONF_OK;
    }

    from = prev->sets->elts;

    for (i = 0; i < prev->sets->nelts; i++) {

        if (ngx_http_hyperlight_set_find(conf->sets, from[i]->index)) {
            continue;
        }

        to = ngx_array_push(conf->sets);
        if (to == NULL) {
            return NGX_CONF_ERROR;
        }

        *to = from[i];
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_hyperlight_set_handler(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_int_t                         rc;
    ngx_http_hyperlight_set_t        *set;
    ngx_http_hyperlight_loc_conf_t   *hlcf;
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_get_module_main_conf(r, ngx_http_hyperlight_module);
    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);
    set = ngx_http_hyperlight_set_find(hlcf->sets, (ngx_int_t) data);

    if (set == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    /* a guest that asks for it runs already */

    if (set->busy || (hmcf->worker && hmcf->worker->evaluating)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      set->busy ? "hyperlight: a variable depends on itself"
                                : "hyperlight: a guest asks for a variable "
                                  "that a guest computes");
        v->not_found = 1;
        return NGX_OK;
    }

    set->busy = 1;
    rc = ngx_http_hyperlight_set_call(r, set, v);
    set->busy = 0;

    return rc;
}


static ngx_int_t
ngx_http_hyperlight_set_call(ngx_http_request_t *r,
    ngx_http_hyperlight_set_t *set, ngx_http_variable_value_t *v)
{
    ngx_int_t                   rc;
    ngx_str_t                  *args;
    ngx_uint_t                  i, n;
    ngx_http_complex_value_t   *cv;
    ngx_http_hyperlight_ctx_t  *ctx;

    cv = set->args.elts;
    n = set->args.nelts;

    args = ngx_palloc(r->pool, (n ? n : 1) * sizeof(ngx_str_t));
    if (args == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_complex_value(r, &cv[i], &args[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    rc = ngx_http_hyperlight_create_call(r, &set->target,
                                         ngx_http_hyperlight_set_finish,
                                         &ctx);

    /* not before all that it depends on has been looked at */

    ngx_memzero(v, sizeof(ngx_http_variable_value_t));
    v->not_found = 1;
    v->no_cacheable = set->is_volatile;

    if (rc != NGX_OK) {
        return rc == NGX_HTTP_NOT_FOUND ? NGX_OK : NGX_ERROR;
    }

    ctx->begin = ngx_http_hyperlight_set_begin;
    ctx->accept = ngx_http_hyperlight_set_accept;
    ctx->args = args;
    ctx->nargs = n;
    ctx->variable = v;
    ctx->no_body = 1;
    ctx->whole = 1;
    ctx->at_once = 1;

    ngx_http_hyperlight_start(ctx);

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_set_begin(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function)
{
    size_t       i;
    hl_error_t   err;
    hl_value_t   args[HL_ABI_PARAMS_MAX];

    if (!ngx_http_hyperlight_set_signature(ctx, function)) {
        ctx->record.outcome = NGX_HTTP_HYPERLIGHT_ERROR;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (function->kind == HL_FUNCTION_HTTP) {
        return ngx_http_hyperlight_begin(ctx, function);
    }

    ngx_memzero(args, sizeof(args));

    for (i = 0; i < ctx->nargs; i++) {
        args[i].type = function->params[i];
        args[i].v.bytes.data = ctx->args[i].data;
        args[i].v.bytes.len = ctx->args[i].len;
    }

    if (hl_call_typed(ctx->sandbox, function, NULL, function->result,
                      args, ctx->nargs, NULL, &err)
        != HL_OK)
    {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    return NGX_OK;
}


/* A function of as many arguments, all of them bytes, that has a result. */

static ngx_uint_t
ngx_http_hyperlight_set_signature(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function)
{
    size_t  i;

    if (function->kind == HL_FUNCTION_HTTP) {

        if (ctx->nargs == 0) {
            return 1;
        }

        ngx_http_hyperlight_log(ctx, NGX_LOG_ERR, " is an HTTP function, and "
                                "has no arguments, but hyperlight_set has %ui",
                                ctx->nargs);
        return 0;
    }

    for (i = 0; i < function->param_count; i++) {
        if (function->params[i] != HL_TYPE_STRING
            && function->params[i] != HL_TYPE_VECBYTES)
        {
            break;
        }
    }

    if (i == function->param_count && i == ctx->nargs
        && function->result != HL_TYPE_VOID)
    {
        return 1;
    }

    ngx_http_hyperlight_log(ctx, NGX_LOG_ERR, " has %uz arguments and the "
                            "result %s: a variable needs one with %ui, all "
                            "of them String or VecBytes, and a result",
                            function->param_count,
                            hl_type_name(function->result), ctx->nargs);

    return 0;
}


static hl_status_t
ngx_http_hyperlight_set_accept(ngx_http_hyperlight_ctx_t *ctx,
    hl_error_t *err)
{
    u_char       *p;
    ngx_chain_t  *cl;

    if (ctx->body_size > NGX_HTTP_HYPERLIGHT_VALUE_MAX) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the value has %zu bytes, "
                            "nginx takes %d at most", ctx->body_size,
                            NGX_HTTP_HYPERLIGHT_VALUE_MAX);
    }

    for (cl = ctx->body; cl; cl = cl->next) {
        for (p = cl->buf->pos; p < cl->buf->last; p++) {

            if (ngx_http_hyperlight_is_control(*p)) {
                return hl_error_set(err, HL_ERR_OUTPUT, "the value has a "
                                    "control character, 0x%02x", *p);
            }
        }
    }

    return HL_OK;
}


/* Of an HTTP function: a status from 300 on says that there is no value. */

static void
ngx_http_hyperlight_set_finish(ngx_http_hyperlight_ctx_t *ctx, ngx_int_t rc)
{
    u_char                     *p;
    ngx_chain_t                *cl;
    ngx_http_variable_value_t  *v;

    if (rc != NGX_OK || ctx->status >= NGX_HTTP_SPECIAL_RESPONSE) {
        return;
    }

    /* a pointer that is not NULL, if only to nothing */

    p = ngx_pnalloc(ctx->request->pool, ctx->body_size + 1);
    if (p == NULL) {
        return;
    }

    v = ctx->variable;

    v->data = p;
    v->len = (unsigned) ctx->body_size & NGX_HTTP_HYPERLIGHT_VALUE_MAX;
    v->valid = 1;
    v->not_found = 0;

    for (cl = ctx->body; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos,
                       (size_t) (cl->buf->last - cl->buf->pos));
    }
}


hl_status_t
ngx_http_hyperlight_put_scalar(ngx_http_hyperlight_ctx_t *ctx,
    const hl_value_t *value, hl_error_t *err)
{
    int   n;
    char  text[64];

    switch (value->type) {

    case HL_TYPE_INT:
        n = snprintf(text, sizeof(text), "%" PRId32, value->v.i32);
        break;

    case HL_TYPE_UINT:
        n = snprintf(text, sizeof(text), "%" PRIu32, value->v.u32);
        break;

    case HL_TYPE_LONG:
        n = snprintf(text, sizeof(text), "%" PRId64, value->v.i64);
        break;

    case HL_TYPE_ULONG:
        n = snprintf(text, sizeof(text), "%" PRIu64, value->v.u64);
        break;

    case HL_TYPE_FLOAT:
        n = snprintf(text, sizeof(text), "%.9g", (double) value->v.f32);
        break;

    case HL_TYPE_DOUBLE:
        n = snprintf(text, sizeof(text), "%.17g", value->v.f64);
        break;

    default: /* HL_TYPE_BOOL: as nginx's "if" has it */
        text[0] = value->v.boolean ? '1' : '0';
        n = 1;
        break;
    }

    return ngx_http_hyperlight_put_body(ctx, text, (size_t) n, err);
}
