/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_lifecycle.c: a sandbox's states, what each way to fail does to it,
 * and that restore makes up for all of them; the lives of snapshots, and of
 * what they share with sandboxes.
 */

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"


#define LIVES  300

/* Flags that no guest may park with. */
#define FLAG_TF  0x100
#define FLAG_DF  0x400
#define FLAG_NT  0x4000
#define FLAG_AC  0x40000
#define FLAG_ID  0x200000


/* ---- states ------------------------------------------------------------ */

static void
sandbox_goes_from_new_to_ready(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);

    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_state(sb, HL_SANDBOX_NEW);

    assert_ok(hl_sandbox_evolve(sb, TEST_LONG, &test_err));
    assert_state(sb, HL_SANDBOX_READY);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
evolved_sandbox_does_not_evolve_again(void **state)
{
    (void) state;

    assert_status(hl_sandbox_evolve(test_sb, TEST_LONG, &test_err),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "the sandbox has evolved already");
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
new_sandbox_has_no_snapshot_and_no_restore(void **state)
{
    size_t          n;
    hl_guest_t     *guest;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    assert_status(hl_snapshot_create(&snapshot, sb, &test_err),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "only a ready sandbox can be frozen");
    assert_status(hl_sandbox_restore(sb, test_snapshot, &test_err),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "the sandbox has not evolved yet");
    assert_null(hl_sandbox_functions(sb, &n));
    assert_int_equal(n, 0);
    assert_null(hl_sandbox_function(sb, "Echo"));
    assert_state(sb, HL_SANDBOX_NEW);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
call_goes_from_ready_to_calling_and_back(void **state)
{
    (void) state;

    assert_state(test_sb, HL_SANDBOX_READY);
    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    assert_state(test_sb, HL_SANDBOX_CALLING);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_DONE);
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
calls_without_restore_see_each_other(void **state)
{
    (void) state;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);

    test_restore();
    assert_int_equal(test_call_int(test_sb, "Count"), 1);
}


static void
calling_sandbox_can_be_restored(void **state)
{
    (void) state;

    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    test_restore();

    assert_state(test_sb, HL_SANDBOX_READY);
    assert_pristine(test_sb, test_snapshot);
    assert_int_equal(test_call_int(test_sb, "Count"), 1);
}


static void
calling_sandbox_has_no_snapshot(void **state)
{
    hl_snapshot_t  *snapshot;

    (void) state;

    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    assert_status(hl_snapshot_create(&snapshot, test_sb, &test_err),
                  HL_ERR_ARGUMENT);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
}


static void
failed_initialisation_leaves_only_destroy(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    assert_status(hl_sandbox_evolve(sb, 0, &test_err), HL_ERR_INIT);
    assert_string_equal(test_err.text, "the guest's initialisation failed: "
                                       "it took longer than 0 ms");
    assert_state(sb, HL_SANDBOX_UNRECOVERABLE);
    assert_status(hl_sandbox_restore(sb, test_snapshot, &test_err),
                  HL_ERR_UNRECOVERABLE);
    assert_string_equal(test_err.text, "The sandbox is unrecoverable");
    assert_status(hl_sandbox_evolve(sb, TEST_LONG, &test_err),
                  HL_ERR_UNRECOVERABLE);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
longest_time_for_an_initialisation_is_long(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_ok(hl_sandbox_evolve(sb, UINT64_MAX, &test_err));

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
poisoned_sandbox_refuses_all_but_restore(void **state)
{
    hl_snapshot_t  *snapshot;

    (void) state;

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    assert_status(test_call(test_sb, "Count", HL_TYPE_INT, NULL, 0),
                  HL_ERR_POISONED);
    assert_string_equal(test_err.text, "The sandbox was poisoned");
    assert_status(hl_call_http(test_sb, hl_sandbox_function(test_sb, "dump"),
                               &test_err),
                  HL_ERR_POISONED);
    assert_status(hl_snapshot_create(&snapshot, test_sb, &test_err),
                  HL_ERR_POISONED);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_int_equal(test_err.status, HL_ERR_POISONED);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    test_restore();
    assert_state(test_sb, HL_SANDBOX_READY);
}


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

    fault_is_survived("null", "page fault writing 0x0, at 0x4");
    fault_is_survived("read-null", "page fault reading 0x0, at 0x4");
    fault_is_survived("call-null", "page fault executing 0x0, at 0x0");
    fault_is_survived("exec-data", "page fault executing 0x4");
    fault_is_survived("exec-stack", "page fault executing 0x40");
    fault_is_survived("exec-heap", "page fault executing 0x40");
    fault_is_survived("write-text", "page fault writing 0x4");
    fault_is_survived("write-constant", "page fault writing 0x4");
    fault_is_survived("write-input", "page fault writing 0x40");
    fault_is_survived("write-params", "page fault writing 0x40004000");
    fault_is_survived("write-hypercall", "page fault writing 0x40002");
    fault_is_survived("above-stack", "page fault writing 0x40");
    fault_is_survived("above-heap", "page fault writing 0x40");
}


static void
stack_overflow_is_survived_and_named(void **state)
{
    (void) state;

    fault_is_survived("stack-guard", "stack overflow: the stack of 65536 "
                                     "bytes is used up");
    fault_is_survived("recursion", "stack overflow");
    fault_is_survived("frame", "stack overflow");
}


static void
exceptions_are_survived(void **state)
{
    (void) state;

    fault_is_survived("divide", "division error, at ");
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
    assert_string_equal(test_err.text, "Guest aborted: 42 no more");
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
    assert_string_equal(test_err.text,
                        "the guest made the unknown hypercall 77");
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
    assert_string_equal(test_err.text, "Execution was cancelled by the "
                                       "host.");
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
        fault_is_survived("null", "page fault");
        malformed_output_is_survived(state);
        cancel_after_a_slice_is_survived(state);
        abort_is_survived(state);
        unknown_hypercall_is_survived(state);
    }

    assert_int_equal(hl_sandbox_stats(test_sb)->rebuilds, 0);
}


/* ---- snapshots --------------------------------------------------------- */

static void
snapshot_is_shared_by_sandboxes_that_see_nothing_of_each_other(void **state)
{
    hl_sandbox_t  *other;

    (void) state;

    other = test_thaw(test_snapshot);

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);
    assert_int_equal(test_call_int(other, "Count"), 1);
    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
    assert_int_equal(test_call_uint(other, "FindSecret"), 0);

    test_restore();
    assert_int_equal(test_call_int(other, "Count"), 2);

    hl_sandbox_destroy(other);
}


