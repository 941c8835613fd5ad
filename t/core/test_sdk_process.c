/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_sdk_process.c: the guest library as libc has it, by guests that report
 * what they observe (guest/testguests/sdk/): memory, descriptors, the end of
 * a process, exceptions and C++.
 */

#include <string.h>

#include "sdk.h"


#define SDK_CODE_UNKNOWN  8
#define SDK_CODE_MALLOC   13


/* ---- memory ------------------------------------------------------------ */

static void
sdk_malloc_is_hyperlights(void **state)
{
    (void) state;

    test_open(SDK("libc"), NULL);

    assert_int_equal(test_call_int(test_sb, "Memory"), 0);
    assert_int_equal(test_call_int(test_sb, "SbrkBounds"), 0);
}


static void
sdk_out_of_memory_aborts(void **state)
{
    size_t  i;

    static const char *const  ways[] = {
        "malloc", "malloc-64", "calloc", "calloc-plain", "realloc",
        "realloc-huge", "aligned_alloc", "until there is none"
    };

    (void) state;

    test_open(SDK("libc"), NULL);

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_status(test_call_string("Exhaust", ways[i], HL_TYPE_VOID),
                      HL_ERR_ABORTED);
        test_assert_error(HL_ERR_ABORTED, SDK_CODE_MALLOC, "Malloc Failed");
        sdk_restore();
    }
}


static void
sdk_out_of_memory_is_null_if_the_guest_wants(void **state)
{
    size_t  i;

    static const char *const  ways[] = {
        "malloc", "malloc-huge", "calloc", "calloc-overflow",
        "aligned_alloc", "aligned_alloc-huge", "realloc", "realloc-huge"
    };

    (void) state;

    test_open(SDK("memory"), NULL);

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_ok(test_call_string("Fails", ways[i], HL_TYPE_BOOL));

        if (!hl_call_result(test_sb)->v.boolean) {
            fail_msg("%s", ways[i]);
        }
    }

    assert_true(test_call_int(test_sb, "Exhaust") > 100);
}


static void
sdk_library_without_memory_aborts(void **state)
{
    (void) state;

    test_open(SDK("memory"), NULL);

    assert_status(test_call(test_sb, "Result", HL_TYPE_STRING, NULL, 0),
                  HL_ERR_ABORTED);
    test_assert_error(HL_ERR_ABORTED, SDK_CODE_MALLOC, "Malloc Failed");
}


/* ---- descriptors, process ---------------------------------------------- */

static void
sdk_formats_know_long_double(void **state)
{
    (void) state;

    test_open(SDK("libc"), NULL);

    assert_int_equal(test_call_int(test_sb, "Formats"), 0);
}


static void
sdk_descriptors_are_as_documented(void **state)
{
    (void) state;

    test_open(SDK("libc"), NULL);

    assert_int_equal(test_call_int(test_sb, "Descriptors"), 0);
    assert_string_equal(test_seen.print, "out err\n");
}


static void
sdk_an_end_is_an_abort(void **state)
{
    size_t      i;
    hl_value_t  args[2];

    static const struct {
        const char  *how;
        int32_t      code;
        uint32_t     seen;
    } ways[] = {
        { "_exit", 7, 7 },
        { "_exit", 0, 0 },
        { "_exit", 0x101, 1 },
        { "exit", 3, 3 },
        { "abort", 9, 0 },
        { "kill", 9, 137 }
    };

    (void) state;

    test_open(SDK("libc"), NULL);

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        args[0] = test_string(ways[i].how);
        args[1] = test_int(ways[i].code);

        assert_status(test_call(test_sb, "End", HL_TYPE_VOID, args, 2),
                      HL_ERR_ABORTED);
        assert_int_equal(test_err.guest_code, ways[i].seen);
        sdk_restore();
    }
}


/* ---- exceptions -------------------------------------------------------- */

static void
sdk_exceptions_are_handled(void **state)
{
    size_t   i;
    int32_t  rc;

    static const char *const  names[] = {
        "Ud2", "Registers", "Change", "RedZone", "Fpu", "Avx", "X87",
        "Divide", "PageFault"
    };

    (void) state;

    test_open(SDK("exception"), NULL);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        rc = test_call_int(test_sb, names[i]);

        /* 1: not on this CPU */
        if (rc != 0 && rc != 1) {
            fail_msg("%s: %d", names[i], rc);
        }

        sdk_restore();
    }
}


static void
sdk_handler_stays_over_restore(void **state)
{
    (void) state;

    test_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "Inherited"), 1);
    sdk_restore();
    assert_int_equal(test_call_int(test_sb, "Inherited"), 1);
}


