/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_status.c: answers a request for the status, in the form
 * that its argument "format" names, or its Accept prefers, or as a page.
 */

#include "ngx_http_hyperlight_status.h"


typedef struct {
    ngx_str_t                       name;    /* of the argument */
    ngx_str_t                       type;    /* in Accept */
    ngx_str_t                       content_type;
    ngx_http_hyperlight_format_pt   write;
} ngx_http_hyperlight_format_t;


static ngx_int_t ngx_http_hyperlight_status_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_status_header(ngx_http_request_t *r,
    const char *name, const char *value);
static ngx_int_t ngx_http_hyperlight_status_send(ngx_http_request_t *r,
    const ngx_http_hyperlight_format_t *format,
    ngx_http_hyperlight_out_t *out);
static ngx_http_hyperlight_view_t *ngx_http_hyperlight_status_views(
    ngx_http_request_t *r, ngx_uint_t *n);
static const ngx_http_hyperlight_format_t *ngx_http_hyperlight_status_format(
    ngx_http_request_t *r);
static const ngx_http_hyperlight_format_t *ngx_http_hyperlight_status_accept(
    ngx_http_request_t *r);
static void ngx_http_hyperlight_accept_ranges(ngx_str_t *value,
    ngx_uint_t *quality, ngx_uint_t *match);
static void ngx_http_hyperlight_accept_range(u_char *p, u_char *last,
    ngx_uint_t *quality, ngx_uint_t *match);
static ngx_uint_t ngx_http_hyperlight_accept_quality(u_char *p, u_char *last);


/* Those that are preferred alike: the first one. */

static const ngx_http_hyperlight_format_t  ngx_http_hyperlight_formats[] = {

    { ngx_string("html"),
      ngx_string("text/html"),
      ngx_string("text/html; charset=utf-8"),
      ngx_http_hyperlight_status_html },

    { ngx_string("json"),
      ngx_string("application/json"),
      ngx_string("application/json"),
      ngx_http_hyperlight_status_json },

    { ngx_string("prometheus"),
      ngx_string("text/plain"),
      ngx_string("text/plain; version=0.0.4; charset=utf-8"),
      ngx_http_hyperlight_status_prometheus }
};

#define NGX_HTTP_HYPERLIGHT_FORMATS                                           \
    (sizeof(ngx_http_hyperlight_formats)                                      \
     / sizeof(ngx_http_hyperlight_format_t))


char *
ngx_http_hyperlight_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_hyperlight_status_handler) {
        return "is duplicate";
    }

    clcf->handler = ngx_http_hyperlight_status_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_hyperlight_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    ngx_uint_t                           n;
    ngx_http_hyperlight_out_t            out;
    ngx_http_hyperlight_view_t          *views;
    const ngx_http_hyperlight_format_t  *format;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        if (ngx_http_hyperlight_status_header(r, "Allow", "GET, HEAD")
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    format = ngx_http_hyperlight_status_format(r);

    if (format == NULL) {
        return NGX_HTTP_BAD_REQUEST;
    }

    views = ngx_http_hyperlight_status_views(r, &n);

    if (views == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&out, sizeof(ngx_http_hyperlight_out_t));
    out.pool = r->pool;

    format->write(&out, views, n);

    if (out.failed || out.last == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_hyperlight_status_send(r, format, &out);
}


static ngx_int_t
ngx_http_hyperlight_status_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) (uintptr_t) name;
    h->value.len = ngx_strlen(value);
    h->value.data = (u_char *) (uintptr_t) value;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


/* The page needs nothing but itself, and nothing else may get into it. */

