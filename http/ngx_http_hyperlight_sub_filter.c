/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_sub_filter.c: the response to a guest's sub-request,
 * which ends here and goes to the guest.
 *
 * Buffers are kept until the guest has read them, and their owner waits
 * meanwhile: an upstream is read as fast as the guest reads.  Which requests
 * are meant is told by their post_subrequest: contexts do not survive an
 * internal redirect.
 */

#include "ngx_http_hyperlight_sub.h"


/* The bit of a filter that comes later, and sees none of these requests. */
#define NGX_HTTP_HYPERLIGHT_SUB_BUFFERED  NGX_HTTP_SUB_BUFFERED
#define NGX_HTTP_HYPERLIGHT_SUB_OTHERS    (0x0f ^ NGX_HTTP_SUB_BUFFERED)


/* A hl_abi_subresponse_t and its headers, counted or written. */
typedef struct {
    u_char    *p;                                 /* NULL: only counted */
    size_t     size;
    uint32_t   count;
} ngx_http_hyperlight_head_t;


static ngx_int_t ngx_http_hyperlight_sub_header_filter(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_sub_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_http_hyperlight_sub_t *ngx_http_hyperlight_sub_of(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_sub_next(ngx_http_hyperlight_sub_t *sub,
    size_t max, ngx_str_t *piece);
static ngx_int_t ngx_http_hyperlight_await_sub(
    ngx_http_hyperlight_ctx_t *ctx);
static void ngx_http_hyperlight_sub_writer_handler(ngx_event_t *ev);
static void ngx_http_hyperlight_sub_writer(ngx_http_request_t *sr);
static void ngx_http_hyperlight_sub_wake(ngx_http_hyperlight_sub_t *sub);
static void ngx_http_hyperlight_answer_head(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_request_t *sr);
static void ngx_http_hyperlight_put_head(ngx_http_hyperlight_head_t *head,
    ngx_http_request_t *sr);
static ngx_int_t ngx_http_hyperlight_put_field(void *data, const char *name,
    size_t len, ngx_str_t *value);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_hyperlight_sub_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_hyperlight_sub_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_hyperlight_sub_body_filter;

    return NGX_OK;
}


static ngx_http_hyperlight_sub_t *
ngx_http_hyperlight_sub_of(ngx_http_request_t *r)
{
    if (r == r->main || r->post_subrequest == NULL
        || r->post_subrequest->handler != ngx_http_hyperlight_sub_done)
    {
        return NULL;
    }

    return r->post_subrequest->data;
}


static ngx_int_t
ngx_http_hyperlight_sub_header_filter(ngx_http_request_t *r)
{
    ngx_http_hyperlight_sub_t  *sub;

    sub = ngx_http_hyperlight_sub_of(r);

    if (sub == NULL) {
        return ngx_http_next_header_filter(r);
    }

    if (sub->ctx == NULL) {
        return NGX_ERROR;
    }

    r->header_sent = 1;
    r->filter_need_in_memory = 1;

    if (r->method == NGX_HTTP_HEAD
        || r->headers_out.status == NGX_HTTP_NO_CONTENT
        || r->headers_out.status == NGX_HTTP_NOT_MODIFIED)
    {
        r->header_only = 1;
    }

    /* of a sub-request, nginx's static files do not send an empty body */

    if (r->headers_out.content_length_n == 0) {
        sub->kept.over = 1;
    }

    /* else nginx reads on to the end before it passes anything on */

    if (r->upstream && !r->upstream->store
#if (NGX_HTTP_CACHE)
        && !r->upstream->cacheable
#endif
        )
    {
        r->upstream->buffering = 0;
    }

    sub->head = 1;

    ngx_http_hyperlight_sub_wake(sub);

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_sub_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_hyperlight_sub_t  *sub;

    sub = ngx_http_hyperlight_sub_of(r);

    if (sub == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (sub->ctx == NULL) {

        /* not NGX_ERROR, which would be the connection's */

        for ( /* void */ ; in; in = in->next) {
            in->buf->pos = in->buf->last;
            in->buf->file_pos = in->buf->file_last;
        }

        return NGX_OK;
    }

    if (ngx_http_hyperlight_kept_add(&sub->kept, r, in) != NGX_OK) {
        return NGX_ERROR;
    }

    if (sub->kept.in) {
        r->buffered |= NGX_HTTP_HYPERLIGHT_SUB_BUFFERED;
    }

    ngx_http_hyperlight_sub_wake(sub);

    return sub->kept.in ? NGX_AGAIN : NGX_OK;
}


/* As long as there is something in it, the sub-request does not end. */

ngx_int_t
ngx_http_hyperlight_sub_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_hyperlight_sub_t *sub = data;

    if (sr->connection->error) {
        return rc;
    }

    if (rc == NGX_ERROR || rc == NGX_HTTP_REQUEST_TIME_OUT
        || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST || rc == NGX_HTTP_CLOSE)
    {
        /* it has failed, and not the request that it is for */

        sr->buffered = 0;
        rc = NGX_OK;
    }

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE || rc == NGX_HTTP_CREATED
        || rc == NGX_HTTP_NO_CONTENT)
    {
        return rc;
    }

    if (sr->buffered || sr->postponed) {
        sub->written = 1;

        /* nginx is about to set one that waits for the client */

        sub->writer.handler = ngx_http_hyperlight_sub_writer_handler;
        sub->writer.data = sub;
        sub->writer.log = sr->connection->log;

        ngx_post_event(&sub->writer, &ngx_posted_events);

        return rc;
    }

    sub->ended = 1;

    /* it may have been posted, or be later: by an answer to the client */

    sr->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_hyperlight_sub_wake(sub);

    return rc;
}


