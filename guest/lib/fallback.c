/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fallback.c: c_guest_dispatch_function() of a guest that has none.
 */

#include "hl_guest.h"


__attribute__((weak)) hl_Result *
c_guest_dispatch_function(const hl_FunctionCall *function_call)
{
    (void) function_call;

    return NULL;
}
