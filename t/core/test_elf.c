/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_elf.c: which files are guests, and what each other one is told: the
 * ELF header and the program headers.
 */

#include <string.h>

#include "elf_file.h"
#include "hl_image.h"


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_elf(static_executable_is_accepted),
        test_elf(static_pie_is_accepted),

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
        test_elf(thread_local_storage_is_refused)
    };

    return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
