/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_elf.c: which files are guests, and what each other one is told.
 *
 * The tests build a minimal guest in memory, change one thing in it, and
 * read the sentence.  Its file:
 *
 *     0      ELF header, program headers
 *     800    ABI note
 *     1000   code, R X, at 1000 of a static PIE, else 401000
 *     2000   data, RW, a page on; larger in memory than in the file
 */

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hl_elf.h"
#include "hl_image.h"
#include "hl_memory.h"
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


static elf_t  file;


static void elf_segment(int i, uint32_t type, uint32_t flags,
    uint64_t offset, uint64_t file_size, uint64_t memory_size);
static void elf_pie(void);
static hl_status_t elf_parse(void);
static void elf_refused(const char *sentence);


static int
elf_begin(void **state)
{
    (void) state;

    file.size = ELF_SIZE;
    file.bytes = calloc(1, file.size);
    assert_non_null(file.bytes);

    file.head = (void *) file.bytes;
    file.segments = (void *) (file.bytes + sizeof(Elf64_Ehdr));
    file.note = (void *) (file.bytes + ELF_NOTE);
    file.dynamic = (void *) (file.bytes + ELF_DYNAMIC);
    file.rela = (void *) (file.bytes + ELF_RELA);

    memcpy(file.head->e_ident, ELFMAG, SELFMAG);
    file.head->e_ident[EI_CLASS] = ELFCLASS64;
    file.head->e_ident[EI_DATA] = ELFDATA2LSB;
    file.head->e_ident[EI_VERSION] = EV_CURRENT;
    file.head->e_type = ET_EXEC;
    file.head->e_machine = EM_X86_64;
    file.head->e_version = EV_CURRENT;
    file.head->e_entry = ELF_BASE + ELF_CODE;
    file.head->e_phoff = sizeof(Elf64_Ehdr);
    file.head->e_ehsize = sizeof(Elf64_Ehdr);
    file.head->e_phentsize = sizeof(Elf64_Phdr);
    file.head->e_phnum = PH_USED;
    file.head->e_shentsize = sizeof(Elf64_Shdr);

    elf_segment(PH_CODE, PT_LOAD, PF_R|PF_X, ELF_CODE, 16, 16);
    elf_segment(PH_DATA, PT_LOAD, PF_R|PF_W, ELF_DATA, 0x800, ELF_DATA_SIZE);
    elf_segment(PH_NOTE, PT_NOTE, PF_R, ELF_NOTE, sizeof(elf_note_t),
                sizeof(elf_note_t));

    file.note->name_size = sizeof(HL_ABI_NOTE_OWNER);
    file.note->desc_size = sizeof(uint32_t);
    file.note->type = HL_ABI_NOTE_TYPE;
    memcpy(file.note->name, HL_ABI_NOTE_OWNER, sizeof(HL_ABI_NOTE_OWNER));
    file.note->version = HL_ABI_VERSION;

    return 0;
}


static int
elf_end(void **state)
{
    (void) state;

    free(file.bytes);

    return 0;
}


static void
elf_segment(int i, uint32_t type, uint32_t flags, uint64_t offset,
    uint64_t file_size, uint64_t memory_size)
{
    Elf64_Phdr  *segment;

    segment = &file.segments[i];

    segment->p_type = type;
    segment->p_flags = flags;
    segment->p_offset = offset;
    segment->p_vaddr = ELF_BASE + offset;
    segment->p_paddr = segment->p_vaddr;
    segment->p_filesz = file_size;
    segment->p_memsz = memory_size;
    segment->p_align = type == PT_NOTE ? 4 : HL_PAGE_SIZE;

    if (i >= file.head->e_phnum) {
        file.head->e_phnum = (uint16_t) (i + 1);
    }
}


