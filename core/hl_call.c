/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_call.c: writes a call into the input area.
 *
 *     | hl_abi_input_t | name | values ...                         typed
 *     | hl_abi_input_t | name | hl_abi_http_t | fields | headers   HTTP
 *       | headers of the original response
 *     | body, at the offset config.headers
 *
 * The room for a body, and for the bytes of a typed call's arguments
 * together, is input - headers; "headers" bytes hold all the rest.  The
 * area is zero when a call begins: paddings and NULs are there already.
 */

#include <string.h>

#include "hl_error.h"
#include "hl_memory.h"
#include "hl_sandbox.h"


typedef struct {
    const void  *name;
    size_t       name_len;
    const void  *value;
    size_t       value_len;
} hl_call_header_t;


static hl_status_t hl_call_begin(hl_sandbox_t *sb, hl_phase_t phase,
    const hl_function_t *function, const char *name, hl_error_t *err);
static hl_status_t hl_call_check_args(const hl_sandbox_t *sb,
    const hl_value_t *args, size_t n, hl_error_t *err);
static hl_status_t hl_call_http_put_header(hl_sandbox_t *sb,
    hl_http_stage_t stage, const hl_call_header_t *header, hl_error_t *err);
static hl_status_t hl_call_http_room(hl_sandbox_t *sb, hl_http_stage_t stage,
    size_t len, size_t extra, hl_error_t *err);


#define hl_call_input(sb)                                                     \
    ((hl_abi_input_t *) (void *) hl_sandbox_region(sb, HL_REGION_INPUT))

#define hl_call_http_head(sb)                                                 \
    ((hl_abi_http_t *) (void *) (hl_sandbox_region(sb, HL_REGION_INPUT)       \
                                 + hl_call_input(sb)->values))


hl_status_t
hl_call_typed(hl_sandbox_t *sb, const hl_function_t *function,
    const char *name, hl_type_t result, const hl_value_t *args, size_t n,
    void **rooms, hl_error_t *err)
{
    size_t           i;
    uint8_t         *base, *p;
    void            *room;
    hl_abi_input_t  *input;

    if (hl_call_check_args(sb, args, n, err) != HL_OK
        || hl_call_begin(sb, HL_PHASE_TYPED, function, name, err) != HL_OK)
    {
        return err->status;
    }

    base = hl_sandbox_region(sb, HL_REGION_INPUT);
    input = hl_call_input(sb);
    p = base + input->values;

    for (i = 0; i < n; i++) {
        p = hl_call_put_value(p, &args[i], &room);

        if (rooms != NULL) {
            rooms[i] = room;
        }
    }

    sb->expected = result;
    sb->input_end = (size_t) (p - base);

    input->result = result;
    input->param_count = (uint32_t) n;
    input->size = sb->input_end;

    return HL_OK;
}


hl_status_t
hl_call_http(hl_sandbox_t *sb, const hl_function_t *function,
    hl_error_t *err)
{
    uint32_t         offset;
    hl_abi_http_t   *http;
    hl_abi_view_t    empty;
    hl_abi_input_t  *input;

    if (hl_call_begin(sb, HL_PHASE_HTTP, function, NULL, err) != HL_OK) {
        return err->status;
    }

    sb->stage = HL_HTTP_STAGE_FIELDS;
    sb->input_end += sizeof(hl_abi_http_t);

    input = hl_call_input(sb);
    input->result = HL_TYPE_VOID;
    input->param_count = 0;
    input->size = sb->input_end;

    /* what is not given is an empty string: the name's NUL */

    offset = input->name + (uint32_t) strlen(function->name);
    empty.offset = offset;
    empty.len = 0;

    http = hl_call_http_head(sb);
    http->method = empty;
    http->uri = empty;
    http->args = empty;
    http->protocol = empty;
    http->remote_addr = empty;
    http->body = empty;
    http->headers = offset;
    http->header_count = 0;
    http->flags = 0;
    http->original_status = 0;
    http->original_headers = offset;
    http->original_header_count = 0;

    return HL_OK;
}


