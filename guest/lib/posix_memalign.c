/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * posix_memalign.c: posix_memalign().
 */

#include <errno.h>
#include <stdlib.h>

#include "hl_malloc.h"


/* picolibc's takes the NULL of size 0 for want of memory. */

int
posix_memalign(void **memptr, size_t alignment, size_t size)
{
    void  *p;

    if (alignment % sizeof(void *) != 0 || alignment == 0
        || (alignment & (alignment - 1)) != 0)
    {
        return EINVAL;
    }

    p = __wrap_memalign(alignment, size);

    if (p == NULL && size > 0) {
        return ENOMEM;
    }

    *memptr = p;

    return 0;
}