/*
 * ngx_http_writer() of a sub-request obeys the rate of its client, and waits
 * for its socket.  Here the guest takes what there is.
 */

static void
ngx_http_hyperlight_sub_writer_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_sub_t *sub = ev->data;

    ngx_event_t         *wev;
    ngx_connection_t    *c;
    ngx_http_request_t  *sr;

    sr = sub->request;
    c = sr->connection;
    wev = c->write;

    if (sr->done) {
        return;
    }

    ngx_http_set_log_request(c->log, sr);

    sr->write_event_handler = ngx_http_hyperlight_sub_writer;

    /* the timer that came with the other: a guest that waits needs none */

    if (wev->timer_set && !wev->delayed && sub->ctx
        && sub->ctx->request == c->data && sub->ctx->busy == NULL)
    {
        ngx_del_timer(wev);
    }

    ngx_http_hyperlight_sub_writer(sr);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_hyperlight_sub_writer(ngx_http_request_t *sr)
{
    ngx_int_t  rc;

    if (sr->aio) {

        /* its end calls this again */

        return;
    }

    rc = ngx_http_output_filter(sr, NULL);

    if (rc != NGX_ERROR && (sr->buffered || sr->postponed)) {
        return;
    }

    sr->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(sr, rc);
}


/* With the last of the request, whatever it ended by. */

void
ngx_http_hyperlight_sub_cleanup(void *data)
{
    ngx_http_hyperlight_sub_t *sub = data;

    if (sub->writer.posted) {
        ngx_delete_posted_event(&sub->writer);
    }

    if (sub->orphan.timer_set) {
        ngx_del_timer(&sub->orphan);
    }
}


static void
ngx_http_hyperlight_sub_wake(ngx_http_hyperlight_sub_t *sub)
{
    if (sub->ctx) {
        ngx_http_hyperlight_attempt(sub->ctx, ngx_http_hyperlight_await_head);
    }

    if (sub->ctx) {
        ngx_http_hyperlight_attempt(sub->ctx, ngx_http_hyperlight_await_sub);
    }
}


void
ngx_http_hyperlight_sub_drop(ngx_http_hyperlight_sub_t *sub)
{
    ngx_http_hyperlight_kept_drop(&sub->kept, sub->request);

    sub->request->buffered &= NGX_HTTP_HYPERLIGHT_SUB_OTHERS;
}


void
ngx_http_hyperlight_sub_go_on(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_sub_t  *sub;

    sub = ctx->sub;

    if (sub && !sub->ended
        && sub->request->write_event_handler != ngx_http_handler)
    {
        ngx_http_hyperlight_kept_post(&sub->kept, sub->request);
    }
}


/* ---- what the guest reads ----------------------------------------------- */

