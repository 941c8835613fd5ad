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
 * whole of it.  It shows when nginx's writer has the request, and there is no
 * end.  A client that leaves ends the request, and so the call, by whoever
 * looks for it then: an upstream, a guest, the writer.
 */

#include "ngx_http_hyperlight_filter.h"


static ngx_int_t ngx_http_hyperlight_filter_next(
    ngx_http_hyperlight_filter_t *f, size_t max, ngx_str_t *piece);
static ngx_int_t ngx_http_hyperlight_await_original(
    ngx_http_hyperlight_ctx_t *ctx);


ngx_int_t
ngx_http_hyperlight_filter_keep(ngx_http_hyperlight_filter_t *f,
    ngx_chain_t *in)
{
    ngx_http_request_t  *r;

    r = f->request;

    if (ngx_http_hyperlight_kept_add(&f->original, r, in) != NGX_OK) {
        return NGX_ERROR;
    }

    if (f->original.in) {
        r->buffered |= NGX_HTTP_HYPERLIGHT_BUFFERED;
    }

    if (!f->event.posted && (!f->ended || f->original.in)) {

        if (f->ended) {
            ngx_post_event(&f->event, &ngx_posted_next_events);

        } else {
            ngx_post_event(&f->event, &ngx_posted_events);
        }
    }

    return NGX_OK;
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
        ngx_http_hyperlight_look(r);
    }

    if (f->ended) {
        ngx_http_hyperlight_kept_drop(&f->original, r);
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

    for (cl = f->original.in; cl && size < max; cl = cl->next) {
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

    if ((f->original.in || !f->original.over)
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

    return ngx_http_hyperlight_await(ctx, ngx_http_hyperlight_await_original,
                                     max);
}


/*
 * NGX_OK: some bytes, which are copied before the producer goes on, or none
 * at the end.
 */

static ngx_int_t
ngx_http_hyperlight_filter_next(ngx_http_hyperlight_filter_t *f, size_t max,
    ngx_str_t *piece)
{
    ngx_http_hyperlight_kept_t  *original;

    original = &f->original;

    if (ngx_http_hyperlight_kept_next(original, f->request, max, piece)
        != NGX_OK)
    {
        return original->over ? NGX_OK : NGX_AGAIN;
    }

    if (original->in == NULL && !original->over) {
        ngx_http_hyperlight_kept_post(original, f->request);
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


/* What is left of the original is dropped, and then the request can end. */

void
ngx_http_hyperlight_filter_end(ngx_http_hyperlight_filter_t *f)
{
    f->ended = 1;

    if (f->original.in) {
        if (!f->event.posted) {
            ngx_post_event(&f->event, &ngx_posted_next_events);
        }

        return;
    }

    f->request->buffered &= NGX_HTTP_HYPERLIGHT_OTHERS;

    ngx_http_hyperlight_kept_post(&f->original, f->request);
}