hl_status_t
hl_call_http_field(hl_sandbox_t *sb, hl_http_field_t field, const void *data,
    size_t len, hl_error_t *err)
{
    hl_abi_http_t  *http;
    hl_abi_view_t  *view;

    if (hl_call_http_room(sb, HL_HTTP_STAGE_FIELDS, len, 1, err) != HL_OK) {
        return err->status;
    }

    http = hl_call_http_head(sb);

    switch (field) {
    case HL_HTTP_METHOD:
        view = &http->method;
        break;

    case HL_HTTP_URI:
        view = &http->uri;
        break;

    case HL_HTTP_ARGS:
        view = &http->args;
        break;

    case HL_HTTP_PROTOCOL:
        view = &http->protocol;
        break;

    default: /* HL_HTTP_REMOTE_ADDR */
        view = &http->remote_addr;
        break;
    }

    view->offset = (uint32_t) sb->input_end;
    view->len = (uint32_t) len;

    if (len > 0) {
        memcpy(hl_sandbox_region(sb, HL_REGION_INPUT) + sb->input_end, data,
               len);
    }

    sb->input_end += len + 1;

    return HL_OK;
}


hl_status_t
hl_call_http_header(hl_sandbox_t *sb, const void *name, size_t name_len,
    const void *value, size_t value_len, hl_error_t *err)
{
    const hl_call_header_t  header = { name, name_len, value, value_len };

    return hl_call_http_put_header(sb, HL_HTTP_STAGE_HEADERS, &header, err);
}


hl_status_t
hl_call_http_original(hl_sandbox_t *sb, uint32_t status, hl_error_t *err)
{
    if (hl_call_http_room(sb, HL_HTTP_STAGE_HEADERS, 0, 0, err) != HL_OK) {
        return err->status;
    }

    sb->stage = HL_HTTP_STAGE_ORIGINAL;
    hl_call_http_head(sb)->original_status = status;

    return HL_OK;
}


hl_status_t
hl_call_http_original_header(hl_sandbox_t *sb, const void *name,
    size_t name_len, const void *value, size_t value_len, hl_error_t *err)
{
    const hl_call_header_t  header = { name, name_len, value, value_len };

    return hl_call_http_put_header(sb, HL_HTTP_STAGE_ORIGINAL, &header, err);
}


hl_status_t
hl_call_http_body(hl_sandbox_t *sb, size_t len, void **room, hl_error_t *err)
{
    size_t          offset;
    uint8_t        *base;
    hl_abi_http_t  *http;

    if (hl_call_http_room(sb, HL_HTTP_STAGE_BODY, 0, 0, err) != HL_OK) {
        return err->status;
    }

    offset = sb->image->headers;

    if (len > sb->image->input - offset) {
        return hl_error_set(err, HL_ERR_TOO_LARGE,
                            "a body of %zu bytes is over the room of %zu",
                            len, sb->image->input - offset);
    }

    base = hl_sandbox_region(sb, HL_REGION_INPUT);
    sb->body_end = offset + len;

    http = hl_call_http_head(sb);
    http->body.offset = (uint32_t) offset;
    http->body.len = (uint32_t) len;

    hl_call_input(sb)->size = sb->body_end;
    sb->stage = HL_HTTP_STAGE_DONE;
    *room = base + offset;

    return HL_OK;
}


hl_status_t
hl_call_http_more(hl_sandbox_t *sb, hl_error_t *err)
{
    if (sb->state != HL_SANDBOX_CALLING || sb->phase != HL_PHASE_HTTP
        || sb->started || sb->stage != HL_HTTP_STAGE_DONE)
    {
        return hl_sandbox_refuse(sb, "a body that goes on has begun before",
                                 err);
    }

    hl_call_http_head(sb)->flags = HL_ABI_HTTP_MORE;

    return HL_OK;
}


void
hl_call_cancel(hl_sandbox_t *sb)
{
    if (sb->state != HL_SANDBOX_CALLING) {
        return;
    }

    if (sb->serving) {
        sb->given_up = true;    /* hl_run() ends it */
        return;
    }

    if (sb->started) {
        hl_output_salvage(sb);
    }

    sb->state = HL_SANDBOX_POISONED;
    sb->has_result = false;
}