/* The same as a static PIE with one relocation, of the first data word. */
static void
elf_pie(void)
{
    int  i;

    file.head->e_type = ET_DYN;
    elf_segment(PH_USED, PT_DYNAMIC, PF_R|PF_W, ELF_DYNAMIC, 0x100, 0x100);

    for (i = 0; i < file.head->e_phnum; i++) {
        file.segments[i].p_vaddr -= ELF_BASE;
    }

    file.head->e_entry = ELF_CODE;

    file.dynamic[0].d_tag = DT_RELA;
    file.dynamic[0].d_un.d_ptr = ELF_RELA;
    file.dynamic[1].d_tag = DT_RELASZ;
    file.dynamic[1].d_un.d_val = sizeof(Elf64_Rela);
    file.dynamic[2].d_tag = DT_RELAENT;
    file.dynamic[2].d_un.d_val = sizeof(Elf64_Rela);
    file.dynamic[3].d_tag = DT_NULL;

    file.rela[0].r_offset = ELF_DATA;
    file.rela[0].r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE);
    file.rela[0].r_addend = ELF_CODE + 4;
}


/* From a copy that ends where the file does, for tools that watch reads. */
static hl_status_t
elf_parse(void)
{
    void         *copy;
    hl_status_t   status;

    copy = malloc(file.size > 0 ? file.size : 1);
    assert_non_null(copy);
    memcpy(copy, file.bytes, file.size);

    status = hl_elf_parse(&file.elf, copy, file.size, "g.elf", &test_err);

    free(copy);

    return status;
}


static void
elf_refused(const char *sentence)
{
    assert_status(elf_parse(), HL_ERR_GUEST_FILE);
    assert_int_equal(test_err.status, HL_ERR_GUEST_FILE);
    assert_string_equal(test_err.text, sentence);
}


/* ---- accepted ---------------------------------------------------------- */

static void
static_executable_is_accepted(void **state)
{
    (void) state;

    assert_ok(elf_parse());

    assert_int_equal(file.elf.bias, 0);
    assert_int_equal(file.elf.entry, ELF_BASE + ELF_CODE);
    assert_int_equal(file.elf.rela_count, 0);
    assert_int_equal(file.elf.segment_count, 2);
}


static void
segments_keep_their_place_and_permissions(void **state)
{
    const hl_segment_t  *code, *data;

    (void) state;

    assert_ok(elf_parse());

    code = &file.elf.segments[0];
    assert_int_equal(code->gva, ELF_BASE + ELF_CODE);
    assert_int_equal(code->offset, ELF_CODE);
    assert_int_equal(code->file_size, 16);
    assert_true(code->executable);
    assert_false(code->writable);

    data = &file.elf.segments[1];
    assert_int_equal(data->gva, ELF_BASE + ELF_DATA);
    assert_int_equal(data->file_size, 0x800);
    assert_int_equal(data->mem_size, ELF_DATA_SIZE);
    assert_false(data->executable);
    assert_true(data->writable);
}


static void
empty_segment_is_skipped(void **state)
{
    (void) state;

    elf_segment(PH_USED, PT_LOAD, PF_R|PF_W|PF_X, ELF_DATA, 0, 0);

    assert_ok(elf_parse());
    assert_int_equal(file.elf.segment_count, 2);
}


static void
sixteen_segments_are_accepted(void **state)
{
    int  i;

    (void) state;

    for (i = 2; i < HL_ELF_SEGMENTS_MAX; i++) {
        elf_segment(i + 1, PT_LOAD, PF_R, ELF_DATA, 16, 16);
        file.segments[i + 1].p_vaddr = ELF_BASE + 0x10000
                                       + (uint64_t) i * HL_PAGE_SIZE;
    }

    assert_ok(elf_parse());
    assert_int_equal(file.elf.segment_count, HL_ELF_SEGMENTS_MAX);
}


static void
segment_may_end_where_guests_do(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_vaddr = HL_IMAGE_END - ELF_DATA_SIZE;

    assert_ok(elf_parse());
}


static void
segment_may_begin_where_guests_do(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_vaddr = HL_IMAGE_MIN;

    assert_ok(elf_parse());
}


