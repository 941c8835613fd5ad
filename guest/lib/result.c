/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * result.c: hl_flatbuffer_result_from_...: results, encoded.
 *
 * A result is one piece of the heap: a hl_Vec, and the value of the ABI that
 * it points to behind it.
 */

#include <string.h>

#include "hl_guest.h"


static hl_Vec *hl_result(uint32_t type, const void *data, size_t len);


_Static_assert(sizeof(hl_Vec) % HL_ABI_ALIGNMENT == 0,
               "the value behind a hl_Vec is aligned");


hl_Vec *
hl_flatbuffer_result_from_Int(int32_t value)
{
    return hl_result(HL_TYPE_INT, &value, 0);
}


hl_Vec *
hl_flatbuffer_result_from_UInt(uint32_t value)
{
    return hl_result(HL_TYPE_UINT, &value, 0);
}


hl_Vec *
hl_flatbuffer_result_from_Long(int64_t value)
{
    return hl_result(HL_TYPE_LONG, &value, 0);
}


hl_Vec *
hl_flatbuffer_result_from_ULong(uint64_t value)
{
    return hl_result(HL_TYPE_ULONG, &value, 0);
}


hl_Vec *
hl_flatbuffer_result_from_Float(float value)
{
    return hl_result(HL_TYPE_FLOAT, &value, 0);
}


hl_Vec *
hl_flatbuffer_result_from_Double(double value)
{
    return hl_result(HL_TYPE_DOUBLE, &value, 0);
}


hl_Vec *
hl_flatbuffer_result_from_Bool(bool value)
{
    return hl_result(HL_TYPE_BOOL, &value, 0);
}


hl_Vec *
hl_flatbuffer_result_from_Void(void)
{
    return hl_result(HL_TYPE_VOID, "", 0);
}


hl_Vec *
hl_flatbuffer_result_from_String(const char *value)
{
    if (value == NULL) {
        return NULL;
    }

    return hl_result(HL_TYPE_STRING, value, strlen(value));
}


hl_Vec *
hl_flatbuffer_result_from_Bytes(const uint8_t *data, uintptr_t len)
{
    if (data == NULL && len > 0) {
        return NULL;
    }

    return hl_result(HL_TYPE_VECBYTES, data, len);
}


hl_Vec *
hl_flatbuffer_result_from_VecBytes(hl_Vec value)
{
    return hl_flatbuffer_result_from_Bytes(value.data, value.len);
}


static hl_Vec *
hl_result(uint32_t type, const void *data, size_t len)
{
    size_t   size;
    hl_Vec  *result;

    size = hl_value_size(type, len);

    result = hl_alloc(sizeof(hl_Vec) + size);
    result->data = (uint8_t *) (result + 1);
    result->len = size;

    hl_value_write((hl_abi_value_t *) (void *) result->data, type, data, len);

    return result;
}
