/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * host_result.c: hl_get_host_return_value_as_...: the answer of a host call.
 *
 * The getters take the answer from the reply area, each answer once.
 */

#include <string.h>

#include "hl_guest.h"


static const hl_abi_value_t *hl_reply(uint32_t type);
static void hl_reply_scalar(void *to, uint32_t type, size_t size);


/* By HL_TYPE_... */
static const char *const  hl_reply_names[] = {
    "Int", "UInt", "Long", "ULong", "Float", "Double", "String", "Bool",
    "Void", "VecBytes"
};


int32_t
hl_get_host_return_value_as_Int(void)
{
    int32_t  value;

    hl_reply_scalar(&value, HL_TYPE_INT, sizeof(value));

    return value;
}


uint32_t
hl_get_host_return_value_as_UInt(void)
{
    uint32_t  value;

    hl_reply_scalar(&value, HL_TYPE_UINT, sizeof(value));

    return value;
}


int64_t
hl_get_host_return_value_as_Long(void)
{
    int64_t  value;

    hl_reply_scalar(&value, HL_TYPE_LONG, sizeof(value));

    return value;
}


uint64_t
hl_get_host_return_value_as_ULong(void)
{
    uint64_t  value;

    hl_reply_scalar(&value, HL_TYPE_ULONG, sizeof(value));

    return value;
}


float
hl_get_host_return_value_as_Float(void)
{
    float  value;

    hl_reply_scalar(&value, HL_TYPE_FLOAT, sizeof(value));

    return value;
}


double
hl_get_host_return_value_as_Double(void)
{
    double  value;

    hl_reply_scalar(&value, HL_TYPE_DOUBLE, sizeof(value));

    return value;
}


bool
hl_get_host_return_value_as_Bool(void)
{
    return hl_reply(HL_TYPE_BOOL)->bits != 0;
}


const char *
hl_get_host_return_value_as_String(void)
{
    return hl_value_copy(hl_reply(HL_TYPE_STRING));
}


/* The bytes are behind their hl_Vec, so that one free() is enough. */

hl_Vec *
hl_get_host_return_value_as_VecBytes(void)
{
    hl_Vec                *vec;
    const hl_abi_value_t  *value;

    value = hl_reply(HL_TYPE_VECBYTES);

    vec = hl_alloc(sizeof(hl_Vec) + value->len);
    vec->data = (uint8_t *) (vec + 1);
    vec->len = value->len;

    memcpy(vec->data, value + 1, value->len);

    return vec;
}


static void
hl_reply_scalar(void *to, uint32_t type, size_t size)
{
    memcpy(to, &hl_reply(type)->bits, size);
}


static const hl_abi_value_t *
hl_reply(uint32_t type)
{
    const hl_abi_reply_t  *reply;
    const hl_abi_value_t  *value;

    if (!hl_guest.reply_ready) {
        hl_abort_with_code_and_message(hl_ErrorCode_UnknownError,
                                       "no host function has answered");
    }

    hl_guest.reply_ready = false;

    reply = hl_host_reply();

    if (reply->error != 0) {
        hl_abort_with_code_and_message(hl_ErrorCode_UnknownError,
                                       (const char *) (reply + 1));
    }

    value = (const hl_abi_value_t *) (reply + 1);

    if (value->type != type) {
        hl_abort_fmt(hl_ErrorCode_UnknownError,
                     "host function answered with %s, asked for was %s",
                     hl_reply_names[value->type], hl_reply_names[type]);
    }

    return value;
}
