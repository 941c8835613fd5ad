/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_metrics.c: the counters of a guest, in a zone of shared
 * memory, as ngx_http_hyperlight_metrics.h has it.
 *
 * A zone has a row for every process that the master can have, because the
 * number of workers is not known when it is made, and must not matter to
 * nginx when it compares the size of the old zone with that of the new one.
 * It costs address space: memory that nobody has written to is none.
 */

#include "ngx_http_hyperlight.h"


/* Of time, in milliseconds, that rates are taken from. */
#define NGX_HTTP_HYPERLIGHT_RATE_TIME  30000


static ngx_int_t ngx_http_hyperlight_metrics_init_zone(
    ngx_shm_zone_t *zone, void *data);
static ngx_uint_t ngx_http_hyperlight_process_lives(ngx_atomic_uint_t pid);
static void ngx_http_hyperlight_row_take(
    ngx_http_hyperlight_metrics_t *metrics, ngx_http_hyperlight_row_t *row);


const ngx_http_hyperlight_bucket_t  ngx_http_hyperlight_buckets[] = {
    { 10000ull,       "0.00001",  "10 \302\265s" },
    { 25000ull,       "0.000025", "25 \302\265s" },
    { 50000ull,       "0.00005",  "50 \302\265s" },
    { 100000ull,      "0.0001",   "100 \302\265s" },
    { 250000ull,      "0.00025",  "250 \302\265s" },
    { 500000ull,      "0.0005",   "500 \302\265s" },
    { 1000000ull,     "0.001",    "1 ms" },
    { 2500000ull,     "0.0025",   "2.5 ms" },
    { 5000000ull,     "0.005",    "5 ms" },
    { 10000000ull,    "0.01",     "10 ms" },
    { 25000000ull,    "0.025",    "25 ms" },
    { 50000000ull,    "0.05",     "50 ms" },
    { 100000000ull,   "0.1",      "100 ms" },
    { 250000000ull,   "0.25",     "250 ms" },
    { 500000000ull,   "0.5",      "500 ms" },
    { 1000000000ull,  "1",        "1 s" },
    { 2500000000ull,  "2.5",      "2.5 s" },
    { 10000000000ull, "10",       "10 s" },
    { 0,              "+Inf",     "&gt; 10 s" }
};

_Static_assert(sizeof(ngx_http_hyperlight_buckets)
               / sizeof(ngx_http_hyperlight_bucket_t)
               == NGX_HTTP_HYPERLIGHT_BUCKETS, "each bucket has a bound");


ngx_int_t
ngx_http_hyperlight_metrics_zone(ngx_conf_t *cf, ngx_str_t *guest,
    ngx_http_hyperlight_metrics_t **metrics)
{
    u_char          *p;
    size_t           size;
    ngx_str_t        name;
    ngx_shm_zone_t  *zone;

    name.len = sizeof("hyperlight:") - 1 + guest->len;

    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(name.data, "hyperlight:", sizeof("hyperlight:") - 1);
    ngx_memcpy(p, guest->data, guest->len);

    /* and what the slab allocator has of its own, a little for each page */

    size = ngx_align(sizeof(ngx_http_hyperlight_metrics_t), ngx_pagesize);
    size += ngx_align(size / 64, ngx_pagesize) + 8 * ngx_pagesize;

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_hyperlight_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_hyperlight_metrics_init_zone;
    zone->data = metrics;

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_metrics_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_hyperlight_metrics_t **metrics = zone->data;

    ngx_slab_pool_t                *slab;
    ngx_http_hyperlight_metrics_t  *m;

    slab = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        *metrics = slab->data;
        return NGX_OK;
    }

    m = ngx_slab_alloc(slab, sizeof(ngx_http_hyperlight_metrics_t));
    if (m == NULL) {
        return NGX_ERROR;
    }

    /* it is zero, being fresh, and should not be touched for nothing */

#if (NGX_DEBUG_MALLOC)
    ngx_memzero(m, sizeof(ngx_http_hyperlight_metrics_t));
#endif

    m->since = ngx_time();
    m->first.time = ngx_current_msec;

    slab->data = m;
    *metrics = m;

    return NGX_OK;
}


ngx_int_t
ngx_http_hyperlight_metrics_own(ngx_cycle_t *cycle,
    ngx_http_hyperlight_metrics_t **metrics)
{
    ngx_http_hyperlight_metrics_t  *m;

    m = ngx_pcalloc(cycle->pool, sizeof(ngx_http_hyperlight_metrics_t));
    if (m == NULL) {
        return NGX_ERROR;
    }

    m->since = (*metrics)->since;
    m->first = (*metrics)->first;

    *metrics = m;

    return NGX_OK;
}


ngx_http_hyperlight_row_t *
ngx_http_hyperlight_row(ngx_http_hyperlight_metrics_t *metrics)
{
    ngx_http_hyperlight_row_t  *row;

    row = &metrics->rows[ngx_process_slot];

    if (row->pid != (ngx_atomic_uint_t) ngx_pid) {
        ngx_http_hyperlight_row_take(metrics, row);
    }

    return row;
}


/* Who had it before is dead, but may have left its gauges. */

