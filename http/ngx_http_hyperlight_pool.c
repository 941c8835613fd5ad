/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_pool.c: the sandboxes of a worker process.
 *
 *     EMPTY -> READY -> BUSY -> USED -> READY ...
 *
 * One sandbox for each guest.  EMPTY: it could not be made; a timer tries
 * again.  USED: the call is over and the guest's memory is still that of the
 * request; nobody gets the sandbox before it is restored.
 *
 * All of it goes with the cycle's pool, that is, when the worker exits.
 */

#include "ngx_http_hyperlight.h"


#define NGX_HTTP_HYPERLIGHT_RETRY_MIN  1000
#define NGX_HTTP_HYPERLIGHT_RETRY_MAX  30000

/* Calls that are farther apart are not a burst, to hl_host_idle(). */
#define NGX_HTTP_HYPERLIGHT_IDLE       10


typedef enum {
    ngx_http_hyperlight_empty = 0,
    ngx_http_hyperlight_ready,
    ngx_http_hyperlight_busy,
    ngx_http_hyperlight_used
} ngx_http_hyperlight_pool_state_e;


struct ngx_http_hyperlight_pool_s {
    ngx_http_hyperlight_worker_t      *worker;
    ngx_http_hyperlight_guest_t       *guest;
    hl_snapshot_t                     *snapshot;
    hl_sandbox_t                      *sandbox;
    ngx_http_hyperlight_pool_state_e   state;
};


struct ngx_http_hyperlight_worker_s {
    ngx_http_hyperlight_main_conf_t   *conf;
    hl_host_t                         *host;
    ngx_http_hyperlight_pool_t        *pools;      /* one for each guest */

    /* event ident must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                          ident;

    ngx_log_t                         *log;

    ngx_event_t                        retry;
    ngx_msec_t                         delay;

    ngx_event_t                        idle;
    unsigned                           called:1;   /* since the last look */
};


static void ngx_http_hyperlight_worker_cleanup(void *data);
static void ngx_http_hyperlight_worker_fill(ngx_http_hyperlight_worker_t *w);
static hl_status_t ngx_http_hyperlight_worker_host(
    ngx_http_hyperlight_worker_t *w, hl_error_t *err);
static void ngx_http_hyperlight_worker_retry(ngx_http_hyperlight_worker_t *w);
static void ngx_http_hyperlight_retry_handler(ngx_event_t *ev);
static void ngx_http_hyperlight_idle_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_hyperlight_pool_fill(
    ngx_http_hyperlight_pool_t *pool);
static hl_status_t ngx_http_hyperlight_pool_evolve(
    ngx_http_hyperlight_pool_t *pool, hl_error_t *err);


/* Never fails: what could not be made is tried again, and answers 503. */

void
ngx_http_hyperlight_worker_start(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_cycle_t *cycle)
{
    ngx_uint_t                      i;
    ngx_pool_cleanup_t             *cln;
    ngx_http_hyperlight_guest_t   **guest;
    ngx_http_hyperlight_worker_t   *w;

    if (hmcf->kvm_fd == NGX_INVALID_FILE) {
        return;
    }

    cln = ngx_pool_cleanup_add(cycle->pool,
                               sizeof(ngx_http_hyperlight_worker_t));
    if (cln == NULL) {
        return;
    }

    w = cln->data;
    ngx_memzero(w, sizeof(ngx_http_hyperlight_worker_t));

    w->pools = ngx_pcalloc(cycle->pool, hmcf->guests.nelts
                                        * sizeof(ngx_http_hyperlight_pool_t));
    if (w->pools == NULL) {
        return;
    }

    guest = hmcf->guests.elts;

    for (i = 0; i < hmcf->guests.nelts; i++) {
        w->pools[i].worker = w;
        w->pools[i].guest = guest[i];
    }

    w->conf = hmcf;
    w->ident = -1;
    w->log = cycle->log;

    w->retry.handler = ngx_http_hyperlight_retry_handler;
    w->retry.data = w;
    w->retry.log = w->log;
    w->retry.cancelable = 1;

    w->idle.handler = ngx_http_hyperlight_idle_handler;
    w->idle.data = w;
    w->idle.log = w->log;
    w->idle.cancelable = 1;

    cln->handler = ngx_http_hyperlight_worker_cleanup;

    hmcf->worker = w;

    ngx_http_hyperlight_worker_fill(w);
}


