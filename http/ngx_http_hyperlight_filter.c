/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_filter.c: hyperlight_header_filter and
 * hyperlight_body_filter: where the responses of any handler come by.
 *
 * They come after nginx's reading of files, and before its own filters that
 * compress, include, change the character set, or cut out ranges.  What is
 * nobody's response passes: that of a sub-request in the background.
 *
 * nginx's header filter is synchronous: the guest runs to its end in one
 * slice, before the headers go on.  It is not called for a sub-request, whose
 * headers nobody sees.
 *
 * With a body filter the headers stop here, until the guest has answered or
 * begins to stream; ngx_http_hyperlight_filter_body.c has the rest.
 *
 * A filter that fails ends in ngx_http_filter_finalize_request(), as those of
 * nginx do: the client has an error page, if it has nothing yet, and then the
 * connection is closed.  That page is not filtered.
 */

#include "ngx_http_hyperlight_filter.h"


static ngx_int_t ngx_http_hyperlight_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_hyperlight_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_http_hyperlight_filter_ends(ngx_chain_t *in);
static ngx_int_t ngx_http_hyperlight_filter_head(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target);
static ngx_int_t ngx_http_hyperlight_filter_start(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target);
static ngx_int_t ngx_http_hyperlight_filter_run(
    ngx_http_hyperlight_filter_t *f);
static ngx_int_t ngx_http_hyperlight_filter_create(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target,
    ngx_http_hyperlight_filter_t **filter);
static ngx_int_t ngx_http_hyperlight_filter_refuse(
    ngx_http_hyperlight_filter_t *f, ngx_int_t status);
static void ngx_http_hyperlight_filter_abandon(
    ngx_http_hyperlight_filter_t *f);
static void ngx_http_hyperlight_filter_cleanup(void *data);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_hyperlight_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_hyperlight_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_hyperlight_body_filter;

    return NGX_OK;
}


char *
ngx_http_hyperlight_filter_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_hyperlight_module);
    hmcf->filters = 1;

    return ngx_http_hyperlight_target_slot(cf, cmd, conf);
}


