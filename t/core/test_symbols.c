/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_symbols.c: names of a guest's functions, from a symbol table that may
 * be anything.
 *
 * In the file of elf_file.h, behind the data:
 *
 *     2800   section headers: none, symbols, strings
 *     2900   strings
 *     2c00   symbols
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"
#include "hl_guest.h"
#include "hl_layout.h"
#include "hl_symbols.h"


#define SECTIONS      0x2800
#define STRINGS       0x2900
#define STRINGS_SIZE  0x300
#define SYMBOLS       0x2c00
#define SYMBOLS_MAX   40

#define CODE          (ELF_BASE + ELF_CODE)
#define CODE_SIZE     16                /* of elf_file.h */

#define FUNCTION      ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)
#define WEAK          ELF64_ST_INFO(STB_WEAK, STT_FUNC)
#define LOCAL         ELF64_ST_INFO(STB_LOCAL, STT_FUNC)
#define LABEL         ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE)

enum {
    SECTION_NONE,
    SECTION_SYMBOLS,
    SECTION_STRINGS,
    SECTIONS_USED
};


static Elf64_Shdr    *sections;
static Elf64_Sym     *rows;
static char          *strings;
static size_t         strings_used;
static hl_symbols_t  *symbols;


/* ---- the table --------------------------------------------------------- */

static void
section(int i, uint32_t type, uint64_t offset, uint64_t size)
{
    sections[i].sh_type = type;
    sections[i].sh_offset = offset;
    sections[i].sh_size = size;
}


static int
begin(void **state)
{
    (void) elf_file_begin(state);

    sections = (void *) (file.bytes + SECTIONS);
    rows = (void *) (file.bytes + SYMBOLS);
    strings = (char *) file.bytes + STRINGS;
    strings_used = 1;
    symbols = NULL;

    file.head->e_shoff = SECTIONS;
    file.head->e_shnum = SECTIONS_USED;

    section(SECTION_SYMBOLS, SHT_SYMTAB, SYMBOLS, sizeof(Elf64_Sym));
    section(SECTION_STRINGS, SHT_STRTAB, STRINGS, STRINGS_SIZE);
    sections[SECTION_SYMBOLS].sh_entsize = sizeof(Elf64_Sym);
    sections[SECTION_SYMBOLS].sh_link = SECTION_STRINGS;

    return 0;
}


static int
end(void **state)
{
    hl_symbols_release(symbols);

    return elf_file_end(state);
}


static Elf64_Sym *
add(const char *name, uint64_t value, uint64_t size, unsigned info)
{
    size_t      i, len;
    Elf64_Sym  *row;

    i = sections[SECTION_SYMBOLS].sh_size / sizeof(Elf64_Sym);
    assert_true(i < SYMBOLS_MAX);
    sections[SECTION_SYMBOLS].sh_size += sizeof(Elf64_Sym);

    len = strlen(name) + 1;
    assert_true(strings_used + len <= STRINGS_SIZE);

    row = &rows[i];
    row->st_name = (uint32_t) strings_used;
    row->st_info = (uint8_t) info;
    row->st_shndx = 1;
    row->st_value = value;
    row->st_size = size;

    memcpy(strings + strings_used, name, len);
    strings_used += len;

    return row;
}


/* From a copy that ends at "size", for tools that watch reads. */
static void
read_part(size_t size)
{
    void  *copy;

    copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, file.bytes, size);

    hl_symbols_release(symbols);
    assert_ok(hl_symbols_read(&symbols, &file.elf, copy, size,
                              "/a folder/g.elf", &test_err));

    free(copy);
}


static void
read_all(void)
{
    assert_ok(elf_parse());
    read_part(file.size);
}


static void
assert_symbol(uint64_t gva, const char *name, uint64_t offset)
{
    const hl_symbol_t  *symbol;

    symbol = hl_symbols_find(symbols, gva);

    if (name == NULL) {
        assert_null(symbol);
        return;
    }

    assert_non_null(symbol);
    assert_string_equal(symbols->names + symbol->name, name);
    assert_int_equal(gva - symbol->address, offset);
}


