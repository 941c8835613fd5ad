/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * heap.c: sbrk(), on which picolibc's malloc stands.
 */

#include <errno.h>
#include <unistd.h>

#include "hl_guest.h"


void *
sbrk(ptrdiff_t incr)
{
    char       *heap, *brk;
    ptrdiff_t   used, size;

    heap = hl_ptr(char, hl_guest.params->heap);
    size = (ptrdiff_t) hl_guest.params->heap_size;

    brk = hl_guest.brk != NULL ? hl_guest.brk : heap;
    used = brk - heap;

    if (incr > size - used || incr < -used) {
        errno = ENOMEM;
        return (void *) -1;
    }

    hl_guest.brk = brk + incr;

    return brk;
}