static ngx_int_t
ngx_http_hyperlight_header_filter(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_hyperlight_filter_t    *f;
    ngx_http_hyperlight_loc_conf_t  *hlcf;

    hlcf = ngx_http_get_module_loc_conf(r, ngx_http_hyperlight_module);

    f = ngx_http_hyperlight_filter_of(r);

    if (f) {

        /* another response, instead of the one that was filtered */

        ngx_http_hyperlight_filter_abandon(f);
    }

    if ((hlcf->header_filter == NULL && hlcf->body_filter == NULL)
        || (f && f->failed) || r->background || r->post_action
        || r->headers_out.status < NGX_HTTP_OK)
    {
        return ngx_http_next_header_filter(r);
    }

    if (hlcf->header_filter && r == r->main) {
        rc = ngx_http_hyperlight_filter_head(r, hlcf->header_filter);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_hyperlight_filter_start(r, hlcf->body_filter);
}


static ngx_int_t
ngx_http_hyperlight_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_uint_t                     ends, over;
    ngx_http_hyperlight_calls_t   *calls;
    ngx_http_hyperlight_filter_t  *f;

    calls = ngx_http_get_module_ctx(r, ngx_http_hyperlight_module);
    f = calls ? calls->filter : NULL;

    if (f == NULL || f->passing) {
        return ngx_http_next_body_filter(r, in);
    }

    over = f->original.over;
    ends = ngx_http_hyperlight_filter_ends(in);

    /* with an error of the connection, who writes it is told nothing else */

    if (r->connection->error
        || ngx_http_hyperlight_filter_keep(f, in) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * A later filter that puts something behind the guest's end (addition)
     * takes that away, and sends its own by all filters; it comes by before
     * the guest's is all the way through, or behind what is left of the
     * original.
     */

    if (f->ending && ends) {
        f->original.over = (over || ends > 1);
    }

    if (ends && (f->ending || (f->ended && over + ends > 1))) {
        return ngx_http_hyperlight_send_special(r, NGX_HTTP_LAST,
                                                ngx_http_next_body_filter);
    }

    if (f->ended && ngx_http_next_body_filter(r, NULL) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return f->original.in ? NGX_AGAIN : NGX_OK;
}


static ngx_uint_t
ngx_http_hyperlight_filter_ends(ngx_chain_t *in)
{
    ngx_uint_t  ends;

    for (ends = 0; in; in = in->next) {
        ends += in->buf->last_buf;
    }

    return ends;
}


/* The guest sees the headers: now, or not at all. */

static ngx_int_t
ngx_http_hyperlight_filter_head(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target)
{
    ngx_int_t                      rc;
    ngx_http_hyperlight_filter_t  *f;

    rc = ngx_http_hyperlight_filter_create(r, target, &f);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        return ngx_http_hyperlight_filter_refuse(f, rc);
    }

    f->original.over = 1;
    f->ended = 1;
    f->ctx->at_once = 1;

    rc = ngx_http_hyperlight_filter_run(f);

    if (rc == NGX_OK) {
        rc = ngx_http_hyperlight_filter_change(f->ctx);

    } else if (rc != NGX_HTTP_SERVICE_UNAVAILABLE) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return rc == NGX_OK ? NGX_OK : ngx_http_hyperlight_filter_refuse(f, rc);
}


/* The call that the body is for; the headers stop here, if there is one. */

static ngx_int_t
ngx_http_hyperlight_filter_start(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target)
{
    ngx_int_t                      rc;
    ngx_http_hyperlight_calls_t   *calls;
    ngx_http_hyperlight_filter_t  *f;

    if (target == NULL) {
        return ngx_http_next_header_filter(r);
    }

    if (r->header_only || r->method == NGX_HTTP_HEAD
        || r->headers_out.status == NGX_HTTP_NO_CONTENT
        || r->headers_out.status == NGX_HTTP_NOT_MODIFIED)
    {
        /* there is no body; that of GET has another length */

        ngx_http_clear_content_length(r);
        ngx_http_clear_accept_ranges(r);

        return ngx_http_next_header_filter(r);
    }

    calls = ngx_http_hyperlight_calls(r);
    if (calls == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_hyperlight_filter_create(r, target, &f);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    calls->filter = f;

    if (rc == NGX_OK) {
        rc = ngx_http_hyperlight_filter_run(f);

        if (rc != NGX_OK) {
            rc = ngx_http_hyperlight_filter_status(f->ctx, rc);
        }
    }

    if (rc != NGX_OK && r == r->main) {
        return ngx_http_hyperlight_filter_refuse(f, rc);
    }

    r->filter_need_in_memory = 1;

    if (rc != NGX_OK) {

        /* a part of a page, that will be missing in it */

        f->ended = 1;
        return ngx_http_next_header_filter(r);
    }

    r->buffered |= NGX_HTTP_HYPERLIGHT_BUFFERED;

    return NGX_OK;
}


/* What the call has come to by now. */

static ngx_int_t
ngx_http_hyperlight_filter_run(ngx_http_hyperlight_filter_t *f)
{
    f->starting = 1;
    ngx_http_hyperlight_start(f->ctx);
    f->starting = 0;

    return f->rc;
}


/* A status: *f is there, its call is not; NGX_ERROR: no memory. */

static ngx_int_t
ngx_http_hyperlight_filter_create(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target,
    ngx_http_hyperlight_filter_t **filter)
{
    ngx_int_t                      rc;
    ngx_http_cleanup_t            *cln;
    ngx_http_hyperlight_filter_t  *f;

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_hyperlight_filter_t));
    if (f == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_hyperlight_filter_cleanup;
    cln->data = f;

    f->request = r;
    f->event.handler = ngx_http_hyperlight_filter_handler;
    f->event.data = f;
    f->event.log = r->connection->log;

    *filter = f;

    rc = ngx_http_hyperlight_create_call(r, target,
                                         ngx_http_hyperlight_filter_finish,
                                         &f->ctx);
    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    f->ctx->filter = f;

    return NGX_OK;
}


/* Before the headers have gone on. */

static ngx_int_t
ngx_http_hyperlight_filter_refuse(ngx_http_hyperlight_filter_t *f,
    ngx_int_t status)
{
    f->failed = 1;
    f->passing = 1;
    f->request->keepalive = 0;

    (void) ngx_http_filter_finalize_request(f->request,
                                            &ngx_http_hyperlight_module,
                                            status);

    /*
     * Whatever became of its page.  With NGX_AGAIN, of one that the client
     * has no window for, the original would be sent behind it.
     */

    return NGX_ERROR;
}


/* Its response is not the client's any more. */

static void
ngx_http_hyperlight_filter_abandon(ngx_http_hyperlight_filter_t *f)
{
    ngx_http_hyperlight_ctx_t  *ctx;

    ctx = f->ctx;

    if (f->passing || ctx == NULL) {
        return;
    }

    f->passing = 1;

    ngx_http_hyperlight_kept_drop(&f->original, f->request);
    f->request->buffered &= NGX_HTTP_HYPERLIGHT_OTHERS;

    if (ctx->state != ngx_http_hyperlight_is_done) {
        ngx_http_hyperlight_abandon(ctx);
    }
}


/* nginx forgets the contexts of modules at an internal redirect. */

ngx_http_hyperlight_filter_t *
ngx_http_hyperlight_filter_of(ngx_http_request_t *r)
{
    ngx_http_cleanup_t            *cln;
    ngx_http_hyperlight_filter_t  *f;

    for (cln = r->main->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_hyperlight_filter_cleanup) {
            f = cln->data;

            if (f->request == r) {
                return f;
            }
        }
    }

    return NULL;
}


static void
ngx_http_hyperlight_filter_cleanup(void *data)
{
    ngx_http_hyperlight_filter_t *f = data;

    f->passing = 1;

    if (f->event.posted) {
        ngx_delete_posted_event(&f->event);
    }
}


ngx_int_t
ngx_http_hyperlight_filter_next_header(ngx_http_request_t *r)
{
    return ngx_http_next_header_filter(r);
}


ngx_int_t
ngx_http_hyperlight_filter_next_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    return ngx_http_next_body_filter(r, in);
}
