/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_failure.c: what each way to fail does to a sandbox, and that restore
 * makes up for all of them.
 */

#include <string.h>

#include "test.h"


/* Flags that no guest may park with. */
#define FLAG_TF  0x100
#define FLAG_DF  0x400
#define FLAG_NT  0x4000
#define FLAG_AC  0x40000
#define FLAG_ID  0x200000


/* ---- ways to fail, and restore ----------------------------------------- */

/* Poisoned; restored, all of it is new, and a call finds it so. */
static void
assert_restorable(void)
{
    assert_state(test_sb, HL_SANDBOX_POISONED);
    assert_null(hl_call_result(test_sb));

    test_restore();

    assert_state(test_sb, HL_SANDBOX_READY);
    assert_null(hl_call_fault(test_sb));
    assert_pristine(test_sb, test_snapshot);

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_int(test_sb, "SumPages"), 0);
    assert_int_equal(test_call_uint(test_sb, "FindSecret"), 0);
    test_restore();
}


/* Each failure has something to be cleaned up before it. */
static void
soil(void)
{
    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_int_1(test_sb, "DirtyPages", 20), 20);
    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
}


/* Text of the error: what happened, and, of a page fault, where. */
static void
fault_is_survived(const char *how, const char *said)
{
    soil();
    assert_status(test_fault(test_sb, how), HL_ERR_FAULT);

    if (strstr(test_err.text, said) == NULL) {
        fail_msg("\"%s\" is said to be \"%s\"", how, test_err.text);
    }

    assert_non_null(hl_call_fault(test_sb));
    assert_restorable();
}


static void
page_faults_are_survived(void **state)
{
    (void) state;

    fault_is_survived("null", "page fault writing 0x0 (null pointer), at 0x4");
    fault_is_survived("read-null", "page fault reading 0x0 (null pointer), "
                      "at 0x4");
    fault_is_survived("call-null", "page fault executing 0x0 (null pointer), "
                      "at 0x0, called by _call_fault+0x");
    fault_is_survived("exec-data", "page fault executing 0x4");
    fault_is_survived("exec-data", " (data), at 0x4");
    fault_is_survived("exec-stack", " (stack), at 0x40");
    fault_is_survived("exec-heap", " (heap), at 0x40");
    fault_is_survived("write-text", "page fault writing 0x4");
    fault_is_survived("write-text", " (code), at 0x4");
    fault_is_survived("write-constant", " (read-only data), at 0x4");
    fault_is_survived("write-input", " (input area), at 0x4");
    fault_is_survived("write-params", "page fault writing 0x40004000 "
                      "(parameters page), at 0x4");
    fault_is_survived("write-hypercall", "page fault writing 0x40002");
    fault_is_survived("above-stack", "(0 bytes past the end of the stack)");
    fault_is_survived("above-heap", "(0 bytes past the end of the heap)");
}


static void
stack_overflow_is_survived_and_named(void **state)
{
    (void) state;

    fault_is_survived("stack-guard", "stack overflow: the stack of 65536 "
                                     "bytes is used up");
    fault_is_survived("recursion", "stack overflow");
    fault_is_survived("recursion", " times, fault_recursion+0x");
    fault_is_survived("frame", "stack overflow");
}


static void
exceptions_are_survived(void **state)
{
    (void) state;

    fault_is_survived("divide", "division error, at 0x4");
    fault_is_survived("divide", " in fault_divide+0x");
    fault_is_survived("divide", " (probe.elf), called by _call_fault+0x");
    fault_is_survived("undefined", "invalid opcode, at ");
    fault_is_survived("breakpoint", "breakpoint, at ");
    fault_is_survived("trap-flag", "debug exception, at ");
    fault_is_survived("not-canonical", "(vector 13, ");
    fault_is_survived("x87", "x87 error, at ");
    fault_is_survived("simd", "SIMD error, at ");
}


/* #GP, or #UD where KVM emulates it: either way it ends. */
static void
privileged_instructions_are_survived(void **state)
{
    (void) state;

    fault_is_survived("hlt", "(vector ");
    fault_is_survived("cli", "(vector ");
    fault_is_survived("cr3", "(vector ");
    fault_is_survived("int80", "");
    fault_is_survived("syscall", "");
}


