/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_service.c: what the guest library calls by number: sleep, streams of
 * bodies, sub-requests.  What they mean is the embedder's; here is what a
 * guest may say.
 */

#include <string.h>

#include "hl_error.h"
#include "hl_sandbox.h"


/* When it may be called; indexed by number. */
static const unsigned  hl_service_phases[] = {
    [HL_RAW_SLEEP] = HL_PHASE_ANY,
    [HL_RAW_FLUSH] = HL_PHASE_HTTP,
    [HL_RAW_READ_BODY] = HL_PHASE_HTTP,
    [HL_RAW_SUBREQUEST] = HL_PHASE_CALL,
    [HL_RAW_SUBREQUEST_READ] = HL_PHASE_CALL,
    [HL_RAW_SUBREQUEST_CLOSE] = HL_PHASE_CALL,
    [HL_RAW_VARIABLE] = HL_PHASE_CALL
};

#define HL_SERVICES                                                           \
    (sizeof(hl_service_phases) / sizeof(hl_service_phases[0]))


typedef hl_status_t (*hl_service_read_pt)(void *data, size_t max,
    hl_value_t *piece, hl_error_t *err);


static hl_status_t hl_service_read(hl_sandbox_t *sb, uint32_t id,
    hl_service_read_pt read, hl_cursor_t *in, hl_value_t *result,
    hl_error_t *err);
static hl_status_t hl_service_unknown(uint32_t id, hl_error_t *err);
static hl_status_t hl_service_subrequest(hl_sandbox_t *sb, hl_cursor_t *in,
    hl_value_t *result, hl_error_t *err);
static size_t hl_service_max(const hl_sandbox_t *sb, uint64_t wanted);


hl_status_t
hl_service_call(hl_sandbox_t *sb, uint32_t id, const void *bytes, size_t len,
    hl_value_t *result, hl_error_t *err)
{
    uint64_t              n;
    hl_cursor_t           in;
    const hl_services_t  *s;

    s = sb->bindings.services;

    in.pos = bytes;
    in.left = len;

    if (s == NULL || id >= HL_SERVICES
        || !(hl_service_phases[id] & (unsigned) sb->phase))
    {
        return hl_service_unknown(id, err);
    }

    switch (id) {

    case HL_RAW_SLEEP:
        if (s->sleep != NULL && hl_cursor_copy(&in, &n, sizeof(n))) {
            return s->sleep(sb->data, n, err);
        }

        break;

    case HL_RAW_FLUSH:
        if (s->flush != NULL) {
            return s->flush(sb->data, err);
        }

        break;

    case HL_RAW_READ_BODY:
        return hl_service_read(sb, id, s->read_body, &in, result, err);

    case HL_RAW_SUBREQUEST:
        return hl_service_subrequest(sb, &in, result, err);

    case HL_RAW_SUBREQUEST_READ:
        return hl_service_read(sb, id, s->subrequest_read, &in, result, err);

    case HL_RAW_SUBREQUEST_CLOSE:
        if (s->subrequest_close != NULL) {
            return s->subrequest_close(sb->data, err);
        }

        break;

    case HL_RAW_VARIABLE:
        if (s->variable != NULL) {
            return s->variable(sb->data, bytes, len, result, err);
        }

        break;

    default:
        break;
    }

    return hl_service_unknown(id, err);
}


/* A piece of a body. */
static hl_status_t
hl_service_read(hl_sandbox_t *sb, uint32_t id, hl_service_read_pt read,
    hl_cursor_t *in, hl_value_t *result, hl_error_t *err)
{
    uint64_t  n;

    if (read == NULL || !hl_cursor_copy(in, &n, sizeof(n))) {
        return hl_service_unknown(id, err);
    }

    return read(sb->data, hl_service_max(sb, n), result, err);
}


static hl_status_t
hl_service_unknown(uint32_t id, hl_error_t *err)
{
    return hl_error_set(err, HL_ERR_GUEST, "HostFunction %u was not found",
                        id);
}


static hl_status_t
hl_service_subrequest(hl_sandbox_t *sb, hl_cursor_t *in, hl_value_t *result,
    hl_error_t *err)
{
    const void           *method, *uri, *type;
    hl_subrequest_t       sub;
    hl_abi_subrequest_t   head;
    const hl_services_t  *s;

    s = sb->bindings.services;

    if (s->subrequest == NULL) {
        return hl_service_unknown(HL_RAW_SUBREQUEST, err);
    }

    if (!hl_cursor_copy(in, &head, sizeof(head))
        || !hl_cursor_take(in, head.method_len, &method)
        || !hl_cursor_take(in, head.uri_len, &uri)
        || !hl_cursor_take(in, head.type_len, &type)
        || !hl_cursor_take(in, head.body_len, &sub.body))
    {
        return hl_error_set(err, HL_ERR_GUEST, "a malformed sub-request");
    }

    sub.method = method;
    sub.method_len = head.method_len;
    sub.uri = uri;
    sub.uri_len = head.uri_len;
    sub.type = type;
    sub.type_len = head.type_len;
    sub.body_len = head.body_len;

    return s->subrequest(sb->data, &sub, hl_service_max(sb, UINT64_MAX),
                         result, err);
}


/* What a guest wants of a stream, and what fits into the reply area. */
static size_t
hl_service_max(const hl_sandbox_t *sb, uint64_t wanted)
{
    size_t  room;

    /* whole pages: what fits with its NUL, fits with its padding */

    room = sb->image->layout.regions[HL_REGION_REPLY].size
           - sizeof(hl_abi_reply_t) - sizeof(hl_abi_value_t) - 1;

    return wanted < room ? (size_t) wanted : room;
}