static void
note_is_found_behind_others(void **state)
{
    elf_note_t  other;

    (void) state;

    other = *file.note;
    other.type = 77;

    file.note[1] = file.note[0];
    file.note[0] = other;
    file.segments[PH_NOTE].p_filesz = 2 * sizeof(elf_note_t);

    assert_ok(elf_parse());
}


static void
static_pie_is_accepted(void **state)
{
    (void) state;

    elf_pie();

    assert_ok(elf_parse());

    assert_int_equal(file.elf.bias, HL_IMAGE_BIAS);
    assert_int_equal(file.elf.entry, HL_IMAGE_BIAS + ELF_CODE);
    assert_int_equal(file.elf.segments[0].gva, HL_IMAGE_BIAS + ELF_CODE);
    assert_int_equal(file.elf.rela_count, 1);
}


static void
relocation_adds_the_bias(void **state)
{
    uint64_t  gva, value;

    (void) state;

    elf_pie();
    assert_ok(elf_parse());

    hl_elf_relocation(&file.elf, file.bytes, 0, &gva, &value);

    assert_int_equal(gva, HL_IMAGE_BIAS + ELF_DATA);
    assert_int_equal(value, HL_IMAGE_BIAS + ELF_CODE + 4);
}


static void
relocation_is_in_the_memory_of_a_sandbox(void **state)
{
    uint64_t            word;
    hl_guest_t         *guest;
    hl_config_t         config;
    hl_sandbox_t       *sb;
    const hl_region_t  *r;

    (void) state;

    /* in .bss, and over the end of a page */

    elf_pie();
    file.rela[0].r_offset = ELF_DATA + HL_PAGE_SIZE - 4;

    hl_config_init(&config);
    assert_ok(hl_guest_from_buffer(&guest, file.bytes, file.size, "g.elf",
                                   &test_err));
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    r = hl_layout_find(&sb->image->layout, HL_IMAGE_BIAS + ELF_DATA);
    assert_non_null(r);

    memcpy(&word, sb->rw + r->offset + HL_PAGE_SIZE - 4, sizeof(word));
    assert_int_equal(word, HL_IMAGE_BIAS + ELF_CODE + 4);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
relocation_of_the_last_word_is_accepted(void **state)
{
    (void) state;

    elf_pie();
    file.rela[0].r_offset = ELF_DATA + ELF_DATA_SIZE - 8;

    assert_ok(elf_parse());
}


/* ---- refused: the ELF header ------------------------------------------- */

static void
wrong_magic_is_refused(void **state)
{
    (void) state;

    file.bytes[0] = 0x7e;
    elf_refused("\"g.elf\" is not an ELF file");
}


static void
file_shorter_than_the_magic_is_refused(void **state)
{
    (void) state;

    file.size = EI_NIDENT - 1;
    elf_refused("\"g.elf\" is not an ELF file");
}


static void
text_is_refused(void **state)
{
    (void) state;

    memcpy(file.bytes, "#!/bin/sh\nexit\n\n\n", 17);
    elf_refused("\"g.elf\" is not an ELF file");
}


static void
truncated_header_is_refused(void **state)
{
    (void) state;

    file.size = sizeof(Elf64_Ehdr) - 1;
    elf_refused("\"g.elf\" is truncated: no whole ELF header");
}


static void
wrong_class_is_refused(void **state)
{
    (void) state;

    file.head->e_ident[EI_CLASS] = ELFCLASS32;
    elf_refused("\"g.elf\" is not a 64-bit ELF file");
}


static void
big_endian_is_refused(void **state)
{
    (void) state;

    file.head->e_ident[EI_DATA] = ELFDATA2MSB;
    elf_refused("\"g.elf\" is not little-endian");
}


static void
other_machine_is_refused(void **state)
{
    (void) state;

    file.head->e_machine = EM_AARCH64;
    elf_refused("\"g.elf\" is not for x86-64");
}


static void
object_file_is_refused(void **state)
{
    (void) state;

    file.head->e_type = ET_REL;
    elf_refused("\"g.elf\" is an object file, not linked yet");
}


static void
core_file_is_refused(void **state)
{
    (void) state;

    file.head->e_type = ET_CORE;
    elf_refused("\"g.elf\" is not an executable");
}


static void
missing_entry_is_refused(void **state)
{
    (void) state;

    file.head->e_entry = 0;
    elf_refused("\"g.elf\" has no entry point");
}


static void
entry_in_data_is_refused(void **state)
{
    (void) state;

    file.head->e_entry = ELF_BASE + ELF_DATA;
    elf_refused("\"g.elf\" has its entry point outside of its code");
}


static void
entry_behind_the_code_is_refused(void **state)
{
    (void) state;

    file.head->e_entry = ELF_BASE + ELF_CODE + 16;
    elf_refused("\"g.elf\" has its entry point outside of its code");
}


static void
entry_in_no_segment_is_refused(void **state)
{
    (void) state;

    file.head->e_entry = UINT64_MAX;
    elf_refused("\"g.elf\" has its entry point outside of its code");
}


/* ---- refused: program headers ------------------------------------------ */

static void
no_program_headers_are_refused(void **state)
{
    (void) state;

    file.head->e_phnum = 0;
    elf_refused("\"g.elf\" has no usable program headers");
}


static void
program_headers_behind_the_file_are_refused(void **state)
{
    (void) state;

    file.head->e_phoff = ELF_SIZE;
    assert_status(elf_parse(), HL_ERR_GUEST_FILE);
}


static void
overflowing_program_headers_are_refused(void **state)
{
    (void) state;

    file.head->e_phoff = UINT64_MAX - 8;
    assert_status(elf_parse(), HL_ERR_GUEST_FILE);
}


static void
truncated_program_headers_are_refused(void **state)
{
    (void) state;

    file.size = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + 7;
    elf_refused("\"g.elf\" is truncated: program headers");
}


static void
odd_size_of_program_headers_is_refused(void **state)
{
    (void) state;

    file.head->e_phentsize = sizeof(Elf64_Phdr) - 8;
    elf_refused("\"g.elf\" has no usable program headers");
}


static void
over_sixty_four_program_headers_are_refused(void **state)
{
    (void) state;

    file.head->e_phnum = 65;
    elf_refused("\"g.elf\" has no usable program headers");
}


static void
interpreter_is_refused(void **state)
{
    (void) state;

    elf_segment(PH_USED, PT_INTERP, PF_R, ELF_DATA, 16, 16);
    elf_refused("\"g.elf\" is dynamically linked: it names an interpreter");
}


static void
thread_local_storage_is_refused(void **state)
{
    (void) state;

    elf_segment(PH_USED, PT_TLS, PF_R, ELF_DATA, 16, 16);
    elf_refused("\"g.elf\" uses thread-local storage, which guests do not "
                "have");
}


/* ---- refused: segments ------------------------------------------------- */

static void
no_segment_is_refused(void **state)
{
    (void) state;

    file.segments[PH_CODE].p_type = PT_NULL;
    file.segments[PH_DATA].p_type = PT_NULL;
    elf_refused("\"g.elf\" has its entry point outside of its code");
}


static void
writable_code_is_refused(void **state)
{
    (void) state;

    file.segments[PH_CODE].p_flags = PF_R|PF_W|PF_X;
    elf_refused("\"g.elf\" has a segment both writable and executable");
}


static void
segment_larger_in_the_file_is_refused(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_memsz = file.segments[PH_DATA].p_filesz - 1;
    elf_refused("\"g.elf\" has a segment larger in the file than in memory");
}


static void
truncated_segment_is_refused(void **state)
{
    (void) state;

    file.size = ELF_DATA + 0x800 - 1;
    elf_refused("\"g.elf\" is truncated: a segment ends behind the file");
}


static void
segment_with_overflowing_offset_is_refused(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_offset = UINT64_MAX - 16;
    elf_refused("\"g.elf\" is truncated: a segment ends behind the file");
}


static void
overlapping_segments_are_refused(void **state)
{
    (void) state;

    file.segments[PH_CODE].p_vaddr = ELF_BASE + ELF_DATA + 0x1000;
    file.head->e_entry = file.segments[PH_CODE].p_vaddr;
    elf_refused("\"g.elf\" has segments that overlap or share a page");
}


static void
segment_around_another_is_refused(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_vaddr = ELF_BASE;
    file.segments[PH_DATA].p_memsz = 0x10000;
    elf_refused("\"g.elf\" has segments that overlap or share a page");
}


static void
segments_that_share_a_page_are_refused(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_vaddr = ELF_BASE + ELF_CODE + 0x800;
    elf_refused("\"g.elf\" has segments that overlap or share a page");
}


#define ELF_OUT_OF_RANGE                                                      \
    "\"g.elf\" has a segment outside of 0x10000 to 0x3fffffff"

static void
segment_below_all_guests_is_refused(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_vaddr = HL_IMAGE_MIN - 1;
    elf_refused(ELF_OUT_OF_RANGE);
}


static void
segment_above_all_guests_is_refused(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_vaddr = HL_IMAGE_END - ELF_DATA_SIZE + 1;
    elf_refused(ELF_OUT_OF_RANGE);
}


static void
segment_in_the_kernel_half_is_refused(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_vaddr = 0xffffffff80000000ull;
    elf_refused(ELF_OUT_OF_RANGE);
}


static void
segment_with_overflowing_end_is_refused(void **state)
{
    (void) state;

    file.segments[PH_DATA].p_memsz = UINT64_MAX - ELF_BASE;
    elf_refused(ELF_OUT_OF_RANGE);
}


static void
pie_segment_that_overflows_with_the_bias_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.segments[PH_DATA].p_vaddr = UINT64_MAX - HL_IMAGE_BIAS + 1;
    elf_refused(ELF_OUT_OF_RANGE);
}