static void
ngx_http_hyperlight_row_take(ngx_http_hyperlight_metrics_t *metrics,
    ngx_http_hyperlight_row_t *row)
{
    ngx_atomic_uint_t  n, used;

    row->sandboxes = 0;
    row->in_use = 0;
    row->waiting = 0;
    row->pid = (ngx_atomic_uint_t) ngx_pid;

    n = (ngx_atomic_uint_t) ngx_process_slot + 1;

    do {
        used = metrics->nrows;
    } while (used < n && !ngx_atomic_cmp_set(&metrics->nrows, used, n));
}


void
ngx_http_hyperlight_metrics_pool(ngx_http_hyperlight_pool_t *pool)
{
    ngx_http_hyperlight_row_t  *row;

    row = ngx_http_hyperlight_row(pool->guest->metrics);

    row->sandboxes = pool->count;
    row->in_use = pool->in_use;
    row->waiting = pool->waiting_count;
}


static ngx_uint_t
ngx_http_hyperlight_process_lives(ngx_atomic_uint_t pid)
{
    return pid != 0
           && (kill((ngx_pid_t) pid, 0) == 0 || ngx_errno != NGX_ESRCH);
}


void
ngx_http_hyperlight_metrics_sum(ngx_http_hyperlight_metrics_t *metrics,
    ngx_http_hyperlight_totals_t *totals)
{
    ngx_uint_t                  i, n;
    ngx_http_hyperlight_row_t  *sum, *row;

    ngx_memzero(totals, sizeof(ngx_http_hyperlight_totals_t));

    sum = &totals->sum;

    for (n = 0; n < metrics->nrows; n++) {
        row = &metrics->rows[n];

        if (ngx_http_hyperlight_process_lives(row->pid)) {
            totals->workers++;
            sum->sandboxes += row->sandboxes;
            sum->in_use += row->in_use;
            sum->waiting += row->waiting;
        }

        for (i = 0; i < NGX_HTTP_HYPERLIGHT_OUTCOMES; i++) {
            sum->calls[i] += row->calls[i];
        }

        for (i = 0; i < NGX_HTTP_HYPERLIGHT_BUCKETS; i++) {
            sum->buckets[i] += row->buckets[i];
        }

        sum->wall_time += row->wall_time;
        sum->cpu_time += row->cpu_time;
        sum->waited += row->waited;
        sum->queue_time += row->queue_time;
        sum->exits += row->exits;
        sum->restored_pages += row->restored_pages;
        sum->dropped_pages += row->dropped_pages;
        sum->rebuilds += row->rebuilds;

        for (i = 0; i < NGX_HTTP_HYPERLIGHT_GRANTS; i++) {
            sum->refused[i] += row->refused[i];
        }

        for (i = 0; i < NGX_HTTP_HYPERLIGHT_LIMITS; i++) {
            sum->over[i] += row->over[i];
        }
    }

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_OUTCOMES; i++) {
        totals->calls += sum->calls[i];
    }

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_BUCKETS; i++) {
        totals->timed += sum->buckets[i];
    }
}


void
ngx_http_hyperlight_metrics_sample(ngx_http_hyperlight_metrics_t *metrics,
    ngx_http_hyperlight_totals_t *totals, ngx_http_hyperlight_sample_t *then,
    ngx_http_hyperlight_sample_t *now)
{
    ngx_uint_t                     i, n, found;
    ngx_msec_int_t                 age, newest;
    ngx_http_hyperlight_sample_t  *sample;

    now->time = ngx_current_msec;
    now->calls = totals->calls;
    now->failed = totals->calls - totals->sum.calls[NGX_HTTP_HYPERLIGHT_OK];
    now->cpu_time = totals->sum.cpu_time;

    *then = metrics->first;

    if (!ngx_http_hyperlight_metrics_lock(&metrics->lock)) {
        return;
    }

    /*
     * From the newest back to the oldest that is young enough; a worker's
     * clock may be a little behind that of the one that took a sample.
     */

    n = ngx_min(metrics->nsamples, NGX_HTTP_HYPERLIGHT_SAMPLES);
    newest = NGX_HTTP_HYPERLIGHT_SAMPLE;
    found = 0;

    for (i = 1; i <= n; i++) {
        sample = &metrics->samples[(metrics->nsamples - i)
                                   % NGX_HTTP_HYPERLIGHT_SAMPLES];

        age = (ngx_msec_int_t) (now->time - sample->time);

        if (i == 1) {
            newest = age;
        }

        if (age < NGX_HTTP_HYPERLIGHT_SAMPLE) {
            continue;
        }

        if (found && age > NGX_HTTP_HYPERLIGHT_RATE_TIME) {
            break;
        }

        *then = *sample;
        found = 1;
    }

    if (newest >= NGX_HTTP_HYPERLIGHT_SAMPLE) {
        metrics->samples[metrics->nsamples % NGX_HTTP_HYPERLIGHT_SAMPLES]
            = *now;
        metrics->nsamples++;
    }

    ngx_memory_barrier();
    metrics->lock = 0;
}


/* Who died with it has it no more. */

ngx_uint_t
ngx_http_hyperlight_metrics_lock(ngx_atomic_t *lock)
{
    ngx_atomic_uint_t  pid;

    pid = *lock;

    if (ngx_http_hyperlight_process_lives(pid)) {
        return 0;
    }

    return ngx_atomic_cmp_set(lock, pid, (ngx_atomic_uint_t) ngx_pid);
}
