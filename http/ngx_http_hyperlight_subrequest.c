/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_subrequest.c: a guest asks another location, and has
 * enough of the answer.
 *
 * The sub-request is one of nginx's, in the background: none of its output
 * is the client's.
 */

#include "ngx_http_hyperlight_sub.h"


static hl_status_t ngx_http_hyperlight_sub_create(
    ngx_http_hyperlight_ctx_t *ctx, const hl_subrequest_t *sub,
    hl_error_t *err);
static void ngx_http_hyperlight_sub_end(ngx_http_hyperlight_sub_t *sub);
static void ngx_http_hyperlight_sub_orphan(ngx_http_hyperlight_sub_t *sub);
static ngx_int_t ngx_http_hyperlight_sub_unwanted(ngx_http_request_t *sr);
static void ngx_http_hyperlight_sub_orphan_handler(ngx_event_t *ev);
static void ngx_http_hyperlight_sub_never(ngx_http_request_t *sr);


/* ms, after which one that nobody waits for is looked at again */
#define NGX_HTTP_HYPERLIGHT_ORPHAN_TIME  100


/* A member of the services: hl_http_subrequest(). */

hl_status_t
ngx_http_hyperlight_subrequest(void *data, const hl_subrequest_t *sub,
    size_t max, hl_value_t *head, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    if (ngx_http_hyperlight_may_wait(ctx, err) != HL_OK) {
        return err->status;
    }

    ngx_http_hyperlight_sub_leave(ctx, 1);

    if (ctx->subs++ >= (ngx_uint_t) ctx->limits.subrequests) {
        ngx_http_hyperlight_over(ctx, NGX_HTTP_HYPERLIGHT_OVER_SUBREQUESTS);

        return hl_error_set(err, HL_ERR_GUEST, "a call makes %ld sub-requests "
                            "at most", (long) ctx->limits.subrequests);
    }

    if (ngx_http_hyperlight_sub_create(ctx, sub, err) != HL_OK) {
        return err->status;
    }

    return ngx_http_hyperlight_await(ctx, ngx_http_hyperlight_await_head, max);
}


static hl_status_t
ngx_http_hyperlight_sub_create(ngx_http_hyperlight_ctx_t *ctx,
    const hl_subrequest_t *sub, hl_error_t *err)
{
    ngx_str_t                   uri, args;
    ngx_pool_cleanup_t         *cln;
    ngx_http_request_t         *r, *sr;
    ngx_http_hyperlight_sub_t  *s;

    r = ctx->request;

    if (ngx_http_hyperlight_sub_uri(r, sub, &uri, &args) != NGX_OK) {
        return hl_error_set(err, HL_ERR_GUEST, "the sub-request's URI is not "
                            "a \"/path?arguments\", or is unsafe");
    }

    if (ngx_http_hyperlight_sub_check(sub, err) != HL_OK) {
        return err->status;
    }

    if (r->subrequests == 0) {
        return hl_error_set(err, HL_ERR_GUEST, "sub-requests are nested "
                            "deeper than nginx allows");
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_hyperlight_sub_t));
    if (cln == NULL) {
        goto failed;
    }

    s = cln->data;
    ngx_memzero(s, sizeof(ngx_http_hyperlight_sub_t));
    cln->handler = ngx_http_hyperlight_sub_cleanup;

    s->post.handler = ngx_http_hyperlight_sub_done;
    s->post.data = s;

    if (ngx_http_subrequest(r, &uri, &args, &sr, &s->post,
                            NGX_HTTP_SUBREQUEST_BACKGROUND)
        != NGX_OK)
    {
        goto failed;
    }

    /* it has begun: what fails from here on, ends it */

    s->request = sr;
    s->ctx = ctx;
    ctx->sub = s;

    sr->discard_body = 0;

    if (ngx_http_hyperlight_sub_build(sr, sub) == NGX_OK) {
        return HL_OK;
    }

    ngx_http_hyperlight_sub_leave(ctx, 1);

failed:

    return hl_error_set(err, HL_ERR_SYSTEM, "no sub-request could be made");
}


/* A member of the services. */