static void
seventeen_segments_are_refused(void **state)
{
    int  i;

    (void) state;

    for (i = 2; i < HL_ELF_SEGMENTS_MAX + 1; i++) {
        elf_segment(i + 1, PT_LOAD, PF_R, ELF_DATA, 16, 16);
        file.segments[i + 1].p_vaddr = ELF_BASE + 0x10000
                                       + (uint64_t) i * HL_PAGE_SIZE;
    }

    elf_refused("\"g.elf\" has over 16 segments");
}


/* ---- refused: note ----------------------------------------------------- */

#define ELF_NO_NOTE                                                           \
    "\"g.elf\" was not built with hlcc: it has no ABI note"

static void
missing_note_is_refused(void **state)
{
    (void) state;

    file.segments[PH_NOTE].p_type = PT_NULL;
    elf_refused(ELF_NO_NOTE);
}


static void
empty_notes_are_refused(void **state)
{
    (void) state;

    file.segments[PH_NOTE].p_filesz = 0;
    elf_refused(ELF_NO_NOTE);
}


static void
note_of_another_owner_is_refused(void **state)
{
    (void) state;

    memcpy(file.note->name, "abcd", 4);
    elf_refused(ELF_NO_NOTE);
}


static void
note_of_another_type_is_refused(void **state)
{
    (void) state;

    file.note->type++;
    elf_refused(ELF_NO_NOTE);
}


