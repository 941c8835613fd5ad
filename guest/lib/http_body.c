/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_body.c: a request's body as a stream: first what came with the call,
 * then what the host reads for it.
 */

#include <errno.h>
#include <string.h>

#include "hl_http.h"


ssize_t
hl_http_read_body(const hl_http_request_t *req, void *buf, size_t size)
{
    size_t                 left;
    hl_http_stream_t      *stream;
    const hl_abi_value_t  *piece;

    stream = req->stream;
    left = req->http->body.len - stream->taken;

    if (left > 0) {
        if (size > left) {
            size = left;
        }

        memcpy(buf, hl_http_body(req).data + stream->taken, size);
        stream->taken += size;

        return (ssize_t) size;
    }

    if (!stream->more || size == 0) {
        return 0;
    }

    piece = hl_service_number(HL_RAW_READ_BODY, size);

    if (piece == NULL) {
        errno = EIO;
        return -1;
    }

    stream->more = piece->len > 0;
    memcpy(buf, piece + 1, piece->len);

    return (ssize_t) piece->len;
}
