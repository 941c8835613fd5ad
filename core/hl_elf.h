/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_elf.h: what is needed of a guest's ELF file, after it was validated.
 */

#ifndef _HL_ELF_H_INCLUDED_
#define _HL_ELF_H_INCLUDED_


#include "hyperlight.h"


#define HL_ELF_SEGMENTS_MAX  16


/* A PT_LOAD; no two of them touch the same page. */
typedef struct {
    uint64_t  gva;              /* where it is loaded */
    uint64_t  mem_size;
    uint64_t  offset;           /* in the file */
    uint64_t  file_size;        /* <= mem_size; the rest is zero */
    bool      writable;
    bool      executable;       /* never both */
} hl_segment_t;


typedef struct {
    uint64_t      entry;
    uint64_t      bias;         /* 0, or where a static PIE was put */
    uint64_t      rela_offset;  /* in the file */
    uint64_t      rela_count;
    size_t        segment_count;
    hl_segment_t  segments[HL_ELF_SEGMENTS_MAX];
} hl_elf_t;


/*
 * Validates the file in "data"; "name" begins each message.  The result
 * holds no pointers.
 */
hl_status_t hl_elf_parse(hl_elf_t *elf, const void *data, size_t size,
    const char *name, hl_error_t *err);

/*
 * The i-th relocation: the 64-bit word at *gva, inside of a writable
 * segment, becomes *value.
 */
void hl_elf_relocation(const hl_elf_t *elf, const void *data, uint64_t i,
    uint64_t *gva, uint64_t *value);


#endif /* _HL_ELF_H_INCLUDED_ */
