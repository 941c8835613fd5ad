/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_filter.h: a response that a guest filters, between the
 * filters of nginx and the call.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_FILTER_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_FILTER_H_INCLUDED_


#include "ngx_http_hyperlight.h"
#include "ngx_http_hyperlight_kept.h"


/* Of r->buffered: the one of its bits that no filter of nginx has. */
#define NGX_HTTP_HYPERLIGHT_BUFFERED  0x08
#define NGX_HTTP_HYPERLIGHT_OTHERS    (0x0f ^ NGX_HTTP_HYPERLIGHT_BUFFERED)


/* It lives as long as the request, and hangs on its cleanups. */
struct ngx_http_hyperlight_filter_s {
    ngx_http_request_t          *request;
    ngx_http_hyperlight_ctx_t   *ctx;
    ngx_event_t                  event;
    ngx_http_event_handler_pt    write_handler;   /* that it stands in for */
    ngx_http_hyperlight_kept_t   original;        /* its body */
    ngx_int_t                    rc;              /* of a call that is over */
    unsigned                     starting:1;
    unsigned                     ended:1;         /* the guest's: its end has
                                                     been passed on */
    unsigned                     ending:1;        /* it is being passed on */
    unsigned                     passing:1;       /* others go by */
    unsigned                     failed:1;        /* no other is tried */
    unsigned                     looked:1;        /* for the client */
};


/* The last one of the request; NULL: there was none. */
ngx_http_hyperlight_filter_t *ngx_http_hyperlight_filter_of(
    ngx_http_request_t *r);

/* For the filter's own output: behind itself. */
ngx_int_t ngx_http_hyperlight_filter_next_header(ngx_http_request_t *r);
ngx_int_t ngx_http_hyperlight_filter_next_body(ngx_http_request_t *r,
    ngx_chain_t *in);

/* The event handler, and a ngx_http_hyperlight_finish_pt. */
void ngx_http_hyperlight_filter_handler(ngx_event_t *ev);
void ngx_http_hyperlight_filter_finish(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc);

/* A piece of the original. */
ngx_int_t ngx_http_hyperlight_filter_keep(ngx_http_hyperlight_filter_t *f,
    ngx_chain_t *in);

/* What is left of the original is dropped, then the request can end. */
void ngx_http_hyperlight_filter_end(ngx_http_hyperlight_filter_t *f);

/* The last that a call begins with. */
ngx_int_t ngx_http_hyperlight_filter_begin_body(
    ngx_http_hyperlight_ctx_t *ctx);

/* The guest's status and headers over the original's. */
ngx_int_t ngx_http_hyperlight_filter_change(ngx_http_hyperlight_ctx_t *ctx);

/* What the client is told of a call that ended so. */
ngx_int_t ngx_http_hyperlight_filter_status(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc);


#endif /* _NGX_HTTP_HYPERLIGHT_FILTER_H_INCLUDED_ */
