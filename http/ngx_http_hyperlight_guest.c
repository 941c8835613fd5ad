/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_guest.c: the block "hyperlight_guest NAME { ... }".
 *
 * A guest may be used before its block, so a name becomes a guest when it is
 * first seen, and the block defines it, as with upstreams and their zones.
 */

#include "ngx_http_hyperlight.h"


static char *ngx_http_hyperlight_guest_directive(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static ngx_uint_t ngx_http_hyperlight_guest_arguments(ngx_command_t *cmd,
    ngx_uint_t n);
static char *ngx_http_hyperlight_guest_init(ngx_conf_t *cf,
    ngx_http_hyperlight_guest_t *guest);
static void ngx_http_hyperlight_guest_values(
    ngx_http_hyperlight_guest_t *guest);
static void ngx_http_hyperlight_guest_config(
    ngx_http_hyperlight_guest_t *guest);


ngx_http_hyperlight_guest_t *
ngx_http_hyperlight_guest_find(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_str_t *name)
{
    ngx_uint_t                     i;
    ngx_http_hyperlight_guest_t  **guest;

    guest = hmcf->guests.elts;

    for (i = 0; i < hmcf->guests.nelts; i++) {
        if (guest[i]->name.len == name->len
            && ngx_memcmp(guest[i]->name.data, name->data, name->len) == 0)
        {
            return guest[i];
        }
    }

    return NULL;
}


ngx_http_hyperlight_guest_t *
ngx_http_hyperlight_guest_get(ngx_conf_t *cf,
    ngx_http_hyperlight_main_conf_t *hmcf, ngx_str_t *name)
{
    ngx_http_hyperlight_guest_t  *guest, **guestp;

    guest = ngx_http_hyperlight_guest_find(hmcf, name);
    if (guest) {
        return guest;
    }

    guest = ngx_pcalloc(cf->pool, sizeof(ngx_http_hyperlight_guest_t));
    if (guest == NULL) {
        return NULL;
    }

    guestp = ngx_array_push(&hmcf->guests);
    if (guestp == NULL) {
        return NULL;
    }

    *guestp = guest;

    guest->name = *name;
    guest->index = hmcf->guests.nelts - 1;
    guest->file_name = cf->conf_file->file.name.data;
    guest->line = cf->conf_file->line;

    return guest;
}


char *
ngx_http_hyperlight_guest_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_hyperlight_main_conf_t *hmcf = conf;

    char                         *rv;
    ngx_str_t                    *value;
    ngx_conf_t                    pcf;
    ngx_http_hyperlight_guest_t  *guest;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "has an empty name";
    }

    guest = ngx_http_hyperlight_guest_get(cf, hmcf, &value[1]);
    if (guest == NULL) {
        return NGX_CONF_ERROR;
    }

    if (guest->defined) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate hyperlight_guest \"%V\"", &guest->name);
        return NGX_CONF_ERROR;
    }

    guest->defined = 1;
    guest->file_name = cf->conf_file->file.name.data;
    guest->line = cf->conf_file->line;

    if (hmcf->first == NULL) {
        hmcf->first = guest;
    }

    guest->config.heap = NGX_CONF_UNSET_SIZE;
    guest->config.stack = NGX_CONF_UNSET_SIZE;
    guest->config.input = NGX_CONF_UNSET_SIZE;
    guest->config.headers = NGX_CONF_UNSET_SIZE;
    guest->config.output = NGX_CONF_UNSET_SIZE;
    guest->sandboxes_min = NGX_CONF_UNSET_UINT;
    guest->queue = NGX_CONF_UNSET_UINT;
    guest->queue_timeout = NGX_CONF_UNSET_MSEC;
    guest->slice = NGX_CONF_UNSET_MSEC;
    guest->cpu_limit = NGX_CONF_UNSET_MSEC;
    guest->timeout = NGX_CONF_UNSET_MSEC;
    guest->init_timeout = NGX_CONF_UNSET_MSEC;
    guest->log_level = NGX_CONF_UNSET_UINT;
    guest->clock = NGX_CONF_UNSET;
    guest->grants = NGX_CONF_UNSET_UINT;
    ngx_http_hyperlight_limits_unset(&guest->limits);

    pcf = *cf;
    cf->handler = ngx_http_hyperlight_guest_directive;
    cf->handler_conf = (void *) guest;

    rv = ngx_conf_parse(cf, NULL);

    *cf = pcf;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_hyperlight_guest_init(cf, guest);
}


/* Does for the block's directives what ngx_conf_handler() does for others. */

