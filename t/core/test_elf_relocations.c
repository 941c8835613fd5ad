/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_elf_relocations.c: the dynamic section of a guest that is a static
 * PIE, and its relocations.
 */

#include <string.h>

#include "elf_file.h"
#include "hl_image.h"
#include "hl_memory.h"


/* ---- accepted ---------------------------------------------------------- */

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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_elf(relocation_adds_the_bias),
        test_elf(relocation_is_in_the_memory_of_a_sandbox),
        test_elf(relocation_of_the_last_word_is_accepted),

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
        test_elf(relocation_that_overflows_with_the_bias_is_refused)
    };

    return cmocka_run_group_tests_name("elf_relocations", tests,
                                       test_group_host, test_group_end);
}