static void
snapshot_outlives_the_sandbox_it_came_from(void **state)
{
    hl_sandbox_t   *first, *second;
    hl_snapshot_t  *snapshot;

    (void) state;

    first = test_evolved(TEST_PROBE, NULL);
    assert_int_equal(test_call_int(first, "Count"), 1);
    snapshot = test_freeze(first);
    hl_sandbox_destroy(first);

    second = test_thaw(snapshot);
    assert_int_equal(test_call_int(second, "Count"), 2);
    assert_ok(hl_sandbox_restore(second, snapshot, &test_err));
    assert_int_equal(test_call_int(second, "Count"), 2);

    hl_sandbox_destroy(second);
    hl_snapshot_release(snapshot);
}


static void
sandbox_holds_the_snapshot_it_came_from(void **state)
{
    hl_sandbox_t   *first, *second;
    hl_snapshot_t  *snapshot;

    (void) state;

    first = test_evolved(TEST_PROBE, NULL);
    snapshot = test_freeze(first);
    second = test_thaw(snapshot);

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(first);

    assert_int_equal(test_call_int(second, "Count"), 1);
    hl_sandbox_destroy(second);
}


static void
snapshot_does_not_change_the_sandbox(void **state)
{
    hl_snapshot_t  *later;

    (void) state;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    later = test_freeze(test_sb);
    assert_pristine(test_sb, later);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);

    hl_snapshot_release(later);
}


static void
snapshot_holds_nothing_of_the_call_before(void **state)
{
    void           *room;
    size_t          i, size;
    hl_snapshot_t  *later;

    static const char  secret[] = "a secret of the request";

    (void) state;

    assert_ok(hl_call_http(test_sb, hl_sandbox_function(test_sb, "nothing"),
                           &test_err));
    assert_ok(hl_call_http_header(test_sb, secret, sizeof(secret), secret,
                                  sizeof(secret), &test_err));
    assert_ok(hl_call_http_body(test_sb, sizeof(secret), &room, &test_err));
    memcpy(room, secret, sizeof(secret));
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));

    later = test_freeze(test_sb);
    size = test_sb->image->layout.rw_size;

    for (i = 0; i + sizeof(secret) <= size; i++) {
        assert_memory_not_equal(later->pages + i, secret, sizeof(secret));
    }

    hl_snapshot_release(later);
}


