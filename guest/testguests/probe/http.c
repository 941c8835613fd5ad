/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http.c: HTTP handlers of the test guest.  What one needs to be told is in
 * the request's arguments.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"


static long
number(const hl_http_request_t *req)
{
    return strtol(hl_http_args(req).data, NULL, 10);
}


/* The body back. */

static void
echo(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t  body;

    body = hl_http_body(req);
    hl_http_write(resp, body.data, body.len);
}


/* The whole request as text, the body's length for the body. */

static void
dump(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_header_t  h = { 0 };

    hl_http_add_header(resp, "Content-Type", "text/plain");

    hl_http_printf(resp, "method=%s\nuri=%s\nargs=%s\nprotocol=%s\n",
                   hl_http_method(req).data, hl_http_uri(req).data,
                   hl_http_args(req).data, hl_http_protocol(req).data);
    hl_http_printf(resp, "remote_addr=%s\nbody=%zu\n",
                   hl_http_remote_addr(req).data, hl_http_body(req).len);

    while (hl_http_next_header(req, &h)) {
        hl_http_printf(resp, "header %s=%s\n", h.name.data, h.value.data);
    }
}


/* The original response as text. */

static void
original(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t    value;
    hl_http_header_t  h = { 0 };

    hl_http_printf(resp, "status=%u\n", hl_http_original_status(req));

    while (hl_http_original_next_header(req, &h)) {
        hl_http_printf(resp, "header %s=%s\n", h.name.data, h.value.data);
    }

    value = hl_http_original_header(req, "content-type");

    hl_http_printf(resp, "type=%s\n",
                   value.data != NULL ? value.data : "(none)");
}


/* Headers that are removed, and set. */

static void
change(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_remove_header(resp, "X-Removed");
    hl_http_set_header(resp, "X-Set", "value");
}


/* The header that the arguments name, in whatever case. */

static void
header(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t  value;

    value = hl_http_header(req, hl_http_args(req).data);

    hl_http_printf(resp, "%s\n", value.data != NULL ? value.data : "(none)");
}


/* That many response headers. */

static void
headers(const hl_http_request_t *req, hl_http_response_t *resp)
{
    long  i, n;
    char  name[32];

    n = number(req);

    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "X-Header-%ld", i);
        hl_http_add_header(resp, name, "value");
    }

    hl_http_printf(resp, "%ld headers\n", n);
}


/* One response header with a value of that many bytes. */

static void
long_header(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char    *value;
    size_t   n;

    n = (size_t) number(req);

    value = malloc(n + 1);
    memset(value, 'v', n);
    value[n] = '\0';

    hl_http_add_header(resp, "X-Long", value);
    hl_http_printf(resp, "done\n");
}


/* A response header that the host must refuse; the arguments say which. */

static void
bad_header(const hl_http_request_t *req, hl_http_response_t *resp)
{
    size_t       i;
    const char  *which;

    static const struct {
        const char  *which;
        const char  *name;
        const char  *value;
    } bad[] = {
        { "cr", "X-Bad", "a\rb" },
        { "lf", "X-Bad", "a\nInjected: b" },
        { "crlf", "X-Bad", "a\r\n\r\nbody" },
        { "name-lf", "X-Bad\nInjected", "a" },
        { "name-colon", "X-Bad: a\tX", "a" },
        { "name-space", "X Bad", "a" },
        { "name-empty", "", "a" },
        { "connection", "Connection", "close" },
        { "transfer-encoding", "Transfer-Encoding", "chunked" },
        { "content-length", "Content-Length", "1" },
        { "upgrade", "uPGRADE", "h2c" },
        { "keep-alive", "Keep-Alive", "timeout=5" }
    };

    which = hl_http_args(req).data;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {

        if (strcmp(bad[i].which, which) == 0) {
            hl_http_add_header(resp, bad[i].name, bad[i].value);
        }
    }

    hl_http_printf(resp, "done\n");
}


/* A header with a NUL in its value, which the library cannot write. */

static void
nul_header(const hl_http_request_t *req, hl_http_response_t *resp)
{
    static const char  text[] = "X-Bad\0a\0b";
    hl_abi_header_t   *record;

    (void) req;

    record = hl_record_add(HL_REC_HEADER, sizeof(*record) + sizeof(text));
    record->name_len = 5;
    record->value_len = 3;
    memcpy(record + 1, text, sizeof(text));

    hl_http_printf(resp, "done\n");
}


/* A body of that many bytes, in pieces that share no boundary with pages. */

static void
big_body(const hl_http_request_t *req, hl_http_response_t *resp)
{
    size_t  i, n, left;
    char    piece[1000];

    for (i = 0; i < sizeof(piece); i++) {
        piece[i] = (char) ('a' + i % 26);
    }

    for (left = (size_t) number(req); left > 0; left -= n) {
        n = left < sizeof(piece) ? left : sizeof(piece);
        hl_http_write(resp, piece, n);
    }
}


/* That status; one that the library refuses goes to the host all the same. */

static void
status(const hl_http_request_t *req, hl_http_response_t *resp)
{
    uint32_t  value;

    value = (uint32_t) number(req);

    memcpy(hl_record_add(HL_REC_STATUS, sizeof(value)), &value,
           sizeof(value));

    hl_http_printf(resp, "status %u\n", (unsigned) value);
}


/* That status by the library. */

static void
set_status(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_set_status(resp, (unsigned) number(req));
}


static void
nothing(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;
    (void) resp;
}


/* Answers, and then ends with an error: the answer must not go out. */

static void
error(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_printf(resp, "half an answer\n");
    hl_set_error(hl_ErrorCode_GuestError, hl_http_args(req).data);
}


static void
fault(const hl_http_request_t *req, hl_http_response_t *resp)
{
    probe_fault(hl_http_args(req).data);

    hl_http_printf(resp, "survived\n");
}


/* Logs and prints the body, at warning. */

static void
log_body(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) resp;

    LOG(hl_Level_Warn, hl_http_body(req).data);
    printf("%s", hl_http_body(req).data);
}


void
probe_http_register(void)
{
    hl_http_register("echo", echo);
    hl_http_register("dump", dump);
    hl_http_register("original", original);
    hl_http_register("change", change);
    hl_http_register("header", header);
    hl_http_register("headers", headers);
    hl_http_register("long_header", long_header);
    hl_http_register("bad_header", bad_header);
    hl_http_register("nul_header", nul_header);
    hl_http_register("big_body", big_body);
    hl_http_register("status", status);
    hl_http_register("set_status", set_status);
    hl_http_register("nothing", nothing);
    hl_http_register("error", error);
    hl_http_register("fault", fault);
    hl_http_register("log", log_body);
}
