/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_symbols.c: which function of the guest an address is in.
 *
 * The section headers, .symtab and .strtab are the file's word: each is
 * bounded by the file before it is read, each symbol by an executable
 * segment.  Nothing else depends on them, and so nothing of them is refused:
 * what does not fit is left out.  They are read here and not by libelf,
 * which would set up all sections that a file claims to have.
 */

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hl_cursor.h"
#include "hl_error.h"
#include "hl_symbols.h"


/* Symbols around one another; more are not looked through. */
#define HL_SYMBOLS_NESTED  16


typedef struct {
    uint32_t  address;
    uint32_t  size;
    uint32_t  name;                     /* offset in .strtab */
    uint32_t  rank;                     /* of two at one address */
} hl_symbols_row_t;


typedef struct {
    const hl_elf_t    *elf;
    hl_cursor_t        symtab;
    hl_cursor_t        strtab;
    size_t             count;
    hl_symbols_row_t  *rows;
} hl_symbols_reader_t;


static void hl_symbols_tables(hl_symbols_reader_t *reader,
    const void *data, size_t size);
static bool hl_symbols_section(hl_cursor_t *section, Elf64_Shdr *head,
    const hl_cursor_t *file, const hl_cursor_t *heads, size_t i);
static bool hl_symbols_rows(hl_symbols_reader_t *reader);
static bool hl_symbols_row(const hl_symbols_reader_t *reader,
    const Elf64_Sym *symbol, hl_symbols_row_t *row);
static void hl_symbols_sort(hl_symbols_reader_t *reader);
static int hl_symbols_compare(const void *one, const void *two);
static hl_symbols_t *hl_symbols_build(const hl_symbols_reader_t *reader,
    const char *file);
static const char *hl_symbols_name(const hl_symbols_reader_t *reader,
    uint32_t offset, size_t *len);
static size_t hl_symbols_text(char *dst, const char *name, size_t len);


hl_status_t
hl_symbols_read(hl_symbols_t **symbols, const hl_elf_t *elf,
    const void *data, size_t size, const char *name, hl_error_t *err)
{
    const char           *file;
    hl_symbols_reader_t   reader;

    memset(&reader, 0, sizeof(reader));
    reader.elf = elf;

    file = strrchr(name, '/');
    file = (file != NULL) ? file + 1 : name;

    hl_symbols_tables(&reader, data, size);

    *symbols = hl_symbols_rows(&reader) ? hl_symbols_build(&reader, file)
                                        : NULL;
    free(reader.rows);

    return *symbols != NULL ? HL_OK
                            : hl_error_system(err, ENOMEM, "malloc()");
}


/* By a guest's sandboxes, which may be in several threads. */
hl_symbols_t *
hl_symbols_hold(hl_symbols_t *symbols)
{
    (void) __atomic_add_fetch(&symbols->refs, 1, __ATOMIC_RELAXED);

    return symbols;
}


void
hl_symbols_release(hl_symbols_t *symbols)
{
    if (symbols != NULL
        && __atomic_sub_fetch(&symbols->refs, 1, __ATOMIC_ACQ_REL) == 0)
    {
        free(symbols);
    }
}


/*
 * The nearest before the address, unless that has ended: then one around it
 * that has not.  Without a size, it ends where the next begins.
 */
const hl_symbol_t *
hl_symbols_find(const hl_symbols_t *symbols, uint64_t gva)
{
    size_t              low, high, middle, i;
    const hl_symbol_t  *row;

    low = 0;
    high = symbols->count;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (symbols->rows[middle].address <= gva) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    for (i = 0; i < HL_SYMBOLS_NESTED && i < low; i++) {
        row = &symbols->rows[low - 1 - i];

        if (gva - row->address < row->size || (row->size == 0 && i == 0)) {
            return row;
        }
    }

    return NULL;
}


