/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_symbols.h: the names of a guest's functions, for reports.
 *
 * Read once, when the guest is opened; counted, since all sandboxes of the
 * guest share them and may outlive it.  A row takes 12 bytes and its name,
 * of at most HL_SYMBOL_TEXT bytes.  Nothing here is looked at before a call
 * has failed.
 */

#ifndef _HL_SYMBOLS_H_INCLUDED_
#define _HL_SYMBOLS_H_INCLUDED_


#include "hl_elf.h"


#define HL_SYMBOLS_MAX  65536
#define HL_SYMBOL_TEXT  65              /* with the NUL */


typedef struct {
    uint32_t  address;                  /* where it is loaded */
    uint32_t  size;                     /* 0: it ends where the next begins */
    uint32_t  name;                     /* offset in names */
} hl_symbol_t;


typedef struct {
    unsigned      refs;
    size_t        count;                /* 0: the file is stripped */
    size_t        bytes;                /* of memory, all in all */
    uint64_t      bias;                 /* of a static PIE, else 0 */
    const char   *names;
    char          file[HL_SYMBOL_TEXT]; /* without its folder */
    hl_symbol_t   rows[];               /* by address, no two the same */
} hl_symbols_t;


/*
 * "elf" is what hl_elf_parse() made of the file.  A symbol that makes no
 * sense is left out; so are all of them if the tables make none: a guest
 * runs without.  Fails for lack of memory only.
 */
hl_status_t hl_symbols_read(hl_symbols_t **symbols, const hl_elf_t *elf,
    const void *data, size_t size, const char *name, hl_error_t *err);

hl_symbols_t *hl_symbols_hold(hl_symbols_t *symbols);

/* NULL is ignored. */
void hl_symbols_release(hl_symbols_t *symbols);

/* The function that has the address, or NULL. */
const hl_symbol_t *hl_symbols_find(const hl_symbols_t *symbols,
    uint64_t gva);


#endif /* _HL_SYMBOLS_H_INCLUDED_ */
