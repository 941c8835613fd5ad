/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_elf_segments.c: the segments of a guest's file, and its ABI note.
 */

#include <string.h>

#include "elf_file.h"
#include "hl_image.h"
#include "hl_memory.h"


/* ---- accepted ---------------------------------------------------------- */

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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_elf(segments_keep_their_place_and_permissions),
        test_elf(empty_segment_is_skipped),
        test_elf(sixteen_segments_are_accepted),
        test_elf(segment_may_end_where_guests_do),
        test_elf(segment_may_begin_where_guests_do),
        test_elf(note_is_found_behind_others),

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
        test_elf(note_of_another_version_is_refused)
    };

    return cmocka_run_group_tests_name("elf_segments", tests, NULL, NULL);
}
