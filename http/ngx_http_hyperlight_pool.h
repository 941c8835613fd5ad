/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_pool.h: a worker, and the sandboxes of its guests.  Part
 * of ngx_http_hyperlight.h.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_POOL_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_POOL_H_INCLUDED_


struct ngx_http_hyperlight_sandbox_s {
    ngx_queue_t                       queue;      /* free, or taken */
    ngx_http_hyperlight_pool_t       *pool;
    ngx_http_hyperlight_ctx_t        *ctx;        /* NULL: nobody's */
    hl_sandbox_t                     *core;
    uint64_t                          rebuilds;   /* counted */
};


/* The sandboxes of a guest, in a worker. */
struct ngx_http_hyperlight_pool_s {
    ngx_http_hyperlight_worker_t     *worker;
    ngx_http_hyperlight_guest_t      *guest;
    hl_snapshot_t                    *snapshot;

    /* event ident must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                         ident;

    ngx_uint_t                        count;
    ngx_uint_t                        in_use;
    ngx_queue_t                       free;       /* the warmest first */
    ngx_queue_t                       taken;
    ngx_http_hyperlight_sandbox_t    *used;       /* to be restored */
    ngx_http_hyperlight_record_t     *owed;       /* its pages, then */

    ngx_queue_t                       waiting;    /* the first one first */
    ngx_uint_t                        waiting_count;

    ngx_http_hyperlight_brake_t       brake;

    ngx_event_t                       grow;
    ngx_event_t                       shrink;
    unsigned                          grown:1;    /* since the last look */
    unsigned                          capped:1;   /* it was said */
    unsigned                          stillborn:1;
};


struct ngx_http_hyperlight_worker_s {
    ngx_http_hyperlight_main_conf_t  *conf;
    hl_host_t                        *host;
    ngx_http_hyperlight_pool_t       *pools;      /* one for each guest */

    /* event ident must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                         ident;

    ngx_log_t                        *log;

    ngx_queue_t                       runnable;   /* calls, in their turns */
    ngx_event_t                       slice;

    ngx_event_t                       retry;
    ngx_msec_t                        delay;

    ngx_event_t                       idle;
    unsigned                          called:1;   /* since the last look */
    unsigned                          evaluating:1;
                                                  /* a variable for a guest:
                                                     no sandbox may run or be
                                                     restored */
};


/* a worker */

char *ngx_http_hyperlight_worker_create(ngx_conf_t *cf,
    ngx_http_hyperlight_main_conf_t *hmcf);
void ngx_http_hyperlight_worker_start(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_cycle_t *cycle);

/* What is missing is made again, later. */
void ngx_http_hyperlight_worker_retry(ngx_http_hyperlight_worker_t *w);

/* The call has a sandbox, and gets a place among those that run in turns. */
void ngx_http_hyperlight_runnable(ngx_http_hyperlight_ctx_t *ctx);

/* A guest has run: puts off hl_host_idle(). */
void ngx_http_hyperlight_worker_called(ngx_http_hyperlight_worker_t *w);


/* the sandboxes of a guest */

void ngx_http_hyperlight_pool_init(ngx_http_hyperlight_pool_t *pool,
    ngx_http_hyperlight_worker_t *worker,
    ngx_http_hyperlight_guest_t *guest);
void ngx_http_hyperlight_pool_destroy(ngx_http_hyperlight_pool_t *pool);
ngx_int_t ngx_http_hyperlight_pool_fill(ngx_http_hyperlight_pool_t *pool);

/* NULL: there is no worker. */
ngx_http_hyperlight_pool_t *ngx_http_hyperlight_pool(
    ngx_http_hyperlight_main_conf_t *hmcf, ngx_http_hyperlight_guest_t *guest);

/* A row of the guest's table; NULL: there is none, or no sandbox. */
const hl_function_t *ngx_http_hyperlight_pool_function(
    ngx_http_hyperlight_pool_t *pool, ngx_str_t *name);

/*
 * NGX_OK: the call has a sandbox; NGX_AGAIN: it waits, and will be runnable;
 * NGX_BUSY: there is none to be had.
 */
ngx_int_t ngx_http_hyperlight_acquire(ngx_http_hyperlight_ctx_t *ctx);

void ngx_http_hyperlight_take(ngx_http_hyperlight_sandbox_t *sandbox,
    ngx_http_hyperlight_ctx_t *ctx);
void ngx_http_hyperlight_leave_queue(ngx_http_hyperlight_ctx_t *ctx);

/*
 * The call is over, the restore is due; settle() does it, when the response
 * is on its way, and hands the sandbox on.
 */
void ngx_http_hyperlight_release(ngx_http_hyperlight_ctx_t *ctx);
void ngx_http_hyperlight_settle(ngx_http_hyperlight_pool_t *pool);

/* Whether one more sandbox leaves room for those that there have to be. */
ngx_uint_t ngx_http_hyperlight_has_memory(ngx_http_hyperlight_pool_t *pool);


#endif /* _NGX_HTTP_HYPERLIGHT_POOL_H_INCLUDED_ */
