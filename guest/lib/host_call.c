/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * host_call.c: hl_call_host_function(), and what calls share.
 */

#include <stdio.h>
#include <string.h>

#include "hl_guest.h"


/* What to encode of a parameter: its value, or its bytes. */
typedef struct {
    uint32_t     type;
    const void  *data;
    size_t       len;
} hl_argument_t;


static bool hl_host_call_valid(const hl_FunctionCall *call);
static hl_argument_t hl_argument(const hl_Parameter *param);
static void hl_host_call_write(void *to, const hl_FunctionCall *call);
static size_t hl_host_call_size(const hl_FunctionCall *call);


void
hl_call_host_function(const hl_FunctionCall *function_call)
{
    char  text[HL_HOST_CALL_TEXT];

    if (!hl_host_call(function_call, text, sizeof(text))) {
        hl_abort_with_code_and_message(hl_ErrorCode_OutbError, text);
    }
}


bool
hl_host_call(const hl_FunctionCall *call, char *text, size_t size)
{
    void    *room;
    size_t   need;

    if (!hl_host_call_valid(call)) {
        (void) snprintf(text, size, "a call of a host function has a name of "
                        "1 to %d bytes, at most %d parameters, and types "
                        "that there are", HL_ABI_NAME_MAX, HL_ABI_PARAMS_MAX);
        return false;
    }

    need = hl_host_call_size(call);
    room = hl_record_add(HL_REC_CALL, need);

    if (room == NULL) {
        (void) snprintf(text, size, "call of host function %.99s takes %zu "
                        "bytes of output, there are %zu",
                        call->function_name, need, hl_record_max());
        return false;
    }

    hl_host_call_write(room, call);

    hl_leave(HL_HYPERCALL_CALL);
    hl_guest.reply_ready = true;

    return true;
}


const hl_abi_reply_t *
hl_host_reply(void)
{
    return hl_ptr(const hl_abi_reply_t, hl_guest.params->reply);
}


/* What the host would take for a malformed record, and end the guest. */

static bool
hl_host_call_valid(const hl_FunctionCall *call)
{
    size_t  i, len;

    len = strnlen(call->function_name, HL_ABI_NAME_MAX + 1);

    if (len == 0 || len > HL_ABI_NAME_MAX
        || call->parameters_len > HL_ABI_PARAMS_MAX
        || (unsigned) call->return_type > hl_ReturnType_VecBytes)
    {
        return false;
    }

    for (i = 0; i < call->parameters_len; i++) {

        if ((unsigned) call->parameters[i].tag > hl_ParameterType_VecBytes) {
            return false;
        }
    }

    return true;
}


/* A length has 32 bits: SIZE_MAX for one that is over that. */

static size_t
hl_host_call_size(const hl_FunctionCall *call)
{
    size_t         i, size;
    hl_argument_t  arg;

    size = sizeof(hl_abi_call_t)
           + hl_abi_padded(strlen(call->function_name) + 1);

    for (i = 0; i < call->parameters_len; i++) {
        arg = hl_argument(&call->parameters[i]);

        if (arg.len > UINT32_MAX) {
            return SIZE_MAX;
        }

        size += hl_value_size(arg.type, arg.len);
    }

    return size;
}


static void
hl_host_call_write(void *to, const hl_FunctionCall *call)
{
    char           *name;
    size_t          i, len, padded;
    hl_argument_t   arg;
    hl_abi_call_t  *head;
    uintptr_t       value;

    len = strlen(call->function_name);
    padded = hl_abi_padded(len + 1);

    head = to;
    head->result = (uint32_t) call->return_type;
    head->param_count = (uint32_t) call->parameters_len;
    head->name_len = (uint32_t) len;
    head->reserved = 0;

    name = (char *) (head + 1);
    memcpy(name, call->function_name, len);
    memset(name + len, 0, padded - len);

    value = (uintptr_t) name + padded;

    for (i = 0; i < call->parameters_len; i++) {
        arg = hl_argument(&call->parameters[i]);

        hl_value_write(hl_ptr(hl_abi_value_t, value), arg.type, arg.data,
                       arg.len);
        value += hl_value_size(arg.type, arg.len);
    }
}


static hl_argument_t
hl_argument(const hl_Parameter *param)
{
    hl_argument_t  arg;

    arg.type = hl_type_to_abi(param->tag);

    switch (param->tag) {

    case hl_ParameterType_String:
        arg.data = param->value.String;
        arg.len = strlen(param->value.String);
        break;

    case hl_ParameterType_VecBytes:
        arg.data = param->value.VecBytes.data;
        arg.len = param->value.VecBytes.len;
        break;

    default:
        arg.data = &param->value;
        arg.len = 0;
        break;
    }

    return arg;
}
