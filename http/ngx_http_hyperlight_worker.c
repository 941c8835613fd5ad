/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_worker.c: what a worker process has of its own: the
 * host object, a pool for each guest, and the timers that look after them.
 *
 * All of it goes with the cycle's pool.
 */

#include "ngx_http_hyperlight.h"

#include <signal.h>


#define NGX_HTTP_HYPERLIGHT_RETRY_MIN  1000
#define NGX_HTTP_HYPERLIGHT_RETRY_MAX  30000

/* Calls that are farther apart are not a burst, to hl_host_idle(). */
#define NGX_HTTP_HYPERLIGHT_IDLE       10


static void ngx_http_hyperlight_worker_init(ngx_http_hyperlight_worker_t *w,
    ngx_cycle_t *cycle);
static void ngx_http_hyperlight_worker_event(ngx_http_hyperlight_worker_t *w,
    ngx_event_t *ev, ngx_event_handler_pt handler);
static void ngx_http_hyperlight_worker_cleanup(void *data);
static void ngx_http_hyperlight_worker_fill(ngx_http_hyperlight_worker_t *w);
static hl_status_t ngx_http_hyperlight_worker_host(
    ngx_http_hyperlight_worker_t *w, hl_error_t *err);
static void ngx_http_hyperlight_retry_handler(ngx_event_t *ev);
static void ngx_http_hyperlight_idle_handler(ngx_event_t *ev);


/* In the master: a worker that has no memory for it could not try again. */

char *
ngx_http_hyperlight_worker_create(ngx_conf_t *cf,
    ngx_http_hyperlight_main_conf_t *hmcf)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_hyperlight_worker_t  *w;

    cln = ngx_pool_cleanup_add(cf->pool,
                               sizeof(ngx_http_hyperlight_worker_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    w = cln->data;
    ngx_memzero(w, sizeof(ngx_http_hyperlight_worker_t));

    w->conf = hmcf;
    w->pools = ngx_pcalloc(cf->pool, hmcf->guests.nelts
                                     * sizeof(ngx_http_hyperlight_pool_t));
    if (w->pools == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_hyperlight_worker_cleanup;

    hmcf->unstarted = w;

    return NGX_CONF_OK;
}


/* Never fails: what could not be made is tried again, and answers 503. */

void
ngx_http_hyperlight_worker_start(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_cycle_t *cycle)
{
    if (hmcf->unstarted == NULL) {
        return;
    }

    hmcf->worker = hmcf->unstarted;

    ngx_http_hyperlight_worker_init(hmcf->worker, cycle);
    ngx_http_hyperlight_worker_fill(hmcf->worker);
}


static void
ngx_http_hyperlight_worker_init(ngx_http_hyperlight_worker_t *w,
    ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_http_hyperlight_guest_t  **guest;

    w->ident = -1;
    w->log = cycle->log;

    ngx_queue_init(&w->runnable);

    ngx_http_hyperlight_worker_event(w, &w->retry,
                                     ngx_http_hyperlight_retry_handler);
    ngx_http_hyperlight_worker_event(w, &w->idle,
                                     ngx_http_hyperlight_idle_handler);
    ngx_http_hyperlight_worker_event(w, &w->slice,
                                     ngx_http_hyperlight_slice_handler);

    guest = w->conf->guests.elts;

    for (i = 0; i < w->conf->guests.nelts; i++) {
        ngx_http_hyperlight_pool_init(&w->pools[i], w, guest[i]);
    }
}


static void
ngx_http_hyperlight_worker_event(ngx_http_hyperlight_worker_t *w,
    ngx_event_t *ev, ngx_event_handler_pt handler)
{
    ev->handler = handler;
    ev->data = w;
    ev->log = w->log;
    ev->cancelable = 1;
}


/* Runs before the cleanups of the guests and of /dev/kvm, being younger. */

static void
ngx_http_hyperlight_worker_cleanup(void *data)
{
    ngx_http_hyperlight_worker_t *w = data;

    ngx_uint_t  i;

    if (w->conf->worker == NULL) {
        return;                         /* of the master */
    }

    if (w->retry.timer_set) {
        ngx_del_timer(&w->retry);
    }

    if (w->idle.timer_set) {
        ngx_del_timer(&w->idle);
    }

    if (w->slice.posted) {
        ngx_delete_posted_event(&w->slice);
    }

    for (i = 0; i < w->conf->guests.nelts; i++) {
        ngx_http_hyperlight_pool_destroy(&w->pools[i]);
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
        if (ngx_http_hyperlight_pool_fill(&w->pools[i]) != NGX_OK) {
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


void
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


void
ngx_http_hyperlight_worker_called(ngx_http_hyperlight_worker_t *w)
{
    w->called = 1;

    if (!w->idle.timer_set) {
        ngx_add_timer(&w->idle, NGX_HTTP_HYPERLIGHT_IDLE);
    }
}


/* Has a sandbox, and a place among those that run in turn. */

void
ngx_http_hyperlight_runnable(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_worker_t  *w;

    w = ctx->pool->worker;

    ctx->state = ngx_http_hyperlight_is_runnable;

    ngx_queue_insert_tail(&w->runnable, &ctx->queue);

    if (!w->slice.posted) {
        ngx_post_event(&w->slice, &ngx_posted_next_events);
    }
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