static void
sandbox_goes_back_and_forth_between_snapshots(void **state)
{
    int             i;
    hl_snapshot_t  *later;

    (void) state;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_int_1(test_sb, "DirtyPages", 100), 100);
    later = test_freeze(test_sb);

    for (i = 0; i < 5; i++) {
        test_restore();
        assert_pristine(test_sb, test_snapshot);
        assert_int_equal(test_call_int(test_sb, "SumPages"), 0);
        assert_int_equal(test_call_int(test_sb, "Count"), 1);

        assert_ok(hl_sandbox_restore(test_sb, later, &test_err));
        assert_pristine(test_sb, later);
        assert_int_equal(test_call_int(test_sb, "SumPages"), 100);
        assert_int_equal(test_call_int(test_sb, "Count"), 2);
    }

    hl_snapshot_release(later);
}


static void
poisoned_sandbox_can_go_to_another_snapshot(void **state)
{
    hl_snapshot_t  *later;

    (void) state;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    later = test_freeze(test_sb);
    test_restore();

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    assert_ok(hl_sandbox_restore(test_sb, later, &test_err));
    assert_pristine(test_sb, later);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);

    hl_snapshot_release(later);
}


/* A snapshot of a snapshot has the pages that only the first one wrote. */
static void
snapshots_are_built_upon_each_other(void **state)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *second, *third;

    (void) state;

    assert_int_equal(test_call_int_1(test_sb, "DirtyPages", 100), 100);
    second = test_freeze(test_sb);
    assert_int_equal(test_call_int_1(test_sb, "DirtyPages", 10), 10);
    third = test_freeze(test_sb);

    sb = test_thaw(third);
    assert_int_equal(test_call_int(sb, "SumPages"), 110);
    assert_ok(hl_sandbox_restore(sb, second, &test_err));
    assert_int_equal(test_call_int(sb, "SumPages"), 100);
    assert_ok(hl_sandbox_restore(sb, third, &test_err));
    assert_int_equal(test_call_int(sb, "SumPages"), 110);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(third);
    hl_snapshot_release(second);
}


static void
snapshot_of_another_guest_is_refused_and_harms_nothing(void **state)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *other;

    (void) state;

    sb = test_evolved(TEST_RAW, NULL);
    other = test_freeze(sb);

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_status(hl_sandbox_restore(test_sb, other, &test_err),
                  HL_ERR_SNAPSHOT_LAYOUT);
    assert_string_equal(test_err.text, "the snapshot is of another layout: "
                                       "sizes, segments, clock or init_data "
                                       "differ");
    assert_state(test_sb, HL_SANDBOX_READY);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    assert_status(hl_sandbox_restore(test_sb, other, &test_err),
                  HL_ERR_SNAPSHOT_LAYOUT);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(other);
}


static void
snapshot_of_another_configuration_is_refused(void **state)
{
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *other;

    (void) state;

    hl_config_init(&config);
    config.heap *= 2;

    sb = test_evolved(TEST_PROBE, &config);
    other = test_freeze(sb);
    assert_status(hl_sandbox_restore(test_sb, other, &test_err),
                  HL_ERR_SNAPSHOT_LAYOUT);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(other);
}


static void
guest_may_go_before_its_sandboxes(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    hl_guest_destroy(guest);

    assert_ok(hl_sandbox_evolve(sb, TEST_LONG, &test_err));
    assert_int_equal(test_call_int(sb, "Count"), 1);
    hl_sandbox_destroy(sb);
}


/* ---- leaks ------------------------------------------------------------- */

static size_t
count_descriptors(void)
{
    DIR     *dir;
    size_t   n;

    dir = opendir("/proc/self/fd");
    assert_non_null(dir);

    for (n = 0; readdir(dir) != NULL; n++) {
        /* void */
    }

    (void) closedir(dir);

    return n;
}


static size_t
count_mappings(void)
{
    int      c;
    FILE    *maps;
    size_t   n;

    maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);

    for (n = 0; (c = fgetc(maps)) != EOF; n += c == '\n') {
        /* void */
    }

    (void) fclose(maps);

    return n;
}


/* After a first round, in which libc may take what it keeps. */
static void
assert_no_leak(void (*life)(void))
{
    int     i;
    size_t  descriptors, mappings;

    life();

    descriptors = count_descriptors();
    mappings = count_mappings();

    for (i = 0; i < LIVES; i++) {
        life();
    }

    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(count_mappings(), mappings);
}


static void
life_from_a_snapshot(void)
{
    hl_sandbox_t  *sb;

    sb = test_thaw(test_snapshot);
    assert_int_equal(test_call_int(sb, "Count"), 1);
    assert_ok(hl_sandbox_restore(sb, test_snapshot, &test_err));
    hl_sandbox_destroy(sb);
}


static void
sandboxes_from_a_snapshot_leak_nothing(void **state)
{
    (void) state;

    assert_no_leak(life_from_a_snapshot);
}