/* Nothing is left of the table, and the guest is none the worse. */
static void
assert_none(void)
{
    read_all();
    assert_int_equal(symbols->count, 0);
    assert_symbol(CODE, NULL, 0);
}


/* ---- looking up -------------------------------------------------------- */

static void
addresses_are_found_in_functions_in_any_order(void **state)
{
    (void) state;

    add("third", CODE + 8, 4, FUNCTION);
    add("first", CODE, 4, FUNCTION);
    add("second", CODE + 4, 2, LOCAL);
    read_all();

    assert_int_equal(symbols->count, 3);
    assert_symbol(CODE - 1, NULL, 0);
    assert_symbol(CODE, "first", 0);
    assert_symbol(CODE + 3, "first", 3);
    assert_symbol(CODE + 5, "second", 1);
    assert_symbol(CODE + 6, NULL, 0);
    assert_symbol(CODE + 7, NULL, 0);
    assert_symbol(CODE + 11, "third", 3);
    assert_symbol(CODE + 12, NULL, 0);
    assert_symbol(0, NULL, 0);
    assert_symbol(UINT64_MAX, NULL, 0);
}


static void
symbol_without_size_ends_at_the_next(void **state)
{
    (void) state;

    add("memcpy", CODE, 0, LABEL);
    add("next", CODE + 4, 4, FUNCTION);
    read_all();

    assert_symbol(CODE + 3, "memcpy", 3);
    assert_symbol(CODE + 4, "next", 0);
    assert_symbol(CODE + 8, NULL, 0);
}


static void
of_symbols_that_overlap_the_nearest_counts(void **state)
{
    (void) state;

    add("outer", CODE, 16, FUNCTION);
    add("inner", CODE + 4, 4, FUNCTION);
    add("tail", CODE + 6, 4, FUNCTION);
    read_all();

    assert_symbol(CODE + 3, "outer", 3);
    assert_symbol(CODE + 5, "inner", 1);
    assert_symbol(CODE + 7, "tail", 1);
    assert_symbol(CODE + 12, "outer", 12);
}


static void
of_symbols_at_one_address_the_best_known_counts(void **state)
{
    (void) state;

    add("label", CODE, 0, LABEL);
    add("local", CODE, 4, LOCAL);
    add("global", CODE, 4, FUNCTION);
    add("weak", CODE, 4, WEAK);
    read_all();

    assert_int_equal(symbols->count, 1);
    assert_symbol(CODE, "global", 0);
}


static void
what_is_no_function_is_left_out(void **state)
{
    (void) state;

    add("object", CODE, 4, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT));
    add("section", CODE, 0, ELF64_ST_INFO(STB_LOCAL, STT_SECTION));
    add("file.c", CODE, 0, ELF64_ST_INFO(STB_LOCAL, STT_FILE));
    add("loop", CODE, 0, ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE));
    add("odd", CODE, 0, 0xff);
    add("elsewhere", CODE, 4, FUNCTION)->st_shndx = SHN_UNDEF;
    add("number", CODE, 4, LABEL)->st_shndx = SHN_ABS;
    add("data", ELF_BASE + ELF_DATA, 4, FUNCTION);
    add("before", CODE - 1, 4, FUNCTION);
    add("behind", CODE + CODE_SIZE, 4, FUNCTION);
    add("null", 0, 4, FUNCTION);
    add("far", UINT64_MAX, 4, FUNCTION);
    assert_none();
}


static void
size_is_cut_at_the_end_of_the_code(void **state)
{
    (void) state;

    add("huge", CODE + 4, UINT64_MAX, FUNCTION);
    read_all();

    assert_symbol(CODE + CODE_SIZE - 1, "huge", CODE_SIZE - 5);
    assert_symbol(CODE + CODE_SIZE, NULL, 0);
    assert_int_equal(symbols->rows[0].size, CODE_SIZE - 4);
}


