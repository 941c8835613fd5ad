/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_status_json.c: the status in JSON.  Programs rely on
 * what is here: members may be added, and none changed.
 *
 *     { "version": 1, "nginx": "1.22.1", "time": 1700000000,
 *       "guests": [ {
 *         "name": "hello", "since": 1700000000, "workers": 2,
 *         "calls": { "ok": 1, ..., "aborted": 0 },
 *         "call_seconds": { "count": 1, "sum": 0.000030000,
 *           "buckets": [ { "le": "0.00001", "count": 0 }, ...,
 *                        { "le": "+Inf", "count": 1 } ] },
 *         "cpu_seconds": 0.000025000,
 *         "exits": 1,
 *         "queue": { "length": 0, "waited": 0, "seconds": 0.000000000 },
 *         "pages": { "restored": 1, "dropped": 0 },
 *         "vm_rebuilds": 0,
 *         "refused": { "headers": 0, ..., "metrics": 0 },
 *         "limited": { "cpu_limit": 0, ..., "metrics": 0 },
 *         "metrics": { "counters": { "parsed": 3 },
 *           "histograms": { "rows": { "count": 1, "sum": 7,
 *             "buckets": [ { "le": "1", "count": 0 }, ... ] } } },
 *         "sandboxes": { "count": 1, "in_use": 0, "min": 1, "max": 16 }
 *       } ] }
 *
 * Times are Unix's; counters begin at "since"; buckets are cumulative, as
 * Prometheus'; "min" and "max" are of one worker.
 */

#include "ngx_http_hyperlight_status.h"


#define NGX_HTTP_HYPERLIGHT_JSON_VERSION  1


static void ngx_http_hyperlight_json_guest(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view);
static void ngx_http_hyperlight_json_calls(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_totals_t *totals);


void
ngx_http_hyperlight_status_json(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    ngx_uint_t  i;

    ngx_http_hyperlight_out(out, "{\"version\":%d,\"nginx\":\"" NGINX_VERSION
                                 "\",\"time\":%T,\"guests\":[",
                            NGX_HTTP_HYPERLIGHT_JSON_VERSION, ngx_time());

    for (i = 0; i < n; i++) {
        ngx_http_hyperlight_out(out, i ? ",\n" : "\n");
        ngx_http_hyperlight_json_guest(out, &views[i]);
    }

    ngx_http_hyperlight_out(out, "]}\n");
}


static void
ngx_http_hyperlight_json_guest(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view)
{
    ngx_http_hyperlight_row_t    *sum;
    ngx_http_hyperlight_guest_t  *guest;

    guest = view->guest;
    sum = &view->totals.sum;

    ngx_http_hyperlight_out(out, "{\"name\":\"");
    ngx_http_hyperlight_out_text(out, &guest->name,
                                 NGX_HTTP_HYPERLIGHT_IN_JSON);
    ngx_http_hyperlight_out(out, "\",\"since\":%T,\"workers\":%ui,",
                            guest->metrics->since, view->totals.workers);

    ngx_http_hyperlight_json_calls(out, &view->totals);

    ngx_http_hyperlight_out(out, "\"cpu_seconds\":");
    ngx_http_hyperlight_out_seconds(out, sum->cpu_time);

    ngx_http_hyperlight_out(out, ",\"exits\":%uA,\"queue\":{\"length\":%uA,"
                                 "\"waited\":%uA,\"seconds\":",
                            sum->exits, sum->waiting, sum->waited);
    ngx_http_hyperlight_out_seconds(out, sum->queue_time);

    ngx_http_hyperlight_out(out, "},\"pages\":{\"restored\":%uA,"
                                 "\"dropped\":%uA},\"vm_rebuilds\":%uA,",
                            sum->restored_pages, sum->dropped_pages,
                            sum->rebuilds);

    ngx_http_hyperlight_json_guests(out, view);

    ngx_http_hyperlight_out(out, "\"sandboxes\":{\"count\":%uA,"
                                 "\"in_use\":%uA,\"min\":%ui,\"max\":%ui}}",
                            sum->sandboxes, sum->in_use,
                            guest->sandboxes_min, guest->sandboxes_max);
}


static void
ngx_http_hyperlight_json_calls(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_totals_t *totals)
{
    uint64_t    count;
    ngx_uint_t  i;

    ngx_http_hyperlight_out(out, "\"calls\":{");

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_OUTCOMES; i++) {
        ngx_http_hyperlight_out(out, "%s\"%V\":%uA", i ? "," : "",
                                &ngx_http_hyperlight_outcome_names[i],
                                totals->sum.calls[i]);
    }

    ngx_http_hyperlight_out(out, "},\"call_seconds\":{\"count\":%uL,\"sum\":",
                            totals->timed);
    ngx_http_hyperlight_out_seconds(out, totals->sum.wall_time);
    ngx_http_hyperlight_out(out, ",\"buckets\":[");

    count = 0;

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_BUCKETS; i++) {
        count += totals->sum.buckets[i];

        ngx_http_hyperlight_out(out, "%s{\"le\":\"%s\",\"count\":%uL}",
                                i ? "," : "",
                                ngx_http_hyperlight_buckets[i].seconds, count);
    }

    ngx_http_hyperlight_out(out, "]},");
}