static void
note_of_another_size_is_refused(void **state)
{
    (void) state;

    file.note->desc_size = 2;
    elf_refused(ELF_NO_NOTE);
}


static void
note_past_its_segment_is_refused(void **state)
{
    (void) state;

    file.note->name_size = 0x7fffffff;
    elf_refused(ELF_NO_NOTE);
}


static void
truncated_notes_are_refused(void **state)
{
    (void) state;

    file.segments[PH_NOTE].p_filesz = ELF_SIZE;
    elf_refused("\"g.elf\" is truncated: notes");
}


static void
note_of_another_version_is_refused(void **state)
{
    (void) state;

    file.note->version = 9;
    elf_refused("\"g.elf\" was built for ABI version 9, this host has "
                "version 1: build it anew with this version's hlcc");
}


/* ---- refused: dynamic section ------------------------------------------ */

/* Puts a tag before those that are there. */
static void
elf_tag(int64_t tag)
{
    elf_pie();

    memmove(file.dynamic + 1, file.dynamic, 4 * sizeof(Elf64_Dyn));
    file.dynamic[0].d_tag = tag;
    file.dynamic[0].d_un.d_val = 1;
}


static void
needed_library_is_refused(void **state)
{
    (void) state;

    elf_tag(DT_NEEDED);
    elf_refused("\"g.elf\" is dynamically linked: it needs a shared library");
}


