/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fuzz_response.c: a guest's status, headers and body become a response.
 *
 * The sink's members and what sends the response are the module's; nginx's
 * filters are replaced by two that check what they get: no byte in a header
 * that could end it, nothing that is not for a guest to set, a body of the
 * length that was announced.
 *
 *     input   method, flags (1), then pieces: kind (1), lengths (2 or 3),
 *             bytes
 */

#include "ngx_fuzz.h"


#define FUZZ_OUTPUT  8192

/* As a guest has them by default. */
#define FUZZ_HEADERS      100
#define FUZZ_HEADER_SIZE  (32 * 1024)

enum {
    FUZZ_STATUS,
    FUZZ_HEADER,
    FUZZ_BODY,
    FUZZ_KINDS
};


/* What is left of the input. */
typedef struct {
    const uint8_t  *pos;
    size_t          left;
} fuzz_input_t;


static ngx_http_hyperlight_guest_t  fuzz_guest;
static ngx_http_core_loc_conf_t     fuzz_clcf;
static size_t                       fuzz_body_size;
static ngx_uint_t                   fuzz_status;


static void
fuzz_check_text(ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        fuzz_check(text->data[i] != CR && text->data[i] != LF
                   && text->data[i] != '\0');
    }
}


static void
fuzz_check_header(ngx_table_elt_t *h)
{
    size_t  i;

    static const char *const  refused[] = {
        "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "TE",
        "Trailer", "Keep-Alive", "Proxy-Connection"
    };

    fuzz_check(h->key.len > 0);
    fuzz_check_text(&h->key);
    fuzz_check_text(&h->value);

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        fuzz_check(h->key.len != ngx_strlen(refused[i])
                   || strncasecmp((char *) h->key.data, refused[i],
                                  h->key.len)
                      != 0);
    }
}


static ngx_int_t
fuzz_header_filter(ngx_http_request_t *r)
{
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;

    fuzz_check(r->headers_out.status == (fuzz_status ? fuzz_status : 200));

    n = 0;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        for (i = 0; i < part->nelts; i++) {
            fuzz_check_header((ngx_table_elt_t *) part->elts + i);
            n++;
        }
    }

    fuzz_check(n <= FUZZ_HEADERS);

    fuzz_check_text(&r->headers_out.content_type);
    fuzz_check_text(&r->headers_out.charset);
    fuzz_check(r->headers_out.content_type_len
               <= r->headers_out.content_type.len);
    fuzz_check(r->headers_out.content_length_n == -1
               || r->headers_out.content_length_n
                  == (off_t) fuzz_body_size);

    return NGX_OK;
}


static ngx_int_t
fuzz_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    size_t        size;
    ngx_chain_t  *cl;

    size = 0;

    for (cl = in; cl; cl = cl->next) {
        fuzz_check(cl->buf->last_in_chain == (cl->next == NULL)
                   || cl->buf->last == NULL);
        fuzz_check(cl->buf->pos <= cl->buf->last);

        if (cl->buf->pos) {
            fuzz_check(ngx_crc32_long(cl->buf->pos,
                                      (size_t) (cl->buf->last
                                                - cl->buf->pos))
                       <= 0xffffffff);
        }

        size += (size_t) (cl->buf->last - cl->buf->pos);
    }

    fuzz_check(size == 0 || size == fuzz_body_size);

    return NGX_OK;
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_nginx_init();
    ngx_http_core_module.ctx_index = 0;

    ngx_http_top_header_filter = fuzz_header_filter;
    ngx_http_top_body_filter = fuzz_body_filter;

    fuzz_guest.config.output = FUZZ_OUTPUT;
    fuzz_guest.grants = ngx_http_hyperlight_grant(RESPONSE_HEADERS);
    fuzz_guest.metrics = calloc(1, sizeof(ngx_http_hyperlight_metrics_t));
    fuzz_check(fuzz_guest.metrics != NULL);

    ngx_str_set(&fuzz_clcf.default_type, "text/plain");

    return 0;
}


static const uint8_t *
fuzz_take(fuzz_input_t *in, size_t len)
{
    const uint8_t  *p;

    if (len > in->left) {
        in->left = 0;
        return NULL;
    }

    p = in->pos;
    in->pos += len;
    in->left -= len;

    return p;
}