static void
fault_is_told_with_registers(void **state)
{
    const hl_fault_t  *fault;

    (void) state;

    assert_null(hl_call_fault(test_sb));
    assert_status(test_fault(test_sb, "stack-guard"), HL_ERR_FAULT);

    fault = hl_call_fault(test_sb);
    assert_non_null(fault);
    assert_int_equal(fault->vector, 14);
    assert_int_equal(fault->error_code & 7, 6);   /* user, write, no page */
    assert_int_equal(fault->address,
                     test_sb->image->layout.regions[HL_REGION_STACK].gva
                     - 1);
    assert_true(fault->rip >= 0x400000 && fault->rip < 0x500000);
    assert_int_equal(fault->fs_base, 0);
    assert_int_equal(fault->gs_base, 0);

    /* the stack pointer is the guest's, not the exception stack's */

    assert_ptr_equal(hl_layout_find(&test_sb->image->layout, fault->gpr[4]),
                     &test_sb->image->layout.regions[HL_REGION_STACK]);
}


static void
abort_is_survived(void **state)
{
    hl_value_t  args[2];

    (void) state;

    soil();

    args[0] = test_int(42);
    args[1] = test_string("no more");
    assert_status(test_call(test_sb, "GuestAbortWithMessage", HL_TYPE_INT,
                            args, 2),
                  HL_ERR_ABORTED);
    assert_int_equal(test_err.guest_code, 42);
    test_assert_begins("Guest aborted: 42 no more, in _call_abort_with_message"
                       "+0x");
    assert_null(hl_call_fault(test_sb));
    assert_restorable();
}


static hl_status_t
call_int_args(const char *name, int32_t a, int32_t b, size_t n)
{
    hl_value_t  args[2];

    args[0] = test_int(a);
    args[1] = test_int(b);

    return test_call(test_sb, name, HL_TYPE_INT, args, n);
}


/* Four bytes at once: of the ports from 0x80 on only the first is allowed. */
static void
port_that_is_denied_is_survived(void **state)
{
    (void) state;

    soil();
    assert_status(call_int_args("OutPort", 0x80, 1, 2), HL_ERR_FAULT);
    assert_restorable();

    soil();
    assert_status(call_int_args("OutPort", 0x60, 1, 2), HL_ERR_FAULT);
    assert_restorable();

    soil();
    assert_status(call_int_args("InPort", 0x80, 0, 1), HL_ERR_FAULT);
    assert_restorable();
}


/* By a jump to the OUT in the page, past the code that sets the kind. */
static void
jump_into_the_hypercall_page_is_survived(void **state)
{
    int32_t  offset;

    (void) state;

    for (offset = 0; offset < 0x200; offset++) {
        hl_value_t  value;

        value = test_int(offset);
        test_start(test_sb, "JumpToHypercall", HL_TYPE_INT, &value, 1);

        /* any end will do: RET comes back, the entry code starts anew */

        (void) hl_sandbox_finish(test_sb, TEST_MS, &test_err);

        test_restore();
        assert_pristine(test_sb, test_snapshot);
        assert_int_equal(test_call_int(test_sb, "Count"), 1);
        test_restore();
    }
}


static void
park_with_flags_is_survived(void **state)
{
    size_t  i;

    static const int32_t  flags[] = { FLAG_DF, FLAG_NT, FLAG_AC, FLAG_ID };

    (void) state;

    for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        soil();
        assert_status(call_int_args("ParkWithFlags", flags[i], 0, 1),
                      HL_ERR_PROTOCOL);
        assert_non_null(strstr(test_err.text, "the guest parked with flags "
                                              "0x"));
        assert_restorable();
    }
}


/* Each instruction is an exception then, before any park. */
static void
park_with_trap_flag_is_survived(void **state)
{
    (void) state;

    soil();
    assert_int_not_equal(call_int_args("ParkWithFlags", FLAG_TF, 0, 1),
                         HL_OK);
    assert_restorable();
}


/* A fault where the CPU enforces CR4.FSGSBASE, and this is not allowed. */
static void
park_with_fs_base_is_survived(void **state)
{
    hl_value_t   value;
    hl_status_t  status;

    (void) state;

    memset(&value, 0, sizeof(value));
    value.type = HL_TYPE_LONG;
    value.v.i64 = 0x1000;

    soil();
    status = test_call(test_sb, "ParkWithFsBase", HL_TYPE_INT, &value, 1);
    assert_true(status == HL_ERR_PROTOCOL || status == HL_ERR_FAULT);
    assert_restorable();
}


