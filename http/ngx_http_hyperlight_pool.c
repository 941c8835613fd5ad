/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_pool.c: the sandboxes of one guest in a worker, from
 * MIN to MAX, and the calls that wait for one.
 *
 *     free --acquire--> taken --release--> used --settle--> free, or a
 *                                                           waiting call's
 *
 * A used sandbox still has the memory of its request, which the client does
 * not wait for: it is restored after the response has left, and before
 * anybody gets it.  The pool grows from an event of its own, one sandbox at a
 * time, while calls wait; when nobody has waited for a while it gives one
 * back at a time.
 */

#include "ngx_http_hyperlight.h"


/* How long a sandbox above MIN is kept that nobody has needed. */
#define NGX_HTTP_HYPERLIGHT_SHRINK  1000


static void ngx_http_hyperlight_grow_handler(ngx_event_t *ev);
static void ngx_http_hyperlight_shrink_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_hyperlight_pool_add(
    ngx_http_hyperlight_pool_t *pool);
static hl_status_t ngx_http_hyperlight_pool_evolve(
    ngx_http_hyperlight_pool_t *pool, hl_sandbox_t **sandbox,
    hl_error_t *err);
static void ngx_http_hyperlight_pool_put(
    ngx_http_hyperlight_sandbox_t *sandbox);
static void ngx_http_hyperlight_sandbox_drop(
    ngx_http_hyperlight_sandbox_t *sandbox);
static ngx_int_t ngx_http_hyperlight_acquire_now(
    ngx_http_hyperlight_ctx_t *ctx);
static ngx_int_t ngx_http_hyperlight_pool_held(
    ngx_http_hyperlight_pool_t *pool, ngx_http_request_t *main);


void
ngx_http_hyperlight_pool_init(ngx_http_hyperlight_pool_t *pool,
    ngx_http_hyperlight_worker_t *worker, ngx_http_hyperlight_guest_t *guest)
{
    pool->worker = worker;
    pool->guest = guest;
    pool->ident = -1;

    ngx_queue_init(&pool->free);
    ngx_queue_init(&pool->taken);
    ngx_queue_init(&pool->waiting);

    pool->grow.handler = ngx_http_hyperlight_grow_handler;
    pool->grow.data = pool;
    pool->grow.log = worker->log;

    pool->shrink.handler = ngx_http_hyperlight_shrink_handler;
    pool->shrink.data = pool;
    pool->shrink.log = worker->log;
    pool->shrink.cancelable = 1;
}


void
ngx_http_hyperlight_pool_destroy(ngx_http_hyperlight_pool_t *pool)
{
    ngx_queue_t  *q;

    if (pool->grow.posted) {
        ngx_delete_posted_event(&pool->grow);
    }

    if (pool->shrink.timer_set) {
        ngx_del_timer(&pool->shrink);
    }

    while (!ngx_queue_empty(&pool->free)) {
        q = ngx_queue_head(&pool->free);
        ngx_http_hyperlight_sandbox_drop(
            ngx_queue_data(q, ngx_http_hyperlight_sandbox_t, queue));
    }

    while (!ngx_queue_empty(&pool->taken)) {
        q = ngx_queue_head(&pool->taken);
        ngx_http_hyperlight_sandbox_drop(
            ngx_queue_data(q, ngx_http_hyperlight_sandbox_t, queue));
    }

    hl_snapshot_release(pool->snapshot);
}


ngx_http_hyperlight_pool_t *
ngx_http_hyperlight_pool(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_http_hyperlight_guest_t *guest)
{
    return hmcf->worker ? &hmcf->worker->pools[guest->index] : NULL;
}


const hl_function_t *
ngx_http_hyperlight_pool_function(ngx_http_hyperlight_pool_t *pool,
    ngx_str_t *name)
{
    ngx_queue_t                    *q;
    ngx_http_hyperlight_sandbox_t  *sandbox;

    if (pool == NULL || pool->count == 0) {
        return NULL;
    }

    /* all of them have the same table */

    q = ngx_queue_empty(&pool->free) ? ngx_queue_head(&pool->taken)
                                     : ngx_queue_head(&pool->free);
    sandbox = ngx_queue_data(q, ngx_http_hyperlight_sandbox_t, queue);

    return hl_sandbox_function(sandbox->core, (char *) name->data);
}


