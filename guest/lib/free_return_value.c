/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * free_return_value.c: hl_free_return_value().
 */

#include <stdlib.h>

#include "hl_guest.h"


void
hl_free_return_value(hl_ReturnValue *value)
{
    if (value == NULL) {
        return;
    }

    if (value->tag == hl_ReturnType_String) {
        free(value->value.String);

    } else if (value->tag == hl_ReturnType_VecBytes) {
        free(value->value.VecBytes.data);
    }

    free(value);
}
