/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_subrequest.c: a request to another location of the server that the
 * guest runs in.
 *
 * The host has one at a time: a new one closes the one before, whose object
 * knows by its number that it is not meant any more.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hl_http.h"


struct hl_http_subrequest_s {
    uint64_t       number;
    unsigned       status;
    bool           over;                /* all of the body has been read */
    hl_http_list_t headers;             /* behind this object */
};


static bool hl_http_subrequest_put(const char *method, const char *uri,
    const char *content_type, const void *body, size_t len);
static char *hl_http_put(char *to, const void *data, size_t len);


hl_http_subrequest_t *
hl_http_subrequest(const char *method, const char *uri,
    const char *content_type, const void *body, size_t len)
{
    size_t                         size;
    hl_http_subrequest_t          *sub;
    const hl_abi_value_t          *value;
    const hl_abi_subresponse_t    *response;

    if (!hl_http_subrequest_put(method, uri, content_type, body, len)) {
        errno = EMSGSIZE;
        return NULL;
    }

    hl_guest.subrequests++;

    value = hl_service_call();

    if (value == NULL) {
        errno = EIO;
        return NULL;
    }

    response = (const hl_abi_subresponse_t *) (value + 1);
    size = value->len - sizeof(hl_abi_subresponse_t);

    sub = hl_alloc(sizeof(hl_http_subrequest_t) + size);
    memcpy(sub + 1, response + 1, size);

    sub->number = hl_guest.subrequests;
    sub->status = response->status;
    sub->over = false;
    sub->headers.first = (const char *) (sub + 1);
    sub->headers.count = response->header_count;

    return sub;
}


unsigned
hl_http_subrequest_status(const hl_http_subrequest_t *sub)
{
    return sub->status;
}


hl_http_view_t
hl_http_subrequest_header(const hl_http_subrequest_t *sub, const char *name)
{
    return hl_http_list_find(&sub->headers, name);
}


bool
hl_http_subrequest_next_header(const hl_http_subrequest_t *sub,
    hl_http_header_t *h)
{
    return hl_http_list_next(&sub->headers, h);
}


ssize_t
hl_http_subrequest_read(hl_http_subrequest_t *sub, void *buf, size_t size)
{
    const hl_abi_value_t  *piece;

    if (sub->number != hl_guest.subrequests) {
        errno = EBADF;
        return -1;
    }

    if (sub->over || size == 0) {
        return 0;
    }

    piece = hl_service_number(HL_RAW_SUBREQUEST_READ, size);

    if (piece == NULL) {
        errno = EIO;
        return -1;
    }

    sub->over = piece->len == 0;
    memcpy(buf, piece + 1, piece->len);

    return (ssize_t) piece->len;
}


void
hl_http_subrequest_close(hl_http_subrequest_t *sub)
{
    if (sub == NULL) {
        return;
    }

    /* of one that was read to its end, the host knows */

    if (sub->number == hl_guest.subrequests && !sub->over
        && hl_service_begin(HL_RAW_SUBREQUEST_CLOSE, 0) != NULL)
    {
        (void) hl_service_call();
    }

    free(sub);
}


static bool
hl_http_subrequest_put(const char *method, const char *uri,
    const char *content_type, const void *body, size_t len)
{
    char                 *p;
    size_t                need;
    hl_abi_subrequest_t   head;

    head.method_len = (uint32_t) strlen(method);
    head.uri_len = (uint32_t) strlen(uri);
    head.type_len = content_type != NULL ? (uint32_t) strlen(content_type)
                                         : 0;
    head.body_len = (uint32_t) len;

    if (len > hl_record_max()) {
        return false;
    }

    need = sizeof(head) + head.method_len + head.uri_len + head.type_len
           + len;

    p = hl_service_begin(HL_RAW_SUBREQUEST, need);

    if (p == NULL) {
        return false;
    }

    p = hl_http_put(p, &head, sizeof(head));
    p = hl_http_put(p, method, head.method_len);
    p = hl_http_put(p, uri, head.uri_len);
    p = hl_http_put(p, content_type, head.type_len);
    (void) hl_http_put(p, body, len);

    return true;
}


static char *
hl_http_put(char *to, const void *data, size_t len)
{
    if (len > 0) {
        memcpy(to, data, len);
    }

    return to + len;
}
