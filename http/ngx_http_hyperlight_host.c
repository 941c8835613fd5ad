/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_host.c: what a guest may ask of nginx, and what it says
 * to error_log.
 *
 * Whatever a guest writes is escaped, so that it cannot pass for a line of
 * nginx, and bounded, so that it cannot fill the disk at its pleasure.
 */

#include "ngx_http_hyperlight.h"


static hl_status_t ngx_http_hyperlight_get_header(void *data,
    const hl_value_t *args, size_t n, hl_value_t *result, hl_error_t *err);
static ngx_int_t ngx_http_hyperlight_join_header(
    ngx_http_hyperlight_ctx_t *ctx, ngx_str_t *name, ngx_str_t *value);
static hl_status_t ngx_http_hyperlight_put_log(void *data,
    hl_log_level_t level, const char *source, size_t source_len, uint32_t line,
    const char *message, size_t message_len, hl_error_t *err);
static hl_status_t ngx_http_hyperlight_put_print(void *data, const char *text,
    size_t len, hl_error_t *err);
static void ngx_http_hyperlight_print_line(ngx_http_hyperlight_ctx_t *ctx);
static ngx_uint_t ngx_http_hyperlight_may_log(ngx_http_hyperlight_ctx_t *ctx,
    ngx_uint_t level);


const hl_sink_t  ngx_http_hyperlight_sink = {
    ngx_http_hyperlight_put_log,
    ngx_http_hyperlight_put_print,
    ngx_http_hyperlight_put_status,
    ngx_http_hyperlight_put_header,
    ngx_http_hyperlight_put_body,
    ngx_http_hyperlight_put_removal,
    ngx_http_hyperlight_put_metric,
    ngx_http_hyperlight_admit
};

const hl_services_t  ngx_http_hyperlight_services = {
    ngx_http_hyperlight_sleep,
    ngx_http_hyperlight_flush,
    ngx_http_hyperlight_read_body,
    ngx_http_hyperlight_subrequest,
    ngx_http_hyperlight_subrequest_read,
    ngx_http_hyperlight_subrequest_close,
    ngx_http_hyperlight_guest_variable
};


/* HostPrint is the core's: it comes as what is written to stdout does. */

const hl_host_function_t  ngx_http_hyperlight_functions[] = {

    { "GetHeader", HL_TYPE_STRING, 1, { HL_TYPE_STRING },
      ngx_http_hyperlight_get_header },

    { "GetVariable", HL_TYPE_STRING, 1, { HL_TYPE_STRING },
      ngx_http_hyperlight_get_variable }
};

const size_t  ngx_http_hyperlight_nfunctions =
                  sizeof(ngx_http_hyperlight_functions)
                  / sizeof(ngx_http_hyperlight_functions[0]);


/* In the order of hl_log_level_t. */

static const ngx_uint_t  ngx_http_hyperlight_levels[] = {
    NGX_LOG_DEBUG, NGX_LOG_DEBUG, NGX_LOG_INFO, NGX_LOG_WARN, NGX_LOG_ERR,
    NGX_LOG_CRIT
};


/*
 * A request header's value, as $http_NAME has it: all of them, if there are
 * several, and an empty string, if there is none.
 */

static hl_status_t
ngx_http_hyperlight_get_header(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    ngx_str_t  name, value;

    if (ctx->request == NULL) {
        return hl_error_set(err, HL_ERR_GUEST,
                            "there is no request during initialization");
    }

    /* ngx_str_t knows no const */

    name.data = (u_char *) (uintptr_t) args[0].v.bytes.data;
    name.len = args[0].v.bytes.len;

    if (ngx_http_hyperlight_join_header(ctx, &name, &value) != NGX_OK) {
        return hl_error_set(err, HL_ERR_SYSTEM, "out of memory");
    }

    if (hl_check_string(value.data, value.len, err) != HL_OK) {
        return hl_error_set(err, HL_ERR_GUEST,
                            "the header's value is not UTF-8");
    }

    result->type = HL_TYPE_STRING;
    result->v.bytes.data = value.data;
    result->v.bytes.len = value.len;

    return HL_OK;
}


/*
 * One value is handed out where it lies.  Several are joined in a buffer of
 * the request that grows to the longest of them, however often a guest asks.
 */

