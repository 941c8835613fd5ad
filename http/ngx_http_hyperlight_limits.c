/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_limits.c: limits of a call other than time: their
 * defaults, their bounds, and how a location lowers those of its guest.
 */

#include "ngx_http_hyperlight.h"


static char *ngx_http_hyperlight_check_header_size(ngx_conf_t *cf,
    void *post, void *data);


/* As counters have them: the directive of a guest that sets the limit. */

ngx_str_t  ngx_http_hyperlight_limit_names[] = {
    ngx_string("cpu_limit"),
    ngx_string("timeout"),
    ngx_string("slice"),
    ngx_string("header_limit"),
    ngx_string("header_size_limit"),
    ngx_string("log_limit"),
    ngx_string("host_call_limit"),
    ngx_string("subrequest_limit"),
    ngx_string("metrics")
};

_Static_assert(sizeof(ngx_http_hyperlight_limit_names)
               / sizeof(ngx_str_t) == NGX_HTTP_HYPERLIGHT_LIMITS,
               "each limit has a name");


ngx_conf_num_bounds_t  ngx_http_hyperlight_headers_bounds = {
    ngx_conf_check_num_bounds, 0, NGX_HTTP_HYPERLIGHT_HEADERS_MAX
};

ngx_conf_num_bounds_t  ngx_http_hyperlight_log_bounds = {
    ngx_conf_check_num_bounds, 0, NGX_HTTP_HYPERLIGHT_LOG_MAX
};

ngx_conf_num_bounds_t  ngx_http_hyperlight_host_call_bounds = {
    ngx_conf_check_num_bounds, 0, NGX_HTTP_HYPERLIGHT_HOST_CALLS_MAX
};

ngx_conf_num_bounds_t  ngx_http_hyperlight_subrequest_bounds = {
    ngx_conf_check_num_bounds, 0, NGX_HTTP_HYPERLIGHT_SUBREQUESTS_MAX
};

ngx_conf_post_t  ngx_http_hyperlight_header_size_post = {
    ngx_http_hyperlight_check_header_size
};


void
ngx_http_hyperlight_limits_unset(ngx_http_hyperlight_limits_t *limits)
{
    limits->headers = NGX_CONF_UNSET;
    limits->header_size = NGX_CONF_UNSET_SIZE;
    limits->log_lines = NGX_CONF_UNSET;
    limits->host_calls = NGX_CONF_UNSET;
    limits->subrequests = NGX_CONF_UNSET;
}


void
ngx_http_hyperlight_limits_init(ngx_http_hyperlight_limits_t *limits)
{
    ngx_conf_init_value(limits->headers, 100);
    ngx_conf_init_size_value(limits->header_size, 32 * 1024);
    ngx_conf_init_value(limits->log_lines, 256);
    ngx_conf_init_value(limits->host_calls, 1000);
    ngx_conf_init_value(limits->subrequests, 100);
}


void
ngx_http_hyperlight_limits_merge(ngx_http_hyperlight_limits_t *conf,
    ngx_http_hyperlight_limits_t *prev)
{
    ngx_conf_merge_value(conf->headers, prev->headers,
                         NGX_HTTP_HYPERLIGHT_HEADERS_MAX);
    ngx_conf_merge_size_value(conf->header_size, prev->header_size,
                              NGX_HTTP_HYPERLIGHT_HEADER_SIZE_MAX);
    ngx_conf_merge_value(conf->log_lines, prev->log_lines,
                         NGX_HTTP_HYPERLIGHT_LOG_MAX);
    ngx_conf_merge_value(conf->host_calls, prev->host_calls,
                         NGX_HTTP_HYPERLIGHT_HOST_CALLS_MAX);
    ngx_conf_merge_value(conf->subrequests, prev->subrequests,
                         NGX_HTTP_HYPERLIGHT_SUBREQUESTS_MAX);
}


void
ngx_http_hyperlight_limits_lower(ngx_http_hyperlight_limits_t *limits,
    ngx_http_hyperlight_limits_t *guest, ngx_http_hyperlight_limits_t *loc)
{
    limits->headers = ngx_min(guest->headers, loc->headers);
    limits->header_size = ngx_min(guest->header_size, loc->header_size);
    limits->log_lines = ngx_min(guest->log_lines, loc->log_lines);
    limits->host_calls = ngx_min(guest->host_calls, loc->host_calls);
    limits->subrequests = ngx_min(guest->subrequests, loc->subrequests);
}


void
ngx_http_hyperlight_over(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_limit_e limit)
{
    ngx_http_hyperlight_row(ctx->guest->metrics)->over[limit]++;
}


static char *
ngx_http_hyperlight_check_header_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t *value = data;

    if (*value <= NGX_HTTP_HYPERLIGHT_HEADER_SIZE_MAX) {
        return NGX_CONF_OK;
    }

    return "must be 1m or less";
}
