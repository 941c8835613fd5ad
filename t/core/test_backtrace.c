/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_backtrace.c: where a guest stopped and who called that; and that
 * frame pointers of any value do no harm.  In words: test_where.c.
 */

#include <string.h>

#include "hl_entry.h"
#include "test.h"


#define WORD  sizeof(uint64_t)


static hl_place_t  place;
static hl_frame_t  frames[HL_FRAMES_MAX];


/* ---- a stack of the test's own making ---------------------------------- */

static const hl_region_t *
region(hl_region_id_t id)
{
    return &test_sb->image->layout.regions[id];
}


static hl_gva_t
stack(void)
{
    return region(HL_REGION_STACK)->gva;
}


static hl_gva_t
stack_end(void)
{
    return stack() + region(HL_REGION_STACK)->size;
}


static void
put(hl_gva_t gva, uint64_t word)
{
    assert_true(gva >= stack() && gva <= stack_end() - WORD);
    memcpy(hl_sandbox_region(test_sb, HL_REGION_STACK) + (gva - stack()),
           &word, WORD);
}


/* A frame as functions make them. */
static void
frame(hl_gva_t rbp, hl_gva_t next, hl_gva_t caller)
{
    put(rbp, next);
    put(rbp + WORD, caller);
}


static const hl_symbol_t *
symbol(const char *name)
{
    size_t               i;
    const hl_symbols_t  *s;

    s = test_sb->image->symbols;

    for (i = 0; i < s->count; i++) {
        if (strcmp(s->names + s->rows[i].name, name) == 0) {
            return &s->rows[i];
        }
    }

    fail_msg("no symbol %s", name);
    return NULL;
}


/* Behind a call of the function, in the guest's code. */
static hl_gva_t
call_of(const char *name)
{
    size_t          i, left;
    int32_t         distance;
    hl_gva_t        start, gva;
    const uint8_t  *code;

    start = region(HL_REGION_SEGMENT + 1)->gva;
    code = hl_backtrace_memory(test_sb, start, &left);
    assert_non_null(code);

    for (i = 0; i + 5 <= left; i++) {
        gva = start + i + 5;
        memcpy(&distance, code + i + 1, sizeof(distance));

        if (code[i] == 0xe8
            && gva + (uint64_t) (int64_t) distance == symbol(name)->address)
        {
            return gva;
        }
    }

    fail_msg("no call of %s", name);
    return 0;
}


/* In the middle of a function that has a frame: the chain is all there is. */
static hl_gva_t
inside(const char *name)
{
    return symbol(name)->address + 30;
}


static size_t
walk(hl_gva_t rbp)
{
    place.rip = inside("probe_fault");
    place.rsp = stack() + 0x100;
    place.rbp = rbp;
    memset(frames, 0xa5, sizeof(frames));

    return hl_backtrace(test_sb, &place, frames);
}


static void
chain_is_followed_to_the_entry(void **state)
{
    (void) state;

    frame(stack() + 0x200, stack() + 0x300, inside("hl_call") + 1);
    frame(stack() + 0x300, stack() + 0x308, inside("hl_record_add") + 1);
    frame(stack() + 0x308, 0, inside("hl_dispatch") + 1);
    put(stack() + 0x310, 0);

    /* the third frame lies on the second: its words are what they are */

    assert_int_equal(walk(stack() + 0x200), 2);

    frame(stack() + 0x300, stack() + 0x400, inside("hl_record_add") + 1);
    frame(stack() + 0x400, 0, symbol("hl_dispatch")->address + 2);
    assert_int_equal(walk(stack() + 0x200), 4);

    assert_string_equal(frames[0].symbol, "probe_fault");
    assert_int_equal(frames[0].offset, 30);
    assert_int_equal(frames[0].times, 1);
    assert_string_equal(frames[1].symbol, "hl_call");
    assert_int_equal(frames[1].offset, 30);
    assert_string_equal(frames[2].symbol, "hl_record_add");
    assert_string_equal(frames[3].symbol, "hl_dispatch");
    assert_int_equal(frames[3].address, symbol("hl_dispatch")->address + 1);
}


