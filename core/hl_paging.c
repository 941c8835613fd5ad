/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_paging.c: four-level page tables of 4 KiB pages (Intel SDM volume 3,
 * 4.5; AMD APM volume 2, 5.3).  Accessed and dirty bits are set from the
 * start, so that no CPU ever writes here.
 */

#include "hl_memory.h"
#include "hl_paging.h"


#define HL_PTE_PRESENT   (1ull << 0)
#define HL_PTE_WRITE     (1ull << 1)
#define HL_PTE_USER      (1ull << 2)
#define HL_PTE_ACCESSED  (1ull << 5)
#define HL_PTE_DIRTY     (1ull << 6)
#define HL_PTE_NX        (1ull << 63)
#define HL_PTE_ADDRESS   0x000ffffffffff000ull

#define HL_PTE_TABLE                                                          \
    (HL_PTE_PRESENT|HL_PTE_WRITE|HL_PTE_USER|HL_PTE_ACCESSED)

#define HL_PAGING_LEVELS  4
#define hl_paging_shift(level)  (HL_PAGE_SHIFT + 9 * (unsigned) (level))


typedef struct {
    uint8_t   *base;
    hl_gpa_t   gpa;             /* of base */
    size_t     used;
} hl_paging_t;


static uint64_t *hl_paging_entry(hl_paging_t *p, hl_gva_t gva);
static uint64_t hl_paging_flags(unsigned prot);


/* Each region alone, at each level: what its span may touch. */
size_t
hl_paging_size(const hl_layout_t *layout)
{
    size_t              i, tables;
    unsigned            level;
    const hl_region_t  *r;

    tables = 1;

    for (i = 0; i < layout->region_count; i++) {
        r = &layout->regions[i];

        for (level = 1; level < HL_PAGING_LEVELS && r->size > 0; level++) {
            tables += ((r->gva + r->size - 1) >> hl_paging_shift(level))
                      - (r->gva >> hl_paging_shift(level)) + 1;
        }
    }

    return tables * HL_PAGE_SIZE;
}


void
hl_paging_build(uint8_t *tables, const hl_layout_t *layout)
{
    size_t              i, offset;
    uint64_t            flags;
    hl_paging_t         paging;
    const hl_region_t  *r;

    paging.base = tables;
    paging.gpa = HL_GPA_RW + layout->tables;
    paging.used = HL_PAGE_SIZE;

    for (i = 0; i < layout->region_count; i++) {
        r = &layout->regions[i];
        flags = hl_paging_flags(r->prot);

        for (offset = 0; offset < r->size; offset += HL_PAGE_SIZE) {
            *hl_paging_entry(&paging, r->gva + offset) =
                                        (hl_layout_gpa(r) + offset) | flags;
        }
    }
}


static uint64_t *
hl_paging_entry(hl_paging_t *p, hl_gva_t gva)
{
    unsigned   level;
    uint64_t  *table, *entry;

    table = (uint64_t *) (void *) p->base;

    for (level = HL_PAGING_LEVELS - 1; level > 0; level--) {
        entry = &table[(gva >> hl_paging_shift(level)) & 511];

        if (*entry == 0) {
            *entry = (p->gpa + p->used) | HL_PTE_TABLE;
            p->used += HL_PAGE_SIZE;
        }

        table = (uint64_t *) (void *) (p->base
                                       + ((*entry & HL_PTE_ADDRESS)
                                          - p->gpa));
    }

    return &table[(gva >> HL_PAGE_SHIFT) & 511];
}


static uint64_t
hl_paging_flags(unsigned prot)
{
    return HL_PTE_PRESENT|HL_PTE_ACCESSED|HL_PTE_DIRTY
           | ((prot & HL_PROT_WRITE) ? HL_PTE_WRITE : 0)
           | ((prot & HL_PROT_USER) ? HL_PTE_USER : 0)
           | ((prot & HL_PROT_EXEC) ? 0 : HL_PTE_NX);
}