/* As from guest memory: each of its own length, and no more. */
static const char *
fuzz_copy(ngx_pool_t *pool, const uint8_t *data, size_t len)
{
    u_char  *p;

    p = ngx_pnalloc(pool, len);
    fuzz_check(p != NULL);
    ngx_memcpy(p, data, len);

    return (const char *) p;
}


static hl_status_t
fuzz_put(ngx_http_hyperlight_ctx_t *ctx, fuzz_input_t *in, hl_error_t *err)
{
    size_t          len, value_len;
    uint32_t        status;
    hl_status_t     rc;
    ngx_pool_t     *pool;
    const uint8_t  *head, *p;

    pool = ctx->request->pool;

    head = fuzz_take(in, 4);

    if (head == NULL) {
        return HL_OK;
    }

    switch (head[0] % FUZZ_KINDS) {

    case FUZZ_STATUS:
        status = head[1] | (uint32_t) head[2] << 8;
        rc = ngx_http_hyperlight_put_status(ctx, status, err);

        if (rc == HL_OK) {
            fuzz_check(status >= 200 && status <= 599);
            fuzz_status = status;
        }

        return rc;

    case FUZZ_HEADER:
        len = head[1];
        value_len = head[2] | (size_t) head[3] << 8;
        p = fuzz_take(in, len + value_len);

        return p == NULL ? HL_OK
                         : ngx_http_hyperlight_put_header(ctx,
                                    fuzz_copy(pool, p, len), len,
                                    fuzz_copy(pool, p + len, value_len),
                                    value_len, err);

    default: /* FUZZ_BODY */
        len = head[1] | (size_t) head[2] << 8;
        p = fuzz_take(in, len);

        if (p == NULL) {
            return HL_OK;
        }

        rc = ngx_http_hyperlight_put_body(ctx, fuzz_copy(pool, p, len), len,
                                          err);
        fuzz_body_size += rc == HL_OK ? len : 0;

        return rc;
    }
}


static void
fuzz_respond(ngx_pool_t *pool, unsigned flags, fuzz_input_t *in)
{
    void                       *loc_conf[1];
    hl_error_t                  err;
    ngx_connection_t            connection;
    ngx_http_request_t          r;
    ngx_http_hyperlight_ctx_t   ctx;

    ngx_memzero(&connection, sizeof(connection));
    ngx_memzero(&r, sizeof(r));
    ngx_memzero(&ctx, sizeof(ctx));

    connection.log = &fuzz_log;
    loc_conf[0] = &fuzz_clcf;

    r.main = &r;
    r.pool = pool;
    r.connection = &connection;
    r.loc_conf = loc_conf;
    r.method = flags & 1 ? NGX_HTTP_HEAD : NGX_HTTP_GET;
    r.header_only = flags & 1;
    r.headers_out.content_length_n = -1;

    fuzz_check(ngx_list_init(&r.headers_out.headers, pool, 20,
                             sizeof(ngx_table_elt_t))
               == NGX_OK);

    ctx.request = &r;
    ctx.guest = &fuzz_guest;
    ctx.log = &fuzz_log;
    ctx.limits.headers = FUZZ_HEADERS;
    ctx.limits.header_size = FUZZ_HEADER_SIZE;

    fuzz_status = 0;
    fuzz_body_size = 0;

    while (in->left) {
        if (fuzz_put(&ctx, in, &err) != HL_OK) {
            fuzz_check(err.status == HL_ERR_OUTPUT);

            if (flags & 2) {
                return;         /* as in reality; else the next one counts */
            }
        }
    }

    fuzz_check(ctx.body_size == fuzz_body_size);
    fuzz_check(ngx_http_hyperlight_send(&ctx) == NGX_OK || r.header_only);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_pool_t    *pool;
    fuzz_input_t   in;

    if (size < 1) {
        return 0;
    }

    in.pos = data + 1;
    in.left = size - 1;

    pool = ngx_create_pool(4096, &fuzz_log);
    fuzz_check(pool != NULL);

    fuzz_respond(pool, data[0], &in);
    ngx_destroy_pool(pool);

    return 0;
}
