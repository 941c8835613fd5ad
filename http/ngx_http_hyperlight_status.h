/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_status.h: the status, between who asks for it and the
 * forms that it is shown in.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_STATUS_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_STATUS_H_INCLUDED_


#include "ngx_http_hyperlight.h"


/* A text that grows in the buffers of a response. */
typedef struct {
    ngx_pool_t                        *pool;
    ngx_chain_t                       *first;
    ngx_chain_t                       *last;
    off_t                              size;
    unsigned                           failed:1; /* out of memory */
} ngx_http_hyperlight_out_t;


/* What a name has to be escaped for. */
typedef enum {
    NGX_HTTP_HYPERLIGHT_IN_HTML = 0,
    NGX_HTTP_HYPERLIGHT_IN_JSON,
    NGX_HTTP_HYPERLIGHT_IN_LABEL
} ngx_http_hyperlight_syntax_e;


/* A guest, as it is now. */
typedef struct {
    ngx_http_hyperlight_guest_t       *guest;
    ngx_http_hyperlight_totals_t       totals;
    ngx_http_hyperlight_sample_t       then;
    ngx_http_hyperlight_sample_t       now;
} ngx_http_hyperlight_view_t;


/* Of what all workers have counted together, where it is in the totals. */
#define ngx_http_hyperlight_sum(member)                                       \
    offsetof(ngx_http_hyperlight_totals_t, sum.member)


typedef void (*ngx_http_hyperlight_format_pt)(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n);


/* At most this many bytes at a time: what is longer is cut. */
#define NGX_HTTP_HYPERLIGHT_OUT_MAX  1024

void ngx_http_hyperlight_out(ngx_http_hyperlight_out_t *out, const char *fmt,
    ...);

/* Text of any length and content, escaped. */
void ngx_http_hyperlight_out_text(ngx_http_hyperlight_out_t *out,
    ngx_str_t *text, ngx_http_hyperlight_syntax_e syntax);

/* Nanoseconds as seconds. */
void ngx_http_hyperlight_out_seconds(ngx_http_hyperlight_out_t *out,
    uint64_t ns);


/* Of Prometheus' text: "name{guest="..."} ", with a label more. */
void ngx_http_hyperlight_prometheus_head(ngx_http_hyperlight_out_t *out,
    const char *name, const char *type, const char *help);
void ngx_http_hyperlight_prometheus_name(ngx_http_hyperlight_out_t *out,
    const char *name, ngx_http_hyperlight_view_t *view, const char *label,
    const char *value);


/* What guests were refused, what they exceeded, metrics of their own. */
void ngx_http_hyperlight_prometheus_guests(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n);
void ngx_http_hyperlight_json_guests(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view);
void ngx_http_hyperlight_html_guests(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view);


void ngx_http_hyperlight_status_prometheus(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n);
void ngx_http_hyperlight_status_json(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n);
void ngx_http_hyperlight_status_html(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n);


#endif /* _NGX_HTTP_HYPERLIGHT_STATUS_H_INCLUDED_ */
