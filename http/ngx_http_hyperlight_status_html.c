/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_status_html.c: the status as a page for a person: a
 * table of the guests, and of each how its calls ended and how long they
 * took.  It is all in one response and needs no script.
 */

#include "ngx_http_hyperlight_status.h"


/* Of the histogram, in the units of its picture. */
#define NGX_HTTP_HYPERLIGHT_BAR_STEP    48
#define NGX_HTTP_HYPERLIGHT_BAR_WIDTH   34
#define NGX_HTTP_HYPERLIGHT_BAR_BASE    226
#define NGX_HTTP_HYPERLIGHT_BAR_HEIGHT  200
#define NGX_HTTP_HYPERLIGHT_PICTURE_W                                         \
    (NGX_HTTP_HYPERLIGHT_BUCKETS * NGX_HTTP_HYPERLIGHT_BAR_STEP)
#define NGX_HTTP_HYPERLIGHT_PICTURE_H   248


static void ngx_http_hyperlight_html_head(ngx_http_hyperlight_out_t *out);
static void ngx_http_hyperlight_html_row(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view, ngx_uint_t i);
static void ngx_http_hyperlight_html_rates(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view);
static void ngx_http_hyperlight_html_percentile(
    ngx_http_hyperlight_out_t *out, ngx_http_hyperlight_totals_t *totals,
    uint64_t percent);
static void ngx_http_hyperlight_html_guest(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view, ngx_uint_t i);
static void ngx_http_hyperlight_html_outcomes(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_totals_t *totals);
static void ngx_http_hyperlight_html_histogram(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_totals_t *totals);
static void ngx_http_hyperlight_html_bar(ngx_http_hyperlight_out_t *out,
    ngx_uint_t i, uint64_t count, uint64_t height, uint64_t tenths);
static void ngx_http_hyperlight_html_facts(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view);
static void ngx_http_hyperlight_html_mean(ngx_http_hyperlight_out_t *out,
    const char *what, uint64_t sum, uint64_t n);
static void ngx_http_hyperlight_html_tenths(ngx_http_hyperlight_out_t *out,
    uint64_t tenths);
static void ngx_http_hyperlight_html_duration(ngx_http_hyperlight_out_t *out,
    uint64_t ns);


/* Not longer, each, than what is put out at a time. */

static const char *const  ngx_http_hyperlight_html_start[] = {
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta http-equiv=\"refresh\" content=\"5\">\n"
    "<title>Hyperlight status</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; --back: #fff; --text: #1c2024;"
    " --dim: #68707a; --line: #d9dde2; --card: #f7f8fa; --bar: #2f6fdb;"
    " --good: #1a7f45; --bad: #c4302b }\n",

    "@media (prefers-color-scheme: dark) { :root { --back: #14171a;"
    " --text: #e4e7ea; --dim: #98a1ab; --line: #343a41; --card: #1c2025;"
    " --bar: #6ea3f7; --good: #53c282; --bad: #ff7b72 } }\n"
    "body { margin: 1.5rem auto; max-width: 68rem; padding: 0 1rem;"
    " background: var(--back); color: var(--text);"
    " font: 15px/1.45 system-ui, sans-serif }\n"
    "h1 { font-size: 1.4rem; margin: 0 }\n"
    "h2 { font-size: 1.1rem; margin: 0 0 .6rem; overflow-wrap: anywhere }\n"
    "section p { margin: .3rem 0 }\n"
    "p, dt, th, .zero td { color: var(--dim) }\n"
    "a { color: var(--bar) }\n"
    "table { border-collapse: collapse;"
    " font-variant-numeric: tabular-nums }\n",

    "th { font-weight: 500; font-size: .85rem }\n"
    "th, td { padding: .25rem .6rem; text-align: right;"
    " white-space: nowrap; border-bottom: 1px solid var(--line) }\n"
    "th:first-child, td:first-child { text-align: left;"
    " white-space: normal; min-width: 7rem; overflow-wrap: anywhere }\n"
    ".guests { width: 100%; margin: 1rem 0 1.5rem }\n"
    ".wide { overflow-x: auto }\n"
    "section { background: var(--card); border: 1px solid var(--line);"
    " border-radius: 8px; padding: 1rem; margin: 0 0 1rem }\n"
    ".two { display: flex; flex-wrap: wrap; gap: 1.5rem }\n"
    ".two > :last-child { flex: 1 1 20rem; min-width: 0 }\n"
    ".ok td:first-child { color: var(--good) }\n"
    ".bad td { color: var(--bad) }\n",

    "svg { display: block; width: 100%; min-width: 36rem;"
    " font: 11px system-ui, sans-serif;"
    " text-anchor: middle; fill: var(--dim) }\n"
    "rect { fill: var(--bar) }\n"
    "line { stroke: var(--line) }\n"
    "dl { display: flex; flex-wrap: wrap; gap: .4rem 1.8rem;"
    " margin: .8rem 0 0 }\n"
    "dt { font-size: .85rem }\n"
    "dd { margin: 0; font-variant-numeric: tabular-nums }\n"
    "</style>\n"
    "</head>\n"
    "<body>\n"
};


