/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_status_prometheus.c: the status in Prometheus' text
 * format 0.0.4.  All samples of a metric are in one group, so each metric
 * goes over all guests.  Each outcome is there from the beginning: a rate of
 * what appears with its first sample misses that one.
 */

#include "ngx_http_hyperlight_status.h"


/* A metric that is one number of the totals. */
typedef struct {
    const char  *name;
    const char  *type;
    const char  *help;
    size_t       offset;
    unsigned     seconds:1;       /* it is in nanoseconds */
} ngx_http_hyperlight_metric_t;


static void ngx_http_hyperlight_prometheus_calls(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_view_t *views,
    ngx_uint_t n);
static void ngx_http_hyperlight_prometheus_histogram(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_view_t *views,
    ngx_uint_t n);
static void ngx_http_hyperlight_prometheus_queue(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_view_t *views,
    ngx_uint_t n);
static void ngx_http_hyperlight_prometheus_sandboxes(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_view_t *views,
    ngx_uint_t n);
static void ngx_http_hyperlight_prometheus_metric(
    ngx_http_hyperlight_out_t *out,
    const ngx_http_hyperlight_metric_t *metric,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n);


static const ngx_http_hyperlight_metric_t
                                       ngx_http_hyperlight_simple_metrics[] = {

    { "hyperlight_cpu_seconds_total", "counter",
      "Time that calls ran in their sandboxes.",
      ngx_http_hyperlight_sum(cpu_time), 1 },

    { "hyperlight_exits_total", "counter",
      "Times that calls left their sandboxes by themselves.",
      ngx_http_hyperlight_sum(exits), 0 },

    { "hyperlight_restored_pages_total", "counter",
      "Pages of 4 KiB that were copied back after calls.",
      ngx_http_hyperlight_sum(restored_pages), 0 },

    { "hyperlight_dropped_pages_total", "counter",
      "Pages of 4 KiB that were given back to the system after calls.",
      ngx_http_hyperlight_sum(dropped_pages), 0 },

    { "hyperlight_vm_rebuilds_total", "counter",
      "Virtual machines made anew for their sandboxes.",
      ngx_http_hyperlight_sum(rebuilds), 0 },

    { "hyperlight_queue_length", "gauge",
      "Calls that wait for a sandbox.",
      ngx_http_hyperlight_sum(waiting), 0 }
};

#define NGX_HTTP_HYPERLIGHT_METRICS                                           \
    (sizeof(ngx_http_hyperlight_simple_metrics)                               \
     / sizeof(ngx_http_hyperlight_metric_t))


void
ngx_http_hyperlight_status_prometheus(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    ngx_uint_t  i;

    ngx_http_hyperlight_prometheus_calls(out, views, n);
    ngx_http_hyperlight_prometheus_histogram(out, views, n);
    ngx_http_hyperlight_prometheus_queue(out, views, n);
    ngx_http_hyperlight_prometheus_sandboxes(out, views, n);

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_METRICS; i++) {
        ngx_http_hyperlight_prometheus_metric(out,
                                        &ngx_http_hyperlight_simple_metrics[i],
                                        views, n);
    }

    ngx_http_hyperlight_prometheus_guests(out, views, n);
}


static void
ngx_http_hyperlight_prometheus_calls(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    ngx_str_t   *name;
    ngx_uint_t   i, k;

    ngx_http_hyperlight_prometheus_head(out, "hyperlight_calls_total",
                                        "counter",
                                        "Calls, by how they ended.");

    for (i = 0; i < n; i++) {
        for (k = 0; k < NGX_HTTP_HYPERLIGHT_OUTCOMES; k++) {
            name = &ngx_http_hyperlight_outcome_names[k];

            ngx_http_hyperlight_prometheus_name(out, "hyperlight_calls_total",
                                                &views[i], "outcome",
                                                (char *) name->data);
            ngx_http_hyperlight_out(out, "%uA\n",
                                    views[i].totals.sum.calls[k]);
        }
    }
}


