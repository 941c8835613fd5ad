/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * result_record.c: a function's result on its way to the host.
 */

#include <stdlib.h>
#include <string.h>

#include "hl_return_value.h"


static void hl_result_encoded(const hl_Vec *vec, const char *name);
static void hl_result_value(const hl_ReturnValue *value, const char *name);
static void *hl_result_room(size_t size, const char *name);


void
hl_result_take(hl_Result *result, const char *name)
{
    const hl_Vec       *vec;
    const hl_marked_t  *marked;

    vec = (const hl_Vec *) result;
    marked = (const hl_marked_t *) (const void *) result;

    if (vec->data == (const uint8_t *) (vec + 1)) {
        hl_result_encoded(vec, name);
        free(result);

    } else if (marked->mark == HL_MARK
               && marked->tag <= hl_ReturnType_VecBytes)
    {
        hl_result_value((const hl_ReturnValue *) (const void *) marked, name);
        hl_free_return_value((hl_ReturnValue *) (void *) result);

    } else if (hl_guest.error == NULL) {
        hl_set_error_fmt(hl_ErrorCode_GuestError,
                         "C guest function \"%s\" returned a hl_Vec that "
                         "no hl_flatbuffer_result_from_ function made", name);
    }
}


/* A hl_Vec with the value right behind it, see result.c. */

static void
hl_result_encoded(const hl_Vec *vec, const char *name)
{
    void  *room;

    room = hl_result_room(vec->len, name);

    if (room != NULL) {
        memcpy(room, vec->data, vec->len);
    }
}


static void
hl_result_value(const hl_ReturnValue *value, const char *name)
{
    void        *room;
    size_t       len;
    const void  *data;

    switch (value->tag) {

    case hl_ReturnType_String:
        data = value->value.String;
        len = strlen(value->value.String);
        break;

    case hl_ReturnType_VecBytes:
        data = value->value.VecBytes.data;
        len = value->value.VecBytes.len;
        break;

    default:
        data = &value->value;
        len = 0;
        break;
    }

    room = hl_result_room(hl_value_size(value->tag, len), name);

    if (room != NULL) {
        hl_value_write(room, value->tag, data, len);
    }
}


/* NULL, and nothing for the host, with an error. */

static void *
hl_result_room(size_t size, const char *name)
{
    void  *room;

    if (hl_guest.error != NULL) {
        return NULL;
    }

    room = hl_record_add(HL_REC_RESULT, size);

    if (room == NULL) {
        hl_set_error_fmt(hl_ErrorCode_GuestError,
                         "result of function %s takes %zu bytes of output, "
                         "there are %zu", name, size, hl_record_max());
    }

    return room;
}