hl_status_t
ngx_http_hyperlight_subrequest_read(void *data, size_t max, hl_value_t *piece,
    hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    ngx_str_t  bytes;

    if (ctx->sub == NULL) {
        return hl_error_set(err, HL_ERR_GUEST,
                            "there is no sub-request to read");
    }

    if (ngx_http_hyperlight_sub_next(ctx->sub, max, &bytes) == NGX_OK) {
        piece->v.bytes.data = bytes.data;
        piece->v.bytes.len = bytes.len;
        return HL_OK;
    }

    return ngx_http_hyperlight_await(ctx, ngx_http_hyperlight_await_sub, max);
}


static ngx_int_t
ngx_http_hyperlight_await_sub(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t  rc;
    ngx_str_t  bytes;

    rc = ngx_http_hyperlight_sub_next(ctx->sub, ctx->await_max, &bytes);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        ngx_http_hyperlight_answer_error(ctx, "the response broke off");

    } else {
        ngx_http_hyperlight_answer(ctx, bytes.data, bytes.len);
    }

    return NGX_OK;
}


/*
 * NGX_OK: some bytes, which are copied before the sub-request goes on, or
 * none at the end; NGX_ERROR: it broke off before its end.
 */

static ngx_int_t
ngx_http_hyperlight_sub_next(ngx_http_hyperlight_sub_t *sub, size_t max,
    ngx_str_t *piece)
{
    ngx_http_request_t  *sr;

    sr = sub->request;

    if (ngx_http_hyperlight_kept_next(&sub->kept, sr, max, piece) == NGX_OK) {

        if (sub->kept.in == NULL && !sub->ended) {
            sr->buffered &= NGX_HTTP_HYPERLIGHT_SUB_OTHERS;
            ngx_http_hyperlight_kept_post(&sub->kept, sr);
        }

        return NGX_OK;
    }

    if (sub->kept.over || (sub->ended && sr->header_only)) {
        return NGX_OK;
    }

    return sub->ended ? NGX_ERROR : NGX_AGAIN;
}


ngx_int_t
ngx_http_hyperlight_await_head(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_sub_t  *sub;

    sub = ctx->sub;

    if (sub->head) {
        ngx_http_hyperlight_answer_head(ctx, sub->request);
        return NGX_OK;
    }

    if (sub->ended) {
        ngx_http_hyperlight_answer_error(ctx, "there is no response");
        return NGX_OK;
    }

    return NGX_AGAIN;
}


static void
ngx_http_hyperlight_answer_head(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_request_t *sr)
{
    u_char                      *buf;
    hl_abi_subresponse_t         response;
    ngx_http_hyperlight_head_t   head;

    /* how much it is, and then what it is */

    head.p = NULL;
    ngx_http_hyperlight_put_head(&head, sr);

    if (head.size > ctx->await_max) {
        ngx_http_hyperlight_answer_error(ctx, "the headers of the response "
                                         "are over the guest's \"headers\"");
        return;
    }

    buf = ngx_calloc(head.size, ctx->log);
    if (buf == NULL) {
        ngx_http_hyperlight_answer_error(ctx, "out of memory");
        return;
    }

    response.status = (uint32_t) sr->headers_out.status;
    response.header_count = head.count;

    head.p = ngx_cpymem(buf, &response, sizeof(hl_abi_subresponse_t));
    ngx_http_hyperlight_put_head(&head, sr);

    ngx_http_hyperlight_answer(ctx, buf, head.size);

    ngx_free(buf);
}


static void
ngx_http_hyperlight_put_head(ngx_http_hyperlight_head_t *head,
    ngx_http_request_t *sr)
{
    head->size = sizeof(hl_abi_subresponse_t);
    head->count = 0;

    (void) ngx_http_hyperlight_walk_headers_out(sr,
                                                ngx_http_hyperlight_put_field,
                                                head);
}


static ngx_int_t
ngx_http_hyperlight_put_field(void *data, const char *name, size_t len,
    ngx_str_t *value)
{
    ngx_http_hyperlight_head_t *head = data;

    u_char           *p;
    size_t            size;
    hl_abi_header_t   field;

    size = hl_abi_header_size(len, value->len);

    head->size += size;
    head->count++;

    if (head->p == NULL) {
        return NGX_OK;
    }

    field.name_len = (uint32_t) len;
    field.value_len = (uint32_t) value->len;

    /* the NULs and what is between fields is zero already */

    p = ngx_cpymem(head->p, &field, sizeof(hl_abi_header_t));
    p = ngx_cpymem(p, name, len) + 1;
    ngx_memcpy(p, value->data, value->len);

    head->p += size;

    return NGX_OK;
}
