/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * malloc_failed.c: hl_malloc_failed() of a guest that has none.
 */

#include "hl_guest.h"


__attribute__((weak)) void
hl_malloc_failed(void)
{
    hl_abort_with_code_and_message(hl_ErrorCode_MallocFailed,
                                   "Malloc Failed");
}