/* Up to MIN, and tells if that was to be done before and could not. */

ngx_int_t
ngx_http_hyperlight_pool_fill(ngx_http_hyperlight_pool_t *pool)
{
    ngx_uint_t  added;

    if (pool->stillborn) {
        return NGX_OK;
    }

    for (added = 0; pool->count < pool->guest->sandboxes_min; added++) {
        if (ngx_http_hyperlight_pool_add(pool) != NGX_OK) {
            return NGX_ERROR;
        }

        if (pool->stillborn) {
            return NGX_OK;
        }
    }

    if (added && pool->worker->delay) {
        ngx_log_error(NGX_LOG_NOTICE, pool->worker->log, 0,
                      "hyperlight: guest \"%V\" is ready now",
                      &pool->guest->name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_pool_add(ngx_http_hyperlight_pool_t *pool)
{
    hl_error_t                      err;
    hl_status_t                     status;
    ngx_http_hyperlight_worker_t   *w;
    ngx_http_hyperlight_sandbox_t  *sandbox;

    w = pool->worker;

    sandbox = ngx_calloc(sizeof(ngx_http_hyperlight_sandbox_t), w->log);
    if (sandbox == NULL) {
        return NGX_ERROR;
    }

    if (pool->snapshot == NULL) {
        status = ngx_http_hyperlight_pool_evolve(pool, &sandbox->core, &err);

    } else {
        status = hl_sandbox_from_snapshot(&sandbox->core, w->host,
                                          pool->snapshot, &err);
    }

    if (status == HL_ERR_INIT) {

        /* it would fail again, and hold the worker each time */

        ngx_log_error(NGX_LOG_CRIT, w->log, 0,
                      "hyperlight: guest \"%V\": %s, its locations answer 503 "
                      "until nginx is reloaded",
                      &pool->guest->name, err.text);
        ngx_free(sandbox);

        pool->stillborn = 1;
        return NGX_OK;
    }

    if (status != HL_OK) {
        ngx_log_error(NGX_LOG_CRIT, w->log, 0,
                      "hyperlight: guest \"%V\": %s%s",
                      &pool->guest->name, err.text,
                      pool->count ? "" : ", its locations answer 503");
        ngx_free(sandbox);
        return NGX_ERROR;
    }

    sandbox->pool = pool;
    sandbox->rebuilds = hl_sandbox_stats(sandbox->core)->rebuilds;
    pool->count++;

    ngx_http_hyperlight_metrics_pool(pool);
    ngx_http_hyperlight_pool_put(sandbox);

    return NGX_OK;
}


/* The first sandbox of a guest in this worker, and the snapshot of it. */

static hl_status_t
ngx_http_hyperlight_pool_evolve(ngx_http_hyperlight_pool_t *pool,
    hl_sandbox_t **sandbox, hl_error_t *err)
{
    u_char                        line[NGX_HTTP_HYPERLIGHT_LOG_TEXT];
    hl_status_t                   status;
    hl_sandbox_t                 *sb;
    ngx_http_hyperlight_ctx_t     ctx;
    ngx_http_hyperlight_guest_t  *guest;

    guest = pool->guest;

    status = hl_sandbox_create(&sb, pool->worker->host, guest->binary,
                               &guest->config, err);
    if (status != HL_OK) {
        return status;
    }

    ngx_memzero(&ctx, sizeof(ngx_http_hyperlight_ctx_t));

    ctx.log = pool->worker->log;
    ctx.guest = guest;
    ctx.limits = guest->limits;
    ctx.line = line;

    hl_sandbox_set_data(sb, &ctx);

    status = hl_sandbox_evolve(sb, guest->init_timeout * 1000000ull, err);

    hl_sandbox_set_data(sb, NULL);

    ngx_http_hyperlight_log_rest(&ctx);

    if (status == HL_OK) {
        status = hl_snapshot_create(&pool->snapshot, sb, err);
    }

    if (status != HL_OK) {
        hl_sandbox_destroy(sb);
        return status;
    }

    *sandbox = sb;

    return HL_OK;
}


/*
 * A request tree that holds a sandbox of the guest never waits for another:
 * the one that it holds may be waiting for it.
 */

ngx_int_t
ngx_http_hyperlight_acquire(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_pool_t  *pool;

    pool = ctx->pool;

    ngx_http_hyperlight_settle(pool);

    if (!ngx_queue_empty(&pool->free) || ctx->at_once
        || ngx_http_hyperlight_pool_held(pool, ctx->request->main))
    {
        return ngx_http_hyperlight_acquire_now(ctx);
    }

    if (pool->count == 0 || pool->waiting_count >= pool->guest->queue) {
        return NGX_BUSY;
    }

    ngx_queue_insert_tail(&pool->waiting, &ctx->queue);
    pool->waiting_count++;

    ctx->record.waited = 1;
    ngx_http_hyperlight_metrics_pool(pool);

    if (pool->count < pool->guest->sandboxes_max && !pool->grow.posted) {
        ngx_post_event(&pool->grow, &ngx_posted_next_events);
    }

    return NGX_AGAIN;
}


/* Those that wait are not passed over: what is made here is theirs first. */

static ngx_int_t
ngx_http_hyperlight_acquire_now(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_queue_t                    *q;
    ngx_http_hyperlight_pool_t     *pool;
    ngx_http_hyperlight_sandbox_t  *sandbox;

    pool = ctx->pool;

    if (ngx_queue_empty(&pool->free) && pool->count
        && pool->count < pool->guest->sandboxes_max
        && ngx_http_hyperlight_has_memory(pool))
    {
        pool->grown = 1;
        (void) ngx_http_hyperlight_pool_add(pool);
    }

    if (ngx_queue_empty(&pool->free)) {
        return NGX_BUSY;
    }

    q = ngx_queue_head(&pool->free);
    sandbox = ngx_queue_data(q, ngx_http_hyperlight_sandbox_t, queue);

    ngx_queue_remove(q);
    ngx_http_hyperlight_take(sandbox, ctx);

    return NGX_OK;
}


void
ngx_http_hyperlight_take(ngx_http_hyperlight_sandbox_t *sandbox,
    ngx_http_hyperlight_ctx_t *ctx)
{
    sandbox->ctx = ctx;
    ctx->sandbox = sandbox->core;
    ctx->taken = sandbox;

    hl_sandbox_set_data(sandbox->core, ctx);

    ngx_queue_insert_tail(&sandbox->pool->taken, &sandbox->queue);
    sandbox->pool->in_use++;

    ngx_http_hyperlight_record_taken(ctx);
    ngx_http_hyperlight_metrics_pool(sandbox->pool);
}


static ngx_int_t
ngx_http_hyperlight_pool_held(ngx_http_hyperlight_pool_t *pool,
    ngx_http_request_t *main)
{
    ngx_queue_t                    *q;
    ngx_http_hyperlight_sandbox_t  *sandbox;

    for (q = ngx_queue_head(&pool->taken);
         q != ngx_queue_sentinel(&pool->taken);
         q = ngx_queue_next(q))
    {
        sandbox = ngx_queue_data(q, ngx_http_hyperlight_sandbox_t, queue);

        if (sandbox->ctx && sandbox->ctx->request->main == main) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_hyperlight_leave_queue(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_queue_remove(&ctx->queue);
    ctx->pool->waiting_count--;

    ngx_http_hyperlight_metrics_pool(ctx->pool);
}


void
ngx_http_hyperlight_release(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_sandbox_t  *sandbox;

    sandbox = ctx->taken;

    ngx_http_hyperlight_settle(ctx->pool);

    hl_sandbox_set_data(sandbox->core, NULL);
    sandbox->ctx = NULL;

    ctx->taken = NULL;
    ctx->sandbox = NULL;
    ctx->pool->used = sandbox;
    ctx->pool->in_use--;

    ngx_http_hyperlight_record_owed(ctx);
    ngx_http_hyperlight_metrics_pool(ctx->pool);
    ngx_http_hyperlight_worker_called(ctx->pool->worker);
}


void
ngx_http_hyperlight_settle(ngx_http_hyperlight_pool_t *pool)
{
    hl_error_t                      err;
    ngx_uint_t                      level;
    ngx_http_hyperlight_sandbox_t  *sandbox;

    sandbox = pool->used;

    if (sandbox == NULL) {
        return;
    }

    pool->used = NULL;

    if (hl_sandbox_restore(sandbox->core, pool->snapshot, &err) == HL_OK) {
        ngx_http_hyperlight_record_restored(pool, sandbox);
        ngx_queue_remove(&sandbox->queue);
        ngx_http_hyperlight_pool_put(sandbox);
        return;
    }

    pool->owed = NULL;

    level = (err.status == HL_ERR_INEXACT) ? NGX_LOG_ALERT : NGX_LOG_CRIT;

    ngx_log_error(level, pool->worker->log, 0,
                  "hyperlight: guest \"%V\" was not restored: %s",
                  &pool->guest->name, err.text);

    if (err.status == HL_ERR_INEXACT) {
        ngx_debug_point();
    }

    ngx_http_hyperlight_sandbox_drop(sandbox);

    if (ngx_http_hyperlight_pool_fill(pool) != NGX_OK) {
        ngx_http_hyperlight_worker_retry(pool->worker);
    }
}


/* To the call that has waited longest; the last one used is the first one
 * to be used again, being warm. */

static void
ngx_http_hyperlight_pool_put(ngx_http_hyperlight_sandbox_t *sandbox)
{
    ngx_queue_t                 *q;
    ngx_http_hyperlight_ctx_t   *ctx;
    ngx_http_hyperlight_pool_t  *pool;

    pool = sandbox->pool;

    if (!ngx_queue_empty(&pool->waiting)) {
        q = ngx_queue_head(&pool->waiting);
        ctx = ngx_queue_data(q, ngx_http_hyperlight_ctx_t, queue);

        ngx_http_hyperlight_leave_queue(ctx);
        ngx_http_hyperlight_take(sandbox, ctx);
        ngx_http_hyperlight_runnable(ctx);

        /* what was the queue's timeout is the call's now: before its first
         * turn, and anew, since nginx leaves a timer as it is that would
         * move by little */

        ngx_del_timer(&ctx->timer);
        ngx_add_timer(&ctx->timer, ctx->timeout);
        return;
    }

    ngx_queue_insert_head(&pool->free, &sandbox->queue);

    if (pool->count > pool->guest->sandboxes_min && !pool->shrink.timer_set) {
        ngx_add_timer(&pool->shrink, NGX_HTTP_HYPERLIGHT_SHRINK);
    }
}


static void
ngx_http_hyperlight_sandbox_drop(ngx_http_hyperlight_sandbox_t *sandbox)
{
    ngx_queue_remove(&sandbox->queue);
    sandbox->pool->count--;

    ngx_http_hyperlight_metrics_pool(sandbox->pool);

    hl_sandbox_destroy(sandbox->core);
    ngx_free(sandbox);
}


static void
ngx_http_hyperlight_grow_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_pool_t *pool = ev->data;

    if (ngx_queue_empty(&pool->waiting)
        || pool->count >= pool->guest->sandboxes_max
        || !ngx_http_hyperlight_has_memory(pool))
    {
        return;
    }

    pool->grown = 1;

    if (ngx_http_hyperlight_pool_add(pool) != NGX_OK) {

        /* those that wait get one that is taken now */

        return;
    }

    if (!ngx_queue_empty(&pool->waiting)) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


static void
ngx_http_hyperlight_shrink_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_pool_t *pool = ev->data;

    ngx_queue_t  *q;

    if (!pool->grown && !ngx_queue_empty(&pool->free)) {
        q = ngx_queue_last(&pool->free);
        ngx_http_hyperlight_sandbox_drop(
            ngx_queue_data(q, ngx_http_hyperlight_sandbox_t, queue));
    }

    pool->grown = 0;

    if (pool->count > pool->guest->sandboxes_min) {
        ngx_add_timer(ev, NGX_HTTP_HYPERLIGHT_SHRINK);
    }
}
