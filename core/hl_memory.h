/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_memory.h: host memory that guests see: sealed memfds, and mappings
 * between guard pages.
 */

#ifndef _HL_MEMORY_H_INCLUDED_
#define _HL_MEMORY_H_INCLUDED_


#include "hyperlight.h"


#define HL_PAGE_SIZE    4096u
#define HL_PAGE_SHIFT   12

#define HL_FILE_MAX     (256u << 20)    /* bytes of a file for a guest */

#define hl_page_floor(n)                                                      \
    ((n) & ~((uint64_t) HL_PAGE_SIZE - 1))
#define hl_page_round(n)                                                      \
    (((n) + HL_PAGE_SIZE - 1) & ~((uint64_t) HL_PAGE_SIZE - 1))


/* Makes a memfd of "size" zero bytes, O_CLOEXEC, not sealed yet. */
hl_status_t hl_memfd_create(int *fd, const char *name, size_t size,
    hl_error_t *err);

/* Writes all of it; what is never written stays a hole. */
hl_status_t hl_memfd_write(int fd, const void *data, size_t len,
    uint64_t offset, hl_error_t *err);

/* Opens a regular file for hl_memfd_copy(): messages begin with "prefix". */
hl_status_t hl_file_open(int *file, size_t *size, const char *path,
    const char *prefix, hl_error_t *err);

/* Copies "size" bytes of a file to "offset"; "path" is for messages. */
hl_status_t hl_memfd_copy(int fd, uint64_t offset, int file, size_t size,
    const char *path, hl_error_t *err);

/*
 * No write, shrink or growth from now on.  No shared mapping may exist, or
 * writes through it would go on; map it privately.
 */
hl_status_t hl_memfd_seal(int fd, hl_error_t *err);


typedef enum {
    HL_MAP_READ,
    HL_MAP_WRITE
} hl_map_access_t;

/*
 * Maps "size" bytes privately, of "fd" or anonymous (-1), with a guard page
 * on both sides; neither forked, merged, dumped nor executable.  Large holes
 * of a memfd become anonymous memory, which can be given back.
 */
hl_status_t hl_map(uint8_t **base, size_t size, int fd,
    hl_map_access_t access, hl_error_t *err);

/* Puts other content behind a mapping of hl_map(), at the same address. */
hl_status_t hl_remap(uint8_t *base, size_t size, int fd, hl_error_t *err);

/* NULL is ignored. */
void hl_unmap(uint8_t *base, size_t size);


#endif /* _HL_MEMORY_H_INCLUDED_ */
