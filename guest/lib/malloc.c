/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * malloc.c: malloc(), as it has to be for Hyperlight's guests.
 *
 * hlcc links with --wrap for each function of this family, so that calls
 * from everywhere come here and to the files beside, those of picolibc's
 * strdup() and others as well; picolibc's own are behind __real_.
 *
 * malloc(0) is NULL, as in Hyperlight; that is not a failure.  Sizes over
 * PTRDIFF_MAX never get to picolibc, whose sbrk() would take them as negative.
 */

#include <errno.h>

#include "hl_malloc.h"


void *
__wrap_malloc(size_t size)
{
    void  *p;

    if (size == 0) {
        return NULL;
    }

    p = size <= PTRDIFF_MAX ? __real_malloc(size) : NULL;

    return p != NULL ? p : hl_malloc_out();
}


void *
hl_malloc_out(void)
{
    hl_malloc_failed();

    errno = ENOMEM;

    return NULL;
}
