/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_functions.c: copies a guest's function table, once, row by row.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hl_error.h"
#include "hl_functions.h"


static bool hl_functions_valid(const hl_abi_function_t *f);


hl_functions_t *
hl_functions_create(void)
{
    hl_functions_t  *functions;

    functions = calloc(1, sizeof(hl_functions_t));

    if (functions != NULL) {
        functions->refs = 1;
    }

    return functions;
}


hl_functions_t *
hl_functions_hold(hl_functions_t *functions)
{
    functions->refs++;

    return functions;
}


void
hl_functions_release(hl_functions_t *functions)
{
    size_t  i;

    if (functions == NULL || --functions->refs > 0) {
        return;
    }

    for (i = 0; i < functions->count; i++) {
        free((void *) (uintptr_t) functions->rows[i].name);
    }

    free(functions);
}


hl_status_t
hl_functions_add(hl_functions_t *functions, hl_cursor_t *record,
    hl_error_t *err)
{
    char               *name;
    size_t              i;
    const void         *text;
    hl_function_t      *row;
    hl_abi_function_t   f;

    if (!hl_cursor_copy(record, &f, sizeof(f))
        || !hl_cursor_take(record, f.name_len, &text)
        || !hl_functions_valid(&f)
        || memchr(text, '\0', f.name_len) != NULL)
    {
        return hl_error_set(err, HL_ERR_OUTPUT,
                            "function table row %zu is malformed",
                            functions->count);
    }

    if (functions->count == HL_ABI_FUNCTIONS_MAX) {
        return hl_error_set(err, HL_ERR_OUTPUT,
                            "the function table has over %d rows",
                            HL_ABI_FUNCTIONS_MAX);
    }

    name = strndup(text, f.name_len);
    if (name == NULL) {
        return hl_error_system(err, ENOMEM, "strndup()");
    }

    if (hl_functions_find(functions, name) != NULL) {
        free(name);
        return hl_error_set(err, HL_ERR_OUTPUT,
                            "function table row %zu repeats a name",
                            functions->count);
    }

    row = &functions->rows[functions->count++];

    row->name = name;
    row->kind = (hl_function_kind_t) f.kind;
    row->result = (hl_type_t) f.result;
    row->param_count = f.param_count;

    for (i = 0; i < f.param_count; i++) {
        row->params[i] = (hl_type_t) f.params[i];
    }

    return HL_OK;
}


const hl_function_t *
hl_functions_find(const hl_functions_t *functions, const char *name)
{
    size_t  i;

    for (i = 0; i < functions->count; i++) {
        if (strcmp(functions->rows[i].name, name) == 0) {
            return &functions->rows[i];
        }
    }

    return NULL;
}


static bool
hl_functions_valid(const hl_abi_function_t *f)
{
    size_t  i;

    if (f->name_len == 0 || f->name_len > HL_ABI_NAME_MAX
        || f->kind > HL_FUNCTION_HTTP || f->result > HL_TYPE_LAST
        || f->param_count > HL_ABI_PARAMS_MAX)
    {
        return false;
    }

    for (i = 0; i < f->param_count; i++) {
        if (f->params[i] > HL_TYPE_LAST || f->params[i] == HL_TYPE_VOID) {
            return false;
        }
    }

    return true;
}