static void
frame_pointers_of_any_value_end_it(void **state)
{
    size_t    i;
    hl_gva_t  ends[] = {
        0, 1, 8, HL_GVA_MIN, symbol("probe_fault")->address,
        HL_GVA_SYSTEM, HL_GVA_EXCEPTIONS, HL_GVA_HYPERCALL, HL_GVA_PARAMS,
        region(HL_REGION_INPUT)->gva, region(HL_REGION_OUTPUT)->gva,
        region(HL_REGION_HEAP)->gva, region(HL_REGION_HEAP)->gva + 0x1000,
        stack() - HL_STACK_GUARD, stack() - WORD, stack() - 1,
        stack() + 0x201, stack() + 0x204, stack_end() - WORD,
        stack_end() - 1, stack_end(), stack_end() + 0x800,
        HL_GVA_END - WORD, HL_GVA_END, 0xffff800000000000ull,
        UINT64_MAX - 15, UINT64_MAX - 7, UINT64_MAX
    };

    (void) state;

    frame(stack() + 0x100, 0, inside("hl_call"));

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        assert_int_equal(walk(ends[i]), 1);

        /* and as the second of a chain */

        frame(stack() + 0x180, ends[i], inside("hl_call"));
        assert_int_equal(walk(stack() + 0x180), 2);
    }

    /* the last two words of the stack are a frame like others */

    frame(stack_end() - 2 * WORD, 0, inside("hl_call"));
    assert_int_equal(walk(stack_end() - 2 * WORD), 2);
}


static void
frames_only_go_up(void **state)
{
    (void) state;

    /* on itself, in a circle, below the stack pointer */

    frame(stack() + 0x200, stack() + 0x200, inside("hl_call"));
    assert_int_equal(walk(stack() + 0x200), 2);

    frame(stack() + 0x200, stack() + 0x300, inside("hl_call"));
    frame(stack() + 0x300, stack() + 0x200, inside("hl_record_add"));
    assert_int_equal(walk(stack() + 0x200), 3);

    frame(stack() + 0x80, 0, inside("hl_call"));
    assert_int_equal(walk(stack() + 0x80), 1);
}


static void
stack_pointers_of_any_value_do_no_harm(void **state)
{
    size_t    i;
    hl_gva_t  ends[] = {
        0, 4, HL_GVA_SYSTEM, stack() - WORD, stack() - 1, stack() + 1,
        stack_end() - WORD, stack_end() - 1, stack_end(), HL_GVA_END,
        UINT64_MAX - 7, UINT64_MAX
    };

    (void) state;

    put(stack_end() - WORD, 0);

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        place.rsp = ends[i];
        place.rbp = ends[i];
        place.rip = 0;
        assert_int_equal(hl_backtrace(test_sb, &place, frames), 1);
        assert_null(frames[0].symbol);

        place.rip = symbol("memcpy")->address + 4;
        assert_int_equal(hl_backtrace(test_sb, &place, frames), 1);
    }
}


static void
only_code_that_can_run_is_reported(void **state)
{
    size_t    i;
    hl_gva_t  ends[] = {
        0, 1, HL_GVA_SYSTEM + 0x801, HL_GVA_EXCEPTIONS + 1, HL_GVA_PARAMS + 1,
        region(HL_REGION_HEAP)->gva + 1, stack() + 1,
        region(HL_REGION_SEGMENT + 1)->gva, HL_GVA_END, UINT64_MAX
    };

    (void) state;

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        frame(stack() + 0x200, stack() + 0x300, ends[i]);
        frame(stack() + 0x300, 0, inside("hl_call"));
        assert_int_equal(walk(stack() + 0x200), 1);
    }
}


static void
recursion_is_one_frame_and_bounded(void **state)
{
    hl_gva_t  gva;

    (void) state;

    for (gva = stack() + 0x200; gva < stack_end() - 32; gva += 16) {
        frame(gva, gva + 16, inside("recurse"));
    }

    assert_int_equal(walk(stack() + 0x200), 2);
    assert_int_equal(frames[1].times, 1024);

    frame(stack() + 0x220, stack() + 0x230, inside("hl_call"));
    assert_int_equal(walk(stack() + 0x200), 4);
    assert_int_equal(frames[1].times, 2);
    assert_int_equal(frames[2].times, 1);
    assert_int_equal(frames[3].times, 1021);
}


static void
frames_are_eight_at_most(void **state)
{
    size_t    i;
    hl_gva_t  gva;

    (void) state;

    for (i = 0; i < 100; i++) {
        gva = stack() + 0x200 + i * 16;
        frame(gva, gva + 16, inside(i % 2 == 0 ? "hl_call" : "hl_record_add"));
    }

    assert_int_equal(walk(stack() + 0x200), HL_FRAMES_MAX);
    assert_string_equal(frames[7].symbol, "hl_call");
}


/* ---- functions that have no frame, not yet or no more ------------------ */

static size_t
stop_at(hl_gva_t rip)
{
    place.rip = rip;
    place.rsp = stack() + 0x100;
    place.rbp = stack() + 0x200;
    frame(stack() + 0x200, 0, inside("hl_call"));
    memset(frames, 0xa5, sizeof(frames));

    return hl_backtrace(test_sb, &place, frames);
}