static ngx_int_t
ngx_http_hyperlight_status_send(ngx_http_request_t *r,
    const ngx_http_hyperlight_format_t *format, ngx_http_hyperlight_out_t *out)
{
    ngx_int_t  rc;

    if (ngx_http_hyperlight_status_header(r, "Cache-Control", "no-store")
        != NGX_OK
        || (format == ngx_http_hyperlight_formats
            && ngx_http_hyperlight_status_header(r, "Content-Security-Policy",
                                    "default-src 'none'; "
                                    "style-src 'unsafe-inline'")
               != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = out->size;
    r->headers_out.content_type = format->content_type;
    r->headers_out.content_type_len = format->content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out->last->buf->last_buf = (r == r->main) ? 1 : 0;
    out->last->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, out->first);
}


static ngx_http_hyperlight_view_t *
ngx_http_hyperlight_status_views(ngx_http_request_t *r, ngx_uint_t *n)
{
    ngx_uint_t                         i;
    ngx_http_hyperlight_view_t        *views, *view;
    ngx_http_hyperlight_guest_t      **guest;
    ngx_http_hyperlight_main_conf_t   *hmcf;

    hmcf = ngx_http_get_module_main_conf(r, ngx_http_hyperlight_module);

    guest = hmcf->guests.elts;
    *n = hmcf->guests.nelts;

    views = ngx_palloc(r->pool, (*n + 1) * sizeof(ngx_http_hyperlight_view_t));
    if (views == NULL) {
        return NULL;
    }

    for (i = 0; i < *n; i++) {
        view = &views[i];

        view->guest = guest[i];

        ngx_http_hyperlight_metrics_sum(guest[i]->metrics, &view->totals);
        ngx_http_hyperlight_metrics_sample(guest[i]->metrics, &view->totals,
                                           &view->then, &view->now);
    }

    return views;
}


/* NULL: the argument names none. */

static const ngx_http_hyperlight_format_t *
ngx_http_hyperlight_status_format(ngx_http_request_t *r)
{
    ngx_str_t                            value;
    const ngx_http_hyperlight_format_t  *format;

    if (ngx_http_arg(r, (u_char *) (uintptr_t) "format", 6, &value) != NGX_OK)
    {
        return ngx_http_hyperlight_status_accept(r);
    }

    for (format = ngx_http_hyperlight_formats;
         format < ngx_http_hyperlight_formats + NGX_HTTP_HYPERLIGHT_FORMATS;
         format++)
    {
        if (value.len == format->name.len
            && ngx_strncmp(value.data, format->name.data, value.len) == 0)
        {
            return format;
        }
    }

    return NULL;
}


/*
 * RFC 9110, 12.5.1: of the ranges that a type is in, the most specific one
 * counts.  If none is accepted, the page is better than no answer.
 */

static const ngx_http_hyperlight_format_t *
ngx_http_hyperlight_status_accept(ngx_http_request_t *r)
{
    ngx_uint_t                     i, best;
    ngx_uint_t                     quality[NGX_HTTP_HYPERLIGHT_FORMATS];
    ngx_uint_t                     match[NGX_HTTP_HYPERLIGHT_FORMATS];
    ngx_table_elt_t               *header;
    ngx_http_hyperlight_search_t   search;

    static const ngx_str_t  accept = ngx_string("Accept");

    ngx_memzero(quality, sizeof(quality));
    ngx_memzero(match, sizeof(match));
    ngx_memzero(&search, sizeof(ngx_http_hyperlight_search_t));

    while ((header = ngx_http_hyperlight_find_header(r, &search, &accept))) {
        ngx_http_hyperlight_accept_ranges(&header->value, quality, match);
    }

    best = 0;

    for (i = 1; i < NGX_HTTP_HYPERLIGHT_FORMATS; i++) {
        if (quality[i] > quality[best]) {
            best = i;
        }
    }

    return &ngx_http_hyperlight_formats[best];
}


static void
ngx_http_hyperlight_accept_ranges(ngx_str_t *value, ngx_uint_t *quality,
    ngx_uint_t *match)
{
    u_char  *p, *last, *comma;

    last = value->data + value->len;

    for (p = value->data; p < last; p = comma + 1) {

        comma = ngx_strlchr(p, last, ',');
        if (comma == NULL) {
            comma = last;
        }

        ngx_http_hyperlight_accept_range(p, comma, quality, match);
    }
}


static void
ngx_http_hyperlight_accept_range(u_char *p, u_char *last, ngx_uint_t *quality,
    ngx_uint_t *match)
{
    size_t            len;
    u_char           *end, *params;
    ngx_uint_t        i, q, specific;
    const ngx_str_t  *type;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    params = ngx_strlchr(p, last, ';');
    end = params ? params : last;

    q = ngx_http_hyperlight_accept_quality(end, last);

    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    len = (size_t) (end - p);

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_FORMATS; i++) {
        type = &ngx_http_hyperlight_formats[i].type;

        if (len == type->len && ngx_strncasecmp(p, type->data, len) == 0) {
            specific = 3;

        } else if (len > 2 && len <= type->len && ngx_memcmp(end - 2, "/*", 2)
                                                  == 0
                   && ngx_strncasecmp(p, type->data, len - 1) == 0)
        {
            specific = 2;

        } else if (len == 3 && ngx_memcmp(p, "*/*", 3) == 0) {
            specific = 1;

        } else {
            continue;
        }

        if (specific > match[i]
            || (specific == match[i] && q > quality[i]))
        {
            match[i] = specific;
            quality[i] = q;
        }
    }
}


/* In thousandths: of ";q=0.5", and 1000 without it. */

static ngx_uint_t
ngx_http_hyperlight_accept_quality(u_char *p, u_char *last)
{
    u_char     *end;
    ngx_int_t   q;

    for ( ;; ) {

        p = ngx_strlchr(p, last, ';');
        if (p == NULL) {
            return 1000;
        }

        do {
            p++;
        } while (p < last && (*p == ' ' || *p == '\t'));

        if (last - p > 2 && (p[0] == 'q' || p[0] == 'Q') && p[1] == '=') {
            break;
        }
    }

    p += 2;
    last = p + ngx_min(last - p, 5);

    for (end = p; end < last; end++) {
        if ((*end < '0' || *end > '9') && *end != '.') {
            break;
        }
    }

    q = ngx_atofp(p, (size_t) (end - p), 3);

    return q == NGX_ERROR ? 0 : (ngx_uint_t) q;
}
