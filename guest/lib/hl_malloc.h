/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_malloc.h: the malloc() family, see malloc.c.
 */

#ifndef _HL_MALLOC_H_INCLUDED_
#define _HL_MALLOC_H_INCLUDED_


#include "hl_guest.h"


void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t nmemb, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void *__wrap_memalign(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__real_malloc(size_t size);
void *__real_calloc(size_t nmemb, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__real_memalign(size_t alignment, size_t size);

/* Tells the guest that there is no memory; NULL and ENOMEM if it goes on. */
void *hl_malloc_out(void);


#endif /* _HL_MALLOC_H_INCLUDED_ */
