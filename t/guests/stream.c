/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * stream.c: a guest for t/upload.t, t/flow.t and others: bodies that are read
 * and written piece by piece.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hyperlight_http.h"


#define PIECE  16384


static uint32_t  crc_table[256];


static void
crc_init(void)
{
    uint32_t  i, c;

    for (i = 0; i < 256; i++) {
        c = i;

        for (int bit = 0; bit < 8; bit++) {
            c = (c >> 1) ^ ((c & 1) != 0 ? 0xedb88320u : 0);
        }

        crc_table[i] = c;
    }
}


/* As zlib's: begins and ends with all bits inverted. */

static uint32_t
crc32(uint32_t c, const char *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        c = crc_table[(c ^ (uint8_t) data[i]) & 0xff] ^ (c >> 8);
    }

    return c;
}


/* Reads all of the body: what ended it, how many bytes, their CRC, in how
 * many pieces, and how many of them came with the call. */

static void
sum(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char           *buf;
    size_t          size, total;
    ssize_t         n;
    uint32_t        crc;
    unsigned        pieces;
    hl_http_view_t  args;

    args = hl_http_args(req);
    size = args.len > 0 ? strtoul(args.data, NULL, 10) : PIECE;
    buf = malloc(size);

    crc = UINT32_MAX;
    total = 0;
    pieces = 0;

    while ((n = hl_http_read_body(req, buf, size)) > 0) {
        crc = crc32(crc, buf, (size_t) n);
        total += (size_t) n;
        pieces++;
    }

    hl_http_printf(resp, "%zd %zu %08" PRIx32 " %u %zu", n, total, ~crc,
                   pieces, hl_http_body(req).len);
}


/* Answers before it has read anything, or after one piece. */

static void
glance(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char  buf[1];

    if (hl_http_args(req).len > 0) {
        (void) hl_http_read_body(req, buf, sizeof(buf));
    }

    hl_http_printf(resp, "enough");
}


/* Echoes as it reads, and flushes each piece. */

static void
echo(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char     buf[PIECE];
    ssize_t  n;

    while ((n = hl_http_read_body(req, buf, sizeof(buf))) > 0) {
        hl_http_write(resp, buf, (size_t) n);

        if (hl_http_flush(resp) != 0) {
            hl_http_printf(resp, "flush failed");
        }
    }
}


/* As many bytes as the arguments say, streamed: lines of 64 bytes. */

static void
fill(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char      line[65];
    size_t    i, left, len;

    left = strtoul(hl_http_args(req).data, NULL, 10);

    hl_http_add_header(resp, "X-Guest", "fill");
    (void) hl_http_flush(resp);

    for (i = 0; left > 0; i++, left -= len) {
        len = left < 64 ? left : 64;

        for (size_t j = 0; j < 63; j++) {
            line[j] = "0123456789abcdef"[(i >> (j % 16)) & 15];
        }

        line[63] = '\n';
        hl_http_write(resp, line, len);
    }
}


/* "N MS": N lines, each flushed, with so much time before each but one. */

static void
drip(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char           *end;
    unsigned long   i, n, ms;

    n = strtoul(hl_http_args(req).data, &end, 10);
    ms = *end != '\0' ? strtoul(end + 1, NULL, 10) : 0;

    for (i = 0; i < n; i++) {
        hl_http_printf(resp, "line %lu\n", i);

        if (hl_http_flush(resp) != 0) {
            hl_http_printf(resp, "flush failed");
        }

        if (i + 1 < n && ms > 0) {
            hl_sleep((uint32_t) ms);
        }
    }
}


/* Begins a response, and then does what it should not. */

static void
spoil(const hl_http_request_t *req, hl_http_response_t *resp)
{
    const char  *args;

    args = hl_http_args(req).data;

    hl_http_printf(resp, "the beginning\n");
    hl_http_flush(resp);

    if (strcmp(args, "crash") == 0) {
        __builtin_trap();
    }

    if (strcmp(args, "status") == 0) {
        hl_http_set_status(resp, 404);
    }

    if (strcmp(args, "header") == 0) {
        hl_http_add_header(resp, "X-Late", "1");
    }

    if (strcmp(args, "error") == 0) {
        hl_set_error(hl_ErrorCode_GuestError, "too late");
    }

    if (strcmp(args, "spin") == 0) {
        for ( ;; ) {
            __asm__ volatile ("pause");
        }
    }

    if (strcmp(args, "flushes") == 0) {
        for (int i = 0; i < 1000; i++) {
            hl_http_flush(resp);
        }
    }

    hl_http_printf(resp, "the end\n");
}


/* The headers only, or a status that has no body. */

static void
bare(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_set_status(resp, (unsigned) strtoul(hl_http_args(req).data, NULL,
                                                10));
    hl_http_flush(resp);
    hl_http_printf(resp, "a body");
    hl_http_flush(resp);
}


void
hyperlight_main(void)
{
    crc_init();

    hl_http_register("sum", sum);
    hl_http_register("glance", glance);
    hl_http_register("echo", echo);
    hl_http_register("fill", fill);
    hl_http_register("drip", drip);
    hl_http_register("spoil", spoil);
    hl_http_register("bare", bare);
}
