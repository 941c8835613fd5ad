/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * realloc.c: realloc().
 */

#include "hl_malloc.h"


/*
 * picolibc's asks __wrap_malloc(), which fails for both, but for sizes that
 * it refuses itself.  realloc(p, 0) frees, and is NULL.
 */

void *
__wrap_realloc(void *ptr, size_t size)
{
    if (size > PTRDIFF_MAX) {
        return hl_malloc_out();
    }

    return __real_realloc(ptr, size);
}