/* Leaves them empty, if they are not there or not as they should be. */
static void
hl_symbols_tables(hl_symbols_reader_t *reader, const void *data, size_t size)
{
    size_t        i;
    Elf64_Ehdr    ehdr;
    Elf64_Shdr    symbols, strings;
    hl_cursor_t   file, heads, rest, symtab, strtab;
    const void   *skipped;

    file.pos = data;
    file.left = size;
    rest = file;

    if (!hl_cursor_copy(&rest, &ehdr, sizeof(ehdr))
        || ehdr.e_shentsize != sizeof(Elf64_Shdr))
    {
        return;
    }

    rest = file;

    if (!hl_cursor_take(&rest, ehdr.e_shoff, &skipped)
        || !hl_cursor_split(&rest, ehdr.e_shnum * sizeof(Elf64_Shdr),
                            &heads))
    {
        return;
    }

    for (i = 0; i < ehdr.e_shnum; i++) {

        if (hl_symbols_section(&symtab, &symbols, &file, &heads, i)
            && symbols.sh_type == SHT_SYMTAB
            && symbols.sh_entsize == sizeof(Elf64_Sym)
            && symbols.sh_link < ehdr.e_shnum
            && hl_symbols_section(&strtab, &strings, &file, &heads,
                                  symbols.sh_link)
            && strings.sh_type == SHT_STRTAB)
        {
            reader->symtab = symtab;
            reader->strtab = strtab;
            return;
        }
    }
}


static bool
hl_symbols_section(hl_cursor_t *section, Elf64_Shdr *head,
    const hl_cursor_t *file, const hl_cursor_t *heads, size_t i)
{
    hl_cursor_t   c;
    const void   *skipped;

    c = *heads;

    if (!hl_cursor_take(&c, i * sizeof(Elf64_Shdr), &skipped)
        || !hl_cursor_copy(&c, head, sizeof(Elf64_Shdr))
        || head->sh_type == SHT_NOBITS)
    {
        return false;
    }

    c = *file;

    return hl_cursor_take(&c, head->sh_offset, &skipped)
           && hl_cursor_split(&c, head->sh_size, section);
}


/* False: no memory. */
static bool
hl_symbols_rows(hl_symbols_reader_t *reader)
{
    size_t       max;
    Elf64_Sym    symbol;
    hl_cursor_t  c;

    c = reader->symtab;
    max = c.left / sizeof(Elf64_Sym);

    if (max > HL_SYMBOLS_MAX) {
        max = HL_SYMBOLS_MAX;
    }

    if (max == 0) {
        return true;
    }

    reader->rows = malloc(max * sizeof(hl_symbols_row_t));
    if (reader->rows == NULL) {
        return false;
    }

    while (reader->count < max
           && hl_cursor_copy(&c, &symbol, sizeof(symbol)))
    {
        if (hl_symbols_row(reader, &symbol, &reader->rows[reader->count])) {
            reader->count++;
        }
    }

    hl_symbols_sort(reader);

    return true;
}


/*
 * Functions, and labels that other files may use: those of assembly often
 * have no type.  Cut at the end of its segment.
 */
static bool
hl_symbols_row(const hl_symbols_reader_t *reader, const Elf64_Sym *symbol,
    hl_symbols_row_t *row)
{
    size_t               i, len;
    unsigned             type, bind;
    uint64_t             gva, left;
    const hl_segment_t  *s;

    type = ELF64_ST_TYPE(symbol->st_info);
    bind = ELF64_ST_BIND(symbol->st_info);

    if ((type != STT_FUNC && (type != STT_NOTYPE || bind == STB_LOCAL))
        || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS
        || hl_symbols_name(reader, symbol->st_name, &len) == NULL
        || __builtin_add_overflow(symbol->st_value, reader->elf->bias, &gva))
    {
        return false;
    }

    for (i = 0; i < reader->elf->segment_count; i++) {
        s = &reader->elf->segments[i];

        if (!s->executable || gva < s->gva || gva - s->gva >= s->mem_size) {
            continue;
        }

        /* segments lie below HL_IMAGE_END, so all of it has 32 bits */

        left = s->mem_size - (gva - s->gva);

        row->address = (uint32_t) gva;
        row->size = (uint32_t) (symbol->st_size < left ? symbol->st_size
                                                       : left);
        row->name = symbol->st_name;
        row->rank = (type == STT_FUNC ? 8u : 0) + (row->size > 0 ? 4u : 0)
                    + (bind == STB_GLOBAL ? 2u : bind == STB_WEAK ? 1u : 0);
        return true;
    }

    return false;
}


