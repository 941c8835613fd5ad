/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * malloc.c: malloc() that ends the guest when memory is out, as Hyperlight's
 * does.  hlcc links with --wrap=malloc, so that calls from everywhere come
 * here, those of picolibc's calloc(), realloc() and strdup() as well.
 */

#include "hl_guest.h"


void *
__wrap_malloc(size_t size)
{
    void  *p;

    p = __real_malloc(size);

    if (p == NULL) {
        hl_abort_with_code_and_message(hl_ErrorCode_MallocFailed,
                                       "Malloc Failed");
    }

    return p;
}
