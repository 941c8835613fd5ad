/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_record.c: the record of a call, from its beginning to
 * its end, and into the counters of its guest.
 *
 * Variables find it by its request.  nginx forgets the contexts of modules at
 * an internal redirect, so the records of a request and of its subrequests,
 * which share its pool, hang on a cleanup of that pool, in the order of the
 * calls.
 *
 * What a call has dirtied is known when its sandbox has been restored, after
 * the response has left, and mostly after the request is gone.  Until then
 * the pool of sandboxes knows whose record is owed the number of pages.
 */

#include "ngx_http_hyperlight.h"


typedef struct {
    ngx_http_hyperlight_record_t   *first;
    ngx_http_hyperlight_record_t  **last;
} ngx_http_hyperlight_records_t;


static ngx_http_hyperlight_records_t *ngx_http_hyperlight_records_find(
    ngx_http_request_t *r);
static void ngx_http_hyperlight_record_list(
    ngx_http_hyperlight_record_t *record, ngx_http_request_t *r);
static void ngx_http_hyperlight_records_cleanup(void *data);
static ngx_http_hyperlight_outcome_e ngx_http_hyperlight_record_outcome(
    ngx_int_t rc);
static void ngx_http_hyperlight_record_count(
    ngx_http_hyperlight_record_t *record);


void
ngx_http_hyperlight_record_begin(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_record_t  *record;

    record = &ctx->record;

    record->guest = &ctx->guest->name;
    record->function = ctx->function;
    record->metrics = ctx->guest->metrics;
    record->outcome = NGX_HTTP_HYPERLIGHT_OUTCOMES;
    record->arrived = ngx_http_hyperlight_now();

    ngx_http_hyperlight_record_list(record, ctx->request);
}


void
ngx_http_hyperlight_record_taken(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_http_hyperlight_record_t  *record;

    record = &ctx->record;

    record->taken = record->waited ? ngx_http_hyperlight_now()
                                   : record->arrived;
    record->exits = hl_sandbox_stats(ctx->sandbox)->exits;
}


void
ngx_http_hyperlight_record_end(ngx_http_hyperlight_ctx_t *ctx, ngx_int_t rc)
{
    uint64_t                       now;
    const hl_stats_t              *stats;
    ngx_http_hyperlight_record_t  *record;

    record = &ctx->record;

    if (record->over) {
        return;
    }

    record->over = 1;

    if (record->outcome == NGX_HTTP_HYPERLIGHT_OUTCOMES) {
        record->outcome = ngx_http_hyperlight_record_outcome(rc);
    }

    now = ngx_http_hyperlight_now();

    if (ctx->sandbox) {
        stats = hl_sandbox_stats(ctx->sandbox);

        record->queue_time = record->taken - record->arrived;
        record->wall_time = now - record->taken;
        record->exits = stats->exits - record->exits;

        /* until a call has begun, these are of the one before it */

        record->cpu_time = ctx->call ? stats->guest_ns : 0;

    } else {
        record->queue_time = now - record->arrived;
    }

    ngx_http_hyperlight_record_count(record);
    ngx_http_hyperlight_brake_end(ctx);
}


/* Of a call that has not failed by itself. */

static ngx_http_hyperlight_outcome_e
ngx_http_hyperlight_record_outcome(ngx_int_t rc)
{
    if (rc == NGX_OK) {
        return NGX_HTTP_HYPERLIGHT_OK;
    }

    /* NGX_ERROR: what there is cannot be sent, or who reads it is gone */

    if (rc == NGX_ERROR || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || rc == NGX_HTTP_REQUEST_TIME_OUT)
    {
        return NGX_HTTP_HYPERLIGHT_ABORTED;
    }

    /* of a body that is read piece by piece: too large, or malformed */

    if (rc >= NGX_HTTP_BAD_REQUEST && rc < NGX_HTTP_INTERNAL_SERVER_ERROR) {
        return NGX_HTTP_HYPERLIGHT_LIMIT;
    }

    return NGX_HTTP_HYPERLIGHT_ERROR;
}


static void
ngx_http_hyperlight_record_count(ngx_http_hyperlight_record_t *record)
{
    ngx_uint_t                  i;
    ngx_http_hyperlight_row_t  *row;

    row = ngx_http_hyperlight_row(record->metrics);

    row->calls[record->outcome]++;

    if (record->taken) {

        for (i = 0; i < NGX_HTTP_HYPERLIGHT_BUCKETS - 1; i++) {
            if (record->wall_time <= ngx_http_hyperlight_buckets[i].ns) {
                break;
            }
        }

        row->buckets[i]++;
        row->wall_time += record->wall_time;
        row->cpu_time += record->cpu_time;
        row->exits += record->exits;
    }

    if (record->waited) {
        row->waited++;
        row->queue_time += record->queue_time;
    }
}


void
ngx_http_hyperlight_record_owed(ngx_http_hyperlight_ctx_t *ctx)
{
    if (ctx->record.listed) {
        ctx->record.pool = ctx->pool;
        ctx->pool->owed = &ctx->record;
    }
}


void
ngx_http_hyperlight_record_restored(ngx_http_hyperlight_pool_t *pool,
    ngx_http_hyperlight_sandbox_t *sandbox)
{
    const hl_stats_t              *stats;
    ngx_http_hyperlight_row_t     *row;
    ngx_http_hyperlight_record_t  *record;

    row = ngx_http_hyperlight_row(pool->guest->metrics);
    stats = hl_sandbox_stats(sandbox->core);

    row->restored_pages += stats->restored_pages;
    row->dropped_pages += stats->dropped_pages;
    row->rebuilds += stats->rebuilds - sandbox->rebuilds;

    sandbox->rebuilds = stats->rebuilds;

    record = pool->owed;

    if (record) {
        record->pages = stats->restored_pages + stats->dropped_pages;
        record->restored = 1;
        pool->owed = NULL;
    }
}


ngx_http_hyperlight_record_t *
ngx_http_hyperlight_records(ngx_http_request_t *r)
{
    ngx_http_hyperlight_records_t  *records;

    records = ngx_http_hyperlight_records_find(r);

    return records ? records->first : NULL;
}


static ngx_http_hyperlight_records_t *
ngx_http_hyperlight_records_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_hyperlight_records_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


/* Without memory for it the call is served, and counted, all the same. */

static void
ngx_http_hyperlight_record_list(ngx_http_hyperlight_record_t *record,
    ngx_http_request_t *r)
{
    ngx_pool_cleanup_t             *cln;
    ngx_http_hyperlight_records_t  *records;

    record->request = r;

    records = ngx_http_hyperlight_records_find(r);

    if (records == NULL) {
        cln = ngx_pool_cleanup_add(r->pool,
                                   sizeof(ngx_http_hyperlight_records_t));
        if (cln == NULL) {
            return;
        }

        cln->handler = ngx_http_hyperlight_records_cleanup;

        records = cln->data;
        records->first = NULL;
        records->last = &records->first;
    }

    record->listed = 1;

    *records->last = record;
    records->last = &record->next;
}


/* The records go: nobody is owed anything. */

static void
ngx_http_hyperlight_records_cleanup(void *data)
{
    ngx_http_hyperlight_records_t *records = data;

    ngx_http_hyperlight_record_t  *record;

    for (record = records->first; record; record = record->next) {
        if (record->pool && record->pool->owed == record) {
            record->pool->owed = NULL;
        }
    }
}
