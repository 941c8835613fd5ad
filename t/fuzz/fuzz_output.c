/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fuzz_output.c: the list of records that an exit brings, in every phase and
 * with every hypercall; function table, logs, response, results.
 *
 *     input   phase (1), hypercall (1), flags (2), the output area
 */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"


#define FUZZ_HEAD  4


/* An empty table; always the same, since it is large. */
static hl_functions_t *
fuzz_functions(void)
{
    size_t  i;

    static hl_functions_t  *functions;

    if (functions == NULL) {
        functions = hl_functions_create();
        fuzz_check(functions != NULL);
    }

    for (i = 0; i < functions->count; i++) {
        free((void *) (uintptr_t) functions->rows[i].name);
    }

    functions->count = 0;

    return hl_functions_hold(functions);
}


static void
fuzz_check_functions(const hl_functions_t *functions)
{
    size_t                i, j;
    const hl_function_t  *row;

    fuzz_check(functions->count <= HL_ABI_FUNCTIONS_MAX);

    for (i = 0; i < functions->count; i++) {
        row = &functions->rows[i];

        fuzz_check(strlen(row->name) > 0
                   && strlen(row->name) <= HL_ABI_NAME_MAX);
        fuzz_check(hl_functions_find(functions, row->name) == row);
        fuzz_check(row->kind <= HL_FUNCTION_HTTP);
        fuzz_check(row->result <= HL_TYPE_LAST);
        fuzz_check(row->param_count <= HL_ABI_PARAMS_MAX);

        for (j = 0; j < row->param_count; j++) {
            fuzz_check(row->params[j] <= HL_TYPE_LAST
                       && row->params[j] != HL_TYPE_VOID);
        }
    }
}


static void
fuzz_check_result(const hl_sandbox_t *sb)
{
    const hl_value_t  *result;

    result = &sb->result;

    fuzz_check(result->type <= HL_TYPE_LAST);

    if (result->type == HL_TYPE_STRING || result->type == HL_TYPE_VECBYTES) {
        fuzz_touch(result->v.bytes.data, result->v.bytes.len);
    }
}


/* No list is taken twice. */
static void
fuzz_check_taken(const hl_sandbox_t *sb)
{
    hl_abi_output_t  head;

    memcpy(&head, hl_sandbox_region(sb, HL_REGION_OUTPUT), sizeof(head));
    fuzz_check(head.size == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned       flags;
    hl_error_t     err;
    hl_status_t    status;
    hl_sandbox_t  *sb;

    static const hl_phase_t  phases[] = {
        HL_PHASE_INIT, HL_PHASE_TYPED, HL_PHASE_HTTP, HL_PHASE_TYPED
    };

    if (size < FUZZ_HEAD + sizeof(hl_abi_output_t)) {
        return 0;
    }

    flags = data[2] | (unsigned) data[3] << 8;

    sb = fuzz_sandbox(data + FUZZ_HEAD, size - FUZZ_HEAD,
                      phases[data[0] & 3], flags);

    if (sb->phase == HL_PHASE_INIT) {
        sb->functions = fuzz_functions();
    }

    status = hl_output_take(sb, data[1], &err);

    if (status != HL_OK) {
        fuzz_check(status == err.status);
        fuzz_touch_error(&err);
    }

    fuzz_check(status != HL_AGAIN || sb->suspended);
    fuzz_check(sb->handler < HL_GVA_END);
    fuzz_check_reply(sb);

    if (sb->phase == HL_PHASE_INIT) {
        fuzz_check_functions(sb->functions);
    }

    if (sb->has_result) {
        fuzz_check_result(sb);
    }

    fuzz_check_taken(sb);

    memcpy(hl_sandbox_region(sb, HL_REGION_OUTPUT), data + FUZZ_HEAD,
           sizeof(hl_abi_output_t));
    hl_output_salvage(sb);
    fuzz_check_taken(sb);

    fuzz_sandbox_free(sb);

    return 0;
}