static void
static_pie_is_found_where_it_is_put(void **state)
{
    (void) state;

    elf_pie();
    add("start", ELF_CODE, 4, FUNCTION);
    add("wraps", UINT64_MAX - 0x1000, 4, FUNCTION);
    read_all();

    assert_int_equal(symbols->bias, HL_IMAGE_BIAS);
    assert_int_equal(symbols->count, 1);
    assert_symbol(HL_IMAGE_BIAS + ELF_CODE + 1, "start", 1);
    assert_symbol(ELF_CODE, NULL, 0);
}


/* ---- names ------------------------------------------------------------- */

static void
name_outside_of_the_strings_is_left_out(void **state)
{
    (void) state;

    add("", CODE, 1, FUNCTION);
    add("behind", CODE + 1, 1, FUNCTION)->st_name = STRINGS_SIZE;
    add("far", CODE + 2, 1, FUNCTION)->st_name = UINT32_MAX;
    add("last", CODE + 3, 1, FUNCTION)->st_name = STRINGS_SIZE - 4;
    memset(strings + STRINGS_SIZE - 4, 'x', 4);
    assert_none();
}


static void
long_name_is_cut(void **state)
{
    char  name[201];

    (void) state;

    memset(name, 'n', sizeof(name));

    name[64] = '\0';
    add(name, CODE, 1, FUNCTION);
    name[64] = 'n';
    name[65] = '\0';
    add(name, CODE + 1, 1, FUNCTION);
    name[65] = 'n';
    name[200] = '\0';
    add(name, CODE + 2, 1, FUNCTION);
    read_all();

    name[64] = '\0';
    assert_symbol(CODE, name, 0);
    (void) strcpy(name + 61, "...");
    assert_symbol(CODE + 1, name, 0);
    assert_symbol(CODE + 2, name, 0);
}


static void
name_cannot_pass_for_words_of_a_log(void **state)
{
    char  name[33];

    (void) state;

    memset(name, '\n', sizeof(name));
    name[32] = '\0';

    add("f, client: 1.2.3.4", CODE, 1, FUNCTION);
    add("_ZN3foo.cold$x@V-1", CODE + 1, 1, FUNCTION);
    add("\xff\"\\", CODE + 2, 1, FUNCTION);
    add(name, CODE + 3, 1, FUNCTION);
    read_all();

    assert_symbol(CODE, "f\\x2C\\x20client\\x3A\\x201.2.3.4", 0);
    assert_symbol(CODE + 1, "_ZN3foo.cold$x@V-1", 0);
    assert_symbol(CODE + 2, "\\xFF\\x22\\x5C", 0);
    assert_symbol(CODE + 3, "\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A"
                            "\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A...", 0);
}


static void
file_is_named_without_its_folder(void **state)
{
    (void) state;

    read_all();
    assert_string_equal(symbols->file, "g.elf");
}


/* ---- tables that make no sense ----------------------------------------- */

static void
stripped_file_has_none(void **state)
{
    (void) state;

    file.head->e_shoff = 0;
    file.head->e_shnum = 0;
    file.head->e_shentsize = 0;
    assert_none();
    assert_int_equal(symbols->bytes, sizeof(hl_symbols_t));
}