static void
whole_life(void)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *first, *second;

    sb = test_evolved(TEST_PROBE, NULL);
    first = test_freeze(sb);
    assert_int_equal(test_call_int(sb, "Count"), 1);
    second = test_freeze(sb);
    assert_ok(hl_sandbox_restore(sb, first, &test_err));
    assert_status(test_fault(sb, "null"), HL_ERR_FAULT);
    assert_ok(hl_sandbox_restore(sb, second, &test_err));

    hl_snapshot_release(first);
    hl_sandbox_destroy(sb);
    hl_snapshot_release(second);
}


static void
sandboxes_and_snapshots_leak_nothing(void **state)
{
    (void) state;

    assert_no_leak(whole_life);
}


static void
failed_life(void)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    assert_status(hl_guest_from_buffer(&guest, "#!/bin/sh\n1234567", 17,
                                       "script", &test_err),
                  HL_ERR_GUEST_FILE);

    guest = test_guest(TEST_PROBE);
    hl_config_init(&config);

    config.heap = 1;
    assert_status(hl_sandbox_create(&sb, test_host, guest, &config,
                                    &test_err),
                  HL_ERR_MEMORY_TOO_SMALL);

    /* its initialisation runs out of memory */

    config.heap = 4096;
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_status(hl_sandbox_evolve(sb, TEST_LONG, &test_err), HL_ERR_INIT);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
failures_leak_nothing(void **state)
{
    (void) state;

    assert_no_leak(failed_life);
}


static void
null_is_nothing_to_destroy(void **state)
{
    (void) state;

    hl_sandbox_destroy(NULL);
    hl_guest_destroy(NULL);
    hl_snapshot_release(NULL);
    hl_host_destroy(NULL);
}


/* ---- host and configuration -------------------------------------------- */

static void
signal_that_is_handled_already_is_refused(void **state)
{
    hl_host_t  *host;

    (void) state;

    /* by the group's own host */

    assert_status(hl_host_create(&host, test_host->kvm.fd, SIGRTMIN,
                                 &test_err),
                  HL_ERR_ARGUMENT);
    assert_non_null(strstr(test_err.text, "is handled already"));
}


static void
signal_that_is_ignored_is_refused(void **state)
{
    hl_host_t  *host;

    (void) state;

    (void) signal(SIGRTMIN + 1, SIG_IGN);
    assert_status(hl_host_create(&host, test_host->kvm.fd, SIGRTMIN + 1,
                                 &test_err),
                  HL_ERR_ARGUMENT);
    (void) signal(SIGRTMIN + 1, SIG_DFL);
}


static void
signal_that_is_not_real_time_is_refused(void **state)
{
    hl_host_t  *host;

    (void) state;

    assert_status(hl_host_create(&host, test_host->kvm.fd, SIGUSR1,
                                 &test_err),
                  HL_ERR_ARGUMENT);
    assert_status(hl_host_create(&host, test_host->kvm.fd, SIGRTMAX + 1,
                                 &test_err),
                  HL_ERR_ARGUMENT);
    assert_status(hl_host_create(&host, test_host->kvm.fd, 0, &test_err),
                  HL_ERR_ARGUMENT);
}


static void
signal_is_free_again_after_the_host(void **state)
{
    int         i;
    hl_host_t  *host;

    (void) state;

    for (i = 0; i < 3; i++) {
        assert_ok(hl_host_create(&host, test_host->kvm.fd, SIGRTMIN + 1,
                                 &test_err));
        hl_host_destroy(host);
    }
}


static void
missing_device_is_told_what_to_do(void **state)
{
    int  fd;

    (void) state;

    assert_status(hl_kvm_open(&fd, "/dev/no-kvm", &test_err), HL_ERR_NO_KVM);
    assert_string_equal(test_err.text, "\"/dev/no-kvm\" is missing (No such "
                        "file or directory): load the module kvm_intel or "
                        "kvm_amd, or let the container or virtual machine "
                        "have the device");
}


static void
other_device_is_not_kvm(void **state)
{
    int  fd;

    (void) state;

    assert_status(hl_kvm_open(&fd, "/dev/null", &test_err), HL_ERR_NO_KVM);
    assert_string_equal(test_err.text, "\"/dev/null\" is not KVM with API "
                                       "version 12");
}


