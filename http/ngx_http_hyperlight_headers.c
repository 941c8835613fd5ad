/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_headers.c: the response headers of a guest.
 *
 * They are checked and copied as they come, and become nginx's only when the
 * response begins.  A guest is an application like one behind proxy_pass: what
 * it says is what the client sees, but for what belongs to the connection.
 */

#include "ngx_http_hyperlight.h"


static hl_status_t ngx_http_hyperlight_bad_header(hl_error_t *err,
    ngx_str_t *name, const char *what);
static ngx_int_t ngx_http_hyperlight_keep_header(
    ngx_http_hyperlight_ctx_t *ctx, ngx_str_t *name, ngx_str_t *value,
    ngx_http_hyperlight_header_t *special);
static ngx_uint_t ngx_http_hyperlight_is_value(ngx_str_t *value);
static ngx_http_hyperlight_header_t *ngx_http_hyperlight_special(
    ngx_str_t *name);
static ngx_table_elt_t *ngx_http_hyperlight_add_header(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);
static ngx_int_t ngx_http_hyperlight_set_single(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);
static ngx_int_t ngx_http_hyperlight_set_multi(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);
static ngx_int_t ngx_http_hyperlight_set_challenge(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);
static ngx_int_t ngx_http_hyperlight_set_content_type(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);
static ngx_int_t ngx_http_hyperlight_set_last_modified(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);
static ngx_int_t ngx_http_hyperlight_set_location(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);


/* auth_request takes it from there; before 1.23.0 there is room for one. */
#if (nginx_version >= 1023000)
#define NGX_HTTP_HYPERLIGHT_CHALLENGES  1
#else
#define NGX_HTTP_HYPERLIGHT_CHALLENGES  0
#endif


static ngx_http_hyperlight_header_t  ngx_http_hyperlight_headers[] = {

    /* they are of the connection and the transfer, which are nginx's */

    { ngx_string("Connection"), NULL, 0, 0 },
    { ngx_string("Content-Length"), NULL, 0, 0 },
    { ngx_string("Keep-Alive"), NULL, 0, 0 },
    { ngx_string("Proxy-Connection"), NULL, 0, 0 },
    { ngx_string("TE"), NULL, 0, 0 },
    { ngx_string("Trailer"), NULL, 0, 0 },
    { ngx_string("Transfer-Encoding"), NULL, 0, 0 },
    { ngx_string("Upgrade"), NULL, 0, 0 },

    /* filters and variables look for them in their own places */

    { ngx_string("Content-Type"),
                 ngx_http_hyperlight_set_content_type, 0, 0 },

    { ngx_string("Last-Modified"),
                 ngx_http_hyperlight_set_last_modified,
                 offsetof(ngx_http_headers_out_t, last_modified), 0 },

    { ngx_string("Location"),
                 ngx_http_hyperlight_set_location,
                 offsetof(ngx_http_headers_out_t, location), 0 },

    { ngx_string("Accept-Ranges"),
                 ngx_http_hyperlight_set_single,
                 offsetof(ngx_http_headers_out_t, accept_ranges), 0 },

    { ngx_string("Content-Encoding"),
                 ngx_http_hyperlight_set_single,
                 offsetof(ngx_http_headers_out_t, content_encoding), 0 },

    { ngx_string("Content-Range"),
                 ngx_http_hyperlight_set_single,
                 offsetof(ngx_http_headers_out_t, content_range), 0 },

    { ngx_string("Date"),
                 ngx_http_hyperlight_set_single,
                 offsetof(ngx_http_headers_out_t, date), 0 },

    { ngx_string("ETag"),
                 ngx_http_hyperlight_set_single,
                 offsetof(ngx_http_headers_out_t, etag), 0 },

    { ngx_string("Expires"),
                 ngx_http_hyperlight_set_single,
                 offsetof(ngx_http_headers_out_t, expires), 0 },

    { ngx_string("Refresh"),
                 ngx_http_hyperlight_set_single,
                 offsetof(ngx_http_headers_out_t, refresh), 0 },

    { ngx_string("Server"),
                 ngx_http_hyperlight_set_single,
                 offsetof(ngx_http_headers_out_t, server), 0 },

    { ngx_string("Cache-Control"),
                 ngx_http_hyperlight_set_multi,
                 offsetof(ngx_http_headers_out_t, cache_control), 1 },

    { ngx_string("Link"),
                 ngx_http_hyperlight_set_multi,
                 offsetof(ngx_http_headers_out_t, link), 1 },

    { ngx_string("WWW-Authenticate"),
                 ngx_http_hyperlight_set_challenge,
                 offsetof(ngx_http_headers_out_t, www_authenticate),
                 NGX_HTTP_HYPERLIGHT_CHALLENGES },

    { ngx_null_string, NULL, 0, 0 }
};


