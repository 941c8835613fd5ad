/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * return_value.c: hl_result_from_...: results that a guest can look into.
 *
 * In memory each is a hl_ReturnValue with a mark in its padding: that is how
 * it is told from a hl_Vec when a function returns it.
 */

#include <stdlib.h>
#include <string.h>

#include "hl_return_value.h"


static hl_Result *hl_return(hl_ReturnValue *r);


hl_Result *
hl_result_from_Int(int32_t value)
{
    hl_ReturnValue  *r;

    r = hl_return_value(hl_ReturnType_Int);
    r->value.Int = value;

    return hl_return(r);
}


hl_Result *
hl_result_from_UInt(uint32_t value)
{
    hl_ReturnValue  *r;

    r = hl_return_value(hl_ReturnType_UInt);
    r->value.UInt = value;

    return hl_return(r);
}


hl_Result *
hl_result_from_Long(int64_t value)
{
    hl_ReturnValue  *r;

    r = hl_return_value(hl_ReturnType_Long);
    r->value.Long = value;

    return hl_return(r);
}


hl_Result *
hl_result_from_ULong(uint64_t value)
{
    hl_ReturnValue  *r;

    r = hl_return_value(hl_ReturnType_ULong);
    r->value.ULong = value;

    return hl_return(r);
}


hl_Result *
hl_result_from_Float(float value)
{
    hl_ReturnValue  *r;

    r = hl_return_value(hl_ReturnType_Float);
    r->value.Float = value;

    return hl_return(r);
}


hl_Result *
hl_result_from_Double(double value)
{
    hl_ReturnValue  *r;

    r = hl_return_value(hl_ReturnType_Double);
    r->value.Double = value;

    return hl_return(r);
}


hl_Result *
hl_result_from_Bool(bool value)
{
    hl_ReturnValue  *r;

    r = hl_return_value(hl_ReturnType_Bool);
    r->value.Bool = value;

    return hl_return(r);
}


hl_Result *
hl_result_from_Void(void)
{
    return hl_return(hl_return_value(hl_ReturnType_Void));
}


hl_Result *
hl_result_from_String(const char *value)
{
    return value == NULL ? NULL
                         : hl_result_from_StringBytes(value, strlen(value));
}


hl_Result *
hl_result_from_StringBytes(const char *data, uintptr_t len)
{
    hl_ReturnValue  *r;

    if (len > 0 && (data == NULL || memchr(data, '\0', len) != NULL)) {
        return NULL;
    }

    r = hl_return_value(hl_ReturnType_String);
    r->value.String = hl_return_copy(data, len);

    return hl_return(r);
}


hl_Result *
hl_result_from_Bytes(const uint8_t *data, uintptr_t len)
{
    hl_ReturnValue  *r;

    if (data == NULL && len > 0) {
        return NULL;
    }

    r = hl_return_value(hl_ReturnType_VecBytes);
    r->value.VecBytes.data = hl_return_copy(data, len);
    r->value.VecBytes.len = len;

    return hl_return(r);
}


hl_Result *
hl_result_from_VecBytes(hl_Vec value)
{
    return hl_result_from_Bytes(value.data, value.len);
}


hl_Result *
hl_result_from_ByteChunks(hl_ByteChunks value)
{
    size_t           i, len;
    uint8_t         *p;
    hl_ReturnValue  *r;

    for (i = 0, len = 0; i < value.count; i++) {

        if ((value.chunks[i].data == NULL && value.chunks[i].len > 0)
            || __builtin_add_overflow(len, value.chunks[i].len, &len))
        {
            return NULL;
        }
    }

    r = hl_return_value(hl_ReturnType_VecBytes);
    r->value.VecBytes.data = p = hl_return_copy(NULL, len);
    r->value.VecBytes.len = len;

    for (i = 0; i < value.count; i++) {

        if (value.chunks[i].len > 0) {
            memcpy(p, value.chunks[i].data, value.chunks[i].len);
            p += value.chunks[i].len;
        }
    }

    return hl_return(r);
}


/* What a function returns, whichever of the two types that is. */

static hl_Result *
hl_return(hl_ReturnValue *r)
{
    return (hl_Result *) (void *) r;
}


hl_ReturnValue *
hl_return_value(hl_ReturnType tag)
{
    hl_marked_t  *marked;

    marked = hl_alloc(sizeof(hl_marked_t));

    memset(marked, 0, sizeof(hl_marked_t));

    marked->tag = tag;
    marked->mark = HL_MARK;

    return (hl_ReturnValue *) (void *) marked;
}


void *
hl_return_copy(const void *data, size_t len)
{
    uint8_t  *copy;

    /* the NUL that follows must not make it none at all */
    copy = hl_alloc(len < SIZE_MAX ? len + 1 : SIZE_MAX);

    if (data != NULL && len > 0) {
        memcpy(copy, data, len);
    }

    copy[len] = '\0';

    return copy;
}
