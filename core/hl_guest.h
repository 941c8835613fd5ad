/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_guest.h: a guest's file, kept in a sealed memfd.
 */

#ifndef _HL_GUEST_H_INCLUDED_
#define _HL_GUEST_H_INCLUDED_


#include "hl_symbols.h"


struct hl_guest_s {
    char           *name;
    int             fd;
    const uint8_t  *data;       /* the file, mapped read-only, private */
    size_t          size;
    hl_elf_t        elf;
    hl_symbols_t   *symbols;
};


#endif /* _HL_GUEST_H_INCLUDED_ */
