/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_sub_build.c: what a guest's sub-request asks for.
 *
 * It carries the client's headers but for those of the body, which it has of
 * its own.  All that the guest says is checked before nginx is told.
 */

#include "ngx_http_hyperlight_sub.h"


static ngx_int_t ngx_http_hyperlight_sub_normal(ngx_http_request_t *r,
    ngx_str_t *uri);
static ngx_int_t ngx_http_hyperlight_sub_method(ngx_http_request_t *sr,
    const hl_subrequest_t *sub);
static ngx_int_t ngx_http_hyperlight_sub_variables(ngx_http_request_t *sr);
static ngx_uint_t ngx_http_hyperlight_sub_stale(ngx_str_t *name);
static ngx_int_t ngx_http_hyperlight_sub_headers(ngx_http_request_t *sr,
    const hl_subrequest_t *sub);
static ngx_uint_t ngx_http_hyperlight_sub_drops(ngx_str_t *name);
static ngx_table_elt_t *ngx_http_hyperlight_sub_header(ngx_http_request_t *sr,
    const char *name, const char *lowcase, const void *value, size_t len);
static ngx_int_t ngx_http_hyperlight_sub_body(ngx_http_request_t *sr,
    const hl_subrequest_t *sub);
static ngx_int_t ngx_http_hyperlight_sub_length(ngx_http_request_t *sr,
    size_t len);


#define NGX_HTTP_HYPERLIGHT_METHOD_LEN  32


static const struct {
    ngx_str_t   name;
    ngx_uint_t  method;
} ngx_http_hyperlight_methods[] = {
    { ngx_string("GET"), NGX_HTTP_GET },
    { ngx_string("HEAD"), NGX_HTTP_HEAD },
    { ngx_string("POST"), NGX_HTTP_POST },
    { ngx_string("PUT"), NGX_HTTP_PUT },
    { ngx_string("DELETE"), NGX_HTTP_DELETE },
    { ngx_string("OPTIONS"), NGX_HTTP_OPTIONS },
    { ngx_string("PATCH"), NGX_HTTP_PATCH }
};


/* Of the client's: its body's ("Content-"), and what asks for something else
 * than the whole response, plain. */

static const ngx_str_t  ngx_http_hyperlight_dropped[] = {
    ngx_string("Accept-Encoding"),
    ngx_string("Expect"),
    ngx_string("If-Match"),
    ngx_string("If-Modified-Since"),
    ngx_string("If-None-Match"),
    ngx_string("If-Range"),
    ngx_string("If-Unmodified-Since"),
    ngx_string("Range"),
    ngx_string("TE"),
    ngx_string("Transfer-Encoding"),
    ngx_string("Upgrade")
};