const hl_value_t *
hl_call_result(const hl_sandbox_t *sb)
{
    return sb->has_result ? &sb->result : NULL;
}


const hl_fault_t *
hl_call_fault(const hl_sandbox_t *sb)
{
    return sb->fault_last ? &sb->fault : NULL;
}


uint8_t *
hl_call_put_value(uint8_t *dst, const hl_value_t *value, void **room)
{
    size_t          len;
    hl_abi_value_t  head;

    memset(&head, 0, sizeof(head));
    head.type = value->type;
    *room = NULL;

    if (value->type != HL_TYPE_STRING && value->type != HL_TYPE_VECBYTES) {

        if (value->type == HL_TYPE_BOOL) {
            head.bits = value->v.boolean;

        } else if (value->type != HL_TYPE_VOID) {
            memcpy(&head.bits, &value->v,
                   value->type == HL_TYPE_INT || value->type == HL_TYPE_UINT
                   || value->type == HL_TYPE_FLOAT ? 4 : 8);
        }

        memcpy(dst, &head, sizeof(head));
        return dst + sizeof(head);
    }

    len = value->v.bytes.len;

    head.len = (uint32_t) len;
    memcpy(dst, &head, sizeof(head));
    dst += sizeof(head);

    if (len > 0 && value->v.bytes.data != NULL) {
        memcpy(dst, value->v.bytes.data, len);
    }

    *room = dst;

    return dst + hl_abi_padded(len + 1);
}


void
hl_call_wipe(hl_sandbox_t *sb)
{
    uint8_t  *input;

    input = hl_sandbox_region(sb, HL_REGION_INPUT);

    memset(input, 0, sb->input_end);
    sb->input_end = 0;

    if (sb->body_end > 0) {
        memset(input + sb->image->headers, 0,
               sb->body_end - sb->image->headers);
        sb->body_end = 0;
    }

    memset(hl_sandbox_region(sb, HL_REGION_REPLY), 0, sb->reply_end);
    sb->reply_end = 0;
}


static hl_status_t
hl_call_begin(hl_sandbox_t *sb, hl_phase_t phase,
    const hl_function_t *function, const char *name, hl_error_t *err)
{
    size_t           len;
    hl_abi_input_t  *input;

    if (sb->state != HL_SANDBOX_READY) {
        return hl_sandbox_refuse(sb, "the sandbox is not ready for a call",
                                 err);
    }

    if (function != NULL) {
        name = function->name;
    }

    len = name == NULL ? 0 : strlen(name);

    if (len == 0 || len > HL_ABI_NAME_MAX) {
        return hl_error_set(err, HL_ERR_ARGUMENT, "a function's name has 1 "
                            "to %d bytes", HL_ABI_NAME_MAX);
    }

    hl_call_wipe(sb);

    input = hl_call_input(sb);
    input->kind = phase == HL_PHASE_HTTP ? HL_FUNCTION_HTTP
                                         : HL_FUNCTION_TYPED;
    input->function = function == NULL
                      ? HL_ABI_NO_FUNCTION
                      : (uint32_t) (function - sb->functions->rows);
    input->name = sizeof(hl_abi_input_t);
    input->values = (uint32_t) (sizeof(hl_abi_input_t)
                                + hl_abi_padded(len + 1));

    memcpy(hl_sandbox_region(sb, HL_REGION_INPUT) + input->name, name, len);

    sb->phase = phase;
    sb->state = HL_SANDBOX_CALLING;
    sb->started = false;
    sb->suspended = false;
    sb->given_up = false;
    sb->has_result = false;
    sb->has_fault = false;
    sb->input_end = input->values;
    sb->stats.guest_ns = 0;

    hl_interrupt_clear(sb->interrupt);

    return HL_OK;
}


