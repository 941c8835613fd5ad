/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_body.c: a request's body that is passed on as it
 * arrives (hyperlight_request_buffering off).
 *
 * What is there when the call begins goes with it; a guest that reads on is
 * suspended until there is more.  nginx reads into one buffer, and again when
 * the guest has taken what is in it: a client is as fast as its guest.
 */

#include "ngx_http_hyperlight.h"


static ngx_int_t ngx_http_hyperlight_await_body(
    ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_read_more(ngx_http_request_t *r);
static ngx_buf_t *ngx_http_hyperlight_body_piece(ngx_http_request_t *r);
static void ngx_http_hyperlight_forget_body(ngx_http_hyperlight_ctx_t *ctx);


size_t
ngx_http_hyperlight_take_body(ngx_http_request_t *r, u_char *dst, size_t max)
{
    size_t      n, taken;
    ngx_buf_t  *b;

    for (taken = 0; taken < max; taken += n) {

        b = ngx_http_hyperlight_body_piece(r);
        if (b == NULL) {
            break;
        }

        n = ngx_min(max - taken, (size_t) (b->last - b->pos));

        dst = ngx_cpymem(dst, b->pos, n);
        b->pos += n;
    }

    return taken;
}


hl_status_t
ngx_http_hyperlight_read_body(void *data, size_t max, hl_value_t *piece,
    hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    ngx_buf_t  *b;

    if (ctx->filter) {
        return ngx_http_hyperlight_filter_read(ctx, max, piece);
    }

    if (ctx->no_body) {
        return hl_error_set(err, HL_ERR_GUEST,
                            "the request's body has not been read yet");
    }

    b = ngx_http_hyperlight_body_piece(ctx->request);

    if (b) {
        piece->v.bytes.data = b->pos;
        piece->v.bytes.len = ngx_min(max, (size_t) (b->last - b->pos));

        b->pos += piece->v.bytes.len;

        return HL_OK;
    }

    /* to read may fail, and end the request: not while its guest runs */

    return ngx_http_hyperlight_await(ctx, ngx_http_hyperlight_await_body, max);
}


static ngx_int_t
ngx_http_hyperlight_await_body(ngx_http_hyperlight_ctx_t *ctx)
{
    size_t               n;
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_http_request_t  *r;

    r = ctx->request;
    b = ngx_http_hyperlight_body_piece(r);

    if (b == NULL && r->reading_body) {
        rc = ngx_http_hyperlight_read_more(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        b = ngx_http_hyperlight_body_piece(r);
    }

    if (b == NULL) {
        if (r->reading_body) {
            return NGX_AGAIN;
        }

        ngx_http_hyperlight_answer(ctx, NULL, 0);
        return NGX_OK;
    }

    n = ngx_min(ctx->await_max, (size_t) (b->last - b->pos));

    ngx_http_hyperlight_answer(ctx, b->pos, n);
    b->pos += n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_read_more(ngx_http_request_t *r)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = r->connection;

    rc = ngx_http_read_unbuffered_request_body(r);

    if (rc == NGX_HTTP_BAD_REQUEST && c->error) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    if (rc == NGX_OK) {

        /* from here on only the client's leaving is of interest */

        r->read_event_handler = ngx_http_hyperlight_test_reading;
        ngx_http_hyperlight_look(r);
    }

    /* it is the guest's turn now, the client has kept its time */

    if (ngx_http_hyperlight_body_piece(r) && c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    return rc;
}


/* The first bytes that are there, and were not taken; NULL: there are none. */

static ngx_buf_t *
ngx_http_hyperlight_body_piece(ngx_http_request_t *r)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NULL;
    }

    while (r->request_body->bufs) {
        cl = r->request_body->bufs;
        b = cl->buf;

        if (ngx_buf_in_memory(b) && b->pos < b->last) {
            return b;
        }

        r->request_body->bufs = cl->next;
        ngx_free_chain(r->pool, cl);
    }

    return NULL;
}


/* The call is over, and has not read all of it, maybe. */

void
ngx_http_hyperlight_leave_body(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (r->reading_body) {

        /* nginx will not look for a request behind it: the client is told */

        r->keepalive = 0;
    }

    if (ctx->unbuffered && (ctx->call || r->reading_body)) {
        ngx_http_hyperlight_forget_body(ctx);
    }
}


/*
 * Whoever answers instead would take a part of it for all of it; or an
 * upstream would be told of a length, and take what comes next, maybe another
 * request, for the body.
 */

static void
ngx_http_hyperlight_forget_body(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return;
    }

    r->request_body->bufs = NULL;
    r->headers_in.content_length_n = 0;
    r->headers_in.chunked = 0;

    if (ctx->record.outcome != NGX_HTTP_HYPERLIGHT_OK) {

        /* $content_length; of a good call, the log may have it */

        r->headers_in.content_length = NULL;
    }

#if (NGX_HTTP_V2)
    if (r->stream) {

        /* what is still to come would be over that length */

        r->stream->skip_data = 1;
    }
#endif
}


/*
 * The read event handler while there is a body to come.  A client that has
 * closed its side may have sent all of it; but nobody waits for the rest then,
 * as nginx sees it, unless the guest does.
 */

void
ngx_http_hyperlight_read_handler(ngx_http_request_t *r)
{
    ngx_http_hyperlight_ctx_t    *ctx;
    ngx_http_hyperlight_calls_t  *calls;

    calls = ngx_http_get_module_ctx(r, ngx_http_hyperlight_module);
    ctx = calls->lingers;

    if (r->connection->error) {
        ngx_http_hyperlight_done(ctx, NGX_HTTP_CLIENT_CLOSED_REQUEST);
        return;
    }

    if (ctx->await == ngx_http_hyperlight_await_body) {
        ngx_http_hyperlight_attempt(ctx, ngx_http_hyperlight_await_body);
        return;
    }

    ngx_http_hyperlight_test_reading(r);
}