/* Of those at one address the best stays. */
static void
hl_symbols_sort(hl_symbols_reader_t *reader)
{
    size_t             i, n;
    hl_symbols_row_t  *rows;

    rows = reader->rows;
    n = 0;

    qsort(rows, reader->count, sizeof(hl_symbols_row_t), hl_symbols_compare);

    for (i = 0; i < reader->count; i++) {
        if (n == 0 || rows[i].address != rows[n - 1].address) {
            rows[n++] = rows[i];
        }
    }

    reader->count = n;
}


static int
hl_symbols_compare(const void *one, const void *two)
{
    const hl_symbols_row_t *a = one, *b = two;

    if (a->address != b->address) {
        return a->address < b->address ? -1 : 1;
    }

    if (a->rank != b->rank) {
        return a->rank > b->rank ? -1 : 1;
    }

    return a->name < b->name ? -1 : a->name > b->name;
}


/* In one piece of memory: the names follow the rows.  NULL: there is none. */
static hl_symbols_t *
hl_symbols_build(const hl_symbols_reader_t *reader, const char *file)
{
    char          *names, text[HL_SYMBOL_TEXT];
    size_t         i, len, size, used;
    const char    *name;
    hl_symbols_t  *s;

    size = 0;

    for (i = 0; i < reader->count; i++) {
        name = hl_symbols_name(reader, reader->rows[i].name, &len);
        size += hl_symbols_text(text, name, len) + 1;
    }

    size += sizeof(hl_symbols_t) + reader->count * sizeof(hl_symbol_t);

    s = malloc(size);
    if (s == NULL) {
        return NULL;
    }

    memset(s, 0, sizeof(hl_symbols_t));
    names = (char *) &s->rows[reader->count];
    used = 0;

    for (i = 0; i < reader->count; i++) {
        name = hl_symbols_name(reader, reader->rows[i].name, &len);

        s->rows[i].address = reader->rows[i].address;
        s->rows[i].size = reader->rows[i].size;
        s->rows[i].name = (uint32_t) used;

        used += hl_symbols_text(names + used, name, len) + 1;
    }

    s->refs = 1;
    s->count = reader->count;
    s->bytes = size;
    s->bias = reader->elf->bias;
    s->names = names;
    (void) hl_symbols_text(s->file, file, strlen(file));

    return s;
}


/*
 * Its start and its length, up to more than is kept of it.  NULL: it is
 * empty, or no NUL ends it in the table.
 */
static const char *
hl_symbols_name(const hl_symbols_reader_t *reader, uint32_t offset,
    size_t *len)
{
    hl_cursor_t   c;
    const void   *name;
    const char   *end;

    c = reader->strtab;

    if (!hl_cursor_take(&c, offset, &name)) {
        return NULL;
    }

    name = c.pos;
    *len = c.left < HL_SYMBOL_TEXT ? c.left : HL_SYMBOL_TEXT;

    end = memchr(name, '\0', *len);

    if (end != NULL) {
        *len = (size_t) (end - (const char *) name);

    } else if (*len < HL_SYMBOL_TEXT) {
        return NULL;
    }

    return *len > 0 ? name : NULL;
}


/*
 * At most HL_SYMBOL_TEXT bytes with the NUL, and returns how many without.
 * What no compiler puts into a name becomes \xNN, the space and the comma
 * too: a name cannot pass for words of the log.
 */
static size_t
hl_symbols_text(char *dst, const char *name, size_t len)
{
    char    piece[sizeof("\\xNN")];
    size_t  i, n, used, before;

    static const char  dots[] = "...";
    static const char  plain[] = "abcdefghijklmnopqrstuvwxyz0123456789"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.$@-";

    used = 0;
    before = 0;                 /* the last end with room for the dots */

    for (i = 0; i < len; i++) {

        if (name[i] != '\0' && strchr(plain, name[i]) != NULL) {
            piece[0] = name[i];
            n = 1;

        } else {
            n = (size_t) snprintf(piece, sizeof(piece), "\\x%02X",
                                  (unsigned char) name[i]);
        }

        if (used + n > HL_SYMBOL_TEXT - 1) {
            memcpy(dst + before, dots, sizeof(dots));
            return before + sizeof(dots) - 1;
        }

        memcpy(dst + used, piece, n);
        used += n;

        if (used <= HL_SYMBOL_TEXT - sizeof(dots)) {
            before = used;
        }
    }

    dst[used] = '\0';

    return used;
}