ngx_int_t
ngx_http_hyperlight_sub_build(ngx_http_request_t *sr,
    const hl_subrequest_t *sub)
{
    if (ngx_http_hyperlight_sub_method(sr, sub) != NGX_OK
        || ngx_http_hyperlight_sub_headers(sr, sub) != NGX_OK
        || ngx_http_hyperlight_sub_variables(sr) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_hyperlight_sub_body(sr, sub);
}


ngx_int_t
ngx_http_hyperlight_sub_uri(ngx_http_request_t *r, const hl_subrequest_t *sub,
    ngx_str_t *uri, ngx_str_t *args)
{
    size_t      i;
    ngx_uint_t  flags;

    if (sub->uri_len == 0 || sub->uri[0] != '/') {
        return NGX_ERROR;
    }

    for (i = 0; i < sub->uri_len; i++) {
        if ((u_char) sub->uri[i] <= ' ' || sub->uri[i] == '\x7f'
            || sub->uri[i] == '#')
        {
            return NGX_ERROR;
        }
    }

    uri->len = sub->uri_len;
    uri->data = ngx_pnalloc(r->pool, uri->len);
    if (uri->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(uri->data, sub->uri, uri->len);
    ngx_str_null(args);
    flags = 0;

    if (ngx_http_parse_unsafe_uri(r, uri, args, &flags) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_hyperlight_sub_normal(r, uri);
}


/*
 * nginx does not look for the location of a sub-request by its normal form,
 * as it does with a client's: another form might go past a location.
 */

static ngx_int_t
ngx_http_hyperlight_sub_normal(ngx_http_request_t *r, ngx_str_t *uri)
{
    u_char                    *p, *last;
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    last = uri->data + uri->len;

    for (p = uri->data; p < last; p++) {

        if (*p != '/') {
            continue;
        }

        if (cscf->merge_slashes && last - p > 1 && p[1] == '/') {
            return NGX_ERROR;
        }

        if (last - p > 1 && p[1] == '.' && (last - p == 2 || p[2] == '/')) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* A proxy sends both as they are. */

hl_status_t
ngx_http_hyperlight_sub_check(const hl_subrequest_t *sub, hl_error_t *err)
{
    size_t  i;

    if (sub->method_len == 0
        || sub->method_len > NGX_HTTP_HYPERLIGHT_METHOD_LEN)
    {
        return hl_error_set(err, HL_ERR_GUEST, "the sub-request's method has "
                            "not 1 to %d characters",
                            NGX_HTTP_HYPERLIGHT_METHOD_LEN);
    }

    for (i = 0; i < sub->method_len; i++) {
        if (sub->method[i] < 'A' || sub->method[i] > 'Z') {
            return hl_error_set(err, HL_ERR_GUEST, "the sub-request's method "
                                "has other characters than A to Z");
        }
    }

    for (i = 0; i < sub->type_len; i++) {
        if ((u_char) sub->type[i] < ' ' || sub->type[i] == '\x7f') {
            return hl_error_set(err, HL_ERR_GUEST, "the content type of the "
                                "sub-request has control characters");
        }
    }

    return HL_OK;
}


static ngx_int_t
ngx_http_hyperlight_sub_method(ngx_http_request_t *sr,
    const hl_subrequest_t *sub)
{
    u_char      *name;
    ngx_uint_t   i, n;

    name = ngx_pnalloc(sr->pool, sub->method_len);
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name, sub->method, sub->method_len);

    sr->method = NGX_HTTP_UNKNOWN;
    sr->method_name.data = name;
    sr->method_name.len = sub->method_len;

    n = sizeof(ngx_http_hyperlight_methods)
        / sizeof(ngx_http_hyperlight_methods[0]);

    for (i = 0; i < n; i++) {
        if (ngx_http_hyperlight_methods[i].name.len == sub->method_len
            && ngx_strncmp(ngx_http_hyperlight_methods[i].name.data, name,
                           sub->method_len)
               == 0)
        {
            sr->method = ngx_http_hyperlight_methods[i].method;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_sub_headers(ngx_http_request_t *sr,
    const hl_subrequest_t *sub)
{
    ngx_table_elt_t               *header, *h;
    ngx_http_headers_in_t         *in;
    ngx_http_hyperlight_search_t   search;

    in = &sr->headers_in;

    if (ngx_list_init(&in->headers, sr->pool, 20, sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&search, sizeof(ngx_http_hyperlight_search_t));

    while ((header = ngx_http_hyperlight_next_header(sr->parent, &search))) {

        if (ngx_http_hyperlight_sub_drops(&header->key)) {
            continue;
        }

        h = ngx_list_push(&in->headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = *header;
    }

    in->content_type = NULL;
    in->content_length = NULL;
    in->transfer_encoding = NULL;
    in->expect = NULL;
    in->te = NULL;
    in->upgrade = NULL;
    in->range = NULL;
    in->if_range = NULL;
    in->if_match = NULL;
    in->if_none_match = NULL;
    in->if_modified_since = NULL;
    in->if_unmodified_since = NULL;
#if (NGX_HTTP_GZIP)
    in->accept_encoding = NULL;
#endif
    in->chunked = 0;
    in->content_length_n = -1;

    if (sub->type_len) {
        in->content_type = ngx_http_hyperlight_sub_header(sr, "Content-Type",
                                              "content-type", sub->type,
                                              sub->type_len);
        if (in->content_type == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * nginx has one set of variables for a request and its sub-requests: what
 * one has looked up, all see.  So it has its own, a copy, without what the
 * client's body and headers were found to be.
 */

static ngx_int_t
ngx_http_hyperlight_sub_variables(ngx_http_request_t *sr)
{
    size_t                      size;
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *values;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(sr, ngx_http_core_module);

    size = cmcf->variables.nelts * sizeof(ngx_http_variable_value_t);

    values = ngx_palloc(sr->pool, size);
    if (values == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(values, sr->variables, size);

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (ngx_http_hyperlight_sub_stale(&v[i].name)) {
            values[i].valid = 0;
            values[i].not_found = 0;
        }
    }

    sr->variables = values;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_hyperlight_sub_stale(ngx_str_t *name)
{
    static const ngx_str_t  prefixes[] = {
        ngx_string("content_"),
        ngx_string("http_"),
        ngx_string("request_body")
    };

    ngx_uint_t  i;

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (name->len >= prefixes[i].len
            && ngx_strncmp(name->data, prefixes[i].data, prefixes[i].len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_hyperlight_sub_drops(ngx_str_t *name)
{
    ngx_uint_t  i, n;

    if (name->len >= 8
        && ngx_strncasecmp(name->data, (u_char *) "Content-", 8) == 0)
    {
        return 1;
    }

    n = sizeof(ngx_http_hyperlight_dropped)
        / sizeof(ngx_http_hyperlight_dropped[0]);

    for (i = 0; i < n; i++) {
        if (ngx_http_hyperlight_same(&ngx_http_hyperlight_dropped[i], name)) {
            return 1;
        }
    }

    return 0;
}


static ngx_table_elt_t *
ngx_http_hyperlight_sub_header(ngx_http_request_t *sr, const char *name,
    const char *lowcase, const void *value, size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&sr->headers_in.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->key.data = (u_char *) (uintptr_t) name;
    h->key.len = ngx_strlen(name);
    h->lowcase_key = (u_char *) (uintptr_t) lowcase;
    h->hash = ngx_hash_key(h->lowcase_key, h->key.len);

    h->value.len = len;
    h->value.data = ngx_pnalloc(sr->pool, len + 1);
    if (h->value.data == NULL) {
        return NULL;
    }

    *ngx_cpymem(h->value.data, value, len) = '\0';

    return h;
}


static ngx_int_t
ngx_http_hyperlight_sub_body(ngx_http_request_t *sr,
    const hl_subrequest_t *sub)
{
    ngx_buf_t                *b;
    ngx_http_request_body_t  *rb;

    /* its own, if only an empty one: it must not read the client's */

    rb = ngx_pcalloc(sr->pool, sizeof(ngx_http_request_body_t));
    if (rb == NULL) {
        return NGX_ERROR;
    }

    sr->request_body = rb;

    if (sub->body_len == 0) {

        /* RFC 9110, 8.6: the length is told where a body is expected */

        return (sr->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH))
               ? ngx_http_hyperlight_sub_length(sr, 0) : NGX_OK;
    }

    b = ngx_create_temp_buf(sr->pool, sub->body_len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->pos, sub->body, sub->body_len);
    b->last_buf = 1;

    rb->bufs = ngx_alloc_chain_link(sr->pool);
    if (rb->bufs == NULL) {
        return NGX_ERROR;
    }

    rb->bufs->buf = b;
    rb->bufs->next = NULL;
    rb->buf = b;

    return ngx_http_hyperlight_sub_length(sr, sub->body_len);
}


static ngx_int_t
ngx_http_hyperlight_sub_length(ngx_http_request_t *sr, size_t len)
{
    u_char  text[NGX_SIZE_T_LEN], *p;

    p = ngx_sprintf(text, "%uz", len);

    sr->headers_in.content_length_n = (off_t) len;
    sr->headers_in.content_length = ngx_http_hyperlight_sub_header(sr,
                                              "Content-Length",
                                              "content-length", text,
                                              (size_t) (p - text));

    return sr->headers_in.content_length ? NGX_OK : NGX_ERROR;
}
