/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_own_metrics.c: counters and histograms of a guest's own,
 * in its zone of shared memory.
 *
 * They are few and the names come from guests, so that all workers share one
 * table: names are added under a lock and never removed, numbers are added
 * with atomic operations.  What does not fit is dropped and counted.
 */

#include "ngx_http_hyperlight.h"


/* Of one call: what comes in one exit is taken without a look at the clock. */
#define NGX_HTTP_HYPERLIGHT_OWN_CALLS  1000

/* To wait for a worker that adds a name, which takes no time at all. */
#define NGX_HTTP_HYPERLIGHT_OWN_SPIN   1000


static ngx_http_hyperlight_own_t *ngx_http_hyperlight_own_get(
    ngx_http_hyperlight_metrics_t *metrics, hl_metric_kind_t kind,
    const char *name, size_t len);
static ngx_http_hyperlight_own_t *ngx_http_hyperlight_own_find(
    ngx_http_hyperlight_metrics_t *metrics, const char *name, size_t len);
static ngx_http_hyperlight_own_t *ngx_http_hyperlight_own_new(
    ngx_http_hyperlight_metrics_t *metrics, hl_metric_kind_t kind,
    const char *name, size_t len);
static ngx_uint_t ngx_http_hyperlight_own_valid(const char *name,
    size_t len);


/* Of a histogram: powers of 4, for numbers of any unit. */

const ngx_http_hyperlight_own_bucket_t  ngx_http_hyperlight_own_buckets[] = {
    { 1ull,          "1" },
    { 4ull,          "4" },
    { 16ull,         "16" },
    { 64ull,         "64" },
    { 256ull,        "256" },
    { 1024ull,       "1024" },
    { 4096ull,       "4096" },
    { 16384ull,      "16384" },
    { 65536ull,      "65536" },
    { 262144ull,     "262144" },
    { 1048576ull,    "1048576" },
    { 4194304ull,    "4194304" },
    { 16777216ull,   "16777216" },
    { 67108864ull,   "67108864" },
    { 268435456ull,  "268435456" },
    { 1073741824ull, "1073741824" },
    { UINT64_MAX,    "+Inf" }
};

_Static_assert(sizeof(ngx_http_hyperlight_own_buckets)
               / sizeof(ngx_http_hyperlight_own_bucket_t)
               == NGX_HTTP_HYPERLIGHT_OWN_BUCKETS, "each bucket has a bound");


/* A member of the sink. */

hl_status_t
ngx_http_hyperlight_put_metric(void *data, hl_metric_kind_t kind,
    const char *name, size_t name_len, uint64_t value, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    ngx_uint_t                  i;
    ngx_http_hyperlight_own_t  *own;

    if (!ngx_http_hyperlight_may(ctx, NGX_HTTP_HYPERLIGHT_MAY_METRICS)) {
        return HL_OK;
    }

    own = NULL;

    if (ctx->metrics++ < NGX_HTTP_HYPERLIGHT_OWN_CALLS) {
        own = ngx_http_hyperlight_own_get(ctx->guest->metrics, kind, name,
                                          name_len);
    }

    if (own == NULL) {
        ngx_http_hyperlight_over(ctx, NGX_HTTP_HYPERLIGHT_OVER_METRICS);
        return HL_OK;
    }

    if (ctx->request == NULL) {

        /* each worker initialises the guest, which declares them */

        return HL_OK;
    }

    (void) ngx_atomic_fetch_add(&own->sum, (ngx_atomic_int_t) value);

    if (kind == HL_METRIC_HISTOGRAM) {
        for (i = 0; value > ngx_http_hyperlight_own_buckets[i].bound; i++) {
            /* void */
        }

        (void) ngx_atomic_fetch_add(&own->buckets[i], 1);
    }

    return HL_OK;
}


/* NULL: no name, of another kind, or one too many. */

static ngx_http_hyperlight_own_t *
ngx_http_hyperlight_own_get(ngx_http_hyperlight_metrics_t *metrics,
    hl_metric_kind_t kind, const char *name, size_t len)
{
    ngx_uint_t                  i;
    ngx_http_hyperlight_own_t  *own;

    own = ngx_http_hyperlight_own_find(metrics, name, len);

    if (own) {
        return own->kind == (ngx_uint_t) kind ? own : NULL;
    }

    if (metrics->nown == NGX_HTTP_HYPERLIGHT_OWN_MAX
        || !ngx_http_hyperlight_own_valid(name, len))
    {
        return NULL;
    }

    for (i = 0; !ngx_http_hyperlight_metrics_lock(&metrics->own_lock); i++) {
        if (i == NGX_HTTP_HYPERLIGHT_OWN_SPIN) {
            return NULL;
        }

        ngx_sched_yield();
    }

    /* another worker may have added it meanwhile */

    own = ngx_http_hyperlight_own_find(metrics, name, len);

    if (own == NULL && metrics->nown < NGX_HTTP_HYPERLIGHT_OWN_MAX) {
        own = ngx_http_hyperlight_own_new(metrics, kind, name, len);
    }

    ngx_memory_barrier();
    metrics->own_lock = 0;

    return own && own->kind == (ngx_uint_t) kind ? own : NULL;
}


static ngx_http_hyperlight_own_t *
ngx_http_hyperlight_own_find(ngx_http_hyperlight_metrics_t *metrics,
    const char *name, size_t len)
{
    ngx_uint_t                  i, n;
    ngx_http_hyperlight_own_t  *own;

    n = metrics->nown;

    for (i = 0; i < n; i++) {
        own = &metrics->own[i];

        if (own->name.len == len && ngx_memcmp(own->text, name, len) == 0) {
            return own;
        }
    }

    return NULL;
}


/* It is there for the others when it is whole. */

static ngx_http_hyperlight_own_t *
ngx_http_hyperlight_own_new(ngx_http_hyperlight_metrics_t *metrics,
    hl_metric_kind_t kind, const char *name, size_t len)
{
    ngx_http_hyperlight_own_t  *own;

    own = &metrics->own[metrics->nown];

    ngx_memcpy(own->text, name, len);
    own->name.data = own->text;
    own->name.len = len;
    own->kind = (ngx_uint_t) kind;

    ngx_memory_barrier();
    metrics->nown++;

    return own;
}


/* Of a guest that has another library: as metric.c has it. */

static ngx_uint_t
ngx_http_hyperlight_own_valid(const char *name, size_t len)
{
    size_t      i;
    ngx_uint_t  k;

    static const ngx_str_t  taken[] = {
        ngx_string("_total"),
        ngx_string("_count"),
        ngx_string("_sum"),
        ngx_string("_bucket")
    };

    if (len == 0 || len > HL_ABI_METRIC_NAME_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!(name[i] >= 'a' && name[i] <= 'z')
            && !(name[i] >= '0' && name[i] <= '9') && name[i] != '_')
        {
            return 0;
        }
    }

    /* Prometheus makes such names of others */

    for (k = 0; k < sizeof(taken) / sizeof(taken[0]); k++) {
        if (len >= taken[k].len
            && ngx_memcmp(name + len - taken[k].len, taken[k].data,
                          taken[k].len)
               == 0)
        {
            return 0;
        }
    }

    return 1;
}
