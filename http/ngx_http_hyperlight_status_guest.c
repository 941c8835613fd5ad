/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_status_guest.c: of the status, what guests have been
 * refused, what they exceeded, and the metrics of their own, in all forms.
 *
 * Names of these metrics are safe in any of them: a-z, 0-9 and _.
 */

#include "ngx_http_hyperlight_status.h"


/* A metric of a guest's own, among those of all guests. */
typedef struct {
    ngx_http_hyperlight_own_t         *own;
    ngx_http_hyperlight_view_t        *view;
} ngx_http_hyperlight_sorted_t;


static void ngx_http_hyperlight_prometheus_names(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_view_t *views,
    ngx_uint_t n, const char *metric, const char *help, const char *label,
    ngx_str_t *names, ngx_uint_t nnames, size_t offset);
static void ngx_http_hyperlight_prometheus_own(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_view_t *views,
    ngx_uint_t n);
static int ngx_http_hyperlight_own_cmp(const void *one, const void *two);
static ngx_int_t ngx_http_hyperlight_own_order(
    const ngx_http_hyperlight_own_t *a, const ngx_http_hyperlight_own_t *b);
static void ngx_http_hyperlight_prometheus_counter(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_sorted_t *metric);
static void ngx_http_hyperlight_prometheus_buckets(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_sorted_t *metric);
static void ngx_http_hyperlight_json_names(ngx_http_hyperlight_out_t *out,
    const char *member, ngx_str_t *names, ngx_atomic_t *values,
    ngx_uint_t n);
static void ngx_http_hyperlight_json_own(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_metrics_t *metrics, hl_metric_kind_t kind);
static void ngx_http_hyperlight_html_names(ngx_http_hyperlight_out_t *out,
    const char *what, ngx_str_t *names, ngx_atomic_t *values, ngx_uint_t n);
static uint64_t ngx_http_hyperlight_own_count(
    ngx_http_hyperlight_own_t *own);


void
ngx_http_hyperlight_prometheus_guests(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    ngx_http_hyperlight_prometheus_names(out, views, n,
                                     "hyperlight_refused_total",
                                     "What guests did that is not granted.",
                                     "what", ngx_http_hyperlight_grant_names,
                                     NGX_HTTP_HYPERLIGHT_GRANTS,
                                     ngx_http_hyperlight_sum(refused));

    ngx_http_hyperlight_prometheus_names(out, views, n,
                                     "hyperlight_limited_total",
                                     "Times that calls went over a limit.",
                                     "limit", ngx_http_hyperlight_limit_names,
                                     NGX_HTTP_HYPERLIGHT_LIMITS,
                                     ngx_http_hyperlight_sum(over));

    ngx_http_hyperlight_prometheus_own(out, views, n);
}


static void
ngx_http_hyperlight_prometheus_names(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n, const char *metric,
    const char *help, const char *label, ngx_str_t *names, ngx_uint_t nnames,
    size_t offset)
{
    u_char        *totals;
    ngx_uint_t     i, k;
    ngx_atomic_t  *values;

    ngx_http_hyperlight_prometheus_head(out, metric, "counter", help);

    for (i = 0; i < n; i++) {
        totals = (u_char *) &views[i].totals;
        values = (ngx_atomic_t *) (void *) (totals + offset);

        for (k = 0; k < nnames; k++) {
            ngx_http_hyperlight_prometheus_name(out, metric, &views[i], label,
                                                (char *) names[k].data);
            ngx_http_hyperlight_out(out, "%uA\n", values[k]);
        }
    }
}


/* Guests may have names in common, and samples of a metric are one group. */

static void
ngx_http_hyperlight_prometheus_own(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    ngx_uint_t                      i, k, count;
    ngx_http_hyperlight_sorted_t   *sorted;
    ngx_http_hyperlight_metrics_t  *metrics;

    sorted = ngx_palloc(out->pool, (n * NGX_HTTP_HYPERLIGHT_OWN_MAX + 1)
                                   * sizeof(ngx_http_hyperlight_sorted_t));
    if (sorted == NULL) {
        out->failed = 1;
        return;
    }

    count = 0;

    for (i = 0; i < n; i++) {
        metrics = views[i].guest->metrics;

        for (k = 0; k < metrics->nown; k++) {
            sorted[count].own = &metrics->own[k];
            sorted[count++].view = &views[i];
        }
    }

    qsort(sorted, count, sizeof(ngx_http_hyperlight_sorted_t),
          ngx_http_hyperlight_own_cmp);

    for (i = 0; i < count; i++) {

        if (i == 0
            || ngx_http_hyperlight_own_order(sorted[i - 1].own, sorted[i].own)
               != 0)
        {
            ngx_http_hyperlight_out(out, "# TYPE hyperlight_guest_%V%s\n",
                                    &sorted[i].own->name,
                                    sorted[i].own->kind == HL_METRIC_COUNTER
                                    ? "_total counter" : " histogram");
        }

        if (sorted[i].own->kind == HL_METRIC_COUNTER) {
            ngx_http_hyperlight_prometheus_counter(out, &sorted[i]);

        } else {
            ngx_http_hyperlight_prometheus_buckets(out, &sorted[i]);
        }
    }
}