static void
caller_is_known_before_the_frame_is_set_up(void **state)
{
    hl_gva_t  start;

    (void) state;

    start = symbol("probe_fault")->address;

    put(stack() + 0x100, inside("recurse"));
    assert_int_equal(stop_at(start), 3);
    assert_string_equal(frames[1].symbol, "recurse");

    put(stack() + 0x100, 0);
    put(stack() + 0x108, inside("recurse"));
    assert_int_equal(stop_at(start + 1), 3);
    assert_string_equal(frames[1].symbol, "recurse");

    assert_int_equal(stop_at(start + 4), 2);
    assert_string_equal(frames[1].symbol, "hl_call");
}


static void
caller_of_assembly_is_found_by_its_call(void **state)
{
    hl_gva_t  rip, caller;

    (void) state;

    rip = symbol("memcpy")->address + 7;
    caller = call_of("memcpy");

    put(stack() + 0x100, caller);
    assert_int_equal(stop_at(rip), 3);
    assert_int_equal(frames[1].address, caller - 1);
    assert_string_equal(frames[2].symbol, "hl_call");

    /* two registers were pushed onto it */

    put(stack() + 0x100, 0);
    put(stack() + 0x108, inside("recurse"));
    put(stack() + 0x110, caller);
    assert_int_equal(stop_at(rip), 3);
    assert_int_equal(frames[1].address, caller - 1);

    /* behind no call, it is nobody's */

    put(stack() + 0x110, symbol("recurse")->address);
    assert_int_equal(stop_at(rip), 2);
    assert_string_equal(frames[1].symbol, "hl_call");
}


static void
caller_of_what_is_no_code_is_known(void **state)
{
    (void) state;

    put(stack() + 0x100, inside("recurse"));

    assert_int_equal(stop_at(0), 3);
    assert_null(frames[0].symbol);
    assert_string_equal(frames[1].symbol, "recurse");

    assert_int_equal(stop_at(region(HL_REGION_HEAP)->gva), 3);
    assert_int_equal(stop_at(UINT64_MAX), 3);
    assert_int_equal(stop_at(HL_GVA_SYSTEM), 3);
    assert_int_equal(stop_at(HL_GVA_LEAVE_OUT), 3);
}


/* ---- when it can be asked ---------------------------------------------- */

static void
nothing_is_known_of_a_guest_that_has_not_run(void **state)
{
    char  where[HL_WHERE_TEXT];

    (void) state;

    assert_int_equal(hl_call_backtrace(test_sb, frames), 0);
    assert_string_equal(hl_call_where(test_sb, where, sizeof(where)), "");

    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    assert_string_equal(hl_call_where(test_sb, where, sizeof(where)), "");
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_string_equal(hl_call_where(test_sb, where, sizeof(where)), "");

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    assert_int_not_equal(hl_call_backtrace(test_sb, frames), 0);

    test_restore();
    assert_int_equal(hl_call_backtrace(test_sb, frames), 0);
}


/* A thread that got no CPU in a slice has not come as far in it. */
static void
guest_is_asked_between_slices_and_goes_on(void **state)
{
    int         slices;
    char        where[HL_WHERE_TEXT];
    hl_value_t  value;

    (void) state;

    value = test_string("loop");
    test_start(test_sb, "Fault", HL_TYPE_INT, &value, 1);

    for (slices = 0; slices < 1000; slices++) {
        assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                         HL_STOP_SLICE);
        (void) hl_call_where(test_sb, where, sizeof(where));

        if (strstr(where, "fault_loop+0x") != NULL) {
            break;
        }
    }

    assert_ptr_equal(strstr(where, ", in fault_loop+0x"), where);
    assert_non_null(strstr(where, " (probe.elf), called by _call_fault+0x"));

    assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                     HL_STOP_SLICE);
    hl_call_cancel(test_sb);
    assert_int_not_equal(hl_call_backtrace(test_sb, frames), 0);
    assert_string_equal(frames[0].symbol, "fault_loop");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(chain_is_followed_to_the_entry),
        test_sandbox(frame_pointers_of_any_value_end_it),
        test_sandbox(frames_only_go_up),
        test_sandbox(stack_pointers_of_any_value_do_no_harm),
        test_sandbox(only_code_that_can_run_is_reported),
        test_sandbox(recursion_is_one_frame_and_bounded),
        test_sandbox(frames_are_eight_at_most),
        test_sandbox(caller_is_known_before_the_frame_is_set_up),
        test_sandbox(caller_of_assembly_is_found_by_its_call),
        test_sandbox(caller_of_what_is_no_code_is_known),
        test_sandbox(nothing_is_known_of_a_guest_that_has_not_run),
        test_sandbox(guest_is_asked_between_slices_and_goes_on)
    };

    return cmocka_run_group_tests_name("backtrace", tests, test_group_probe,
                                       test_group_end);
}
