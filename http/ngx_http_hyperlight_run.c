/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_run.c: a call, slice by slice.
 *
 *   state     has a sandbox  leaves by
 *   --------  -------------  ---------------------------------------------
 *   running   yes            its first slice: as runnable; it is in no queue
 *   waiting   no             a sandbox is free       -> runnable
 *                            queue timeout           -> done, 503
 *                            client gone             -> done, 499
 *   runnable  yes            a slice: not finished   -> runnable, at the end
 *                            a slice: finished       -> done, a response
 *                            a slice: it waits       -> suspended
 *                            cpu_limit, timeout      -> done, 504
 *                            client gone             -> done, 499
 *   suspended yes            what it waits for       -> runnable
 *                              it has slept
 *                              more of the body arrived, or its end
 *                              nginx has sent what the guest put out
 *                              headers, a piece or the end of the response
 *                              to its sub-request arrived
 *                            the body does not come  -> done, 408, 499, 400
 *                            nothing can be sent     -> done, 408, 499
 *                            the response is HEAD's  -> done
 *                            timeout                 -> done, 504
 *                            client gone             -> done, 499
 *   done      no             the response is nginx's; the sandbox is restored
 *
 * A call that nginx cannot wait for (at_once) has one slice, and a sandbox
 * only if one is free: what would suspend it is refused to its guest.
 *
 * A call gets its first slice at once, if there is a sandbox for it.  All
 * further slices come from one event of the worker, which runs exactly one
 * slice of the call that is first, and posts itself for the next turn of the
 * event loop (ngx_posted_events would not let the loop poll in between).
 *
 * What the guest puts out is kept apart till the end of the call, so that
 * whatever becomes of it, the client sees either all of it or an error; or,
 * when it streams, till its next piece is due.
 */

#include "ngx_http_hyperlight.h"

#include <time.h>


static const char *ngx_http_hyperlight_no_sandbox(
    ngx_http_hyperlight_pool_t *pool);