hl_status_t
ngx_http_hyperlight_subrequest_close(void *data, hl_error_t *err)
{
    ngx_http_hyperlight_sub_leave(data, 1);

    return HL_OK;
}


void
ngx_http_hyperlight_sub_leave(ngx_http_hyperlight_ctx_t *ctx, ngx_uint_t end)
{
    ngx_http_hyperlight_sub_t  *sub;

    sub = ctx->sub;

    if (sub == NULL) {
        return;
    }

    ctx->sub = NULL;
    sub->ctx = NULL;

    ngx_http_hyperlight_sub_drop(sub);

    if (end && !sub->ended) {
        sub->ended = 1;
        ngx_http_hyperlight_sub_end(sub);
    }
}


/*
 * By what serves it: an upstream as nginx does it when a client leaves, a
 * guest as when it fails, and what only has to be written is forgotten.  What
 * others do goes on to its end, and is dropped.
 */

static void
ngx_http_hyperlight_sub_end(ngx_http_hyperlight_sub_t *sub)
{
    ngx_http_request_t           *sr;
    ngx_http_cleanup_pt           handler;
    ngx_http_hyperlight_calls_t  *calls;

    sr = sub->request;

    if (sr->write_event_handler == ngx_http_handler) {
        sr->write_event_handler = ngx_http_hyperlight_sub_never;
        return;
    }

    if (sr->upstream && sr->upstream->cleanup) {

        /* it may be posted, to go on with what it will not have any more */

        sr->write_event_handler = ngx_http_request_empty_handler;
        sr->done = 1;

        handler = *sr->upstream->cleanup;
        handler(sr);
        return;
    }

    calls = ngx_http_get_module_ctx(sr, ngx_http_hyperlight_module);

    if (calls && calls->lingers) {
        ngx_http_hyperlight_done(calls->lingers, NGX_ERROR);
        return;
    }

    if (sub->written && !sr->aio) {
        sr->write_event_handler = ngx_http_request_empty_handler;
        sr->done = 1;

        ngx_http_finalize_request(sr, NGX_DONE);
        return;
    }

    ngx_http_hyperlight_sub_orphan(sub);
}


/*
 * What it waits for may be the client's socket (limit_req), which nobody
 * watches for it any more: so it tries again, now and then.  And the client
 * is not to wait for what it waited for: of a rate's delay, nginx finds out
 * how long it is when it tries.
 */

static void
ngx_http_hyperlight_sub_orphan(ngx_http_hyperlight_sub_t *sub)
{
    ngx_event_t         *wev;
    ngx_http_request_t  *sr;

    sr = sub->request;
    wev = sr->connection->write;

    sr->content_handler = ngx_http_hyperlight_sub_unwanted;

    if (wev->delayed && sr->connection->data != sr->parent) {
        ngx_add_timer(wev, 1);

    } else if (wev->delayed) {
        wev->delayed = 0;

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }
    }

    sub->orphan.handler = ngx_http_hyperlight_sub_orphan_handler;
    sub->orphan.data = sub;
    sub->orphan.log = sr->connection->log;

    ngx_add_timer(&sub->orphan, NGX_HTTP_HYPERLIGHT_ORPHAN_TIME);

    ngx_http_hyperlight_kept_post(&sub->kept, sr);
}


static void
ngx_http_hyperlight_sub_orphan_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_sub_t *sub = ev->data;

    ngx_connection_t  *c;

    if (sub->request->done) {
        return;
    }

    c = sub->request->connection;

    ngx_http_set_log_request(c->log, sub->request);

    ngx_add_timer(ev, NGX_HTTP_HYPERLIGHT_ORPHAN_TIME);

    ngx_http_hyperlight_kept_post(&sub->kept, sub->request);
    ngx_http_run_posted_requests(c);
}


/* A content handler: of one that was not served yet. */

static ngx_int_t
ngx_http_hyperlight_sub_unwanted(ngx_http_request_t *sr)
{
    return NGX_ERROR;
}


/* Of one that has not begun yet. */

static void
ngx_http_hyperlight_sub_never(ngx_http_request_t *sr)
{
    ngx_http_finalize_request(sr, NGX_ERROR);
}
