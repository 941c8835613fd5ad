/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * call.c: one call, from the input area to its result or error.
 *
 * The result is the last record of a call, so that nothing that is flushed
 * after it can take its place in the output area.
 */

#include <stdlib.h>

#include "hl_guest.h"


void
hl_call(void)
{
    hl_Result             *result;
    hl_entry_t             entry;
    const char            *name;
    const hl_entry_t      *found;
    const hl_abi_input_t  *input;

    free(hl_guest.error);
    free(hl_guest.host_error);

    hl_guest.error = NULL;
    hl_guest.host_error = NULL;
    hl_guest.reply_ready = false;

    input = hl_ptr(const hl_abi_input_t, hl_guest.params->input);
    name = (const char *) input + input->name;

    found = hl_entry_find(input->function, name);

    if (found != NULL && found->kind == input->kind) {

        /* the table moves when the function registers others */
        entry = *found;
        result = entry.invoke(&entry, input);

    } else {
        result = hl_typed_fallback(input, name);
    }

    hl_stdio_flush();

    if (result != NULL) {
        hl_result_take(result, name);
    }

    if (hl_guest.error != NULL) {
        hl_record_error(HL_REC_ERROR, hl_guest.error_code, hl_guest.error);
    }
}