void
ngx_http_hyperlight_status_html(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *views, ngx_uint_t n)
{
    ngx_uint_t  i;

    ngx_http_hyperlight_html_head(out);

    if (n == 0) {
        ngx_http_hyperlight_out(out, "<p>There is no hyperlight_guest.</p>\n");
    }

    if (n != 0) {
        ngx_http_hyperlight_out(out, "<div class=\"wide\">"
                                "<table class=\"guests\">\n<tr><th>Guest</th>"
                                "<th>Calls</th><th>per second</th>"
                                "<th>failed per second</th>"
                                "<th>CPU</th><th>Sandboxes in use</th>"
                                "<th>Queue</th><th>Half within</th>"
                                "<th>99 %% within</th></tr>\n");

        for (i = 0; i < n; i++) {
            ngx_http_hyperlight_html_row(out, &views[i], i);
        }

        ngx_http_hyperlight_out(out, "</table></div>\n");
    }

    for (i = 0; i < n; i++) {
        ngx_http_hyperlight_html_guest(out, &views[i], i);
    }

    ngx_http_hyperlight_out(out, "</body>\n</html>\n");
}


static void
ngx_http_hyperlight_html_head(ngx_http_hyperlight_out_t *out)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(ngx_http_hyperlight_html_start) / sizeof(char *);
         i++)
    {
        ngx_http_hyperlight_out(out, "%s", ngx_http_hyperlight_html_start[i]);
    }

    ngx_http_hyperlight_out(out, "<h1>Hyperlight for nginx</h1>\n"
                            "<p>" NGINX_VER ", %V; refreshed every 5 s; also "
                            "<a href=\"?format=prometheus\">for Prometheus</a>"
                            " and <a href=\"?format=json\">as JSON</a></p>\n",
                            &ngx_cached_http_time);
}


static void
ngx_http_hyperlight_html_row(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view, ngx_uint_t i)
{
    ngx_http_hyperlight_totals_t  *totals;

    totals = &view->totals;

    ngx_http_hyperlight_out(out, "<tr><td><a href=\"#guest-%ui\">", i);
    ngx_http_hyperlight_out_text(out, &view->guest->name,
                                 NGX_HTTP_HYPERLIGHT_IN_HTML);
    ngx_http_hyperlight_out(out, "</a></td><td>%uL</td>", totals->calls);

    ngx_http_hyperlight_html_rates(out, view);

    ngx_http_hyperlight_out(out, "<td>%uA of %uA</td><td>%uA</td><td>",
                            totals->sum.in_use, totals->sum.sandboxes,
                            totals->sum.waiting);

    ngx_http_hyperlight_html_percentile(out, totals, 50);
    ngx_http_hyperlight_out(out, "</td><td>");
    ngx_http_hyperlight_html_percentile(out, totals, 99);
    ngx_http_hyperlight_out(out, "</td></tr>\n");
}


/* Three cells: calls, failures, and the share of one CPU. */

static void
ngx_http_hyperlight_html_rates(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view)
{
    uint64_t                       ms;
    ngx_msec_int_t                 age;
    ngx_http_hyperlight_sample_t  *then, *now;

    then = &view->then;
    now = &view->now;

    age = (ngx_msec_int_t) (now->time - then->time);
    ms = (uint64_t) ngx_max(age, 1);

    ngx_http_hyperlight_out(out, "<td title=\"in the last %uL s\">",
                            (ms + 500) / 1000);
    ngx_http_hyperlight_html_tenths(out,
                                    (now->calls - then->calls) * 10000 / ms);

    ngx_http_hyperlight_out(out, "</td><td>");
    ngx_http_hyperlight_html_tenths(out, (now->failed - then->failed) * 10000
                                         / ms);

    ngx_http_hyperlight_out(out, "</td><td>");
    ngx_http_hyperlight_html_tenths(out, (now->cpu_time - then->cpu_time)
                                         / (ms * 1000));
    ngx_http_hyperlight_out(out, " %%</td>");
}


