/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * elf_file.h: a minimal guest, built in memory.  A test changes one thing in
 * it, and reads the sentence.  Its file:
 *
 *     0      ELF header, program headers
 *     800    ABI note
 *     1000   code, R X, at 1000 of a static PIE, else 401000
 *     2000   data, RW, a page on; larger in memory than in the file
 */

#ifndef _ELF_FILE_H_INCLUDED_
#define _ELF_FILE_H_INCLUDED_


#include <elf.h>

#include "hl_elf.h"
#include "test.h"


#define ELF_SIZE       0x3000
#define ELF_NOTE       0x800
#define ELF_CODE       0x1000
#define ELF_DATA       0x2000
#define ELF_DYNAMIC    0x2100
#define ELF_RELA       0x2200
#define ELF_BASE       0x400000ull
#define ELF_DATA_SIZE  0x1800           /* in memory */

enum {
    PH_CODE,
    PH_DATA,
    PH_NOTE,
    PH_USED
};


typedef struct {
    uint32_t  name_size;
    uint32_t  desc_size;
    uint32_t  type;
    char      name[8];
    uint32_t  version;
} elf_note_t;


/* The file, its parts, and what became of it. */
typedef struct {
    uint8_t      *bytes;
    size_t        size;
    Elf64_Ehdr   *head;
    Elf64_Phdr   *segments;
    elf_note_t   *note;
    Elf64_Dyn    *dynamic;
    Elf64_Rela   *rela;
    hl_elf_t      elf;
} elf_t;


extern elf_t  file;


int elf_file_begin(void **state);
int elf_file_end(void **state);

#define test_elf(f)                                                           \
    cmocka_unit_test_setup_teardown(f, elf_file_begin, elf_file_end)


/* Program header "i", at ELF_BASE + offset; e_phnum grows to have it. */
void elf_segment(int i, uint32_t type, uint32_t flags, uint64_t offset,
    uint64_t file_size, uint64_t memory_size);

/* The same as a static PIE with one relocation, of the first data word. */
void elf_pie(void);

/* Into file.elf. */
hl_status_t elf_parse(void);

/* The file is refused, with just this sentence. */
void elf_refused(const char *sentence);


#endif /* _ELF_FILE_H_INCLUDED_ */
