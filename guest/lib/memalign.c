/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * memalign.c: aligned_alloc(), and memalign() for posix_memalign() and its
 * kin.
 */

#include <errno.h>

#include "hl_malloc.h"


void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
    if (alignment == 0) {
        errno = EINVAL;
        return NULL;
    }

    return __wrap_memalign(alignment, size);
}


void *
__wrap_memalign(size_t alignment, size_t size)
{
    void  *p;

    if ((alignment & (alignment - 1)) != 0) {
        errno = EINVAL;
        return NULL;
    }

    if (size == 0) {
        return NULL;
    }

    /* the sum that picolibc makes of them stays positive */
    p = alignment <= PTRDIFF_MAX / 2 && size <= PTRDIFF_MAX / 4
        ? __real_memalign(alignment, size) : NULL;

    return p != NULL ? p : hl_malloc_out();
}