/* The bound of the bucket that it falls into. */

static void
ngx_http_hyperlight_html_percentile(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_totals_t *totals, uint64_t percent)
{
    uint64_t    count;
    ngx_uint_t  i;

    if (totals->timed == 0) {
        ngx_http_hyperlight_out(out, "-");
        return;
    }

    count = 0;

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_BUCKETS - 1; i++) {
        count += totals->sum.buckets[i];

        if (count * 100 >= totals->timed * percent) {
            break;
        }
    }

    ngx_http_hyperlight_out(out, "%s", ngx_http_hyperlight_buckets[i].label);
}


static void
ngx_http_hyperlight_html_guest(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view, ngx_uint_t i)
{
    ngx_http_hyperlight_out(out, "<section id=\"guest-%ui\">\n<h2>", i);
    ngx_http_hyperlight_out_text(out, &view->guest->name,
                                 NGX_HTTP_HYPERLIGHT_IN_HTML);
    ngx_http_hyperlight_out(out, "</h2>\n<div class=\"two\">\n");

    ngx_http_hyperlight_html_outcomes(out, &view->totals);
    ngx_http_hyperlight_html_histogram(out, &view->totals);

    ngx_http_hyperlight_out(out, "</div>\n");
    ngx_http_hyperlight_html_facts(out, view);
    ngx_http_hyperlight_html_guests(out, view);
    ngx_http_hyperlight_out(out, "</section>\n");
}


static void
ngx_http_hyperlight_html_outcomes(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_totals_t *totals)
{
    uint64_t    calls;
    ngx_uint_t  i;

    ngx_http_hyperlight_out(out, "<div><table>\n<tr><th>Outcome</th>"
                                 "<th>Calls</th><th>Share</th></tr>\n");

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_OUTCOMES; i++) {
        calls = totals->sum.calls[i];

        ngx_http_hyperlight_out(out, "<tr class=\"%s\"><td>%V</td>"
                                     "<td>%uL</td><td>",
                                calls == 0 ? "zero"
                                : i == NGX_HTTP_HYPERLIGHT_OK ? "ok" : "bad",
                                &ngx_http_hyperlight_outcome_names[i], calls);
        ngx_http_hyperlight_html_tenths(out, calls * 1000
                                             / ngx_max(totals->calls, 1));
        ngx_http_hyperlight_out(out, " %%</td></tr>\n");
    }

    ngx_http_hyperlight_out(out, "</table></div>\n");
}


static void
ngx_http_hyperlight_html_histogram(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_totals_t *totals)
{
    uint64_t       count, max, height;
    ngx_uint_t     i;
    ngx_atomic_t  *buckets;

    buckets = totals->sum.buckets;
    max = 1;

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_BUCKETS; i++) {
        max = ngx_max(max, buckets[i]);
    }

    ngx_http_hyperlight_out(out, "<div class=\"wide\">"
                            "<p>Calls by their time, from getting a sandbox "
                            "to the end</p>\n"
                            "<svg viewBox=\"0 0 %d %d\" role=\"img\">\n",
                            NGX_HTTP_HYPERLIGHT_PICTURE_W,
                            NGX_HTTP_HYPERLIGHT_PICTURE_H);

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_BUCKETS; i++) {
        count = buckets[i];

        if (count) {
            height = ngx_max(count * NGX_HTTP_HYPERLIGHT_BAR_HEIGHT / max, 2);

            ngx_http_hyperlight_html_bar(out, i, count, height,
                                         count * 1000 / totals->timed);
        }

        ngx_http_hyperlight_out(out, "<text x=\"%ui\" y=\"%d\">%s</text>\n",
                                i * NGX_HTTP_HYPERLIGHT_BAR_STEP
                                + NGX_HTTP_HYPERLIGHT_BAR_STEP / 2,
                                NGX_HTTP_HYPERLIGHT_PICTURE_H - 6,
                                ngx_http_hyperlight_buckets[i].label);
    }

    ngx_http_hyperlight_out(out, "<line x1=\"0\" y1=\"%d\" x2=\"%d\" "
                                 "y2=\"%d\"/>\n</svg></div>\n",
                            NGX_HTTP_HYPERLIGHT_BAR_BASE,
                            NGX_HTTP_HYPERLIGHT_PICTURE_W,
                            NGX_HTTP_HYPERLIGHT_BAR_BASE);
}