/* The dispatcher was fixed by the first park. */
static void
park_at_another_dispatcher_changes_nothing(void **state)
{
    hl_value_t  value;

    (void) state;

    memset(&value, 0, sizeof(value));
    value.type = HL_TYPE_LONG;
    value.v.i64 = 0xdead000;

    assert_status(test_call(test_sb, "ParkAt", HL_TYPE_INT, &value, 1),
                  HL_ERR_OUTPUT);
    test_restore();
    assert_pristine(test_sb, test_snapshot);
    assert_int_equal(test_call_int(test_sb, "Count"), 1);
}


static void
unknown_hypercall_is_survived(void **state)
{
    (void) state;

    soil();
    assert_status(call_int_args("LeaveWith", 77, 0, 1), HL_ERR_PROTOCOL);
    test_assert_begins("the guest made the unknown hypercall 77, in ");
    assert_restorable();
}


static void
malformed_output_is_survived(void **state)
{
    (void) state;

    soil();
    assert_status(call_int_args("RawOutput", 1, 0, 1), HL_ERR_OUTPUT);
    assert_restorable();
}


static void
timeout_is_survived(void **state)
{
    hl_value_t  value;

    (void) state;

    soil();

    value = test_string("loop");
    test_start(test_sb, "Fault", HL_TYPE_INT, &value, 1);
    assert_status(hl_sandbox_finish(test_sb, 3 * TEST_MS, &test_err),
                  HL_ERR_TIMEOUT);
    test_assert_begins("Execution was cancelled by the host, in fault_loop+");
    assert_restorable();
}


static void
cancel_before_the_start_is_survived(void **state)
{
    (void) state;

    soil();
    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    hl_call_cancel(test_sb);
    assert_restorable();
}


static void
cancel_of_an_http_call_half_begun_is_survived(void **state)
{
    void  *room;

    (void) state;

    soil();
    assert_ok(hl_call_http(test_sb, hl_sandbox_function(test_sb, "dump"),
                           &test_err));
    assert_ok(hl_call_http_field(test_sb, HL_HTTP_URI, "/secret", 7,
                                 &test_err));
    assert_ok(hl_call_http_body(test_sb, 90000, &room, &test_err));
    memset(room, 's', 90000);
    hl_call_cancel(test_sb);
    assert_restorable();
}


static void
cancel_after_a_slice_is_survived(void **state)
{
    hl_value_t  value;

    (void) state;

    soil();

    value = test_string("loop");
    test_start(test_sb, "Fault", HL_TYPE_INT, &value, 1);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                     HL_STOP_SLICE);
    hl_call_cancel(test_sb);
    assert_restorable();
}


static void
cancel_without_a_call_does_nothing(void **state)
{
    (void) state;

    hl_call_cancel(test_sb);
    assert_state(test_sb, HL_SANDBOX_READY);
}


/* One way after the other, in a sandbox that lives on. */
static void
sandbox_survives_failures_of_all_kinds_in_turn(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 10; i++) {
        fault_is_survived("null", "page fault writing 0x0 (null pointer), ");
        malformed_output_is_survived(state);
        cancel_after_a_slice_is_survived(state);
        abort_is_survived(state);
        unknown_hypercall_is_survived(state);
    }

    assert_int_equal(hl_sandbox_stats(test_sb)->rebuilds, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(page_faults_are_survived),
        test_sandbox(stack_overflow_is_survived_and_named),
        test_sandbox(exceptions_are_survived),
        test_sandbox(privileged_instructions_are_survived),
        test_sandbox(fault_is_told_with_registers),
        test_sandbox(abort_is_survived),
        test_sandbox(port_that_is_denied_is_survived),
        test_sandbox(jump_into_the_hypercall_page_is_survived),
        test_sandbox(park_with_flags_is_survived),
        test_sandbox(park_with_trap_flag_is_survived),
        test_sandbox(park_with_fs_base_is_survived),
        test_sandbox(park_at_another_dispatcher_changes_nothing),
        test_sandbox(unknown_hypercall_is_survived),
        test_sandbox(malformed_output_is_survived),
        test_sandbox(timeout_is_survived),
        test_sandbox(cancel_before_the_start_is_survived),
        test_sandbox(cancel_of_an_http_call_half_begun_is_survived),
        test_sandbox(cancel_after_a_slice_is_survived),
        test_sandbox(cancel_without_a_call_does_nothing),
        test_sandbox(sandbox_survives_failures_of_all_kinds_in_turn)
    };

    return cmocka_run_group_tests_name("failure", tests, test_group_probe,
                                       test_group_end);
}
