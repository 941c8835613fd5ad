/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_where.c: the words for where a guest stopped: how they are cut, what
 * places of page faults are called, guests without symbols.
 */

#include <stdio.h>
#include <string.h>

#include "elf_file.h"
#include "hl_memory.h"
#include "test.h"


static const hl_region_t *
region(hl_region_id_t id)
{
    return &test_sb->image->layout.regions[id];
}


/* ---- room -------------------------------------------------------------- */

/* Whole pieces, whatever the room. */
static void
text_is_cut_between_frames(void **state)
{
    size_t  size, len, best;
    char    where[HL_WHERE_TEXT], whole[HL_WHERE_TEXT];

    (void) state;

    assert_status(test_fault(test_sb, "undefined"), HL_ERR_FAULT);
    (void) hl_call_where(test_sb, whole, sizeof(whole));
    assert_ptr_equal(strstr(whole, ", in fault_undefined+0x0 (probe.elf), "
                                   "called by _call_fault+0x"), whole);
    best = 0;

    for (size = 1; size <= sizeof(where); size++) {
        memset(where, 'x', sizeof(where));
        len = strlen(hl_call_where(test_sb, where, size));

        assert_true(len < size && len >= best);
        assert_memory_equal(where, whole, len);
        assert_true(whole[len] == '\0' || whole[len] == ',' || len == 0
                    || whole[len] == ' ');
        best = len;
    }

    assert_string_equal(where, whole);
}


static void
long_text_of_an_abort_gives_way(void **state)
{
    char        message[2001];
    hl_value_t  args[2];

    (void) state;

    memset(message, 'm', sizeof(message));
    message[sizeof(message) - 1] = '\0';

    args[0] = test_int(42);
    args[1] = test_string(message);
    assert_status(test_call(test_sb, "GuestAbortWithMessage", HL_TYPE_INT,
                            args, 2),
                  HL_ERR_ABORTED);
    assert_int_equal(test_err.guest_code, 42);
    assert_true(strlen(test_err.text) < sizeof(test_err.text));
    test_assert_begins("Guest aborted: 42 mmmmmmmm");
    assert_non_null(strstr(test_err.text, "mmm..., in "
                                          "_call_abort_with_message+0x"));
    assert_non_null(strstr(test_err.text, "hl_dispatch+0x"));
}


/* ---- kinds of places --------------------------------------------------- */

static hl_status_t
peek(const char *function, uint64_t address)
{
    hl_value_t  args[2];

    args[0] = test_ulong(address);
    args[1] = test_int(1);

    return test_call(test_sb, function,
                     function[1] == 'e' ? HL_TYPE_VECBYTES : HL_TYPE_INT,
                     args, function[1] == 'e' ? 2 : 1);
}


/* "in": the function, before its offset. */
static void
assert_place(const char *function, uint64_t address, const char *access,
    const char *kind, const char *in)
{
    char    begin[128];
    size_t  len;

    assert_status(peek(function, address), HL_ERR_FAULT);

    len = (size_t) snprintf(begin, sizeof(begin),
                            "page fault %s 0x%llx (%s), at 0x", access,
                            (unsigned long long) address, kind);
    assert_true(len < sizeof(begin));
    test_assert_begins(begin);

    if (strstr(test_err.text, in) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", in, test_err.text);
    }

    assert_non_null(strstr(test_err.text, " (vector 14, error code 0x"));
    test_restore();
}


static void
places_of_page_faults_have_names(void)
{
    size_t  i;

    const struct {
        hl_region_id_t  id;
        uint64_t        offset;
        const char     *kind;
    } writes[] = {
        { HL_REGION_SYSTEM, 0, "supervisor page" },
        { HL_REGION_EXCEPTIONS, 8, "supervisor page" },
        { HL_REGION_HYPERCALL, 0, "hypercall page" },
        { HL_REGION_FPU, 0, "FPU page" },
        { HL_REGION_PARAMS, 0, "parameters page" },
        { HL_REGION_INPUT, 0, "input area" },
        { HL_REGION_REPLY, 0, "reply area" },
        { HL_REGION_HEAP, region(HL_REGION_HEAP)->size + 16,
          "16 bytes past the end of the heap" },
        { HL_REGION_STACK, region(HL_REGION_STACK)->size,
          "0 bytes past the end of the stack" },
        { HL_REGION_HEAP, (uint64_t) -8, "8 bytes before the heap" },
        { HL_REGION_SEGMENT, 0, "read-only data" },
        { HL_REGION_SEGMENT + 1, 0, "code" }
    };

    for (i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        assert_place("Poke", region(writes[i].id)->gva + writes[i].offset,
                     "writing", writes[i].kind, " in _call_poke+0x");
    }

    assert_place("Poke", 0, "writing", "null pointer", " in _call_poke+0x");
    assert_place("Poke", 0xffff, "writing", "null pointer", " (peek.elf)");
    assert_place("Poke", 0x10000, "writing", "unmapped", " (peek.elf)");
    assert_place("Poke", 0x7fffffffffffull, "writing", "unmapped",
                 " (peek.elf)");

    assert_place("Peek", HL_GVA_SYSTEM, "reading", "supervisor page",
                 " in memcpy+0x");
    assert_place("Peek", 8, "reading", "null pointer",
                 " (peek.elf), called by _call_peek+0x");

    assert_place("Run", 8, "executing", "null pointer",
                 "8, called by _call_run+0x");
    assert_place("Run", region(HL_REGION_SEGMENT + 2)->gva, "executing",
                 "data", ", called by _call_run+0x");
    assert_place("Run", region(HL_REGION_OUTPUT)->gva, "executing",
                 "output area", ", called by _call_run+0x");
}


