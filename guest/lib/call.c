/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * call.c: one call, from the input area to its result or error.
 *
 * The result is the last record of a call, so that nothing that is flushed
 * after it can take its place in the output area.
 */

#include <stdlib.h>
#include <string.h>

#include "hl_guest.h"


static void hl_call_result(hl_Vec *result, const char *name);


void
hl_call(void)
{
    hl_Vec                *result;
    const char            *name;
    const hl_entry_t      *entry;
    const hl_abi_input_t  *input;

    free(hl_guest.error);

    hl_guest.error = NULL;
    hl_guest.reply_ready = false;

    input = hl_ptr(const hl_abi_input_t, hl_guest.params->input);
    name = (const char *) input + input->name;

    entry = hl_entry_find(input->function, name);

    if (entry != NULL && entry->kind == input->kind) {
        result = entry->invoke(entry, input);

    } else {
        result = hl_typed_fallback(input, name);
    }

    hl_stdio_flush();

    if (result != NULL && hl_guest.error == NULL) {
        hl_call_result(result, name);
    }

    if (hl_guest.error != NULL) {
        hl_record_error(HL_REC_ERROR, hl_guest.error_code, hl_guest.error);
    }

    free(result);
}


/* A result is a hl_Vec with its data right behind it, see result.c. */

static void
hl_call_result(hl_Vec *result, const char *name)
{
    void  *room;

    if (result->data != (uint8_t *) (result + 1)) {
        hl_set_error_fmt(hl_ErrorCode_GuestError,
                         "C guest function \"%s\" returned a hl_Vec that "
                         "no hl_flatbuffer_result_from_ function made", name);
        return;
    }

    room = hl_record_add(HL_REC_RESULT, result->len);

    if (room == NULL) {
        hl_set_error_fmt(hl_ErrorCode_GuestError,
                         "result of function %s takes %zu bytes of output, "
                         "there are %zu", name, (size_t) result->len,
                         hl_record_max());
        return;
    }

    memcpy(room, result->data, result->len);
}