static void
sizes_have_bounds(void **state)
{
    size_t       i;
    hl_config_t  config;

    static const struct {
        const char  *name;
        size_t       offset;
        size_t       min;
        size_t       max;
    } sizes[] = {
        { "\"heap\"", offsetof(hl_config_t, heap), 4096, 16ul << 30 },
        { "\"stack\"", offsetof(hl_config_t, stack), 8192, 64 << 20 },
        { "\"output\"", offsetof(hl_config_t, output), 8192, 1 << 30 },
        { "\"headers\"", offsetof(hl_config_t, headers), 4096, 16 << 20 },
        { "\"input\"", offsetof(hl_config_t, input), 8192, 1 << 30 }
    };

    (void) state;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t  *size;

        hl_config_init(&config);
        config.input = 32 << 20;
        config.headers = 4096;
        size = (size_t *) (void *) ((char *) &config + sizes[i].offset);

        *size = sizes[i].min;
        assert_ok(hl_config_check(&config, &test_err));
        *size = sizes[i].max;
        assert_ok(hl_config_check(&config, &test_err));

        *size = sizes[i].min - 1;
        assert_status(hl_config_check(&config, &test_err),
                      HL_ERR_MEMORY_TOO_SMALL);
        assert_ptr_equal(strstr(test_err.text, sizes[i].name),
                         test_err.text);
        *size = sizes[i].max + 1;
        assert_status(hl_config_check(&config, &test_err),
                      HL_ERR_MEMORY_TOO_BIG);
        *size = SIZE_MAX;
        assert_status(hl_config_check(&config, &test_err),
                      HL_ERR_MEMORY_TOO_BIG);
    }
}


static void
headers_are_a_part_of_input(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.headers = config.input;
    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "\"headers\" is a part of \"input\" "
                                       "and must be smaller");
}


/* Sizes are rounded up to pages: there must be room for a body then. */
static void
headers_that_round_up_to_input_are_refused(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.input = 8192;
    config.headers = 4097;
    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
}


static void
smallest_sandbox_works(void **state)
{
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    hl_config_init(&config);
    config.heap = 32768;                /* what the probe's table needs */
    config.stack = 8192;
    config.input = 8192;
    config.headers = 4096;
    config.output = 8192;

    sb = test_evolved(TEST_PROBE, &config);
    snapshot = test_freeze(sb);
    assert_int_equal(test_call_int(sb, "Count"), 1);
    assert_ok(hl_sandbox_restore(sb, snapshot, &test_err));
    assert_pristine(sb, snapshot);

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(sb);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(sandbox_goes_from_new_to_ready),
        test_sandbox(evolved_sandbox_does_not_evolve_again),
        test_plain(new_sandbox_has_no_snapshot_and_no_restore),
        test_sandbox(call_goes_from_ready_to_calling_and_back),
        test_sandbox(calls_without_restore_see_each_other),
        test_sandbox(calling_sandbox_can_be_restored),
        test_sandbox(calling_sandbox_has_no_snapshot),
        test_plain(failed_initialisation_leaves_only_destroy),
        test_sandbox(longest_time_for_an_initialisation_is_long),
        test_sandbox(poisoned_sandbox_refuses_all_but_restore),

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
        test_sandbox(sandbox_survives_failures_of_all_kinds_in_turn),

        test_sandbox(
            snapshot_is_shared_by_sandboxes_that_see_nothing_of_each_other),
        test_plain(snapshot_outlives_the_sandbox_it_came_from),
        test_plain(sandbox_holds_the_snapshot_it_came_from),
        test_sandbox(snapshot_does_not_change_the_sandbox),
        test_sandbox(snapshot_holds_nothing_of_the_call_before),
        test_sandbox(sandbox_goes_back_and_forth_between_snapshots),
        test_sandbox(poisoned_sandbox_can_go_to_another_snapshot),
        test_sandbox(snapshots_are_built_upon_each_other),
        test_sandbox(snapshot_of_another_guest_is_refused_and_harms_nothing),
        test_sandbox(snapshot_of_another_configuration_is_refused),
        test_plain(guest_may_go_before_its_sandboxes),

        test_plain(sandboxes_from_a_snapshot_leak_nothing),
        test_plain(sandboxes_and_snapshots_leak_nothing),
        test_plain(failures_leak_nothing),
        test_plain(null_is_nothing_to_destroy),

        test_plain(signal_that_is_handled_already_is_refused),
        test_plain(signal_that_is_ignored_is_refused),
        test_plain(signal_that_is_not_real_time_is_refused),
        test_plain(signal_is_free_again_after_the_host),
        test_plain(missing_device_is_told_what_to_do),
        test_plain(other_device_is_not_kvm),
        test_plain(sizes_have_bounds),
        test_plain(headers_are_a_part_of_input),
        test_plain(headers_that_round_up_to_input_are_refused),
        test_plain(smallest_sandbox_works)
    };

    return cmocka_run_group_tests_name("lifecycle", tests, test_group_probe,
                                       test_group_end);
}
