/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_suspend.c: a call that outlasts the event that it began
 * in, and a guest that waits for something.
 *
 * A guest is suspended by a host function that says HL_AGAIN, or when it has
 * put out more than the client takes.  ctx->await says what it waits for: it
 * is asked at once, and again by each event that may have brought that.
 */

#include "ngx_http_hyperlight.h"


static void ngx_http_hyperlight_gone(void *data);
static ngx_int_t ngx_http_hyperlight_await_sleep(
    ngx_http_hyperlight_ctx_t *ctx);
static void ngx_http_hyperlight_wake_handler(ngx_event_t *ev);


/*
 * From now on the client may leave, and the worker, which exits when no
 * timers are left, has to wait.  The timer's handler is the caller's.
 */

ngx_int_t
ngx_http_hyperlight_linger(ngx_http_hyperlight_ctx_t *ctx, ngx_msec_t timeout)
{
    ngx_http_cleanup_t           *cln;
    ngx_http_request_t           *r;
    ngx_http_hyperlight_calls_t  *calls;

    r = ctx->request;

    if (ctx->cleanup == NULL) {
        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_hyperlight_gone;
        cln->data = ctx;
        ctx->cleanup = cln;

        if (ctx->filter) {

            /* the events are of who produces the response */

            ngx_add_timer(&ctx->timer, timeout);
            return NGX_OK;
        }

        calls = ngx_http_get_module_ctx(r, ngx_http_hyperlight_module);
        calls->lingers = ctx;

        r->write_event_handler = ngx_http_hyperlight_write_handler;

        if (r->main->post_action) {

            /* the client has its response, and need not wait for this */

        } else if (r->reading_body && ctx->unbuffered) {
            r->read_event_handler = ngx_http_hyperlight_read_handler;

        } else {
            r->read_event_handler = ngx_http_hyperlight_test_reading;
        }

        ngx_http_hyperlight_look(r);
    }

    ngx_add_timer(&ctx->timer, timeout);

    return NGX_OK;
}


void
ngx_http_hyperlight_unlinger(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_calls_t  *calls;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->wake.timer_set) {
        ngx_del_timer(&ctx->wake);
    }

    if (ctx->cleanup && ctx->cleanup->handler) {
        ctx->cleanup->handler = NULL;

        if (ctx->filter) {
            ngx_http_hyperlight_filter_unwatch(ctx->filter);
            return;
        }

        calls = ngx_http_get_module_ctx(ctx->request,
                                        ngx_http_hyperlight_module);

        /* NULL, or of others, if a filter of nginx has ended the response
         * that is being sent, and answers with its error page */

        if (calls && calls->lingers && calls->lingers != ctx) {
            return;
        }

        if (calls) {
            calls->lingers = NULL;
        }

        ctx->request->read_event_handler = ngx_http_block_reading;
        ctx->request->write_event_handler = ngx_http_request_empty_handler;
    }
}


/*
 * With a post_action, nginx does not end the request of a client that leaves,
 * but goes on to that, and forgets the call: which has to be over before.
 */

void
ngx_http_hyperlight_test_reading(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->post_action.data == NULL) {
        ngx_http_test_reading(r);
    }
}


/*
 * A client that left before this tells it no more: epoll reports an edge
 * once, and that was with the request.  So it is looked for one time.
 */

void
ngx_http_hyperlight_look(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

#if (NGX_HTTP_V2)
    if (r->stream) {
        return;
    }
#endif

    if ((rev->ready || rev->pending_eof) && !rev->posted) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


/* A cleanup of the request: the client has left, or nginx gives it up. */

static void
ngx_http_hyperlight_gone(void *data)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    ngx_http_hyperlight_record_end(ctx, NGX_HTTP_CLIENT_CLOSED_REQUEST);
    ngx_http_hyperlight_leave(ctx, 0);
    ngx_http_hyperlight_settle(ctx->pool);
}


void
ngx_http_hyperlight_suspend(ngx_http_hyperlight_ctx_t *ctx)
{
    ctx->state = ngx_http_hyperlight_is_suspended;

    if (ctx->filter) {
        ngx_http_hyperlight_filter_quiet(ctx->filter);
    }

    ngx_http_hyperlight_attempt(ctx, ctx->await);
}


hl_status_t
ngx_http_hyperlight_await(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_await_pt await, size_t max)
{
    ctx->await = await;
    ctx->await_max = max;
    ctx->asked = 1;

    return HL_AGAIN;
}


void
ngx_http_hyperlight_attempt(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_await_pt await)
{
    ngx_int_t  rc;

    if (ctx->state != ngx_http_hyperlight_is_suspended || ctx->await != await)
    {
        return;
    }

    rc = await(ctx);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_OK) {
        ctx->await = NULL;
        ngx_http_hyperlight_runnable(ctx);
        return;
    }

    ngx_http_hyperlight_done(ctx, rc == NGX_DONE ? NGX_OK : rc);
}


hl_status_t
ngx_http_hyperlight_may_wait(ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err)
{
    if (!ctx->at_once) {
        return HL_OK;
    }

    return hl_error_set(err, HL_ERR_GUEST, "nginx needs the result at once, a "
                        "guest cannot wait for anything here");
}


/* Core refuses to run a guest that waits, if this should ever be too much. */

void
ngx_http_hyperlight_answer(ngx_http_hyperlight_ctx_t *ctx, const u_char *data,
    size_t len)
{
    hl_value_t  value;
    hl_error_t  err;

    ngx_memzero(&value, sizeof(hl_value_t));

    value.type = HL_TYPE_VECBYTES;
    value.v.bytes.data = data;
    value.v.bytes.len = len;

    ctx->asked = 0;

    (void) hl_call_answer(ctx->sandbox, HL_OK, &value, NULL, &err);
}


void
ngx_http_hyperlight_answer_error(ngx_http_hyperlight_ctx_t *ctx,
    const char *text)
{
    hl_error_t  why, err;

    ctx->asked = 0;

    (void) hl_error_set(&why, HL_ERR_GUEST, "%s", text);
    (void) hl_call_answer(ctx->sandbox, HL_ERR_GUEST, NULL, &why, &err);
}


/*
 * In milliseconds, as nginx has them: never less than what was asked for.  Its
 * clock stands at the beginning of one, so that one more has to go by.
 */

hl_status_t
ngx_http_hyperlight_sleep(void *data, uint64_t ns, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    uint64_t  ms;

    if (ngx_http_hyperlight_may_wait(ctx, err) != HL_OK) {
        return err->status;
    }

    ms = ns / 1000000 + (ns % 1000000 != 0) + (ns != 0);

    ctx->sleep = (ngx_msec_t) ngx_min(ms, NGX_HTTP_HYPERLIGHT_TIME_MAX);

    return ngx_http_hyperlight_await(ctx, ngx_http_hyperlight_await_sleep, 0);
}


static ngx_int_t
ngx_http_hyperlight_await_sleep(ngx_http_hyperlight_ctx_t *ctx)
{
    if (ctx->wake.timedout) {
        ctx->wake.timedout = 0;
        ngx_http_hyperlight_answer(ctx, NULL, 0);
        return NGX_OK;
    }

    ctx->wake.handler = ngx_http_hyperlight_wake_handler;
    ctx->wake.data = ctx;
    ctx->wake.log = ctx->log;

    /* nginx's clock stood still while the guest ran */

    ngx_time_update();
    ngx_add_timer(&ctx->wake, ctx->sleep);

    return NGX_AGAIN;
}


static void
ngx_http_hyperlight_wake_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_attempt(ev->data, ngx_http_hyperlight_await_sleep);
}