static void ngx_http_hyperlight_go(ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_begin_call(
    ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_unknown(ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_one_slice(
    ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_slice(ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_expired(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_limit_e limit, ngx_msec_t value);
static ngx_int_t ngx_http_hyperlight_finished(ngx_http_hyperlight_ctx_t *ctx,
    hl_error_t *err);
static hl_status_t ngx_http_hyperlight_result(ngx_http_hyperlight_ctx_t *ctx,
    hl_error_t *err);
static void ngx_http_hyperlight_timer_handler(ngx_event_t *ev);
static uint64_t ngx_http_hyperlight_cpu_time(void);


void
ngx_http_hyperlight_start(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t  rc;

    ngx_http_hyperlight_record_begin(ctx);

    ctx->timer.handler = ngx_http_hyperlight_timer_handler;
    ctx->timer.data = ctx;
    ctx->timer.log = ctx->log;

    rc = ngx_http_hyperlight_brake(ctx);

    if (rc != NGX_OK) {
        ngx_http_hyperlight_done(ctx, rc);
        return;
    }

    rc = (ctx->pool == NULL) ? NGX_BUSY : ngx_http_hyperlight_acquire(ctx);

    if (rc == NGX_OK && ctx->filter && !ctx->at_once) {

        /* not in the middle of who produces the response */

        if (ngx_http_hyperlight_linger(ctx, ctx->timeout) != NGX_OK) {
            ngx_http_hyperlight_done(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        ngx_http_hyperlight_runnable(ctx);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_hyperlight_go(ctx);
        return;
    }

    if (rc == NGX_AGAIN) {
        ctx->state = ngx_http_hyperlight_is_waiting;

        if (ngx_http_hyperlight_linger(ctx, ctx->guest->queue_timeout)
            != NGX_OK)
        {
            ngx_http_hyperlight_done(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    ngx_http_hyperlight_log(ctx, NGX_LOG_ERR, ": %s",
                            ngx_http_hyperlight_no_sandbox(ctx->pool));
    ngx_http_hyperlight_done(ctx, ngx_http_hyperlight_unavailable(ctx));
}


/* The reason itself was logged when the worker, or nginx, started. */

static const char *
ngx_http_hyperlight_no_sandbox(ngx_http_hyperlight_pool_t *pool)
{
    if (pool == NULL) {
        return "there was no KVM when nginx read its configuration";
    }

    if (pool->stillborn) {
        return "its initialisation has failed";
    }

    return pool->count ? "no sandbox is free" : "no sandbox could be made";
}


void
ngx_http_hyperlight_slice_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_worker_t *w = ev->data;

    ngx_queue_t                *q;
    ngx_connection_t           *c;
    ngx_http_hyperlight_ctx_t  *ctx;

    if (ngx_queue_empty(&w->runnable)) {
        return;
    }

    q = ngx_queue_head(&w->runnable);
    ctx = ngx_queue_data(q, ngx_http_hyperlight_ctx_t, queue);
    c = ctx->request->connection;

    ngx_queue_remove(q);
    ctx->state = ngx_http_hyperlight_is_running;

    ngx_http_set_log_request(c->log, ctx->request);

    ngx_http_hyperlight_go(ctx);

    ngx_http_run_posted_requests(c);

    if (!ngx_queue_empty(&w->runnable) && !w->slice.posted) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


/* Runs one slice, and sees to what comes after it. */

static void
ngx_http_hyperlight_go(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;
    rc = NGX_AGAIN;

    if (ctx->call == NULL) {
        rc = ngx_http_hyperlight_begin_call(ctx);
    }

    if (rc == NGX_AGAIN) {
        rc = ctx->at_once ? ngx_http_hyperlight_one_slice(ctx)
                          : ngx_http_hyperlight_slice(ctx);
    }

    if (rc == NGX_AGAIN && ctx->at_once) {
        rc = ngx_http_hyperlight_expired(ctx,
                                         NGX_HTTP_HYPERLIGHT_OVER_SLICE,
                                         ctx->guest->slice);
    }

    if (rc == NGX_AGAIN || rc == NGX_DONE) {

        if (!ctx->timer.timer_set
            && ngx_http_hyperlight_linger(ctx, ctx->timeout) != NGX_OK)
        {
            ngx_http_hyperlight_done(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        if (r->reading_body && r->connection->read->pending_eof) {

            /* that was told while the guest waited for its body */

            ngx_http_hyperlight_look(r);
        }

        if (rc == NGX_AGAIN) {
            ngx_http_hyperlight_runnable(ctx);

        } else {
            ngx_http_hyperlight_suspend(ctx);
        }

        return;
    }

    ngx_http_hyperlight_done(ctx, rc);
}


/* Of CPU time: that others had the CPU meanwhile is no fault of the guest, and
 * there is no other slice that would make up for it. */

static ngx_int_t
ngx_http_hyperlight_one_slice(ngx_http_hyperlight_ctx_t *ctx)
{
    uint64_t   end;
    ngx_int_t  rc;

    end = ngx_http_hyperlight_cpu_time() + ctx->guest->slice * 1000000ull;

    do {
        rc = ngx_http_hyperlight_slice(ctx);
    } while (rc == NGX_AGAIN && ngx_http_hyperlight_cpu_time() < end);

    return rc;
}


/* NGX_AGAIN: the guest can run; else the status of an error. */

static ngx_int_t
ngx_http_hyperlight_begin_call(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_int_t             rc;
    const hl_function_t  *function;

    function = hl_sandbox_function(ctx->sandbox, (char *) ctx->function->data);

    if (function == NULL) {
        return ngx_http_hyperlight_unknown(ctx);
    }

    rc = ctx->begin ? ctx->begin(ctx, function)
                    : ngx_http_hyperlight_begin(ctx, function);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->call = function;
    ctx->start = ngx_http_hyperlight_now();

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_hyperlight_unknown(ngx_http_hyperlight_ctx_t *ctx)
{
    u_char               *p, *last;
    size_t                i, n;
    char                  name[128];
    u_char                names[NGX_HTTP_HYPERLIGHT_LOG_TEXT];
    const hl_function_t  *rows;

    p = names;
    last = names + sizeof(names);

    rows = hl_sandbox_functions(ctx->sandbox, &n);

    for (i = 0; i < n && p < last; i++) {
        p = ngx_slprintf(p, last, "%s\"", i ? ", " : "");
        (void) hl_error_escape(name, sizeof(name), rows[i].name,
                               ngx_strlen(rows[i].name));
        p = ngx_slprintf(p, last, "%s\"", name);
    }

    ngx_http_hyperlight_log(ctx, NGX_LOG_ERR,
                            " is unknown, the guest has %*s",
                            n ? (size_t) (p - names) : 4,
                            n ? names : (u_char *) "none");

    ctx->record.outcome = NGX_HTTP_HYPERLIGHT_ERROR;

    return ctx->named ? NGX_HTTP_NOT_FOUND : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * NGX_AGAIN: not finished yet; NGX_DONE: suspended; NGX_OK: there is a
 * response to send.
 */

static ngx_int_t
ngx_http_hyperlight_slice(ngx_http_hyperlight_ctx_t *ctx)
{
    uint64_t           slice, cpu_limit, timeout, wall;
    hl_error_t         err;
    const hl_stats_t  *stats;

    stats = hl_sandbox_stats(ctx->sandbox);

    cpu_limit = ctx->cpu_limit * 1000000ull;
    timeout = ctx->timeout * 1000000ull;
    wall = ngx_http_hyperlight_now() - ctx->start;

    /* the call of a host function may have come before the end of a slice */

    if (wall < timeout && stats->guest_ns < cpu_limit) {
        slice = ngx_min(ctx->guest->slice * 1000000ull,
                        cpu_limit - stats->guest_ns);
        slice = ngx_min(slice, timeout - wall);

        switch (hl_sandbox_run(ctx->sandbox, slice, &err)) {

        case HL_STOP_DONE:
            return ngx_http_hyperlight_finished(ctx, &err);

        case HL_STOP_FAILED:
            ngx_http_hyperlight_log_rest(ctx);
            return ngx_http_hyperlight_fail(ctx, &err);

        case HL_STOP_HOST_CALL:
            return NGX_DONE;

        default: /* HL_STOP_SLICE */
            break;
        }

        wall = ngx_http_hyperlight_now() - ctx->start;
    }

    if (stats->guest_ns >= cpu_limit) {
        return ngx_http_hyperlight_expired(ctx,
                                           NGX_HTTP_HYPERLIGHT_OVER_CPU,
                                           ctx->cpu_limit);
    }

    if (wall >= timeout) {
        return ngx_http_hyperlight_expired(ctx,
                                           NGX_HTTP_HYPERLIGHT_OVER_TIMEOUT,
                                           ctx->timeout);
    }

    if (ngx_http_hyperlight_stream_due(ctx)) {
        ctx->await = ngx_http_hyperlight_drain(ctx);
        return NGX_DONE;
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_hyperlight_expired(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_limit_e limit, ngx_msec_t value)
{
    char        where[HL_WHERE_TEXT];
    ngx_int_t   rc;
    hl_error_t  err;

    (void) hl_call_where(ctx->sandbox, where, sizeof(where));
    hl_call_cancel(ctx->sandbox);
    ngx_http_hyperlight_log_rest(ctx);

    ngx_http_hyperlight_over(ctx, limit);

    (void) hl_error_set(&err, HL_ERR_TIMEOUT, "it exceeded its %s of %u "
                        "ms%s",
                        (char *) ngx_http_hyperlight_limit_names[limit].data,
                        (unsigned) value, where);

    rc = ngx_http_hyperlight_fail(ctx, &err);

    if (limit == NGX_HTTP_HYPERLIGHT_OVER_SLICE) {

        /* its time is not over, nginx has no more for it */

        ctx->record.outcome = NGX_HTTP_HYPERLIGHT_LIMIT;
    }

    return rc;
}


static ngx_int_t
ngx_http_hyperlight_finished(ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err)
{
    ngx_http_hyperlight_log_rest(ctx);

    if (ctx->call->kind == HL_FUNCTION_TYPED
        && ngx_http_hyperlight_result(ctx, err) != HL_OK)
    {
        return ngx_http_hyperlight_fail(ctx, err);
    }

    if (ctx->accept && ctx->accept(ctx, err) != HL_OK) {
        return ngx_http_hyperlight_fail(ctx, err);
    }

    return NGX_OK;
}


/* A typed function's result is the body, and without one there is none. */

static hl_status_t
ngx_http_hyperlight_result(ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err)
{
    const hl_value_t  *result;

    if (ctx->call->result == HL_TYPE_VOID) {
        return ngx_http_hyperlight_put_status(ctx, NGX_HTTP_NO_CONTENT, err);
    }

    result = hl_call_result(ctx->sandbox);

    if (result == NULL) {
        return hl_error_set(err, HL_ERR_OUTPUT, "there is no result");
    }

    if (ctx->call->result == HL_TYPE_STRING
        && hl_check_string(result->v.bytes.data, result->v.bytes.len, err)
           != HL_OK)
    {
        /* not the client's String but the guest's */

        err->status = HL_ERR_OUTPUT;
        return err->status;
    }

    if (ctx->call->result != HL_TYPE_STRING
        && ctx->call->result != HL_TYPE_VECBYTES)
    {
        return ngx_http_hyperlight_put_scalar(ctx, result, err);
    }

    return ngx_http_hyperlight_put_body(ctx, result->v.bytes.data,
                                        result->v.bytes.len, err);
}


static void
ngx_http_hyperlight_timer_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_ctx_t *ctx = ev->data;

    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    if (ctx->state == ngx_http_hyperlight_is_waiting) {
        ngx_http_hyperlight_log(ctx, NGX_LOG_ERR,
                                ": no sandbox was free within %M ms",
                                ctx->guest->queue_timeout);
        rc = ngx_http_hyperlight_unavailable(ctx);

    } else {
        rc = ngx_http_hyperlight_expired(ctx,
                                         NGX_HTTP_HYPERLIGHT_OVER_TIMEOUT,
                                         ctx->timeout);
    }

    ngx_http_hyperlight_done(ctx, rc);

    ngx_http_run_posted_requests(c);
}


void
ngx_http_hyperlight_leave(ngx_http_hyperlight_ctx_t *ctx, ngx_uint_t end)
{
    if (ctx->sandbox) {
        hl_call_cancel(ctx->sandbox);   /* of one that has not ended */
        ngx_http_hyperlight_log_rest(ctx);
    }

    if (ctx->state == ngx_http_hyperlight_is_waiting) {
        ngx_http_hyperlight_leave_queue(ctx);

    } else if (ctx->state == ngx_http_hyperlight_is_runnable) {
        ngx_queue_remove(&ctx->queue);
    }

    ctx->state = ngx_http_hyperlight_is_done;

    ngx_http_hyperlight_unlinger(ctx);
    ngx_http_hyperlight_sub_leave(ctx, end);

    if (ctx->taken) {
        ngx_http_hyperlight_release(ctx);
    }
}


void
ngx_http_hyperlight_done(ngx_http_hyperlight_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_hyperlight_pool_t  *pool;

    pool = ctx->pool;

    ngx_http_hyperlight_record_end(ctx, rc);
    ngx_http_hyperlight_leave(ctx, 1);
    ngx_http_hyperlight_stream_rate(ctx);

    ctx->finish(ctx, rc);

    /* the client does not wait for this */

    if (pool) {
        ngx_http_hyperlight_settle(pool);
    }
}


void
ngx_http_hyperlight_abandon(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_record_end(ctx, NGX_ERROR);
    ngx_http_hyperlight_leave(ctx, 1);

    if (ctx->pool) {
        ngx_http_hyperlight_settle(ctx->pool);
    }
}


/* Of the worker; in nanoseconds. */

static uint64_t
ngx_http_hyperlight_cpu_time(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


uint64_t
ngx_http_hyperlight_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}