/* One word of the tables, and what it is changed to. */
static void
malformed_tables_are_left_out(void **state)
{
    size_t  i;

    static const struct {
        size_t    at;
        size_t    size;
        uint64_t  value;
    } changes[] = {
#define HEAD(member)                                                          \
    offsetof(Elf64_Ehdr, member), sizeof(((Elf64_Ehdr *) 0)->member)
#define SECTION(i, member)                                                    \
    SECTIONS + (i) * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, member),       \
    sizeof(((Elf64_Shdr *) 0)->member)

        { HEAD(e_shoff), ELF_SIZE },
        { HEAD(e_shoff), ELF_SIZE - 64 },
        { HEAD(e_shoff), UINT64_MAX },
        { HEAD(e_shoff), UINT64_MAX - 64 },
        { HEAD(e_shnum), 0 },
        { HEAD(e_shnum), 1 },
        { HEAD(e_shnum), 2 },
        { HEAD(e_shnum), UINT16_MAX },
        { HEAD(e_shentsize), 0 },
        { HEAD(e_shentsize), 63 },
        { HEAD(e_shentsize), 128 },
        { SECTION(SECTION_SYMBOLS, sh_type), SHT_DYNSYM },
        { SECTION(SECTION_SYMBOLS, sh_type), SHT_NOBITS },
        { SECTION(SECTION_SYMBOLS, sh_offset), ELF_SIZE + 1 },
        { SECTION(SECTION_SYMBOLS, sh_offset), UINT64_MAX },
        { SECTION(SECTION_SYMBOLS, sh_size), 0 },
        { SECTION(SECTION_SYMBOLS, sh_size), 23 },
        { SECTION(SECTION_SYMBOLS, sh_size), ELF_SIZE - SYMBOLS + 1 },
        { SECTION(SECTION_SYMBOLS, sh_size), UINT64_MAX },
        { SECTION(SECTION_SYMBOLS, sh_entsize), 0 },
        { SECTION(SECTION_SYMBOLS, sh_entsize), 16 },
        { SECTION(SECTION_SYMBOLS, sh_link), 0 },
        { SECTION(SECTION_SYMBOLS, sh_link), SECTION_SYMBOLS },
        { SECTION(SECTION_SYMBOLS, sh_link), SECTIONS_USED },
        { SECTION(SECTION_SYMBOLS, sh_link), UINT32_MAX },
        { SECTION(SECTION_STRINGS, sh_type), SHT_PROGBITS },
        { SECTION(SECTION_STRINGS, sh_offset), ELF_SIZE + 1 },
        { SECTION(SECTION_STRINGS, sh_offset), UINT64_MAX },
        { SECTION(SECTION_STRINGS, sh_size), 0 },
        { SECTION(SECTION_STRINGS, sh_size), 3 },
        { SECTION(SECTION_STRINGS, sh_size), ELF_SIZE - STRINGS + 1 },
        { SECTION(SECTION_STRINGS, sh_size), UINT64_MAX }
    };

    (void) state;

    add("start", CODE, 4, FUNCTION);

    for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint64_t  before;

        assert_ok(elf_parse());
        read_part(file.size);
        assert_symbol(CODE, "start", 0);

        memcpy(&before, file.bytes + changes[i].at, changes[i].size);
        memcpy(file.bytes + changes[i].at, &changes[i].value,
               changes[i].size);

        read_part(file.size);
        assert_int_equal(symbols->count, 0);

        memcpy(file.bytes + changes[i].at, &before, changes[i].size);
    }
}


static void
truncated_file_is_never_read_past_its_end(void **state)
{
    size_t  size;

    (void) state;

    add("start", CODE, 4, FUNCTION);
    add("second", CODE + 4, 4, FUNCTION);
    assert_ok(elf_parse());

    for (size = 0; size < file.size; size += 8) {
        read_part(size);
        assert_true(symbols->count <= 2);
    }
}


/* Repeatable, and not a fuzzer: that one has all of the file. */
static void
random_tables_are_survived(void **state)
{
    size_t    i, n;
    uint8_t  *bytes;
    uint32_t  seed;

    (void) state;

    seed = 1;
    assert_ok(elf_parse());

    for (n = 0; n < 20000; n++) {
        bytes = file.bytes + (n % 2 == 0 ? SECTIONS : STRINGS);

        for (i = 0; i < 16; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[(seed >> 8) % (ELF_SIZE - STRINGS)] = (uint8_t) (seed >> 24);
        }

        if (n % 64 == 0) {
            section(SECTION_SYMBOLS, SHT_SYMTAB, SYMBOLS, 20 * 24);
            section(SECTION_STRINGS, SHT_STRTAB, STRINGS, STRINGS_SIZE);
            sections[SECTION_SYMBOLS].sh_entsize = sizeof(Elf64_Sym);
            sections[SECTION_SYMBOLS].sh_link = SECTION_STRINGS;
        }

        read_part(file.size);
        (void) hl_symbols_find(symbols, CODE + n % CODE_SIZE);
    }
}


