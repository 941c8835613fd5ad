/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_guest_variables.c: nginx's variables that a guest may
 * read, which are those that its "variables" lists.
 */

#include "ngx_http_hyperlight.h"


typedef struct {
    ngx_str_t                         name;       /* without the dollar */
    ngx_int_t                         index;
} ngx_http_hyperlight_readable_t;


static hl_status_t ngx_http_hyperlight_read_variable(
    ngx_http_hyperlight_ctx_t *ctx, const u_char *name, size_t len,
    ngx_http_variable_value_t **value, hl_error_t *err);


/* variables $NAME ... */

char *
ngx_http_hyperlight_guest_variables(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    ngx_str_t                       *value;
    ngx_uint_t                       i;
    ngx_http_hyperlight_readable_t  *var;

    if (guest->variables) {
        return "is duplicate";
    }

    guest->variables = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                       sizeof(ngx_http_hyperlight_readable_t));
    if (guest->variables == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len < 2 || value[i].data[0] != '$') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid variable name \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        /* they look after sandboxes, and one of them runs now */

        if (ngx_strncasecmp(value[i].data, (u_char *) "$hyperlight_", 12)
            == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the variable \"%V\" is not for guests",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        var = ngx_array_push(guest->variables);
        if (var == NULL) {
            return NGX_CONF_ERROR;
        }

        var->name.data = value[i].data + 1;
        var->name.len = value[i].len - 1;

        var->index = ngx_http_get_variable_index(cf, &var->name);
        if (var->index == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


hl_status_t
ngx_http_hyperlight_guest_variable(void *data, const char *name,
    size_t name_len, hl_value_t *value, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    u_char                     *p;
    ngx_http_variable_value_t  *v;

    if (ngx_http_hyperlight_read_variable(ctx, (const u_char *) name,
                                          name_len, &v, err)
        != HL_OK)
    {
        return err->status;
    }

    if (v->not_found) {
        return HL_OK;
    }

    /* the NUL tells an empty one from none */

    p = ngx_http_hyperlight_join_room(ctx, (size_t) v->len + 1);
    if (p == NULL) {
        return hl_error_set(err, HL_ERR_SYSTEM, "out of memory");
    }

    *ngx_cpymem(p, v->data, v->len) = '\0';

    value->v.bytes.data = p;
    value->v.bytes.len = (size_t) v->len + 1;

    return HL_OK;
}


hl_status_t
ngx_http_hyperlight_get_variable(void *data, const hl_value_t *args,
    size_t n, hl_value_t *result, hl_error_t *err)
{
    char                        text[128];
    ngx_http_variable_value_t  *v;

    if (ngx_http_hyperlight_read_variable(data, args[0].v.bytes.data,
                                          args[0].v.bytes.len, &v, err)
        != HL_OK)
    {
        return err->status;
    }

    (void) hl_error_escape(text, sizeof(text), args[0].v.bytes.data,
                           args[0].v.bytes.len);

    if (v->not_found) {
        return hl_error_set(err, HL_ERR_GUEST, "the variable \"%s\" is not "
                            "set", text);
    }

    if (hl_check_string(v->data, v->len, err) != HL_OK) {
        return hl_error_set(err, HL_ERR_GUEST, "the value of the variable "
                            "\"%s\" is not UTF-8", text);
    }

    result->v.bytes.data = v->data;
    result->v.bytes.len = v->len;

    return HL_OK;
}


static hl_status_t
ngx_http_hyperlight_read_variable(ngx_http_hyperlight_ctx_t *ctx,
    const u_char *name, size_t len, ngx_http_variable_value_t **value,
    hl_error_t *err)
{
    char                             text[128];
    ngx_str_t                        wanted;
    ngx_uint_t                       i;
    ngx_http_hyperlight_readable_t  *var;

    if (ctx->request == NULL) {
        return hl_error_set(err, HL_ERR_GUEST,
                            "there is no request during initialization");
    }

    /* ngx_str_t knows no const */

    wanted.data = (u_char *) (uintptr_t) name;
    wanted.len = len;

    var = ctx->guest->variables ? ctx->guest->variables->elts : NULL;

    for (i = 0; var && i < ctx->guest->variables->nelts; i++) {

        if (!ngx_http_hyperlight_same(&var[i].name, &wanted)) {
            continue;
        }

        /* whatever it is made of: a map may have any other in it */

        ctx->pool->worker->evaluating = 1;

        *value = ngx_http_get_flushed_variable(ctx->request,
                                               (ngx_uint_t) var[i].index);

        ctx->pool->worker->evaluating = 0;

        if (*value == NULL) {
            return hl_error_set(err, HL_ERR_SYSTEM, "out of memory");
        }

        return HL_OK;
    }

    return hl_error_set(err, HL_ERR_GUEST, "the guest may not read the "
                        "variable \"%s\"",
                        hl_error_escape(text, sizeof(text), name, len));
}
