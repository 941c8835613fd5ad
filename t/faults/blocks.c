/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * blocks.c: counts the blocks of memory that are allocated, exactly: what
 * glibc tells counts those in its caches, too.  With AddressSanitizer, which
 * finds leaks itself, it counts nothing.
 */

#include <stdlib.h>

#include "life.h"


static size_t  blocks;


size_t
life_blocks(void)
{
    return blocks;
}


#ifndef __SANITIZE_ADDRESS__

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);


void *
malloc(size_t size)
{
    void  *p;

    p = __libc_malloc(size);
    blocks += (p != NULL);

    return p;
}


void *
calloc(size_t n, size_t size)
{
    void  *p;

    p = __libc_calloc(n, size);
    blocks += (p != NULL);

    return p;
}


void *
realloc(void *old, size_t size)
{
    void  *p;

    p = __libc_realloc(old, size);

    if (old == NULL) {
        blocks += (p != NULL);

    } else if (size == 0) {
        blocks--;
    }

    return p;
}


void
free(void *p)
{
    blocks -= (p != NULL);
    __libc_free(p);
}

#endif