static void
relocations_in_code_are_refused(void **state)
{
    (void) state;

    elf_tag(DT_TEXTREL);
    elf_refused("\"g.elf\" has relocations in its code");
}


#define ELF_KIND                                                              \
    "\"g.elf\" has relocations of a kind that guests do not have: only "      \
    "R_X86_64_RELATIVE in DT_RELA"

static void
plt_relocations_are_refused(void **state)
{
    (void) state;

    elf_tag(DT_JMPREL);
    elf_refused(ELF_KIND);
}


static void
rel_relocations_are_refused(void **state)
{
    (void) state;

    elf_tag(DT_REL);
    elf_refused(ELF_KIND);
}


static void
relr_relocations_are_refused(void **state)
{
    (void) state;

    elf_tag(DT_RELR);
    elf_refused(ELF_KIND);
}


static void
truncated_dynamic_section_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.segments[PH_USED].p_filesz = ELF_SIZE;
    elf_refused("\"g.elf\" is truncated: dynamic section");
}


static void
unknown_relocation_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.rela[0].r_info = ELF64_R_INFO(0, R_X86_64_GLOB_DAT);
    elf_refused("\"g.elf\" has a relocation of type 6, only "
                "R_X86_64_RELATIVE is possible");
}


#define ELF_TABLE                                                             \
    "\"g.elf\" has a relocation table that is no part of its segments"

static void
relocation_table_in_no_segment_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.dynamic[0].d_un.d_ptr = 0x100000;
    elf_refused(ELF_TABLE);
}


static void
relocation_table_past_the_file_is_refused(void **state)
{
    (void) state;

    /* inside of the segment, where the file has nothing */

    elf_pie();
    file.dynamic[0].d_un.d_ptr = ELF_DATA + 0x800 - 8;
    elf_refused(ELF_TABLE);
}


static void
relocation_table_with_overflowing_size_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.dynamic[1].d_un.d_val = UINT64_MAX - UINT64_MAX % 24;
    elf_refused(ELF_TABLE);
}


static void
relocation_table_of_odd_size_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.dynamic[1].d_un.d_val = sizeof(Elf64_Rela) + 8;
    elf_refused(ELF_TABLE);
}


#define ELF_TARGET  "\"g.elf\" has a relocation outside of its data"

static void
relocation_of_code_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.rela[0].r_offset = ELF_CODE;
    elf_refused(ELF_TARGET);
}


static void
relocation_of_read_only_data_is_refused(void **state)
{
    (void) state;

    elf_pie();
    elf_segment(PH_USED + 1, PT_LOAD, PF_R, ELF_DATA, 64, 64);
    file.segments[PH_USED + 1].p_vaddr = 0x8000;
    file.rela[0].r_offset = 0x8000;
    elf_refused(ELF_TARGET);
}


static void
relocation_over_the_end_of_data_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.rela[0].r_offset = ELF_DATA + ELF_DATA_SIZE - 7;
    elf_refused(ELF_TARGET);
}


