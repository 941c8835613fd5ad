/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_kept.c: the body of a response that a guest reads.
 */

#include "ngx_http_hyperlight_kept.h"


ngx_int_t
ngx_http_hyperlight_kept_add(ngx_http_hyperlight_kept_t *kept,
    ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, **last;

    for (last = &kept->in; *last; last = &(*last)->next) { /* void */ }

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (b->last_buf || (r != r->main && b->last_in_chain)) {
            kept->over = 1;
        }

        if (ngx_buf_size(b) == 0) {
            continue;
        }

        cl = ngx_alloc_chain_link(r->pool);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        cl->buf = b;
        cl->next = NULL;

        *last = cl;
        last = &cl->next;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_hyperlight_kept_next(ngx_http_hyperlight_kept_t *kept,
    ngx_http_request_t *r, size_t max, ngx_str_t *piece)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = kept->in;

    if (cl == NULL) {
        ngx_str_null(piece);
        return NGX_AGAIN;
    }

    b = cl->buf;

    piece->data = b->pos;
    piece->len = ngx_min(max, (size_t) (b->last - b->pos));

    b->pos += piece->len;

    if (b->pos == b->last) {
        kept->in = cl->next;
        ngx_free_chain(r->pool, cl);
    }

    return NGX_OK;
}


void
ngx_http_hyperlight_kept_drop(ngx_http_hyperlight_kept_t *kept,
    ngx_http_request_t *r)
{
    ngx_chain_t  *cl;

    while (kept->in) {
        cl = kept->in;
        kept->in = cl->next;

        cl->buf->pos = cl->buf->last;
        ngx_free_chain(r->pool, cl);
    }
}


void
ngx_http_hyperlight_kept_post(ngx_http_hyperlight_kept_t *kept,
    ngx_http_request_t *r)
{
    ngx_http_posted_request_t  *p;

    if (r->done) {
        return;
    }

    for (p = r->main->posted_requests; p; p = p->next) {
        if (p == &kept->posted) {
            return;
        }
    }

    (void) ngx_http_post_request(r, &kept->posted);
}
