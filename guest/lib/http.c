/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http.c: HTTP handlers: registration and call.
 */

#include <string.h>

#include "hl_http.h"


static hl_Result *hl_http_invoke(const hl_entry_t *entry,
    const hl_abi_input_t *input);


void
hl_http_register(const char *name, hl_http_handler_pt handler)
{
    hl_entry_t  entry;

    memset(&entry, 0, sizeof(hl_entry_t));

    entry.name = name;
    entry.kind = HL_FUNCTION_HTTP;
    entry.invoke = hl_http_invoke;
    entry.function = (hl_any_function_pt) handler;
    entry.result = hl_ReturnType_Void;

    hl_entry_add(&entry);
}


static hl_Result *
hl_http_invoke(const hl_entry_t *entry, const hl_abi_input_t *input)
{
    hl_http_stream_t    stream;
    hl_http_request_t   req;
    hl_http_response_t  resp;

    req.input = (const char *) input;
    req.http = hl_ptr(const hl_abi_http_t, (uintptr_t) input + input->values);
    req.stream = &stream;

    stream.taken = 0;
    stream.more = (req.http->flags & HL_ABI_HTTP_MORE) != 0;

    resp.failed = false;
    resp.begun = false;

    ((hl_http_handler_pt) entry->function)(&req, &resp);

    if (resp.failed && hl_guest.error == NULL) {
        hl_set_error_fmt(hl_ErrorCode_GuestError,
                         "handler %s gave a status out of range, or more "
                         "than fits into the output area, or either after "
                         "the response had begun", entry->name);
    }

    return NULL;
}
