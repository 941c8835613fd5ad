/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_guest_set.c: the directives of a guest's block, and
 * what each of them takes.
 */

#include "ngx_http_hyperlight.h"


static char *ngx_http_hyperlight_guest_binary(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static void ngx_http_hyperlight_guest_cleanup(void *data);
static char *ngx_http_hyperlight_guest_sandboxes(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_hyperlight_guest_queue(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_hyperlight_guest_init_data(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_hyperlight_guest_read(ngx_conf_t *cf, ngx_file_t *file,
    hl_config_t *config);
static char *ngx_http_hyperlight_guest_log_level(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_hyperlight_check_time(ngx_conf_t *cf, void *post,
    void *data);


ngx_conf_post_t  ngx_http_hyperlight_time_post = {
    ngx_http_hyperlight_check_time
};


/* Only name, number of arguments, set, offset and post count. */

#define ngx_http_hyperlight_guest_command(name, set, member, post)            \
    { ngx_string(name), NGX_CONF_TAKE1, set, 0,                               \
      offsetof(ngx_http_hyperlight_guest_t, member), post }

#define ngx_http_hyperlight_guest_command12(name, set)                        \
    { ngx_string(name), NGX_CONF_TAKE12, set, 0, 0, NULL }

#define ngx_http_hyperlight_guest_list(name, set)                             \
    { ngx_string(name), NGX_CONF_1MORE, set, 0, 0, NULL }


ngx_command_t  ngx_http_hyperlight_guest_commands[] = {

    ngx_http_hyperlight_guest_command("binary",
        ngx_http_hyperlight_guest_binary, binary, NULL),

    ngx_http_hyperlight_guest_command("heap",
        ngx_conf_set_size_slot, config.heap, NULL),

    ngx_http_hyperlight_guest_command("stack",
        ngx_conf_set_size_slot, config.stack, NULL),

    ngx_http_hyperlight_guest_command("input",
        ngx_conf_set_size_slot, config.input, NULL),

    ngx_http_hyperlight_guest_command("headers",
        ngx_conf_set_size_slot, config.headers, NULL),

    ngx_http_hyperlight_guest_command("output",
        ngx_conf_set_size_slot, config.output, NULL),

    ngx_http_hyperlight_guest_command12("sandboxes",
        ngx_http_hyperlight_guest_sandboxes),

    ngx_http_hyperlight_guest_command12("queue",
        ngx_http_hyperlight_guest_queue),

    ngx_http_hyperlight_guest_command("slice",
        ngx_conf_set_msec_slot, slice, &ngx_http_hyperlight_time_post),

    ngx_http_hyperlight_guest_command("cpu_limit",
        ngx_conf_set_msec_slot, cpu_limit, &ngx_http_hyperlight_time_post),

    ngx_http_hyperlight_guest_command("timeout",
        ngx_conf_set_msec_slot, timeout, &ngx_http_hyperlight_time_post),

    ngx_http_hyperlight_guest_command("init_timeout",
        ngx_conf_set_msec_slot, init_timeout, &ngx_http_hyperlight_time_post),

    ngx_http_hyperlight_guest_command("log_level",
        ngx_http_hyperlight_guest_log_level, log_level, NULL),

    ngx_http_hyperlight_guest_command("clock",
        ngx_conf_set_flag_slot, clock, NULL),

    ngx_http_hyperlight_guest_command("init_data",
        ngx_http_hyperlight_guest_init_data, config, NULL),

    ngx_http_hyperlight_guest_list("allow",
        ngx_http_hyperlight_guest_allow),

    ngx_http_hyperlight_guest_list("hide_header",
        ngx_http_hyperlight_guest_hide_header),

    ngx_http_hyperlight_guest_list("variables",
        ngx_http_hyperlight_guest_variables),

    ngx_http_hyperlight_guest_command("header_limit",
        ngx_conf_set_num_slot, limits.headers,
        &ngx_http_hyperlight_headers_bounds),

    ngx_http_hyperlight_guest_command("header_size_limit",
        ngx_conf_set_size_slot, limits.header_size,
        &ngx_http_hyperlight_header_size_post),

    ngx_http_hyperlight_guest_command("log_limit",
        ngx_conf_set_num_slot, limits.log_lines,
        &ngx_http_hyperlight_log_bounds),

    ngx_http_hyperlight_guest_command("host_call_limit",
        ngx_conf_set_num_slot, limits.host_calls,
        &ngx_http_hyperlight_host_call_bounds),

    ngx_http_hyperlight_guest_command("subrequest_limit",
        ngx_conf_set_num_slot, limits.subrequests,
        &ngx_http_hyperlight_subrequest_bounds),

    ngx_http_hyperlight_guest_command("fail_limit",
        ngx_http_hyperlight_guest_fail_limit, fail_limit, NULL),

    ngx_null_command
};


static ngx_conf_enum_t  ngx_http_hyperlight_log_levels[] = {
    { ngx_string("trace"), HL_LOG_TRACE },
    { ngx_string("debug"), HL_LOG_DEBUG },
    { ngx_string("info"), HL_LOG_INFORMATION },
    { ngx_string("warn"), HL_LOG_WARNING },
    { ngx_string("error"), HL_LOG_ERROR },
    { ngx_string("critical"), HL_LOG_CRITICAL },
    { ngx_string("none"), HL_LOG_NONE },
    { ngx_null_string, 0 }
};


/* Read here and never again: workers only have what was checked. */

static char *
ngx_http_hyperlight_guest_binary(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    ngx_str_t           *value;
    hl_error_t           err;
    ngx_pool_cleanup_t  *cln;

    if (guest->binary) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    if (hl_guest_open(&guest->binary, (char *) value[1].data, &err) != HL_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", err.text);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_hyperlight_guest_cleanup;
    cln->data = guest->binary;

    return NGX_CONF_OK;
}


static void
ngx_http_hyperlight_guest_cleanup(void *data)
{
    hl_guest_destroy(data);
}


/* sandboxes MIN [MAX]; MIN alone: that many, always */

static char *
ngx_http_hyperlight_guest_sandboxes(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    ngx_int_t   min, max;
    ngx_str_t  *value;

    if (guest->sandboxes_min != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    min = ngx_atoi(value[1].data, value[1].len);
    max = (cf->args->nelts == 3) ? ngx_atoi(value[2].data, value[2].len)
                                 : min;

    if (min < 1 || max < min || max > NGX_HTTP_HYPERLIGHT_SANDBOXES_MAX) {
        return "needs MIN, or MIN and MAX, from 1 to 4096";
    }

    guest->sandboxes_min = (ngx_uint_t) min;
    guest->sandboxes_max = (ngx_uint_t) max;

    return NGX_CONF_OK;
}


/* queue N [timeout=TIME] */

static char *
ngx_http_hyperlight_guest_queue(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    ngx_int_t   n;
    ngx_str_t  *value, time;

    if (guest->queue != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n > NGX_HTTP_HYPERLIGHT_QUEUE_MAX) {
        return "needs a length from 0 to 65536";
    }

    guest->queue = (ngx_uint_t) n;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "timeout=", 8) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    time.data = value[2].data + 8;
    time.len = value[2].len - 8;

    guest->queue_timeout = (ngx_msec_t) ngx_parse_time(&time, 0);

    if (guest->queue_timeout == (ngx_msec_t) NGX_ERROR) {
        return "has an invalid timeout";
    }

    return ngx_http_hyperlight_check_time(cf, NULL, &guest->queue_timeout);
}


/* Read here, as the binary is, and kept by the cycle. */

static char *
ngx_http_hyperlight_guest_init_data(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_file_t   file;

    if (guest->config.init_data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = value[1];
    file.log = cf->log;
    file.fd = ngx_open_file(file.name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &file.name);
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_hyperlight_guest_read(cf, &file, &guest->config);

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &file.name);
    }

    return rv;
}


static char *
ngx_http_hyperlight_guest_read(ngx_conf_t *cf, ngx_file_t *file,
    hl_config_t *config)
{
    u_char   *data;
    size_t    size;
    ssize_t   n;

    if (ngx_fd_info(file->fd, &file->info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", &file->name);
        return NGX_CONF_ERROR;
    }

    if (!ngx_is_file(&file->info)
        || ngx_file_size(&file->info) == 0
        || ngx_file_size(&file->info) > NGX_HTTP_HYPERLIGHT_INIT_DATA_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a file of 1 byte to 1g",
                           &file->name);
        return NGX_CONF_ERROR;
    }

    size = (size_t) ngx_file_size(&file->info);

    data = ngx_palloc(cf->pool, size);
    if (data == NULL) {
        return NGX_CONF_ERROR;
    }

    n = ngx_read_file(file, data, size, 0);

    if (n != (ssize_t) size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, (n == NGX_ERROR) ? ngx_errno : 0,
                           "reading \"%V\" failed", &file->name);
        return NGX_CONF_ERROR;
    }

    config->init_data = data;
    config->init_data_size = size;

    return NGX_CONF_OK;
}


/*
 * ngx_conf_set_enum_slot() tells of a wrong value in a [warn], which a reload
 * may not log.
 */

static char *
ngx_http_hyperlight_guest_log_level(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    ngx_str_t        *value;
    ngx_conf_enum_t  *e;

    if (guest->log_level != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (e = ngx_http_hyperlight_log_levels; e->name.len; e++) {
        if (ngx_strcmp(e->name.data, value[1].data) == 0) {
            guest->log_level = e->value;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid log level \"%V\", it must be \"trace\", "
                       "\"debug\", \"info\", \"warn\", \"error\", "
                       "\"critical\" or \"none\"", &value[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_hyperlight_check_time(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *value = data;

    if (*value >= 1 && *value <= NGX_HTTP_HYPERLIGHT_TIME_MAX) {
        return NGX_CONF_OK;
    }

    return "must be between 1ms and 1d";
}