/* In the guests' own order, those of one metric. */

static int
ngx_http_hyperlight_own_cmp(const void *one, const void *two)
{
    const ngx_http_hyperlight_sorted_t *a = one;
    const ngx_http_hyperlight_sorted_t *b = two;

    ngx_int_t  rc;

    rc = ngx_http_hyperlight_own_order(a->own, b->own);

    if (rc == 0) {
        rc = (a->view > b->view) - (a->view < b->view);
    }

    return (int) rc;
}


/* By kind and name; 0: the same metric. */

static ngx_int_t
ngx_http_hyperlight_own_order(const ngx_http_hyperlight_own_t *a,
    const ngx_http_hyperlight_own_t *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }

    return ngx_memn2cmp(a->name.data, b->name.data, a->name.len, b->name.len);
}


static void
ngx_http_hyperlight_prometheus_counter(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_sorted_t *metric)
{
    ngx_http_hyperlight_out(out, "hyperlight_guest_%V_total{guest=\"",
                            &metric->own->name);
    ngx_http_hyperlight_out_text(out, &metric->view->guest->name,
                                 NGX_HTTP_HYPERLIGHT_IN_LABEL);
    ngx_http_hyperlight_out(out, "\"} %uA\n", metric->own->sum);
}


static void
ngx_http_hyperlight_prometheus_buckets(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_sorted_t *metric)
{
    uint64_t     count;
    ngx_str_t   *name, *guest;
    ngx_uint_t   i;

    name = &metric->own->name;
    guest = &metric->view->guest->name;
    count = 0;

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_OWN_BUCKETS; i++) {
        count += metric->own->buckets[i];

        ngx_http_hyperlight_out(out, "hyperlight_guest_%V_bucket{guest=\"",
                                name);
        ngx_http_hyperlight_out_text(out, guest, NGX_HTTP_HYPERLIGHT_IN_LABEL);
        ngx_http_hyperlight_out(out, "\",le=\"%s\"} %uL\n",
                                ngx_http_hyperlight_own_buckets[i].text,
                                count);
    }

    ngx_http_hyperlight_out(out, "hyperlight_guest_%V_sum{guest=\"", name);
    ngx_http_hyperlight_out_text(out, guest, NGX_HTTP_HYPERLIGHT_IN_LABEL);
    ngx_http_hyperlight_out(out, "\"} %uA\nhyperlight_guest_%V_count{guest=\"",
                            metric->own->sum, name);
    ngx_http_hyperlight_out_text(out, guest, NGX_HTTP_HYPERLIGHT_IN_LABEL);
    ngx_http_hyperlight_out(out, "\"} %uL\n", count);
}


void
ngx_http_hyperlight_json_guests(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view)
{
    ngx_http_hyperlight_row_t  *sum;

    sum = &view->totals.sum;

    ngx_http_hyperlight_json_names(out, "refused",
                                   ngx_http_hyperlight_grant_names,
                                   sum->refused, NGX_HTTP_HYPERLIGHT_GRANTS);
    ngx_http_hyperlight_json_names(out, "limited",
                                   ngx_http_hyperlight_limit_names,
                                   sum->over, NGX_HTTP_HYPERLIGHT_LIMITS);

    ngx_http_hyperlight_out(out, "\"metrics\":{\"counters\":{");
    ngx_http_hyperlight_json_own(out, view->guest->metrics,
                                 HL_METRIC_COUNTER);
    ngx_http_hyperlight_out(out, "},\"histograms\":{");
    ngx_http_hyperlight_json_own(out, view->guest->metrics,
                                 HL_METRIC_HISTOGRAM);
    ngx_http_hyperlight_out(out, "}},");
}


