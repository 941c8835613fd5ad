/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * calloc.c: calloc().
 */

#include "hl_malloc.h"


/* picolibc's asks __wrap_malloc(), which fails for both. */

void *
__wrap_calloc(size_t nmemb, size_t size)
{
    size_t  bytes;

    if (__builtin_mul_overflow(nmemb, size, &bytes)) {
        return hl_malloc_out();
    }

    return __real_calloc(nmemb, size);
}
