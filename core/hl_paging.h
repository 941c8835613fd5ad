/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_paging.h: the guest's page tables, built once and never edited.
 */

#ifndef _HL_PAGING_H_INCLUDED_
#define _HL_PAGING_H_INCLUDED_


#include "hl_layout.h"


/* Bytes that hl_paging_build() needs at most for these regions. */
size_t hl_paging_size(const hl_layout_t *layout);

/*
 * Builds the tables into "tables", layout->tables_size zero bytes which
 * the guest sees at HL_GPA_RW + layout->tables; the first page is the root.
 */
void hl_paging_build(uint8_t *tables, const hl_layout_t *layout);


#endif /* _HL_PAGING_H_INCLUDED_ */
