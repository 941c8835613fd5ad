/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_target.c: the guest and the function of a directive,
 * which may be named by variables: many tenants in one location.
 *
 * Constant names are known when the configuration is read.  What variables
 * name is a client's word, most likely: it is looked up among the guests that
 * are configured, and what is not found there is 404.
 */

#include "ngx_http_hyperlight.h"


static ngx_int_t ngx_http_hyperlight_target_guest(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target, ngx_http_hyperlight_guest_t **guest);
static ngx_str_t *ngx_http_hyperlight_target_function(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target);


char *
ngx_http_hyperlight_target_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                      *value;
    ngx_http_hyperlight_target_t  **target;

    target = (ngx_http_hyperlight_target_t **) (void *)
             ((char *) conf + cmd->offset);

    if (*target != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strcmp(value[1].data, "off") != 0) {
            return "needs GUEST and FUNCTION, or \"off\"";
        }

        *target = NULL;

        return NGX_CONF_OK;
    }

    *target = ngx_pcalloc(cf->pool, sizeof(ngx_http_hyperlight_target_t));
    if (*target == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_hyperlight_target(cf, &value[1], *target);
}


char *
ngx_http_hyperlight_target(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_hyperlight_target_t *target)
{
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_hyperlight_module);

    if (ngx_http_script_variables_count(&value[1]) == 0
        && (value[1].len == 0 || value[1].len > HL_ABI_NAME_MAX))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid function name \"%V\": "
                           "its length must be between 1 and %d",
                           &value[1], HL_ABI_NAME_MAX);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_hyperlight_target_value(cf, &value[0], &target->name)
        != NGX_CONF_OK
        || ngx_http_hyperlight_target_value(cf, &value[1], &target->function)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (target->name.lengths) {
        return NGX_CONF_OK;
    }

    target->guest = ngx_http_hyperlight_guest_get(cf, hmcf, &value[0]);

    return target->guest ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_hyperlight_target_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t *cv)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_hyperlight_create_call(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target, ngx_http_hyperlight_finish_pt finish,
    ngx_http_hyperlight_ctx_t **ctx)
{
    ngx_int_t                     rc;
    ngx_str_t                    *function;
    ngx_http_hyperlight_guest_t  *guest;

    rc = ngx_http_hyperlight_target_guest(r, target, &guest);
    if (rc != NGX_OK) {
        return rc;
    }

    function = ngx_http_hyperlight_target_function(r, target);
    if (function == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *ctx = ngx_http_hyperlight_create_ctx(r, guest, function, finish);
    if (*ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (*ctx)->named = (target->name.lengths || target->function.lengths);

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_target_guest(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target, ngx_http_hyperlight_guest_t **guest)
{
    char                              text[NGX_HTTP_HYPERLIGHT_NAME_TEXT];
    ngx_str_t                         name;
    ngx_http_hyperlight_main_conf_t  *hmcf;

    if (target->guest) {
        *guest = target->guest;
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, &target->name, &name) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    hmcf = ngx_http_get_module_main_conf(r, ngx_http_hyperlight_module);
    *guest = ngx_http_hyperlight_guest_find(hmcf, &name);

    if (*guest) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "hyperlight: guest \"%s\" is unknown",
                  hl_error_escape(text, sizeof(text), name.data, name.len));

    return NGX_HTTP_NOT_FOUND;
}


/*
 * With a NUL behind it, which core wants, and as long as the request, whose
 * log names it.  One that has a NUL inside would be taken for a shorter one:
 * no function can have the name that it gets instead.
 */

static ngx_str_t *
ngx_http_hyperlight_target_function(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target)
{
    u_char     *p;
    ngx_str_t  *function, value;

    if (target->function.lengths == NULL) {
        return &target->function.value;
    }

    if (ngx_http_complex_value(r, &target->function, &value) != NGX_OK) {
        return NULL;
    }

    function = ngx_palloc(r->pool, sizeof(ngx_str_t));
    p = ngx_pnalloc(r->pool, value.len + 1);

    if (function == NULL || p == NULL) {
        return NULL;
    }

    function->data = p;
    function->len = value.len;

    *ngx_cpymem(p, value.data, value.len) = '\0';

    if (ngx_strlchr(p, p + value.len, '\0')) {
        ngx_str_set(function, "");
    }

    return function;
}