static void
relocation_that_overflows_with_the_bias_is_refused(void **state)
{
    (void) state;

    elf_pie();
    file.rela[0].r_offset = UINT64_MAX - 3;
    elf_refused(ELF_TARGET);
}


/* ---- files ------------------------------------------------------------- */

static char  folder[64];
static char  path[128];


/* "path" is a name in a folder of the test's own; nothing is there yet. */
static int
files_begin(void **state)
{
    (void) strcpy(folder, "/tmp/hl-test-XXXXXX");
    assert_non_null(mkdtemp(folder));

    (void) snprintf(path, sizeof(path), "%s/g.elf", folder);

    return elf_begin(state);
}


static int
files_end(void **state)
{
    (void) unlink(path);
    (void) rmdir(folder);

    return elf_end(state);
}


static void
files_write(size_t size)
{
    int  fd;

    fd = open(path, O_WRONLY|O_CREAT|O_TRUNC, 0600);
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, file.bytes, size), size);
    (void) close(fd);
}


static void
files_refused(const char *why)
{
    char         sentence[256];
    hl_guest_t  *guest;

    (void) snprintf(sentence, sizeof(sentence), "\"%s\" %s", path, why);

    assert_status(hl_guest_open(&guest, path, &test_err), HL_ERR_GUEST_FILE);
    assert_string_equal(test_err.text, sentence);
}


static void
missing_file_is_named(void **state)
{
    char         sentence[256];
    hl_guest_t  *guest;

    (void) state;

    (void) snprintf(sentence, sizeof(sentence), "GuestBinary not found: "
                    "'%s': No such file or directory", path);

    assert_status(hl_guest_open(&guest, path, &test_err), HL_ERR_GUEST_FILE);
    assert_string_equal(test_err.text, sentence);
}


static void
folder_is_refused(void **state)
{
    (void) state;

    assert_int_equal(mkdir(path, 0700), 0);
    files_refused("is not a regular file");
    assert_int_equal(rmdir(path), 0);
}


static void
fifo_is_refused_without_waiting(void **state)
{
    (void) state;

    assert_int_equal(mkfifo(path, 0600), 0);
    files_refused("is not a regular file");
}


static void
empty_file_is_refused(void **state)
{
    (void) state;

    files_write(0);
    files_refused("is empty");
}


static void
oversized_file_is_refused(void **state)
{
    (void) state;

    files_write(16);
    assert_int_equal(truncate(path, (256l << 20) + 1), 0);
    files_refused("is over 256 MiB");
}


static void
empty_buffer_is_refused(void **state)
{
    hl_guest_t  *guest;

    (void) state;

    assert_status(hl_guest_from_buffer(&guest, "", 0, "none", &test_err),
                  HL_ERR_GUEST_FILE);
    assert_string_equal(test_err.text, "\"none\" is empty");
}


