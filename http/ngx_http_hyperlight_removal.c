/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_removal.c: headers that a guest takes back, its own and,
 * in a filter, those of the original response.
 *
 * What the guest has put out goes at once.  What the original has, is cleared
 * when the guest's headers become nginx's, and before: those that are left
 * came later.
 */

#include "ngx_http_hyperlight.h"


/* Of one call: names, and the length of each. */
#define NGX_HTTP_HYPERLIGHT_REMOVALS     100
#define NGX_HTTP_HYPERLIGHT_REMOVED_NAME 256


static void ngx_http_hyperlight_forget_header(ngx_http_hyperlight_ctx_t *ctx,
    ngx_str_t *name);
static hl_status_t ngx_http_hyperlight_keep_removal(
    ngx_http_hyperlight_ctx_t *ctx, ngx_str_t *name,
    ngx_http_hyperlight_header_t *special, hl_error_t *err);
static void ngx_http_hyperlight_clear_header(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);
static void ngx_http_hyperlight_clear_slot(ngx_http_request_t *r,
    ngx_http_hyperlight_header_t *special);


/* A member of the sink. */

hl_status_t
ngx_http_hyperlight_put_removal(void *data, const char *name,
    size_t name_len, hl_error_t *err)
{
    ngx_http_hyperlight_ctx_t *ctx = data;

    ngx_str_t                      n, none;
    ngx_http_hyperlight_header_t  *special;

    if (!ngx_http_hyperlight_may(ctx,
                                 NGX_HTTP_HYPERLIGHT_MAY_RESPONSE_HEADERS))
    {
        return HL_OK;
    }

    /* ngx_str_t knows no const */

    n.data = (u_char *) (uintptr_t) name;
    n.len = name_len;
    ngx_str_set(&none, "");

    if (ngx_http_hyperlight_check_header(ctx, &n, &none, &special, err)
        != HL_OK)
    {
        return err->status;
    }

    ngx_http_hyperlight_forget_header(ctx, &n);

    if (ctx->filter == NULL) {
        return HL_OK;
    }

    return ngx_http_hyperlight_keep_removal(ctx, &n, special, err);
}


static void
ngx_http_hyperlight_forget_header(ngx_http_hyperlight_ctx_t *ctx,
    ngx_str_t *name)
{
    ngx_uint_t                    i, kept;
    ngx_http_hyperlight_field_t  *field;

    field = ctx->headers.elts;
    kept = 0;

    for (i = 0; i < ctx->headers.nelts; i++) {

        if (ngx_http_hyperlight_same(&field[i].name, name)) {
            ctx->headers_size -= field[i].name.len + field[i].value.len;
            continue;
        }

        field[kept++] = field[i];
    }

    ctx->headers.nelts = kept;
}


static hl_status_t
ngx_http_hyperlight_keep_removal(ngx_http_hyperlight_ctx_t *ctx,
    ngx_str_t *name, ngx_http_hyperlight_header_t *special, hl_error_t *err)
{
    ngx_uint_t                    i;
    ngx_pool_t                   *pool;
    ngx_http_hyperlight_field_t  *field;

    pool = ctx->request->pool;
    field = ctx->removals.elts;

    for (i = 0; i < ctx->removals.nelts; i++) {
        if (ngx_http_hyperlight_same(&field[i].name, name)) {
            return HL_OK;
        }
    }

    if (i == NGX_HTTP_HYPERLIGHT_REMOVALS
        || name->len > NGX_HTTP_HYPERLIGHT_REMOVED_NAME)
    {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest removes too many "
                            "response headers, or one of over %d bytes",
                            NGX_HTTP_HYPERLIGHT_REMOVED_NAME);
    }

    if (field == NULL
        && ngx_array_init(&ctx->removals, pool, 8,
                          sizeof(ngx_http_hyperlight_field_t))
           != NGX_OK)
    {
        goto failed;
    }

    field = ngx_array_push(&ctx->removals);
    if (field == NULL) {
        goto failed;
    }

    ngx_memzero(field, sizeof(ngx_http_hyperlight_field_t));

    field->name.data = ngx_pstrdup(pool, name);
    if (field->name.data == NULL) {
        goto failed;
    }

    field->name.len = name->len;
    field->special = special;

    return HL_OK;

failed:

    return hl_error_set(err, HL_ERR_SYSTEM, "out of memory");
}


void
ngx_http_hyperlight_clear_headers(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_uint_t                    i;
    ngx_http_hyperlight_field_t  *field;

    field = ctx->removals.elts;

    for (i = 0; i < ctx->removals.nelts; i++) {
        ngx_http_hyperlight_clear_header(ctx->request, &field[i]);
    }
}


static void
ngx_http_hyperlight_clear_header(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash && ngx_http_hyperlight_same(&h[i].key, &field->name))
            {
                h[i].hash = 0;
            }
        }
    }

    if (field->special) {
        ngx_http_hyperlight_clear_slot(r, field->special);
    }
}


static void
ngx_http_hyperlight_clear_slot(ngx_http_request_t *r,
    ngx_http_hyperlight_header_t *special)
{
    void  *slot;

    if (special->offset == 0) {

        /* Content-Type, which is no header before it is written */

        ngx_str_null(&r->headers_out.content_type);
        ngx_str_null(&r->headers_out.charset);
        r->headers_out.content_type_len = 0;
        r->headers_out.content_type_lowcase = NULL;
        return;
    }

    slot = (char *) &r->headers_out + special->offset;

#if (nginx_version < 1023000)
    if (special->multi) {
        ngx_memzero(slot, sizeof(ngx_array_t));
        return;
    }
#endif

    *(ngx_table_elt_t **) slot = NULL;

    if (special->offset == offsetof(ngx_http_headers_out_t, last_modified)) {
        r->headers_out.last_modified_time = -1;
    }
}