/* Runs before the cleanups of the guests and of /dev/kvm, being younger. */

static void
ngx_http_hyperlight_worker_cleanup(void *data)
{
    ngx_http_hyperlight_worker_t *w = data;

    ngx_uint_t  i;

    if (w->retry.timer_set) {
        ngx_del_timer(&w->retry);
    }

    if (w->idle.timer_set) {
        ngx_del_timer(&w->idle);
    }

    for (i = 0; i < w->conf->guests.nelts; i++) {
        hl_sandbox_destroy(w->pools[i].sandbox);
        hl_snapshot_release(w->pools[i].snapshot);
    }

    hl_host_destroy(w->host);

    w->conf->worker = NULL;
}


/* Makes what is missing. */

static void
ngx_http_hyperlight_worker_fill(ngx_http_hyperlight_worker_t *w)
{
    ngx_uint_t  i, missing;
    hl_error_t  err;

    if (w->host == NULL && ngx_http_hyperlight_worker_host(w, &err) != HL_OK) {
        ngx_log_error(NGX_LOG_CRIT, w->log, 0,
                      "hyperlight: %s, its locations answer 503", err.text);

        ngx_http_hyperlight_worker_retry(w);
        return;
    }

    missing = 0;

    for (i = 0; i < w->conf->guests.nelts; i++) {
        if (w->pools[i].state == ngx_http_hyperlight_empty
            && ngx_http_hyperlight_pool_fill(&w->pools[i]) != NGX_OK)
        {
            missing = 1;
        }
    }

    if (missing) {
        ngx_http_hyperlight_worker_retry(w);
        return;
    }

    w->delay = 0;
}


static hl_status_t
ngx_http_hyperlight_worker_host(ngx_http_hyperlight_worker_t *w,
    hl_error_t *err)
{
    int          signo;
    hl_status_t  status;

    /* a signal that is handled already belongs to somebody else */

    status = hl_error_set(err, HL_ERR_ARGUMENT, "no real-time signal is free");

    for (signo = SIGRTMIN + 1; signo <= SIGRTMAX; signo++) {
        status = hl_host_create(&w->host, w->conf->kvm_fd, signo, err);

        if (status != HL_ERR_ARGUMENT) {
            break;
        }
    }

    return status;
}


static void
ngx_http_hyperlight_worker_retry(ngx_http_hyperlight_worker_t *w)
{
    if (w->retry.timer_set) {
        return;
    }

    /* guests that take their time to fail have made nginx's clock old */

    ngx_time_update();

    w->delay = ngx_min(w->delay * 2, NGX_HTTP_HYPERLIGHT_RETRY_MAX);
    w->delay = ngx_max(w->delay, NGX_HTTP_HYPERLIGHT_RETRY_MIN);

    ngx_add_timer(&w->retry, w->delay);
}


static void
ngx_http_hyperlight_retry_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_worker_fill(ev->data);
}


static void
ngx_http_hyperlight_idle_handler(ngx_event_t *ev)
{
    ngx_http_hyperlight_worker_t *w = ev->data;

    if (w->called) {
        w->called = 0;
        ngx_add_timer(ev, NGX_HTTP_HYPERLIGHT_IDLE);
        return;
    }

    hl_host_idle(w->host);
}


