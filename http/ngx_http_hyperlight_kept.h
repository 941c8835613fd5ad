/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_kept.h: the body of a response that a guest reads: the
 * buffers that it has not read yet, whose owner waits meanwhile.
 *
 * r is the request whose response it is.  Which bit of r->buffered tells that
 * there are buffers, is the caller's to choose, and to set.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_KEPT_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_KEPT_H_INCLUDED_


#include "ngx_http_hyperlight.h"


typedef struct {
    ngx_chain_t                 *in;
    ngx_http_posted_request_t    posted;
    unsigned                     over:1;          /* the last has arrived */
} ngx_http_hyperlight_kept_t;


/* NGX_ERROR: no memory. */
ngx_int_t ngx_http_hyperlight_kept_add(ngx_http_hyperlight_kept_t *kept,
    ngx_http_request_t *r, ngx_chain_t *in);

/* NGX_OK: the next bytes, up to "max", which stay where they are until the
 * request goes on; NGX_AGAIN: there are none, *piece is empty. */
ngx_int_t ngx_http_hyperlight_kept_next(ngx_http_hyperlight_kept_t *kept,
    ngx_http_request_t *r, size_t max, ngx_str_t *piece);

/* Nobody wants to read them. */
void ngx_http_hyperlight_kept_drop(ngx_http_hyperlight_kept_t *kept,
    ngx_http_request_t *r);

/* The write event handler of who produces the body is to be called. */
void ngx_http_hyperlight_kept_post(ngx_http_hyperlight_kept_t *kept,
    ngx_http_request_t *r);


#endif /* _NGX_HTTP_HYPERLIGHT_KEPT_H_INCLUDED_ */