static ngx_int_t
ngx_http_hyperlight_join_header(ngx_http_hyperlight_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char                        *p, separator;
    size_t                         size;
    ngx_uint_t                     n;
    ngx_table_elt_t               *h;
    ngx_http_hyperlight_search_t   search;

    static const ngx_str_t  cookie = ngx_string("Cookie");

    n = 0;
    size = 0;
    ngx_str_set(value, "");

    if (ngx_http_hyperlight_hidden(ctx->guest, name)) {
        return NGX_OK;
    }

    ngx_memzero(&search, sizeof(ngx_http_hyperlight_search_t));

    while ((h = ngx_http_hyperlight_find_header(ctx->request, &search,
                                                name))) {
        *value = h->value;
        size += h->value.len + 2;
        n++;
    }

    if (n <= 1) {
        return NGX_OK;
    }

    p = ngx_http_hyperlight_join_room(ctx, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    separator = ngx_http_hyperlight_same(name, &cookie) ? ';' : ',';

    ngx_memzero(&search, sizeof(ngx_http_hyperlight_search_t));

    while ((h = ngx_http_hyperlight_find_header(ctx->request, &search,
                                                name))) {

        if (p != ctx->joined) {
            *p++ = separator;
            *p++ = ' ';
        }

        p = ngx_cpymem(p, h->value.data, h->value.len);
    }

    value->data = ctx->joined;
    value->len = (size_t) (p - ctx->joined);

    return NGX_OK;
}


u_char *
ngx_http_hyperlight_join_room(ngx_http_hyperlight_ctx_t *ctx, size_t size)
{
    if (ctx->joined_size < size) {
        ctx->joined_size = 0;

        ctx->joined = ngx_pnalloc(ctx->request->pool, size);
        if (ctx->joined == NULL) {
            return NULL;
        }

        ctx->joined_size = size;
    }

    return ctx->joined;
}


static hl_status_t
ngx_http_hyperlight_put_log(void *data, hl_log_level_t level,
    const char *source, size_t source_len, uint32_t line, const char *message,
    size_t message_len, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    char         file[128], text[NGX_HTTP_HYPERLIGHT_LOG_TEXT];
    ngx_uint_t   nlevel;

    nlevel = ngx_http_hyperlight_levels[level];

    if (!ngx_http_hyperlight_may(ctx, NGX_HTTP_HYPERLIGHT_MAY_LOG)) {
        return HL_OK;
    }

    if (!ngx_http_hyperlight_may_log(ctx, nlevel)) {
        return HL_OK;
    }

    ngx_http_hyperlight_log(ctx, nlevel, " log: %s (%s:%uD)",
                            hl_error_escape(text, sizeof(text), message,
                                            message_len),
                            hl_error_escape(file, sizeof(file), source,
                                            source_len),
                            line);

    return HL_OK;
}


static hl_status_t
ngx_http_hyperlight_put_print(void *data, const char *text, size_t len,
    hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    const char  *last;

    if (!ngx_http_hyperlight_may(ctx, NGX_HTTP_HYPERLIGHT_MAY_LOG)) {
        return HL_OK;
    }

    if (ctx->log->log_level < NGX_LOG_INFO) {
        return HL_OK;
    }

    if (ctx->line == NULL) {
        ctx->line = ngx_pnalloc(ctx->request->pool,
                                NGX_HTTP_HYPERLIGHT_LOG_TEXT);
        if (ctx->line == NULL) {
            return hl_error_set(err, HL_ERR_SYSTEM, "out of memory");
        }
    }

    for (last = text + len; text < last; text++) {

        if (*text == '\n') {
            ngx_http_hyperlight_print_line(ctx);
            continue;
        }

        if (ctx->line_len == NGX_HTTP_HYPERLIGHT_LOG_TEXT) {
            ngx_http_hyperlight_print_line(ctx);
        }

        ctx->line[ctx->line_len++] = (u_char) *text;
    }

    return HL_OK;
}


static void
ngx_http_hyperlight_print_line(ngx_http_hyperlight_ctx_t *ctx)
{
    char  text[NGX_HTTP_HYPERLIGHT_LOG_TEXT];

    if (ngx_http_hyperlight_may_log(ctx, NGX_LOG_INFO)) {
        ngx_http_hyperlight_log(ctx, NGX_LOG_INFO, " print: %s",
                                hl_error_escape(text, sizeof(text), ctx->line,
                                                ctx->line_len));
    }

    ctx->line_len = 0;
}


void
ngx_http_hyperlight_log_rest(ngx_http_hyperlight_ctx_t *ctx)
{
    if (ctx->line_len) {
        ngx_http_hyperlight_print_line(ctx);
    }
}


/* Counts the guest's lines, and says once that the rest is dropped. */

static ngx_uint_t
ngx_http_hyperlight_may_log(ngx_http_hyperlight_ctx_t *ctx, ngx_uint_t level)
{
    if (ctx->log->log_level < level) {
        return 0;
    }

    if (ctx->lines < (ngx_uint_t) ctx->limits.log_lines) {
        ctx->lines++;
        return 1;
    }

    if (ctx->lines == (ngx_uint_t) ctx->limits.log_lines) {
        ctx->lines++;
        ngx_http_hyperlight_over(ctx, NGX_HTTP_HYPERLIGHT_OVER_LOG);
        ngx_http_hyperlight_log(ctx, NGX_LOG_WARN,
                                " has logged %i lines, the rest is dropped",
                                ctx->limits.log_lines);
    }

    return 0;
}


void
ngx_http_hyperlight_log(ngx_http_hyperlight_ctx_t *ctx, ngx_uint_t level,
    const char *fmt, ...)
{
    u_char   *p;
    char      function[NGX_HTTP_HYPERLIGHT_NAME_TEXT];
    u_char    text[NGX_MAX_ERROR_STR];
    va_list   args;

    if (ctx->log->log_level < level) {
        return;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    if (ctx->request == NULL) {
        ngx_log_error(level, ctx->log, 0,
                      "hyperlight: guest \"%V\" initialization%*s",
                      &ctx->guest->name, (size_t) (p - text), text);
        return;
    }

    ngx_log_error(level, ctx->log, 0,
                  "hyperlight: guest \"%V\" function \"%s\"%*s",
                  &ctx->guest->name,
                  hl_error_escape(function, sizeof(function),
                                  ctx->function->data, ctx->function->len),
                  (size_t) (p - text), text);
}
