/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * host_call_result.c: hl_call_host_function_with_result().
 */

#include <string.h>

#include "hl_return_value.h"


static hl_ReturnValue *hl_host_value(const hl_abi_value_t *value);


hl_ReturnValue *
hl_call_host_function_with_result(const hl_FunctionCall *function_call)
{
    bool                   called;
    char                   text[HL_HOST_CALL_TEXT];
    const hl_abi_reply_t  *reply;

    called = hl_host_call(function_call, text, sizeof(text));

    /* only now: it may have been a parameter */
    hl_set_host_error(called ? NULL : text);

    if (!called) {
        return NULL;
    }

    /* it is taken: nothing is left for a getter */
    hl_guest.reply_ready = false;

    reply = hl_host_reply();

    if (reply->error != 0) {
        hl_set_host_error((const char *) (reply + 1));
        return NULL;
    }

    return hl_host_value((const hl_abi_value_t *) (reply + 1));
}


static hl_ReturnValue *
hl_host_value(const hl_abi_value_t *value)
{
    hl_ReturnValue  *r;

    r = hl_return_value((hl_ReturnType) value->type);

    switch (r->tag) {

    case hl_ReturnType_String:
        r->value.String = hl_value_copy(value);
        break;

    case hl_ReturnType_VecBytes:
        r->value.VecBytes.data = hl_value_copy(value);
        r->value.VecBytes.len = value->len;
        break;

    default:
        memcpy(&r->value, &value->bits, sizeof(value->bits));
        break;
    }

    return r;
}