static void
ngx_http_hyperlight_html_bar(ngx_http_hyperlight_out_t *out, ngx_uint_t i,
    uint64_t count, uint64_t height, uint64_t tenths)
{
    uint64_t    y;
    ngx_uint_t  x;

    x = i * NGX_HTTP_HYPERLIGHT_BAR_STEP;
    y = NGX_HTTP_HYPERLIGHT_BAR_BASE - height;

    ngx_http_hyperlight_out(out, "<rect x=\"%ui\" y=\"%uL\" width=\"%d\" "
                                 "height=\"%uL\"><title>%s: %uL</title>"
                                 "</rect><text x=\"%ui\" y=\"%uL\">",
                            x + (NGX_HTTP_HYPERLIGHT_BAR_STEP
                                 - NGX_HTTP_HYPERLIGHT_BAR_WIDTH) / 2,
                            y, NGX_HTTP_HYPERLIGHT_BAR_WIDTH, height,
                            ngx_http_hyperlight_buckets[i].label, count,
                            x + NGX_HTTP_HYPERLIGHT_BAR_STEP / 2, y - 5);

    ngx_http_hyperlight_html_tenths(out, tenths);
    ngx_http_hyperlight_out(out, " %%</text>\n");
}


static void
ngx_http_hyperlight_html_facts(ngx_http_hyperlight_out_t *out,
    ngx_http_hyperlight_view_t *view)
{
    ngx_http_hyperlight_totals_t  *totals;

    totals = &view->totals;

    ngx_http_hyperlight_out(out, "<dl>\n");

    ngx_http_hyperlight_html_mean(out, "Time of a call",
                                  totals->sum.wall_time, totals->timed);
    ngx_http_hyperlight_html_mean(out, "CPU of a call",
                                  totals->sum.cpu_time, totals->timed);
    ngx_http_hyperlight_html_mean(out, "Wait of those that waited",
                                  totals->sum.queue_time, totals->sum.waited);

    ngx_http_hyperlight_out(out, "<div><dt>Waited</dt><dd>%uA</dd></div>\n"
                            "<div><dt>Exits</dt><dd>%uA</dd></div>\n"
                            "<div><dt>Pages restored</dt><dd>%uA</dd></div>\n"
                            "<div><dt>Pages dropped</dt><dd>%uA</dd></div>\n"
                            "<div><dt>VM rebuilds</dt><dd>%uA</dd></div>\n",
                            totals->sum.waited, totals->sum.exits,
                            totals->sum.restored_pages,
                            totals->sum.dropped_pages, totals->sum.rebuilds);

    ngx_http_hyperlight_out(out, "<div><dt>Sandboxes of a worker</dt>"
                            "<dd>%ui to %ui</dd></div>\n"
                            "<div><dt>Workers</dt><dd>%ui</dd></div>\n"
                            "<div><dt>Counted for</dt><dd>%M s</dd></div>\n"
                            "</dl>\n",
                            view->guest->sandboxes_min,
                            view->guest->sandboxes_max, totals->workers,
                            (ngx_current_msec
                             - view->guest->metrics->first.time) / 1000);
}


static void
ngx_http_hyperlight_html_mean(ngx_http_hyperlight_out_t *out,
    const char *what, uint64_t sum, uint64_t n)
{
    ngx_http_hyperlight_out(out, "<div><dt>%s, mean</dt><dd>", what);

    if (n == 0) {
        ngx_http_hyperlight_out(out, "-");

    } else {
        ngx_http_hyperlight_html_duration(out, sum / n);
    }

    ngx_http_hyperlight_out(out, "</dd></div>\n");
}


static void
ngx_http_hyperlight_html_tenths(ngx_http_hyperlight_out_t *out,
    uint64_t tenths)
{
    ngx_http_hyperlight_out(out, "%uL.%uL", tenths / 10, tenths % 10);
}


static void
ngx_http_hyperlight_html_duration(ngx_http_hyperlight_out_t *out,
    uint64_t ns)
{
    uint64_t     unit;
    const char  *name;

    if (ns < 1000000) {
        unit = 1000;
        name = "\302\265s";

    } else if (ns < 1000000000) {
        unit = 1000000;
        name = "ms";

    } else {
        unit = 1000000000;
        name = "s";
    }

    ngx_http_hyperlight_html_tenths(out, ns / (unit / 10));
    ngx_http_hyperlight_out(out, " %s", name);
}