static void
ngx_http_hyperlight_json_names(ngx_http_hyperlight_out_t *out,
    const char *member, ngx_str_t *names, ngx_atomic_t *values, ngx_uint_t n)
{
    ngx_uint_t  i;

    ngx_http_hyperlight_out(out, "\"%s\":{", member);

    for (i = 0; i < n; i++) {
        ngx_http_hyperlight_out(out, "%s\"%V\":%uA", i ? "," : "", &names[i],
                                values[i]);
    }

    ngx_http_hyperlight_out(out, "},");
}


static void
ngx_http_hyperlight_json_own(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_metrics_t *metrics, hl_metric_kind_t kind)
{
    uint64_t                    count;
    ngx_uint_t                  i, k, first;
    ngx_http_hyperlight_own_t  *own;

    first = 1;

    for (i = 0; i < metrics->nown; i++) {
        own = &metrics->own[i];

        if (own->kind != (ngx_uint_t) kind) {
            continue;
        }

        ngx_http_hyperlight_out(out, "%s\"%V\":", first ? "" : ",",
                                &own->name);
        first = 0;

        if (kind == HL_METRIC_COUNTER) {
            ngx_http_hyperlight_out(out, "%uA", own->sum);
            continue;
        }

        ngx_http_hyperlight_out(out, "{\"count\":%uL,\"sum\":%uA,"
                                     "\"buckets\":[",
                                ngx_http_hyperlight_own_count(own), own->sum);
        count = 0;

        for (k = 0; k < NGX_HTTP_HYPERLIGHT_OWN_BUCKETS; k++) {
            count += own->buckets[k];

            ngx_http_hyperlight_out(out, "%s{\"le\":\"%s\",\"count\":%uL}",
                                    k ? "," : "",
                                    ngx_http_hyperlight_own_buckets[k].text,
                                    count);
        }

        ngx_http_hyperlight_out(out, "]}");
    }
}


void
ngx_http_hyperlight_html_guests(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view)
{
    uint64_t                        count;
    ngx_uint_t                      i;
    ngx_http_hyperlight_own_t      *own;
    ngx_http_hyperlight_metrics_t  *metrics;

    metrics = view->guest->metrics;

    ngx_http_hyperlight_html_names(out, "Refused",
                                   ngx_http_hyperlight_grant_names,
                                   view->totals.sum.refused,
                                   NGX_HTTP_HYPERLIGHT_GRANTS);
    ngx_http_hyperlight_html_names(out, "Over",
                                   ngx_http_hyperlight_limit_names,
                                   view->totals.sum.over,
                                   NGX_HTTP_HYPERLIGHT_LIMITS);

    if (metrics->nown == 0) {
        return;
    }

    ngx_http_hyperlight_out(out, "<p>Metrics of its own</p>\n<dl>\n");

    for (i = 0; i < metrics->nown; i++) {
        own = &metrics->own[i];

        ngx_http_hyperlight_out(out, "<div><dt>%V</dt><dd>%uA", &own->name,
                                own->sum);

        if (own->kind == HL_METRIC_HISTOGRAM) {
            count = ngx_http_hyperlight_own_count(own);
            ngx_http_hyperlight_out(out, " in %uL, mean %uL", count,
                                    own->sum / ngx_max(count, 1));
        }

        ngx_http_hyperlight_out(out, "</dd></div>\n");
    }

    ngx_http_hyperlight_out(out, "</dl>\n");
}


/* Only what there was: most of it never is. */

static void
ngx_http_hyperlight_html_names(ngx_http_hyperlight_out_t *out,
    const char *what, ngx_str_t *names, ngx_atomic_t *values, ngx_uint_t n)
{
    ngx_uint_t  i, begun;

    begun = 0;

    for (i = 0; i < n; i++) {

        if (values[i] == 0) {
            continue;
        }

        if (!begun) {
            ngx_http_hyperlight_out(out, "<dl>\n");
            begun = 1;
        }

        ngx_http_hyperlight_out(out, "<div><dt>%s: %V</dt><dd>%uA</dd>"
                                     "</div>\n", what, &names[i], values[i]);
    }

    if (begun) {
        ngx_http_hyperlight_out(out, "</dl>\n");
    }
}


static uint64_t
ngx_http_hyperlight_own_count(ngx_http_hyperlight_own_t *own)
{
    uint64_t    count;
    ngx_uint_t  i;

    count = 0;

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_OWN_BUCKETS; i++) {
        count += own->buckets[i];
    }

    return count;
}