/* Another guest than the group's. */
static void
place_of_a_page_fault_has_a_name(void **state)
{
    hl_snapshot_t  *snapshot;

    snapshot = test_snapshot;

    test_open(TEST_PEEK, NULL);
    places_of_page_faults_have_names();
    (void) test_close(state);

    test_snapshot = snapshot;
}


/* Its caller may be known from the stack's top; nobody above that is. */
static void
guest_with_any_frame_pointer_is_told(void **state)
{
    size_t          i;
    hl_snapshot_t  *snapshot;

    snapshot = test_snapshot;
    test_open(TEST_PEEK, NULL);

    const uint64_t  pointers[] = {
        0, 1, 0x10000, 0x400000, HL_GVA_SYSTEM, HL_GVA_HYPERCALL,
        region(HL_REGION_STACK)->gva - 16,
        region(HL_REGION_STACK)->gva - HL_STACK_GUARD,
        region(HL_REGION_STACK)->gva,
        region(HL_REGION_STACK)->gva + region(HL_REGION_STACK)->size - 8,
        region(HL_REGION_STACK)->gva + region(HL_REGION_STACK)->size,
        region(HL_REGION_HEAP)->gva, HL_GVA_END - 8, 0x8000000000000000ull,
        UINT64_MAX
    };

    for (i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        assert_status(peek("FaultWithRbp", pointers[i]), HL_ERR_FAULT);
        test_assert_begins("invalid opcode, at 0x40");
        assert_non_null(strstr(test_err.text, " in _call_fault_with_rbp+0x"));
        assert_non_null(strstr(test_err.text, " (vector 6, "));
        assert_null(strstr(test_err.text, "hl_typed_invoke"));
        test_restore();
    }

    (void) test_close(state);
    test_snapshot = snapshot;
}


/* ---- guests of other kinds --------------------------------------------- */

/*
 * Its code is zeroes, "add %al, (%rax)" with RAX 0: its very first
 * instruction ends it.
 */
static void
assert_start(const char *in)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    hl_config_init(&config);
    assert_ok(hl_guest_from_buffer(&guest, file.bytes, file.size, "d/g.elf",
                                   &test_err));
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    hl_guest_destroy(guest);

    assert_status(hl_sandbox_evolve(sb, TEST_LONG, &test_err), HL_ERR_INIT);
    test_assert_begins("the guest's initialisation failed: page fault "
                       "writing 0x0 (null pointer), at 0x401000 in ");

    if (strstr(test_err.text, in) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", in, test_err.text);
    }

    hl_sandbox_destroy(sb);
}


static void
add_symbol(uint64_t value)
{
    Elf64_Sym   *row;
    Elf64_Shdr  *sections;

    sections = (void *) (file.bytes + 0x2800);
    row = (void *) (file.bytes + 0x2900);

    file.head->e_shoff = 0x2800;
    file.head->e_shnum = 2;

    sections[0].sh_type = SHT_SYMTAB;
    sections[0].sh_offset = 0x2900;
    sections[0].sh_size = sizeof(Elf64_Sym);
    sections[0].sh_entsize = sizeof(Elf64_Sym);
    sections[0].sh_link = 1;
    sections[1].sh_type = SHT_STRTAB;
    sections[1].sh_offset = 0x2a00;
    sections[1].sh_size = 16;

    (void) strcpy((char *) file.bytes + 0x2a00, "begin");

    row->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    row->st_shndx = 1;
    row->st_value = value;
    row->st_size = 16;
}


static void
guest_with_symbols_is_told_by_them(void **state)
{
    (void) state;

    add_symbol(ELF_BASE + ELF_CODE);
    assert_start("in begin+0x0 (g.elf) (vector 14");
}


static void
static_pie_is_told_by_them(void **state)
{
    (void) state;

    elf_pie();
    add_symbol(ELF_CODE);
    assert_start("in begin+0x0 (g.elf) (vector 14");
}


static void
stripped_guest_is_told_by_its_segments(void **state)
{
    (void) state;

    assert_start("in segment 0x401000+0x0 (g.elf) (vector 14");
}


static void
stripped_static_pie_is_told_as_the_file_has_it(void **state)
{
    (void) state;

    elf_pie();
    assert_start("in segment 0x1000+0x0 (g.elf) (vector 14");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(text_is_cut_between_frames),
        test_sandbox(long_text_of_an_abort_gives_way),
        test_plain(place_of_a_page_fault_has_a_name),
        test_plain(guest_with_any_frame_pointer_is_told),
        test_elf(guest_with_symbols_is_told_by_them),
        test_elf(static_pie_is_told_by_them),
        test_elf(stripped_guest_is_told_by_its_segments),
        test_elf(stripped_static_pie_is_told_as_the_file_has_it)
    };

    return cmocka_run_group_tests_name("where", tests, test_group_probe,
                                       test_group_end);
}
