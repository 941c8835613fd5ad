/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_filter_body.c: a response's body between who produces
 * it, the original, and the client: what goes in to the guest, and what comes
 * out of it.
 *
 * The request's events stay the producer's: an upstream's, a guest's in the
 * same request, or of nginx's writer, when the producer has left the rest to
 * it.  So a call never runs within the producer's: what arrives is kept, and
 * an event of the filter looks what it is good for, when the producer is done
 * with its own.
 *
 *     in   Buffers are kept until the guest has read them, and r->buffered
 *          says so: the producer waits.  When they are read, the request is
 *          posted, and its write event handler, whose ever it is, goes on.
 *     out  What the client does not take stops the guest.  That it takes more
 *          is told to the write event handler: not each producer passes that
 *          on when it has nothing to send itself, so the filter stands in for
 *          it, once, and hands the event over.  Who replaces the handler
 *          meanwhile is nginx's writer, and that one does pass it on.
 *
 * r->buffered is set for as long as the guest may put something out: nginx
 * keeps the request then, though its producer is done with it.  After the
 * guest's end the rest of the original is dropped, a piece in each turn of
 * the event loop.
 *
 * An original that breaks off ends the call: no guest can make something
 * whole of it.
 */

#include "ngx_http_hyperlight_filter.h"


static ngx_int_t ngx_http_hyperlight_filter_next(
    ngx_http_hyperlight_filter_t *f, size_t max, ngx_str_t *piece);