/* What was validated is what runs. */
static void
file_may_change_after_it_was_opened(void **state)
{
    hl_guest_t     *guest;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    const uint8_t  *code;

    (void) state;

    memset(file.bytes + ELF_CODE, 0x90, 16);
    files_write(file.size);
    assert_ok(hl_guest_open(&guest, path, &test_err));

    memset(file.bytes + ELF_CODE, 0xcc, 16);
    files_write(file.size);
    assert_int_equal(truncate(path, 1), 0);

    hl_config_init(&config);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    code = sb->image->ro
           + sb->image->layout.regions[HL_REGION_SEGMENT].offset;
    assert_int_equal(code[0], 0x90);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


#define test_elf(f)    cmocka_unit_test_setup_teardown(f, elf_begin, elf_end)
#define test_file(f)                                                          \
    cmocka_unit_test_setup_teardown(f, files_begin, files_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_elf(static_executable_is_accepted),
        test_elf(segments_keep_their_place_and_permissions),
        test_elf(empty_segment_is_skipped),
        test_elf(sixteen_segments_are_accepted),
        test_elf(segment_may_end_where_guests_do),
        test_elf(segment_may_begin_where_guests_do),
        test_elf(note_is_found_behind_others),
        test_elf(static_pie_is_accepted),
        test_elf(relocation_adds_the_bias),
        test_elf(relocation_is_in_the_memory_of_a_sandbox),
        test_elf(relocation_of_the_last_word_is_accepted),

        test_elf(wrong_magic_is_refused),
        test_elf(file_shorter_than_the_magic_is_refused),
        test_elf(text_is_refused),
        test_elf(truncated_header_is_refused),
        test_elf(wrong_class_is_refused),
        test_elf(big_endian_is_refused),
        test_elf(other_machine_is_refused),
        test_elf(object_file_is_refused),
        test_elf(core_file_is_refused),
        test_elf(missing_entry_is_refused),
        test_elf(entry_in_data_is_refused),
        test_elf(entry_behind_the_code_is_refused),
        test_elf(entry_in_no_segment_is_refused),

        test_elf(no_program_headers_are_refused),
        test_elf(program_headers_behind_the_file_are_refused),
        test_elf(overflowing_program_headers_are_refused),
        test_elf(truncated_program_headers_are_refused),
        test_elf(odd_size_of_program_headers_is_refused),
        test_elf(over_sixty_four_program_headers_are_refused),
        test_elf(interpreter_is_refused),
        test_elf(thread_local_storage_is_refused),

        test_elf(no_segment_is_refused),
        test_elf(writable_code_is_refused),
        test_elf(segment_larger_in_the_file_is_refused),
        test_elf(truncated_segment_is_refused),
        test_elf(segment_with_overflowing_offset_is_refused),
        test_elf(overlapping_segments_are_refused),
        test_elf(segment_around_another_is_refused),
        test_elf(segments_that_share_a_page_are_refused),
        test_elf(segment_below_all_guests_is_refused),
        test_elf(segment_above_all_guests_is_refused),
        test_elf(segment_in_the_kernel_half_is_refused),
        test_elf(segment_with_overflowing_end_is_refused),
        test_elf(pie_segment_that_overflows_with_the_bias_is_refused),
        test_elf(seventeen_segments_are_refused),

        test_elf(missing_note_is_refused),
        test_elf(empty_notes_are_refused),
        test_elf(note_of_another_owner_is_refused),
        test_elf(note_of_another_type_is_refused),
        test_elf(note_of_another_size_is_refused),
        test_elf(note_past_its_segment_is_refused),
        test_elf(truncated_notes_are_refused),
        test_elf(note_of_another_version_is_refused),

        test_elf(needed_library_is_refused),
        test_elf(relocations_in_code_are_refused),
        test_elf(plt_relocations_are_refused),
        test_elf(rel_relocations_are_refused),
        test_elf(relr_relocations_are_refused),
        test_elf(truncated_dynamic_section_is_refused),
        test_elf(unknown_relocation_is_refused),
        test_elf(relocation_table_in_no_segment_is_refused),
        test_elf(relocation_table_past_the_file_is_refused),
        test_elf(relocation_table_with_overflowing_size_is_refused),
        test_elf(relocation_table_of_odd_size_is_refused),
        test_elf(relocation_of_code_is_refused),
        test_elf(relocation_of_read_only_data_is_refused),
        test_elf(relocation_over_the_end_of_data_is_refused),
        test_elf(relocation_that_overflows_with_the_bias_is_refused),

        test_file(missing_file_is_named),
        test_file(folder_is_refused),
        test_file(fifo_is_refused_without_waiting),
        test_file(empty_file_is_refused),
        test_file(oversized_file_is_refused),
        test_plain(empty_buffer_is_refused),
        test_file(file_may_change_after_it_was_opened)
    };

    return cmocka_run_group_tests_name("elf", tests, test_group_host,
                                       test_group_end);
}