hl_status_t
ngx_http_hyperlight_put_header(void *data, const char *name, size_t name_len,
    const char *value, size_t value_len, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    ngx_str_t                      n, v;
    ngx_http_hyperlight_header_t  *special;

    if (!ngx_http_hyperlight_may(ctx,
                                 NGX_HTTP_HYPERLIGHT_MAY_RESPONSE_HEADERS))
    {
        return HL_OK;
    }

    /* ngx_str_t knows no const */

    n.data = (u_char *) (uintptr_t) name;
    n.len = name_len;
    v.data = (u_char *) (uintptr_t) value;
    v.len = value_len;

    if (ngx_http_hyperlight_check_header(ctx, &n, &v, &special, err)
        != HL_OK)
    {
        return err->status;
    }

    if (ctx->headers.nelts == (ngx_uint_t) ctx->limits.headers) {
        ngx_http_hyperlight_over(ctx, NGX_HTTP_HYPERLIGHT_OVER_HEADERS);
        return ngx_http_hyperlight_bad_header(err, &n, "is one too many");
    }

    if (n.len + v.len > ctx->limits.header_size - ctx->headers_size) {
        ngx_http_hyperlight_over(ctx, NGX_HTTP_HYPERLIGHT_OVER_HEADER_SIZE);
        return ngx_http_hyperlight_bad_header(err, &n,
                                              "makes the headers too large");
    }

    if (ngx_http_hyperlight_keep_header(ctx, &n, &v, special) != NGX_OK) {
        return hl_error_set(err, HL_ERR_SYSTEM, "out of memory");
    }

    return HL_OK;
}


hl_status_t
ngx_http_hyperlight_check_header(ngx_http_hyperlight_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *value, ngx_http_hyperlight_header_t **special,
    hl_error_t *err)
{
    if (!ngx_http_hyperlight_is_name(name)) {
        return ngx_http_hyperlight_bad_header(err, name, "has no valid name");
    }

    if (!ngx_http_hyperlight_is_value(value)) {
        return ngx_http_hyperlight_bad_header(err, name, "has control "
                                              "characters in its value");
    }

    if (ctx->streaming) {
        return ngx_http_hyperlight_bad_header(err, name, "comes after the "
                                              "response has begun");
    }

    *special = ngx_http_hyperlight_special(name);

    if (*special && (*special)->handler == NULL) {
        return ngx_http_hyperlight_bad_header(err, name,
                                              "is not for a guest to set");
    }

    return HL_OK;
}


static hl_status_t
ngx_http_hyperlight_bad_header(hl_error_t *err, ngx_str_t *name,
    const char *what)
{
    char  text[128];

    return hl_error_set(err, HL_ERR_OUTPUT, "response header \"%s\" %s",
                        hl_error_escape(text, sizeof(text), name->data,
                                        name->len),
                        what);
}


/* Copies it out of the guest's memory, until the response begins. */

