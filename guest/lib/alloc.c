/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * alloc.c: memory for the library itself, which a guest cannot do without.
 */

#include <stdlib.h>
#include <string.h>

#include "hl_guest.h"


void *
hl_realloc(void *ptr, size_t size)
{
    void  *p;

    p = realloc(ptr, size);

    if (p == NULL) {
        hl_abort_with_code_and_message(hl_ErrorCode_MallocFailed,
                                       "Malloc Failed");
    }

    return p;
}


void *
hl_alloc(size_t size)
{
    return hl_realloc(NULL, size);
}


char *
hl_strdup(const char *s)
{
    size_t  size;

    size = strlen(s) + 1;

    return memcpy(hl_alloc(size), s, size);
}
