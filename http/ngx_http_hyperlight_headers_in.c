/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_headers_in.c: the headers that a guest adds to the
 * request when it allows access.
 *
 * They replace the client's of the same name, in all places where nginx keeps
 * them: in the list, in the pointers to those that nginx knows, and in the
 * variables that somebody has looked at before.  '-' and '_' are the same,
 * as they are to FastCGI and in the names of variables: no client's X_User
 * stays beside a guest's X-User.
 */

#include "ngx_http_hyperlight.h"


static ngx_uint_t ngx_http_hyperlight_same_name(const ngx_str_t *a,
    const ngx_str_t *b);
static ngx_http_header_t *ngx_http_hyperlight_known(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_hyperlight_drop_headers(ngx_http_request_t *r,
    ngx_array_t *fields);
static ngx_uint_t ngx_http_hyperlight_is_replaced(ngx_array_t *fields,
    ngx_str_t *name);
static void ngx_http_hyperlight_forget_known(ngx_http_request_t *r,
    ngx_http_header_t *known);
static ngx_int_t ngx_http_hyperlight_add_header_in(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);
static void ngx_http_hyperlight_forget_variables(ngx_http_request_t *r,
    ngx_array_t *fields);
static ngx_uint_t ngx_http_hyperlight_is_variable_of(ngx_str_t *variable,
    ngx_str_t *name);


/*
 * What nginx has acted upon by now.  Those of the connection and the length
 * no guest may put out at all.
 */

static const ngx_str_t  ngx_http_hyperlight_not_in[] = {
    ngx_string("Expect"),
    ngx_string("Host")
};


/* Is all that the guest has put out fit for a request? */

hl_status_t
ngx_http_hyperlight_check_headers_in(ngx_http_hyperlight_ctx_t *ctx,
    hl_error_t *err)
{
    ngx_uint_t                    i, j;
    ngx_http_hyperlight_field_t  *field;

    field = ctx->headers.elts;

    for (i = 0; i < ctx->headers.nelts; i++) {

        for (j = 0; j < sizeof(ngx_http_hyperlight_not_in)
                        / sizeof(ngx_http_hyperlight_not_in[0]); j++)
        {
            if (ngx_http_hyperlight_same_name(&field[i].name,
                                              &ngx_http_hyperlight_not_in[j]))
            {
                return hl_error_set(err, HL_ERR_OUTPUT, "request header "
                                    "\"%s\" is not for a guest to set",
                                    ngx_http_hyperlight_not_in[j].data);
            }
        }

        if (ngx_http_hyperlight_known(ctx->request, &field[i].name) == NULL) {
            continue;
        }

        for (j = 0; j < i; j++) {
            if (ngx_http_hyperlight_same_name(&field[i].name, &field[j].name))
            {
                return hl_error_set(err, HL_ERR_OUTPUT, "request header "
                                    "\"%.*s\" can be set once",
                                    (int) field[i].name.len,
                                    (char *) field[i].name.data);
            }
        }
    }

    return HL_OK;
}


static ngx_uint_t
ngx_http_hyperlight_same_name(const ngx_str_t *a, const ngx_str_t *b)
{
    size_t  i;
    u_char  x, y;

    if (a->len != b->len) {
        return 0;
    }

    for (i = 0; i < a->len; i++) {
        x = (u_char) ngx_tolower(a->data[i]);
        y = (u_char) ngx_tolower(b->data[i]);

        if ((x == '_' ? '-' : x) != (y == '_' ? '-' : y)) {
            return 0;
        }
    }

    return 1;
}


/* One that nginx has a pointer to; NULL: any other. */

static ngx_http_header_t *
ngx_http_hyperlight_known(ngx_http_request_t *r, ngx_str_t *name)
{
    size_t                      i;
    u_char                      lowcase[32];
    ngx_uint_t                  hash;
    ngx_http_core_main_conf_t  *cmcf;

    if (name->len > sizeof(lowcase)) {
        return NULL;
    }

    hash = 0;

    for (i = 0; i < name->len; i++) {
        lowcase[i] = (u_char) ngx_tolower(name->data[i]);
        hash = ngx_hash(hash, lowcase[i]);
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    return ngx_hash_find(&cmcf->headers_in_hash, hash, lowcase, name->len);
}


ngx_int_t
ngx_http_hyperlight_set_headers_in(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_uint_t                    i;
    ngx_http_request_t           *r;
    ngx_http_hyperlight_field_t  *field;

    r = ctx->request;
    field = ctx->headers.elts;

    if (ctx->headers.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_http_hyperlight_drop_headers(r, &ctx->headers) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < ctx->headers.nelts; i++) {
        if (ngx_http_hyperlight_add_header_in(r, &field[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_http_hyperlight_forget_variables(r, &ctx->headers);

    return NGX_OK;
}


/*
 * A new list, without those that are replaced: nginx's lists have no holes,
 * and what its pointers point to must not move.
 */

static ngx_int_t
ngx_http_hyperlight_drop_headers(ngx_http_request_t *r, ngx_array_t *fields)
{
    ngx_list_part_t                old;
    ngx_table_elt_t               *header, *h;
    ngx_http_header_t             *known;
    ngx_http_hyperlight_search_t   search;

    old = r->headers_in.headers.part;

    if (ngx_list_init(&r->headers_in.headers, r->pool, 20,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    search.part = &old;
    search.i = 0;

    while ((header = ngx_http_hyperlight_next_header(r, &search))) {

        if (ngx_http_hyperlight_is_replaced(fields, &header->key)) {
            known = ngx_http_hyperlight_known(r, &header->key);

            if (known) {
                ngx_http_hyperlight_forget_known(r, known);
            }

            continue;
        }

        h = ngx_list_push(&r->headers_in.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = *header;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_hyperlight_is_replaced(ngx_array_t *fields, ngx_str_t *name)
{
    ngx_uint_t                    i;
    ngx_http_hyperlight_field_t  *field;

    field = fields->elts;

    for (i = 0; i < fields->nelts; i++) {
        if (ngx_http_hyperlight_same_name(&field[i].name, name)) {
            return 1;
        }
    }

    return 0;
}


/* Before 1.23.0 those that may come several times are arrays. */

static void
ngx_http_hyperlight_forget_known(ngx_http_request_t *r,
    ngx_http_header_t *known)
{
    void  *slot;

    slot = (char *) &r->headers_in + known->offset;

#if (nginx_version < 1023000)

    if (known->offset == offsetof(ngx_http_headers_in_t, cookies)
#if (NGX_HTTP_X_FORWARDED_FOR)
        || known->offset == offsetof(ngx_http_headers_in_t, x_forwarded_for)
#endif
       )
    {
        ngx_memzero(slot, sizeof(ngx_array_t));
        return;
    }

#endif

    *(ngx_table_elt_t **) slot = NULL;

    if (known->offset == offsetof(ngx_http_headers_in_t, authorization)) {

        /* auth_basic has taken it to pieces */

        ngx_str_null(&r->headers_in.user);
        ngx_str_null(&r->headers_in.passwd);
    }
}


/* As if it had come from the client: with a NUL behind its parts, too. */

static ngx_int_t
ngx_http_hyperlight_add_header_in(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    u_char             *p;
    size_t              len;
    ngx_table_elt_t    *h;
    ngx_http_header_t  *known;

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    len = field->name.len;

    p = ngx_pnalloc(r->pool, 2 * (len + 1) + field->value.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    h->key.data = p;
    h->key.len = len;
    p = ngx_cpymem(p, field->name.data, len);
    *p++ = '\0';

    h->lowcase_key = p;
    h->hash = ngx_hash_strlow(p, h->key.data, len);
    p += len;
    *p++ = '\0';

    h->value.data = p;
    h->value.len = field->value.len;
    p = ngx_cpymem(p, field->value.data, field->value.len);
    *p = '\0';

    known = ngx_http_hyperlight_known(r, &h->key);

    if (known == NULL) {
        return NGX_OK;
    }

    /* they refuse a second one, which there is not */

    ngx_http_hyperlight_forget_known(r, known);

    return known->handler(r, h, known->offset);
}


/*
 * nginx looks a variable up once.  What has been computed from one, by a map
 * for instance, is not known here, and stays.
 */

static void
ngx_http_hyperlight_forget_variables(ngx_http_request_t *r,
    ngx_array_t *fields)
{
    ngx_uint_t                    i, j;
    ngx_http_variable_t          *v;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_hyperlight_field_t  *field;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    v = cmcf->variables.elts;
    field = fields->elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        for (j = 0; j < fields->nelts; j++) {
            if (ngx_http_hyperlight_is_variable_of(&v[i].name,
                                                   &field[j].name))
            {
                r->variables[i].valid = 0;
                r->variables[i].not_found = 0;
            }
        }
    }
}


static ngx_uint_t
ngx_http_hyperlight_is_variable_of(ngx_str_t *variable, ngx_str_t *name)
{
    ngx_uint_t  i;
    ngx_str_t   rest;

    static const struct {
        ngx_str_t   name;
        ngx_str_t   variable;
        ngx_uint_t  prefix;
    } others[] = {
        { ngx_string("Authorization"), ngx_string("remote_user"), 0 },
        { ngx_string("Content-Type"), ngx_string("content_type"), 0 },
        { ngx_string("Cookie"), ngx_string("cookie_"), 1 }
    };

    if (variable->len > 5 && ngx_strncmp(variable->data, "http_", 5) == 0) {
        rest.data = variable->data + 5;
        rest.len = variable->len - 5;

        return ngx_http_hyperlight_same_name(&rest, name);
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (variable->len >= others[i].variable.len
            && (others[i].prefix || variable->len == others[i].variable.len)
            && ngx_strncmp(variable->data, others[i].variable.data,
                           others[i].variable.len) == 0)
        {
            return ngx_http_hyperlight_same_name(&others[i].name, name);
        }
    }

    return 0;
}