static void
ngx_http_hyperlight_prometheus_histogram(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    uint64_t                       count;
    ngx_uint_t                     i, k;
    ngx_http_hyperlight_totals_t  *totals;

    ngx_http_hyperlight_prometheus_head(out, "hyperlight_call_seconds",
                                        "histogram",
                                        "Time from getting a sandbox to the "
                                        "end of the call.");

    for (i = 0; i < n; i++) {
        totals = &views[i].totals;
        count = 0;

        for (k = 0; k < NGX_HTTP_HYPERLIGHT_BUCKETS; k++) {
            count += totals->sum.buckets[k];

            ngx_http_hyperlight_prometheus_name(out,
                                    "hyperlight_call_seconds_bucket",
                                    &views[i], "le",
                                    ngx_http_hyperlight_buckets[k].seconds);
            ngx_http_hyperlight_out(out, "%uL\n", count);
        }

        ngx_http_hyperlight_prometheus_name(out, "hyperlight_call_seconds_sum",
                                            &views[i], NULL, NULL);
        ngx_http_hyperlight_out_seconds(out, totals->sum.wall_time);

        ngx_http_hyperlight_out(out, "\n");
        ngx_http_hyperlight_prometheus_name(out,
                                            "hyperlight_call_seconds_count",
                                            &views[i], NULL, NULL);
        ngx_http_hyperlight_out(out, "%uL\n", count);
    }
}


/* Calls that waited: most do not, and would hide how long these did. */

static void
ngx_http_hyperlight_prometheus_queue(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    ngx_uint_t                  i;
    ngx_http_hyperlight_row_t  *sum;

    ngx_http_hyperlight_prometheus_head(out, "hyperlight_queue_seconds",
                                        "summary",
                                        "Time in the queue, of calls that "
                                        "had to wait for a sandbox.");

    for (i = 0; i < n; i++) {
        sum = &views[i].totals.sum;

        ngx_http_hyperlight_prometheus_name(out,
                                            "hyperlight_queue_seconds_sum",
                                            &views[i], NULL, NULL);
        ngx_http_hyperlight_out_seconds(out, sum->queue_time);

        ngx_http_hyperlight_out(out, "\n");
        ngx_http_hyperlight_prometheus_name(out,
                                            "hyperlight_queue_seconds_count",
                                            &views[i], NULL, NULL);
        ngx_http_hyperlight_out(out, "%uA\n", sum->waited);
    }
}


static void
ngx_http_hyperlight_prometheus_sandboxes(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    ngx_uint_t                  i;
    ngx_http_hyperlight_row_t  *sum;

    ngx_http_hyperlight_prometheus_head(out, "hyperlight_sandboxes", "gauge",
                                        "Sandboxes of all workers.");

    for (i = 0; i < n; i++) {
        sum = &views[i].totals.sum;

        ngx_http_hyperlight_prometheus_name(out, "hyperlight_sandboxes",
                                            &views[i], "state", "in_use");
        ngx_http_hyperlight_out(out, "%uA\n", sum->in_use);

        /* the two were not read at the same time */

        ngx_http_hyperlight_prometheus_name(out, "hyperlight_sandboxes",
                                            &views[i], "state", "free");
        ngx_http_hyperlight_out(out, "%uA\n",
                                sum->sandboxes - ngx_min(sum->sandboxes,
                                                         sum->in_use));
    }
}


static void
ngx_http_hyperlight_prometheus_metric(ngx_http_hyperlight_out_t *out,
    const ngx_http_hyperlight_metric_t *metric,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    u_char             *totals;
    ngx_uint_t          i;
    ngx_atomic_uint_t   value;

    ngx_http_hyperlight_prometheus_head(out, metric->name, metric->type,
                                        metric->help);

    for (i = 0; i < n; i++) {
        totals = (u_char *) &views[i].totals;
        value = *(ngx_atomic_t *) (void *) (totals + metric->offset);

        ngx_http_hyperlight_prometheus_name(out, metric->name, &views[i], NULL,
                                            NULL);

        if (metric->seconds) {
            ngx_http_hyperlight_out_seconds(out, value);

        } else {
            ngx_http_hyperlight_out(out, "%uA", value);
        }

        ngx_http_hyperlight_out(out, "\n");
    }
}