static hl_status_t
hl_call_check_args(const hl_sandbox_t *sb, const hl_value_t *args, size_t n,
    hl_error_t *err)
{
    size_t  i, left;

    if (n > HL_ABI_PARAMS_MAX) {
        return hl_error_set(err, HL_ERR_ARGUMENT,
                            "a function has at most %d parameters",
                            HL_ABI_PARAMS_MAX);
    }

    left = sb->image->input - sb->image->headers;

    for (i = 0; i < n; i++) {
        if (args[i].type > HL_TYPE_LAST || args[i].type == HL_TYPE_VOID) {
            return hl_error_set(err, HL_ERR_ARGUMENT,
                                "argument %zu has no type", i);
        }

        if (args[i].type != HL_TYPE_STRING
            && args[i].type != HL_TYPE_VECBYTES)
        {
            continue;
        }

        if (args[i].v.bytes.len > left) {
            return hl_error_set(err, HL_ERR_TOO_LARGE, "the arguments are "
                                "over the room of %zu bytes",
                                sb->image->input
                                - sb->image->headers);
        }

        left -= args[i].v.bytes.len;

        if (args[i].type == HL_TYPE_STRING && args[i].v.bytes.data != NULL
            && hl_check_string(args[i].v.bytes.data, args[i].v.bytes.len,
                               err)
               != HL_OK)
        {
            return err->status;
        }
    }

    return HL_OK;
}


static hl_status_t
hl_call_http_put_header(hl_sandbox_t *sb, hl_http_stage_t stage,
    const hl_call_header_t *header, hl_error_t *err)
{
    size_t            size, pad;
    uint8_t          *p;
    uint32_t         *first, *count;
    hl_abi_http_t    *http;
    hl_abi_header_t   head;

    /* each alone before their sum, which could overflow */

    if (hl_call_http_room(sb, stage, header->name_len, 0, err) != HL_OK
        || hl_call_http_room(sb, stage, header->value_len, 0, err) != HL_OK)
    {
        return err->status;
    }

    size = hl_abi_header_size(header->name_len, header->value_len);
    pad = (size_t) (-sb->input_end & 7);

    if (hl_call_http_room(sb, stage, size, pad, err) != HL_OK) {
        return err->status;
    }

    http = hl_call_http_head(sb);

    if (stage == HL_HTTP_STAGE_ORIGINAL) {
        first = &http->original_headers;
        count = &http->original_header_count;

    } else {
        first = &http->headers;
        count = &http->header_count;
    }

    sb->input_end += pad;
    p = hl_sandbox_region(sb, HL_REGION_INPUT) + sb->input_end;

    if ((*count)++ == 0) {
        *first = (uint32_t) sb->input_end;
    }

    head.name_len = (uint32_t) header->name_len;
    head.value_len = (uint32_t) header->value_len;

    memcpy(p, &head, sizeof(head));
    p += sizeof(head);

    memcpy(p, header->name, header->name_len);
    p += header->name_len + 1;

    if (header->value_len > 0) {
        memcpy(p, header->value, header->value_len);
    }

    sb->input_end += size;

    return HL_OK;
}


/* For "len" bytes, as large as the caller likes, and a few extra. */
static hl_status_t
hl_call_http_room(hl_sandbox_t *sb, hl_http_stage_t stage, size_t len,
    size_t extra, hl_error_t *err)
{
    size_t  left;

    if (sb->state != HL_SANDBOX_CALLING || sb->phase != HL_PHASE_HTTP
        || sb->started || sb->stage > stage)
    {
        return hl_sandbox_refuse(sb, "an HTTP call is begun, and then gets "
                                 "fields, headers, body", err);
    }

    sb->stage = stage;

    left = sb->image->headers - sb->input_end;

    if (extra > left || len > left - extra) {
        return hl_error_set(err, HL_ERR_METADATA_TOO_LARGE,
                            "the request's URI and headers%s are over the "
                            "room of %zu bytes",
                            stage == HL_HTTP_STAGE_ORIGINAL
                            ? ", with those of the response," : "",
                            sb->image->headers);
    }

    hl_call_input(sb)->size = sb->input_end + len + extra;

    return HL_OK;
}