static ngx_int_t
ngx_http_hyperlight_keep_header(ngx_http_hyperlight_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *value, ngx_http_hyperlight_header_t *special)
{
    u_char                       *p;
    ngx_pool_t                   *pool;
    ngx_http_hyperlight_field_t  *field;

    pool = ctx->request->pool;

    if (ctx->headers.elts == NULL
        && ngx_array_init(&ctx->headers, pool, 8,
                          sizeof(ngx_http_hyperlight_field_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, name->len + value->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    field = ngx_array_push(&ctx->headers);
    if (field == NULL) {
        return NGX_ERROR;
    }

    field->name.data = p;
    field->name.len = name->len;
    p = ngx_cpymem(p, name->data, name->len);

    field->value.data = p;
    field->value.len = value->len;
    ngx_memcpy(p, value->data, value->len);

    field->special = special;

    ctx->headers_size += name->len + value->len;

    return NGX_OK;
}


/* A token (RFC 9110, 5.6.2). */

ngx_uint_t
ngx_http_hyperlight_is_name(ngx_str_t *name)
{
    size_t  i;
    u_char  ch;

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if ((ch >= '0' && ch <= '9')
            || (ch >= 'A' && ch <= 'Z')
            || (ch >= 'a' && ch <= 'z')
            || (ch != '\0' && ngx_strchr("!#$%&'*+-.^_`|~", ch)))
        {
            continue;
        }

        return 0;
    }

    return name->len > 0;
}


static ngx_uint_t
ngx_http_hyperlight_is_value(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (ngx_http_hyperlight_is_control(value->data[i])) {
            return 0;
        }
    }

    return 1;
}


static ngx_http_hyperlight_header_t *
ngx_http_hyperlight_special(ngx_str_t *name)
{
    ngx_http_hyperlight_header_t  *h;

    for (h = ngx_http_hyperlight_headers; h->name.len; h++) {
        if (ngx_http_hyperlight_same(&h->name, name)) {
            return h;
        }
    }

    return NULL;
}


/* The call is over and good: what was kept becomes nginx's. */

ngx_int_t
ngx_http_hyperlight_set_headers(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_uint_t                    i;
    ngx_http_request_t           *r;
    ngx_http_hyperlight_field_t  *field;

    ngx_http_hyperlight_clear_headers(ctx);

    r = ctx->request;
    field = ctx->headers.elts;

    for (i = 0; i < ctx->headers.nelts; i++) {

        if (field[i].special) {
            if (field[i].special->handler(r, &field[i]) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (ngx_http_hyperlight_add_header(r, &field[i]) == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_hyperlight_add_header(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key = field->name;
    h->value = field->value;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


#define ngx_http_hyperlight_slot(r, field, type)                              \
    ((type *) (void *)                                                        \
     ((char *) &(r)->headers_out + (field)->special->offset))


static ngx_int_t
ngx_http_hyperlight_set_single(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    ngx_table_elt_t  *h;

    h = ngx_http_hyperlight_add_header(r, field);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *ngx_http_hyperlight_slot(r, field, ngx_table_elt_t *) = h;

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_set_multi(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    ngx_table_elt_t  *h, **ph;

    h = ngx_http_hyperlight_add_header(r, field);
    if (h == NULL) {
        return NGX_ERROR;
    }

#if (nginx_version >= 1023000)

    ph = ngx_http_hyperlight_slot(r, field, ngx_table_elt_t *);

    while (*ph) {
        ph = &(*ph)->next;
    }

#else
    {
    ngx_array_t  *pa;

    pa = ngx_http_hyperlight_slot(r, field, ngx_array_t);

    if (pa->elts == NULL
        && ngx_array_init(pa, r->pool, 2, sizeof(ngx_table_elt_t *)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ph = ngx_array_push(pa);
    if (ph == NULL) {
        return NGX_ERROR;
    }
    }
#endif

    *ph = h;

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_set_challenge(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    return field->special->multi ? ngx_http_hyperlight_set_multi(r, field)
                                 : ngx_http_hyperlight_set_single(r, field);
}


/* Not one of the list of headers: nginx writes it from its parts. */

static ngx_int_t
ngx_http_hyperlight_set_content_type(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    u_char     *p, *end, *last;
    ngx_str_t   charset;

    r->headers_out.content_type = field->value;
    r->headers_out.content_type_len = field->value.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);

    p = field->value.data;
    last = p + field->value.len;

    for ( ;; ) {
        p = ngx_strlchr(p, last, ';');
        if (p == NULL) {
            return NGX_OK;
        }

        end = p++;

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if (last - p > 8
            && ngx_strncasecmp(p, (u_char *) "charset=", 8) == 0)
        {
            break;
        }
    }

    r->headers_out.content_type_len = (size_t) (end - field->value.data);

    charset.data = p + 8;

    end = ngx_strlchr(charset.data, last, ';');
    if (end == NULL) {
        end = last;
    }

    while (end > charset.data && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    charset.len = (size_t) (end - charset.data);

    if (charset.len > 1 && charset.data[0] == '"' && end[-1] == '"') {
        charset.data++;
        charset.len -= 2;
    }

    r->headers_out.charset = charset;

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_set_last_modified(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    r->headers_out.last_modified_time = ngx_parse_http_time(field->value.data,
                                                            field->value.len);

    return ngx_http_hyperlight_set_single(r, field);
}


/*
 * As with proxy_pass, "/path" is left as it is: in its own place, the header
 * filter would make it absolute, with a host that the guest has not named.
 */

static ngx_int_t
ngx_http_hyperlight_set_location(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    if (field->value.len && field->value.data[0] != '/') {
        return ngx_http_hyperlight_set_single(r, field);
    }

    return ngx_http_hyperlight_add_header(r, field) ? NGX_OK : NGX_ERROR;
}