static void
sdk_handler_of_a_call_goes_with_it(void **state)
{
    (void) state;

    test_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "Ud2"), 0);
    sdk_restore();
    assert_status(test_call(test_sb, "Unhandled", HL_TYPE_VOID, NULL, 0),
                  HL_ERR_FAULT);
}


static void
sdk_handlers_nest(void **state)
{
    (void) state;

    test_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "Nested"), 11);
    assert_int_equal(test_call_int_1(test_sb, "Many", 1000), 1000);
}


static void
sdk_unhandled_exceptions_end_the_call(void **state)
{
    size_t             i;
    const hl_fault_t  *fault;

    static const struct {
        const char  *name;
        uint64_t     vector;
        unsigned     logs;
    } calls[] = {
        { "Unhandled", 6, 0 },
        { "Declined", 6, 1 },
        { "DeclinedInCall", 14, 1 },
        { "Removed", 6, 0 }
    };

    (void) state;

    test_open(SDK("exception"), NULL);

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        assert_status(test_call(test_sb, calls[i].name, HL_TYPE_VOID, NULL,
                                0), HL_ERR_FAULT);

        fault = hl_call_fault(test_sb);
        assert_non_null(fault);
        assert_int_equal(fault->vector, calls[i].vector);
        assert_int_equal(test_seen.logs, calls[i].logs);
        sdk_restore();
    }
}


static void
sdk_endless_exceptions_end_the_call(void **state)
{
    (void) state;

    test_open(SDK("exception"), NULL);

    assert_status(test_call(test_sb, "Endless", HL_TYPE_VOID, NULL, 0),
                  HL_ERR_FAULT);
    sdk_restore();
    assert_int_equal(test_call_int(test_sb, "Ud2"), 0);
}


static void
sdk_bad_vector_is_einval(void **state)
{
    (void) state;

    test_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "BadVector"), 22);
}


static void
sdk_handler_may_log_over_the_library(void **state)
{
    (void) state;

    test_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "InLibrary"), 0);
    assert_int_equal(test_seen.logs, 1);
    assert_string_equal(test_seen.log, "from a handler");
    assert_string_equal(test_seen.print, "after");
}


/* ---- C++ --------------------------------------------------------------- */

static void
sdk_cxx_works(void **state)
{
    hl_value_t  args[2];

    (void) state;

    test_open(SDK("cxx"), NULL);

    assert_ok(test_call(test_sb, "Greet", HL_TYPE_STRING, NULL, 0));
    test_assert_string("constructed");

    args[0] = test_int(3);
    args[1] = test_int(5);
    assert_ok(test_call(test_sb, "Areas", HL_TYPE_INT, args, 2));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 24);

    assert_int_equal(test_call_int_1(test_sb, "Arrays", 9), 0);
    assert_int_equal(test_call_int(test_sb, "Once"), 42);

    assert_int_equal(test_call_int(test_sb, "LogIt"), 0);
    assert_string_equal(test_seen.log, "from C++");
}


static void
sdk_cxx_failures_abort(void **state)
{
    (void) state;

    test_open(SDK("cxx"), NULL);

    assert_status(test_call(test_sb, "TooMuch", HL_TYPE_VOID, NULL, 0),
                  HL_ERR_ABORTED);
    test_assert_error(HL_ERR_ABORTED, SDK_CODE_MALLOC, "Malloc Failed");
    sdk_restore();

    assert_status(test_call(test_sb, "PureVirtual", HL_TYPE_VOID, NULL, 0),
                  HL_ERR_ABORTED);
    test_assert_error(HL_ERR_ABORTED, SDK_CODE_UNKNOWN,
                      "pure virtual function called");
}


#define sdk_test(f)  cmocka_unit_test_teardown(f, test_close)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        sdk_test(sdk_malloc_is_hyperlights),
        sdk_test(sdk_out_of_memory_aborts),
        sdk_test(sdk_out_of_memory_is_null_if_the_guest_wants),
        sdk_test(sdk_library_without_memory_aborts),

        sdk_test(sdk_formats_know_long_double),
        sdk_test(sdk_descriptors_are_as_documented),
        sdk_test(sdk_an_end_is_an_abort),

        sdk_test(sdk_exceptions_are_handled),
        sdk_test(sdk_handler_stays_over_restore),
        sdk_test(sdk_handler_of_a_call_goes_with_it),
        sdk_test(sdk_handlers_nest),
        sdk_test(sdk_unhandled_exceptions_end_the_call),
        sdk_test(sdk_endless_exceptions_end_the_call),
        sdk_test(sdk_bad_vector_is_einval),
        sdk_test(sdk_handler_may_log_over_the_library),

        sdk_test(sdk_cxx_works),
        sdk_test(sdk_cxx_failures_abort)
    };

    return cmocka_run_group_tests_name("sdk_process", tests, test_group_host,
                                       test_group_end);
}
