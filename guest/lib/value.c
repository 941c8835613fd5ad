/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * value.c: types and values as the ABI has them.
 *
 * All of the scalar types are at the start of hl_ParameterValue and of
 * hl_abi_value_t.bits alike, since the machine is little endian.
 */

#include <string.h>

#include "hl_guest.h"


static bool hl_type_has_bytes(uint32_t type);


_Static_assert((int) HL_TYPE_BOOL == (int) hl_ParameterType_Bool
               && (int) HL_TYPE_STRING == (int) hl_ParameterType_String
               && (int) HL_TYPE_VOID == (int) hl_ReturnType_Void
               && (int) HL_TYPE_VECBYTES == (int) hl_ReturnType_VecBytes,
               "the ABI numbers types as hl_ReturnType does");


hl_ParameterType
hl_type_from_abi(uint32_t type)
{
    return type == HL_TYPE_VECBYTES ? hl_ParameterType_VecBytes
                                    : (hl_ParameterType) type;
}


uint32_t
hl_type_to_abi(hl_ParameterType type)
{
    return type == hl_ParameterType_VecBytes ? (uint32_t) HL_TYPE_VECBYTES
                                             : (uint32_t) type;
}


static bool
hl_type_has_bytes(uint32_t type)
{
    return type == HL_TYPE_STRING || type == HL_TYPE_VECBYTES;
}


static size_t
hl_type_width(uint32_t type)
{
    switch (type) {

    case HL_TYPE_LONG:
    case HL_TYPE_ULONG:
    case HL_TYPE_DOUBLE:
        return sizeof(uint64_t);

    case HL_TYPE_BOOL:
        return sizeof(bool);

    case HL_TYPE_VOID:
        return 0;

    default:
        return sizeof(uint32_t);
    }
}


size_t
hl_value_size(uint32_t type, size_t len)
{
    return hl_type_has_bytes(type) ? hl_abi_value_size(len)
                                   : sizeof(hl_abi_value_t);
}


void
hl_value_write(hl_abi_value_t *to, uint32_t type, const void *data,
    size_t len)
{
    uint8_t  *bytes;

    to->type = type;
    to->len = 0;
    to->bits = 0;

    if (!hl_type_has_bytes(type)) {
        memcpy(&to->bits, data, hl_type_width(type));
        return;
    }

    to->len = (uint32_t) len;

    bytes = (uint8_t *) (to + 1);

    if (len > 0) {
        memcpy(bytes, data, len);
    }

    memset(bytes + len, 0, hl_abi_padded(len + 1) - len);
}


const hl_abi_value_t *
hl_value_next(const hl_abi_value_t *value)
{
    size_t  size;

    size = hl_value_size(value->type, value->len);

    return (const hl_abi_value_t *) ((uintptr_t) value + size);
}


void *
hl_value_copy(const hl_abi_value_t *value)
{
    uint8_t  *copy;

    copy = hl_alloc((size_t) value->len + 1);

    memcpy(copy, value + 1, value->len);
    copy[value->len] = '\0';

    return copy;
}
