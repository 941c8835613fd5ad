/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_sub.h: a sub-request of a guest, between what makes it
 * and the filters that its response ends in.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_SUB_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_SUB_H_INCLUDED_


#include "ngx_http_hyperlight.h"
#include "ngx_http_hyperlight_kept.h"


struct ngx_http_hyperlight_sub_s {
    ngx_http_hyperlight_ctx_t   *ctx;             /* NULL: nobody reads it */
    ngx_http_request_t          *request;
    ngx_http_post_subrequest_t   post;
    ngx_event_t                  writer;          /* to be installed */
    ngx_event_t                  orphan;          /* goes on for nobody */
    ngx_http_hyperlight_kept_t   kept;            /* its body */
    unsigned                     head:1;          /* its headers are there */
    unsigned                     written:1;       /* nginx has all of it */
    unsigned                     ended:1;
};


/* What a guest asks for: NGX_ERROR, if it cannot be asked.  "args" may be
 * empty. */
ngx_int_t ngx_http_hyperlight_sub_uri(ngx_http_request_t *r,
    const hl_subrequest_t *sub, ngx_str_t *uri, ngx_str_t *args);
hl_status_t ngx_http_hyperlight_sub_check(const hl_subrequest_t *sub,
    hl_error_t *err);

/* Makes the new sub-request what was asked for; NGX_ERROR: no memory. */
ngx_int_t ngx_http_hyperlight_sub_build(ngx_http_request_t *sr,
    const hl_subrequest_t *sub);

/* A ngx_http_post_subrequest_pt. */
ngx_int_t ngx_http_hyperlight_sub_done(ngx_http_request_t *sr, void *data,
    ngx_int_t rc);

/* Of ngx_http_hyperlight_await_pt. */
ngx_int_t ngx_http_hyperlight_await_head(ngx_http_hyperlight_ctx_t *ctx);

/* A ngx_pool_cleanup_pt. */
void ngx_http_hyperlight_sub_cleanup(void *data);

/* What was not read yet is not wanted. */
void ngx_http_hyperlight_sub_drop(ngx_http_hyperlight_sub_t *sub);


#endif /* _NGX_HTTP_HYPERLIGHT_SUB_H_INCLUDED_ */