static char *
ngx_http_hyperlight_guest_directive(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf)
{
    char           *rv;
    ngx_str_t      *value;
    ngx_command_t  *cmd;

    value = cf->args->elts;

    if (ngx_strcmp(value[0].data, "include") == 0 && cf->args->nelts == 2) {
        return ngx_conf_include(cf, dummy, conf);
    }

    for (cmd = ngx_http_hyperlight_guest_commands; cmd->name.len; cmd++) {

        if (ngx_strcmp(value[0].data, cmd->name.data) != 0) {
            continue;
        }

        if (!ngx_http_hyperlight_guest_arguments(cmd, cf->args->nelts - 1)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of arguments in \"%V\" "
                               "directive", &value[0]);
            return NGX_CONF_ERROR;
        }

        rv = cmd->set(cf, cmd, conf);

        if (rv != NGX_CONF_OK && rv != NGX_CONF_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" directive %s", &value[0], rv);
            return NGX_CONF_ERROR;
        }

        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in hyperlight_guest",
                       &value[0]);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_hyperlight_guest_arguments(ngx_command_t *cmd, ngx_uint_t n)
{
    switch (cmd->type) {

    case NGX_CONF_1MORE:
        return n >= 1;

    case NGX_CONF_TAKE12:
        return n == 1 || n == 2;

    default: /* NGX_CONF_TAKE1 */
        return n == 1;
    }
}


static char *
ngx_http_hyperlight_guest_init(ngx_conf_t *cf,
    ngx_http_hyperlight_guest_t *guest)
{
    hl_error_t  err;

    if (guest->binary == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "hyperlight_guest \"%V\" has no \"binary\"",
                           &guest->name);
        return NGX_CONF_ERROR;
    }

    ngx_http_hyperlight_guest_values(guest);
    ngx_http_hyperlight_guest_config(guest);

    if (guest->variables
        && !(guest->grants & ngx_http_hyperlight_grant(VARIABLES)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "hyperlight_guest \"%V\" "
                           "has \"variables\" and no \"allow variables\"",
                           &guest->name);
        return NGX_CONF_ERROR;
    }

    if (hl_config_check(&guest->config, &err) != HL_OK
        || hl_guest_memory(guest->binary, &guest->config, &guest->memory,
                           &guest->shared, &err)
           != HL_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "hyperlight_guest \"%V\": %s",
                           &guest->name, err.text);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_hyperlight_metrics_zone(cf, &guest->name, &guest->metrics)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* What the block does not say. */

static void
ngx_http_hyperlight_guest_values(ngx_http_hyperlight_guest_t *guest)
{
    hl_config_t  *config, defaults;

    hl_config_init(&defaults);

    config = &guest->config;

    ngx_conf_init_size_value(config->heap, defaults.heap);
    ngx_conf_init_size_value(config->stack, defaults.stack);
    ngx_conf_init_size_value(config->input, defaults.input);
    ngx_conf_init_size_value(config->headers, defaults.headers);
    ngx_conf_init_size_value(config->output, defaults.output);

    /* the room for a body must not depend on how the core rounds */

    config->heap = ngx_align(config->heap, ngx_pagesize);
    config->stack = ngx_align(config->stack, ngx_pagesize);
    config->input = ngx_align(config->input, ngx_pagesize);
    config->headers = ngx_align(config->headers, ngx_pagesize);
    config->output = ngx_align(config->output, ngx_pagesize);

    if (guest->sandboxes_min == NGX_CONF_UNSET_UINT) {
        guest->sandboxes_min = 1;
        guest->sandboxes_max = 16;
    }

    ngx_conf_init_uint_value(guest->queue, 64);
    ngx_conf_init_msec_value(guest->queue_timeout, 1000);
    ngx_conf_init_msec_value(guest->slice, 1);
    ngx_conf_init_msec_value(guest->cpu_limit, 50);
    ngx_conf_init_msec_value(guest->timeout, 1000);
    ngx_conf_init_msec_value(guest->init_timeout, 1000);
    ngx_conf_init_uint_value(guest->log_level, HL_LOG_WARNING);
    ngx_conf_init_value(guest->clock, 1);
    ngx_conf_init_uint_value(guest->grants, NGX_HTTP_HYPERLIGHT_MAY_DEFAULT);
    ngx_http_hyperlight_limits_init(&guest->limits);
}


/* What it says, to core. */

static void
ngx_http_hyperlight_guest_config(ngx_http_hyperlight_guest_t *guest)
{
    hl_config_t  *config;

    config = &guest->config;

    config->denied = 0;

    if (!(guest->grants & ngx_http_hyperlight_grant(RESPONSE_HEADERS))) {
        config->denied |= HL_ABI_DENY_HEADER;
    }

    if (!(guest->grants & ngx_http_hyperlight_grant(METRICS))) {
        config->denied |= HL_ABI_DENY_METRIC;
    }

    config->clock = guest->clock;
    config->log_level = (hl_log_level_t) guest->log_level;
    config->functions = ngx_http_hyperlight_functions;
    config->function_count = ngx_http_hyperlight_nfunctions;
    config->services = &ngx_http_hyperlight_services;
    config->sink = &ngx_http_hyperlight_sink;
}