static ngx_int_t
ngx_http_hyperlight_pool_fill(ngx_http_hyperlight_pool_t *pool)
{
    hl_error_t                     err;
    hl_status_t                    status;
    ngx_http_hyperlight_worker_t  *w;

    w = pool->worker;

    if (pool->snapshot == NULL) {
        status = ngx_http_hyperlight_pool_evolve(pool, &err);

    } else {
        status = hl_sandbox_from_snapshot(&pool->sandbox, w->host,
                                          pool->snapshot, &err);
    }

    if (status != HL_OK) {
        ngx_log_error(NGX_LOG_CRIT, w->log, 0,
                      "hyperlight: guest \"%V\": %s, "
                      "its locations answer 503",
                      &pool->guest->name, err.text);
        return NGX_ERROR;
    }

    pool->state = ngx_http_hyperlight_ready;

    if (w->delay) {
        ngx_log_error(NGX_LOG_NOTICE, w->log, 0,
                      "hyperlight: guest \"%V\" is ready now",
                      &pool->guest->name);
    }

    return NGX_OK;
}


/* The first sandbox of a guest in this worker, and the snapshot of it. */

static hl_status_t
ngx_http_hyperlight_pool_evolve(ngx_http_hyperlight_pool_t *pool,
    hl_error_t *err)
{
    u_char                        line[NGX_HTTP_HYPERLIGHT_LOG_TEXT];
    hl_status_t                   status;
    hl_sandbox_t                 *sandbox;
    ngx_http_hyperlight_ctx_t     ctx;
    ngx_http_hyperlight_guest_t  *guest;

    guest = pool->guest;

    status = hl_sandbox_create(&sandbox, pool->worker->host, guest->binary,
                               &guest->config, err);
    if (status != HL_OK) {
        return status;
    }

    ngx_memzero(&ctx, sizeof(ngx_http_hyperlight_ctx_t));

    ctx.log = pool->worker->log;
    ctx.guest = guest;
    ctx.sandbox = sandbox;
    ctx.line = line;

    hl_sandbox_set_data(sandbox, &ctx);

    status = hl_sandbox_evolve(sandbox, guest->init_timeout * 1000000ull, err);

    hl_sandbox_set_data(sandbox, NULL);

    ngx_http_hyperlight_log_rest(&ctx);

    if (status == HL_OK) {
        status = hl_snapshot_create(&pool->snapshot, sandbox, err);
    }

    if (status != HL_OK) {
        hl_sandbox_destroy(sandbox);
        return status;
    }

    pool->sandbox = sandbox;

    return HL_OK;
}


ngx_http_hyperlight_pool_t *
ngx_http_hyperlight_pool(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_http_hyperlight_guest_t *guest)
{
    return hmcf->worker ? &hmcf->worker->pools[guest->index] : NULL;
}


hl_sandbox_t *
ngx_http_hyperlight_acquire(ngx_http_hyperlight_pool_t *pool)
{
    /*
     * used: error_page has led from one request to the next, within the
     * finalization that comes before the restore
     */

    ngx_http_hyperlight_restore(pool);

    if (pool->state != ngx_http_hyperlight_ready) {
        return NULL;
    }

    pool->state = ngx_http_hyperlight_busy;

    return pool->sandbox;
}


void
ngx_http_hyperlight_release(ngx_http_hyperlight_pool_t *pool)
{
    ngx_http_hyperlight_worker_t  *w;

    pool->state = ngx_http_hyperlight_used;

    hl_sandbox_set_data(pool->sandbox, NULL);

    w = pool->worker;
    w->called = 1;

    if (!w->idle.timer_set) {
        ngx_add_timer(&w->idle, NGX_HTTP_HYPERLIGHT_IDLE);
    }
}


void
ngx_http_hyperlight_restore(ngx_http_hyperlight_pool_t *pool)
{
    hl_error_t  err;

    if (pool->state != ngx_http_hyperlight_used) {
        return;
    }

    if (hl_sandbox_restore(pool->sandbox, pool->snapshot, &err) == HL_OK) {
        pool->state = ngx_http_hyperlight_ready;
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, pool->worker->log, 0,
                  "hyperlight: guest \"%V\" was not restored: %s",
                  &pool->guest->name, err.text);

    hl_sandbox_destroy(pool->sandbox);

    pool->sandbox = NULL;
    pool->state = ngx_http_hyperlight_empty;

    if (ngx_http_hyperlight_pool_fill(pool) != NGX_OK) {
        ngx_http_hyperlight_worker_retry(pool->worker);
    }
}