static ngx_int_t ngx_http_hyperlight_await_original(
    ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_filter_header(
    ngx_http_hyperlight_ctx_t *ctx, off_t length);
static ngx_int_t ngx_http_hyperlight_filter_special(ngx_http_request_t *r,
    ngx_uint_t last);
static void ngx_http_hyperlight_filter_watch(ngx_http_hyperlight_filter_t *f);
static void ngx_http_hyperlight_filter_write_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_filter_send(
    ngx_http_hyperlight_ctx_t *ctx);
static void ngx_http_hyperlight_filter_end(ngx_http_hyperlight_filter_t *f);
static void ngx_http_hyperlight_filter_wake(ngx_http_hyperlight_filter_t *f);


/* ---- in ----------------------------------------------------------------- */

ngx_int_t
ngx_http_hyperlight_filter_keep(ngx_http_hyperlight_filter_t *f,
    ngx_chain_t *in)
{
    ngx_buf_t           *b;
    ngx_chain_t         *cl, **last;
    ngx_http_request_t  *r;

    r = f->request;

    for (last = &f->in; *last; last = &(*last)->next) { /* void */ }

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (r == r->main ? b->last_buf : b->last_buf || b->last_in_chain) {
            f->over = 1;
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

    if (f->in) {
        r->buffered |= NGX_HTTP_HYPERLIGHT_BUFFERED;
    }

    if (!f->event.posted && (!f->ended || f->in)) {

        if (f->ended) {
            ngx_post_event(&f->event, &ngx_posted_next_events);

        } else {
            ngx_post_event(&f->event, &ngx_posted_events);
        }
    }

    return NGX_OK;
}


void
ngx_http_hyperlight_filter_drop(ngx_http_hyperlight_filter_t *f)
{
    ngx_chain_t  *cl;

    while (f->in) {
        cl = f->in;
        f->in = cl->next;

        cl->buf->pos = cl->buf->last;
        ngx_free_chain(f->request->pool, cl);
    }
}


void
ngx_http_hyperlight_filter_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_filter_t *f = ev->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (f->passing) {
        return;
    }

    r = f->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (!f->looked && r->read_event_handler == ngx_http_test_reading) {
        f->looked = 1;
        ngx_http_hyperlight_test_reading(r);
    }

    if (f->ended) {
        ngx_http_hyperlight_filter_drop(f);
        ngx_http_hyperlight_filter_end(f);

    } else {
        ngx_http_hyperlight_attempt(f->ctx,
                                    ngx_http_hyperlight_await_original);
        ngx_http_hyperlight_attempt(f->ctx, ngx_http_hyperlight_filter_drain);
    }

    ngx_http_run_posted_requests(c);
}


/* What of the body is there goes with the call, and may be all of it. */

ngx_int_t
ngx_http_hyperlight_filter_begin_body(ngx_http_hyperlight_ctx_t *ctx)
{
    void                          *room;
    u_char                        *p;
    size_t                         size, max;
    ngx_str_t                      piece;
    hl_error_t                     err;
    ngx_chain_t                   *cl;
    ngx_http_hyperlight_filter_t  *f;

    f = ctx->filter;
    max = ngx_http_hyperlight_body_room(ctx->guest);
    size = 0;

    for (cl = f->in; cl && size < max; cl = cl->next) {
        size += (size_t) ngx_buf_size(cl->buf);
    }

    size = ngx_min(size, max);

    if (hl_call_http_body(ctx->sandbox, size, &room, &err) != HL_OK) {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    for (p = room; size; size -= piece.len) {
        (void) ngx_http_hyperlight_filter_next(f, size, &piece);
        p = ngx_cpymem(p, piece.data, piece.len);
    }

    if ((f->in || !f->over)
        && hl_call_http_more(ctx->sandbox, &err) != HL_OK)
    {
        return ngx_http_hyperlight_fail(ctx, &err);
    }

    return NGX_OK;
}


hl_status_t
ngx_http_hyperlight_filter_read(ngx_http_hyperlight_ctx_t *ctx, size_t max,
    hl_value_t *piece)
{
    ngx_str_t  bytes;

    if (ngx_http_hyperlight_filter_next(ctx->filter, max, &bytes) == NGX_OK) {
        piece->v.bytes.data = bytes.data;
        piece->v.bytes.len = bytes.len;
        return HL_OK;
    }

    ctx->await = ngx_http_hyperlight_await_original;
    ctx->await_max = max;
    ctx->asked = 1;

    return HL_AGAIN;
}


/*
 * NGX_OK: some bytes, which are copied before the producer goes on, or none
 * at the end.
 */

static ngx_int_t
ngx_http_hyperlight_filter_next(ngx_http_hyperlight_filter_t *f, size_t max,
    ngx_str_t *piece)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_str_null(piece);

    cl = f->in;

    if (cl == NULL) {
        return f->over ? NGX_OK : NGX_AGAIN;
    }

    b = cl->buf;

    piece->data = b->pos;
    piece->len = ngx_min(max, (size_t) (b->last - b->pos));

    b->pos += piece->len;

    if (b->pos < b->last) {
        return NGX_OK;
    }

    f->in = cl->next;
    ngx_free_chain(f->request->pool, cl);

    if (f->in == NULL && !f->over) {
        ngx_http_hyperlight_filter_wake(f);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_await_original(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_str_t                      piece;
    ngx_http_request_t            *r;
    ngx_http_hyperlight_filter_t  *f;

    f = ctx->filter;
    r = f->request;

    if (ngx_http_hyperlight_filter_next(f, ctx->await_max, &piece) == NGX_OK) {
        ngx_http_hyperlight_answer(ctx, piece.data, piece.len);
        return NGX_OK;
    }

    /* left to nginx's writer, but for a file that is still read */

    if (r->http_state == NGX_HTTP_WRITING_REQUEST_STATE
        && !(r->buffered & NGX_HTTP_COPY_BUFFERED) && !r->aio)
    {
        ngx_http_hyperlight_log(ctx, NGX_LOG_ERR,
                                ": the response that it filters broke off");
        ctx->record.outcome = NGX_HTTP_HYPERLIGHT_ABORTED;

        return NGX_HTTP_BAD_GATEWAY;
    }

    return NGX_AGAIN;
}


/* The write event handler of who produces it is to be called. */

static void
ngx_http_hyperlight_filter_wake(ngx_http_hyperlight_filter_t *f)
{
    ngx_http_posted_request_t  *p;

    for (p = f->request->main->posted_requests; p; p = p->next) {
        if (p == &f->posted) {
            return;
        }
    }

    (void) ngx_http_post_request(f->request, &f->posted);
}


/* ---- out ---------------------------------------------------------------- */

ngx_int_t
ngx_http_hyperlight_filter_drain(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_chain_t                   *out;
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_hyperlight_filter_t  *f;

    f = ctx->filter;
    r = f->request;
    c = r->connection;

    if (!ctx->streaming) {

        if (ngx_http_hyperlight_filter_header(ctx, -1) != NGX_OK) {
            return NGX_ERROR;
        }

        ctx->streaming = 1;

        if (r->header_only || ngx_http_hyperlight_bodiless(ctx)) {
            return NGX_DONE;
        }

        if (ctx->body == NULL
            && ngx_http_hyperlight_filter_special(r, 0) == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    if (c->data != r) {

        /* of a sub-request whose turn it is not: nginx would keep all of it */

        ngx_http_hyperlight_filter_watch(f);
        return NGX_AGAIN;
    }

    out = ctx->body;

    if (out || ctx->busy) {

        if (out) {
            ctx->last->buf->flush = 1;
        }

        ctx->body = NULL;
        ctx->last = NULL;
        ctx->body_size = 0;

        rc = ngx_http_hyperlight_filter_next_body(r, out);

        ngx_chain_update_chains(r->pool, &ctx->free, &ctx->busy, &out,
                                (ngx_buf_tag_t) &ngx_http_hyperlight_module);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (ctx->busy) {
        ngx_http_hyperlight_filter_watch(f);
        return NGX_AGAIN;
    }

    ngx_http_hyperlight_filter_quiet(f);

    if (ctx->asked) {
        ngx_http_hyperlight_answer(ctx, NULL, 0);
    }

    return NGX_OK;
}


/* Another body than the original's: what was said of that holds no more. */

static ngx_int_t
ngx_http_hyperlight_filter_header(ngx_http_hyperlight_ctx_t *ctx,
    off_t length)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    if (ngx_http_hyperlight_filter_change(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_hyperlight_bodiless(ctx)) {
        ctx->body = NULL;

    } else {
        r->headers_out.content_length_n = length;
    }

    rc = ngx_http_hyperlight_filter_next_header(r);

    return (rc == NGX_ERROR || rc > NGX_OK) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_filter_special(ngx_http_request_t *r, ngx_uint_t last)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (!last) {
        b->flush = 1;

    } else if (r == r->main) {
        b->last_buf = 1;

    } else {
        b->sync = 1;
        b->last_in_chain = 1;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_hyperlight_filter_next_body(r, &out);
}


/* The client has to take more, or its turn has to come. */

static void
ngx_http_hyperlight_filter_watch(ngx_http_hyperlight_filter_t *f)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = f->request;

    if (r->write_event_handler != ngx_http_hyperlight_filter_write_handler) {
        f->write_handler = r->write_event_handler;
        r->write_event_handler = ngx_http_hyperlight_filter_write_handler;
    }

    if (r->connection->data != r) {
        return;
    }

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    /* an error is found again by who writes next */

    (void) ngx_handle_write_event(wev, clcf->send_lowat);
}


void
ngx_http_hyperlight_filter_unwatch(ngx_http_hyperlight_filter_t *f)
{
    ngx_http_request_t  *r;

    r = f->request;

    if (r->write_event_handler == ngx_http_hyperlight_filter_write_handler) {
        r->write_event_handler = f->write_handler;
    }
}


static void
ngx_http_hyperlight_filter_write_handler(ngx_http_request_t *r)
{
    ngx_event_t                   *wev;
    ngx_connection_t              *c;
    ngx_http_event_handler_pt      handler;
    ngx_http_hyperlight_filter_t  *f;

    c = r->connection;
    wev = c->write;

    f = ngx_http_hyperlight_filter_of(r);
    handler = f->write_handler;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        ngx_http_hyperlight_done(f->ctx, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!wev->delayed) {
        ngx_http_hyperlight_filter_unwatch(f);
        ngx_http_hyperlight_attempt(f->ctx, ngx_http_hyperlight_filter_drain);

        if (f->passing) {
            return;
        }
    }

    handler(r);
}


/* nginx's writer gives the client a time to take what only waits here. */

void
ngx_http_hyperlight_filter_quiet(ngx_http_hyperlight_filter_t *f)
{
    ngx_connection_t  *c;

    c = f->request->connection;

    if (c->write->timer_set && !c->write->delayed && !c->buffered
        && c->data == f->request)
    {
        ngx_del_timer(c->write);
    }
}


/* ---- the end ------------------------------------------------------------ */

void
ngx_http_hyperlight_filter_finish(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_http_request_t            *r;
    ngx_http_hyperlight_filter_t  *f;

    f = ctx->filter;
    r = f->request;

    if (f->starting) {
        f->rc = rc;
        return;
    }

    if (f->passing) {
        return;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_hyperlight_filter_send(ctx);
    }

    if (rc == NGX_OK) {
        ngx_http_hyperlight_filter_end(f);
        return;
    }

    if (rc != NGX_ERROR && rc != NGX_HTTP_REQUEST_TIME_OUT && r != r->main) {

        /* a part of a page: the rest of it is missing */

        ngx_http_hyperlight_filter_end(f);
        return;
    }

    f->failed = 1;
    f->passing = 1;
    r->keepalive = 0;

    if (rc != NGX_ERROR && rc != NGX_HTTP_REQUEST_TIME_OUT) {

        if (!ctx->streaming) {
            rc = ngx_http_hyperlight_filter_status(ctx, rc);
            (void) ngx_http_filter_finalize_request(r,
                                                  &ngx_http_hyperlight_module,
                                                  rc);
        }

        rc = NGX_ERROR;
    }

    /* whoever produces the rest of the original stops with the request, and
     * an upstream gives up its hold on it: there must be another */

    r->main->count++;

    ngx_http_finalize_request(r, rc);
}


ngx_int_t
ngx_http_hyperlight_filter_status(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc)
{
    /* what does not fit is not the client's */

    return rc < NGX_HTTP_INTERNAL_SERVER_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR
                                               : rc;
}


static ngx_int_t
ngx_http_hyperlight_filter_send(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_buf_t           *b;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (!ctx->streaming
        && ngx_http_hyperlight_filter_header(ctx, (off_t) ctx->body_size)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->header_only || ngx_http_hyperlight_bodiless(ctx)) {
        return NGX_OK;
    }

    if (ctx->body == NULL) {
        return ngx_http_hyperlight_filter_special(r, 1) == NGX_ERROR
               ? NGX_ERROR : NGX_OK;
    }

    b = ctx->last->buf;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    return ngx_http_hyperlight_filter_next_body(r, ctx->body) == NGX_ERROR
           ? NGX_ERROR : NGX_OK;
}


/* What is left of the original is dropped, and then the request can end. */

static void
ngx_http_hyperlight_filter_end(ngx_http_hyperlight_filter_t *f)
{
    f->ended = 1;

    if (f->in) {
        if (!f->event.posted) {
            ngx_post_event(&f->event, &ngx_posted_next_events);
        }

        return;
    }

    f->request->buffered &= NGX_HTTP_HYPERLIGHT_OTHERS;

    ngx_http_hyperlight_filter_wake(f);
}
