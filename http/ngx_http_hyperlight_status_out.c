/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_status_out.c: writes a text of unknown length into the
 * buffers of a response, escaped for where it stands.
 */

#include "ngx_http_hyperlight_status.h"


#define NGX_HTTP_HYPERLIGHT_OUT_BUFFER   16384

/* The longest that a character becomes: "&quot;", "\u0000". */
#define NGX_HTTP_HYPERLIGHT_ESCAPED_MAX  6

/* U+FFFD: what is no text is still seen to be there. */
#define NGX_HTTP_HYPERLIGHT_REPLACEMENT  "\357\277\275"


static ngx_buf_t *ngx_http_hyperlight_out_room(ngx_http_hyperlight_out_t *out,
    size_t size);
static u_char *ngx_http_hyperlight_out_char(u_char *dst, u_char **src,
    size_t len, ngx_http_hyperlight_syntax_e syntax);
static const char *ngx_http_hyperlight_html_escape(u_char c);
static const char *ngx_http_hyperlight_label_escape(u_char c);
static const char *ngx_http_hyperlight_json_escape(u_char c);


void
ngx_http_hyperlight_out(ngx_http_hyperlight_out_t *out, const char *fmt, ...)
{
    u_char     *p;
    va_list     args;
    ngx_buf_t  *b;

    b = ngx_http_hyperlight_out_room(out, NGX_HTTP_HYPERLIGHT_OUT_MAX);
    if (b == NULL) {
        return;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(b->last, b->last + NGX_HTTP_HYPERLIGHT_OUT_MAX, fmt,
                      args);
    va_end(args);

    out->size += p - b->last;
    b->last = p;
}


void
ngx_http_hyperlight_out_text(ngx_http_hyperlight_out_t *out, ngx_str_t *text,
    ngx_http_hyperlight_syntax_e syntax)
{
    u_char     *p, *src, *end;
    ngx_buf_t  *b;

    src = text->data;
    end = src + text->len;

    while (src < end) {
        b = ngx_http_hyperlight_out_room(out, NGX_HTTP_HYPERLIGHT_ESCAPED_MAX);
        if (b == NULL) {
            return;
        }

        p = ngx_http_hyperlight_out_char(b->last, &src, (size_t) (end - src),
                                         syntax);
        out->size += p - b->last;
        b->last = p;
    }
}


void
ngx_http_hyperlight_out_seconds(ngx_http_hyperlight_out_t *out, uint64_t ns)
{
    ngx_http_hyperlight_out(out, "%uL.%09uL", ns / 1000000000,
                            ns % 1000000000);
}


static ngx_buf_t *
ngx_http_hyperlight_out_room(ngx_http_hyperlight_out_t *out, size_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (out->last && size <= (size_t) (out->last->buf->end
                                       - out->last->buf->last))
    {
        return out->last->buf;
    }

    cl = ngx_alloc_chain_link(out->pool);
    b = ngx_create_temp_buf(out->pool, NGX_HTTP_HYPERLIGHT_OUT_BUFFER);

    if (cl == NULL || b == NULL) {
        out->failed = 1;
        return NULL;
    }

    cl->buf = b;
    cl->next = NULL;

    if (out->last) {
        out->last->next = cl;

    } else {
        out->first = cl;
    }

    out->last = cl;

    return b;
}


/* Steps over one character of *src, which has "len" bytes left. */

static u_char *
ngx_http_hyperlight_out_char(u_char *dst, u_char **src, size_t len,
    ngx_http_hyperlight_syntax_e syntax)
{
    u_char      *start;
    uint32_t     c;
    const char  *escape;

    start = *src;

    if (*start >= 0x80) {
        c = ngx_utf8_decode(src, len);

        if (c <= 0x10ffff && (c < 0xd800 || c > 0xdfff)) {
            return ngx_cpymem(dst, start, (size_t) (*src - start));
        }

        *src = start + 1;
        return ngx_cpymem(dst, NGX_HTTP_HYPERLIGHT_REPLACEMENT,
                          sizeof(NGX_HTTP_HYPERLIGHT_REPLACEMENT) - 1);
    }

    *src = start + 1;

    escape = syntax == NGX_HTTP_HYPERLIGHT_IN_HTML
             ? ngx_http_hyperlight_html_escape(*start)
             : syntax == NGX_HTTP_HYPERLIGHT_IN_JSON
               ? ngx_http_hyperlight_json_escape(*start)
               : ngx_http_hyperlight_label_escape(*start);

    if (escape) {
        return ngx_cpymem(dst, escape, ngx_strlen(escape));
    }

    if (*start < 0x20 && syntax == NGX_HTTP_HYPERLIGHT_IN_JSON) {
        return ngx_sprintf(dst, "\\u%04xi", (ngx_int_t) *start);
    }

    *dst++ = *start;

    return dst;
}


static const char *
ngx_http_hyperlight_html_escape(u_char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return c < 0x20 || c == 0x7f ? NGX_HTTP_HYPERLIGHT_REPLACEMENT : NULL;
    }
}


static const char *
ngx_http_hyperlight_label_escape(u_char c)
{
    switch (c) {
    case '\\':
        return "\\\\";
    case '"':
        return "\\\"";
    case '\n':
        return "\\n";
    default:
        return NULL;
    }
}


static const char *
ngx_http_hyperlight_json_escape(u_char c)
{
    return c == '\\' ? "\\\\" : c == '"' ? "\\\"" : NULL;
}


void
ngx_http_hyperlight_prometheus_head(ngx_http_hyperlight_out_t *out,
    const char *name, const char *type, const char *help)
{
    ngx_http_hyperlight_out(out, "# HELP %s %s\n# TYPE %s %s\n", name, help,
                            name, type);
}


void
ngx_http_hyperlight_prometheus_name(ngx_http_hyperlight_out_t *out,
    const char *name, ngx_http_hyperlight_view_t *view, const char *label,
    const char *value)
{
    ngx_http_hyperlight_out(out, "%s{guest=\"", name);
    ngx_http_hyperlight_out_text(out, &view->guest->name,
                                 NGX_HTTP_HYPERLIGHT_IN_LABEL);

    if (label) {
        ngx_http_hyperlight_out(out, "\",%s=\"%s", label, value);
    }

    ngx_http_hyperlight_out(out, "\"} ");
}