/* 3 MB of them, each with a name of 300 bytes. */
static void
number_of_symbols_is_bounded(void **state)
{
    size_t        i, n;
    hl_elf_t      elf;
    Elf64_Sym    *many;
    Elf64_Ehdr   *head;
    Elf64_Shdr   *heads;
    uint8_t      *bytes;

    (void) state;

    n = 2 * HL_SYMBOLS_MAX;
    bytes = calloc(1, 0x1000 + n * sizeof(Elf64_Sym));
    assert_non_null(bytes);

    head = (void *) bytes;
    heads = (void *) (bytes + 0x100);
    many = (void *) (bytes + 0x1000);
    *head = *file.head;
    head->e_shoff = 0x100;
    head->e_shnum = 2;
    heads[0].sh_type = SHT_SYMTAB;
    heads[0].sh_offset = 0x1000;
    heads[0].sh_size = n * sizeof(Elf64_Sym);
    heads[0].sh_entsize = sizeof(Elf64_Sym);
    heads[0].sh_link = 1;
    heads[1].sh_type = SHT_STRTAB;
    heads[1].sh_offset = 0x200;
    heads[1].sh_size = 301;
    memset(bytes + 0x200, 'n', 300);

    for (i = 0; i < n; i++) {
        many[i].st_info = FUNCTION;
        many[i].st_shndx = 1;
        many[i].st_value = CODE + n - 1 - i;
        many[i].st_size = 1;
    }

    memset(&elf, 0, sizeof(elf));
    elf.segment_count = 1;
    elf.segments[0].gva = CODE;
    elf.segments[0].mem_size = n;
    elf.segments[0].executable = true;

    assert_ok(hl_symbols_read(&symbols, &elf, bytes,
                              0x1000 + n * sizeof(Elf64_Sym), "g", &test_err));
    free(bytes);

    assert_int_equal(symbols->count, HL_SYMBOLS_MAX);
    assert_int_equal(symbols->bytes, sizeof(hl_symbols_t) + HL_SYMBOLS_MAX
                                     * (sizeof(hl_symbol_t)
                                        + HL_SYMBOL_TEXT));
    assert_null(hl_symbols_find(symbols, CODE + HL_SYMBOLS_MAX - 1));
    assert_non_null(hl_symbols_find(symbols, CODE + n - 1));
}


static void
symbols_outlive_the_guest(void **state)
{
    hl_guest_t    *guest;
    hl_symbols_t  *held;

    (void) state;

    add("start", CODE, 4, FUNCTION);
    assert_ok(hl_guest_from_buffer(&guest, file.bytes, file.size, "g.elf",
                                   &test_err));
    held = hl_symbols_hold(guest->symbols);
    hl_guest_destroy(guest);

    assert_int_equal(held->count, 1);
    hl_symbols_release(held);
    hl_symbols_release(NULL);
}


#define test_table(f)  cmocka_unit_test_setup_teardown(f, begin, end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_table(addresses_are_found_in_functions_in_any_order),
        test_table(symbol_without_size_ends_at_the_next),
        test_table(of_symbols_that_overlap_the_nearest_counts),
        test_table(of_symbols_at_one_address_the_best_known_counts),
        test_table(what_is_no_function_is_left_out),
        test_table(size_is_cut_at_the_end_of_the_code),
        test_table(static_pie_is_found_where_it_is_put),
        test_table(name_outside_of_the_strings_is_left_out),
        test_table(long_name_is_cut),
        test_table(name_cannot_pass_for_words_of_a_log),
        test_table(file_is_named_without_its_folder),
        test_table(stripped_file_has_none),
        test_table(malformed_tables_are_left_out),
        test_table(truncated_file_is_never_read_past_its_end),
        test_table(random_tables_are_survived),
        test_table(number_of_symbols_is_bounded),
        test_table(symbols_outlive_the_guest)
    };

    return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
