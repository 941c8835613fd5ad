/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_status.c: what poisons a sandbox and what does not, and when an
 * interrupt from elsewhere ends a call.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"


#define STORM_CALLS  300


static hl_interrupt_t  *interrupt;      /* of test_sb */
static bool             kicked;         /* by the last kill() */
static bool             kill_at_print;


/* ---- host functions ---------------------------------------------------- */

static void *
kill_in_thread(void *data)
{
    (void) data;

    kicked = hl_interrupt_kill(interrupt);

    return NULL;
}


static void
kill_from_another_thread(void)
{
    pthread_t  thread;

    kicked = true;
    assert_int_equal(pthread_create(&thread, NULL, kill_in_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}


static hl_status_t
host_kill(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    kill_from_another_thread();
    *result = test_string("killed");

    return HL_OK;
}


static hl_status_t
host_fail(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) result;

    return hl_error_set(err, HL_ERR_GUEST, "Host function error!");
}


static hl_status_t
host_echo(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) n;
    (void) err;

    *result = args[0];

    return HL_OK;
}


static const hl_host_function_t  functions[] = {
    { "Kill", HL_TYPE_STRING, 1, { HL_TYPE_STRING }, host_kill },
    { "Fail", HL_TYPE_STRING, 1, { HL_TYPE_STRING }, host_fail },
    { "Echo", HL_TYPE_STRING, 1, { HL_TYPE_STRING }, host_echo }
};


/* What a call prints to its end comes with the exit that ends it. */
static hl_status_t
sink_print(void *data, const char *text, size_t len, hl_error_t *err)
{
    (void) data;
    (void) text;
    (void) len;
    (void) err;

    if (kill_at_print) {
        kill_from_another_thread();
    }

    return HL_OK;
}


/* ---- fixtures ---------------------------------------------------------- */

static void
status_config(hl_config_t *config)
{
    static hl_sink_t  sink;

    sink = test_sink;
    sink.print = sink_print;

    hl_config_init(config);

    config->sink = &sink;
    config->functions = functions;
    config->function_count = sizeof(functions) / sizeof(functions[0]);
}


static int
status_group(void **state)
{
    hl_config_t  config;

    (void) state;

    status_config(&config);

    return test_group(TEST_PROBE, &config);
}


static int
status_begin(void **state)
{
    (void) test_begin(state);

    kill_at_print = false;
    assert_ok(hl_interrupt_create(&interrupt, test_sb, &test_err));

    return 0;
}


static int
status_end(void **state)
{
    hl_interrupt_release(interrupt);

    return test_end(state);
}


/* ---- what poisons ------------------------------------------------------ */

typedef struct {
    const char   *function;
    size_t        n;
    const char   *first;                /* String, or NULL: Int */
    const char   *second;
    int32_t       number;               /* of all that are Int */
    hl_status_t   status;
    const char   *text;
} way_t;


static void
call_ends(const way_t *way)
{
    hl_value_t  args[2];

    args[0] = way->first != NULL ? test_string(way->first)
                                 : test_int(way->number);
    args[1] = way->second != NULL ? test_string(way->second)
                                  : test_int(way->number);

    assert_status(test_call(test_sb, way->function, HL_TYPE_INT, args,
                            way->n), way->status);

    if (strstr(test_err.text, way->text) != test_err.text) {
        fail_msg("%s: \"%s\" does not begin with \"%s\"", way->function,
                 test_err.text, way->text);
    }
}


static void
what_poisons(void **state)
{
    size_t          i;
    hl_snapshot_t  *snapshot;

    static const way_t  ways[] = {
        /* the guest gave up */
        { "GuestAbortWithMessage", 2, NULL, "why", 3, HL_ERR_ABORTED,
          "Guest aborted: 3 why" },
        { "Fault", 1, "abort", NULL, 0, HL_ERR_ABORTED, "Guest aborted: 0" },
        { "Fault", 1, "exit", NULL, 0, HL_ERR_ABORTED, "Guest aborted: 3" },
        { "Fault", 1, "heap", NULL, 0, HL_ERR_ABORTED,
          "Guest aborted: 13 Malloc Failed" },

        /* it waits for a host function that has failed, or for none */
        { "CallHost", 2, "Fail", "x", 0, HL_ERR_ABORTED,
          "Guest aborted: 8 Host function error!" },
        { "CallHost", 2, "Nobody", "x", 0, HL_ERR_ABORTED,
          "Guest aborted: 8 HostFunction Nobody was not found" },
        { "CallHostInt", 2, "Echo", NULL, 1, HL_ERR_ABORTED,
          "Guest aborted: 8 Failed To Convert Parameter Value Int to "
          "String" },
        { "GetNothing", 0, NULL, NULL, 0, HL_ERR_ABORTED,
          "Guest aborted: 8 no host function has answered" },
        { "GetWrongType", 2, "Echo", "x", 0, HL_ERR_ABORTED,
          "Guest aborted: 8 host function answered with String, asked for "
          "was Int" },

        /* it crashed */
        { "Fault", 1, "null", NULL, 0, HL_ERR_FAULT, "page fault writing" },
        { "Fault", 1, "exec-stack", NULL, 0, HL_ERR_FAULT,
          "page fault executing" },
        { "Fault", 1, "divide", NULL, 0, HL_ERR_FAULT, "division error" },
        { "Fault", 1, "recursion", NULL, 0, HL_ERR_FAULT, "stack overflow" },

        /* it broke the protocol */
        { "LeaveWith", 1, NULL, NULL, 99, HL_ERR_PROTOCOL,
          "the guest made the unknown hypercall 99" },
        { "LeaveWith", 1, NULL, NULL, HL_HYPERCALL_RESUME, HL_ERR_PROTOCOL,
          "the guest resumes an exception that it does not have" },
        { "LeaveWith", 1, NULL, NULL, HL_HYPERCALL_FAULT, HL_ERR_PROTOCOL,
          "the guest made the unknown hypercall 6" },
        { "RawOutput", 1, NULL, NULL, 1, HL_ERR_OUTPUT,
          "the guest says that its output has" },

        /* the host gave it up */
        { "CallHost", 2, "Kill", "x", 0, HL_ERR_CANCELLED,
          "Execution was cancelled by the host, in _call_call_host+0x" }
    };

    (void) state;

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        call_ends(&ways[i]);
        assert_state(test_sb, HL_SANDBOX_POISONED);
        assert_null(hl_call_result(test_sb));

        assert_status(test_call(test_sb, "Count", HL_TYPE_INT, NULL, 0),
                      HL_ERR_POISONED);
        assert_string_equal(test_err.text, "The sandbox was poisoned");
        assert_status(hl_snapshot_create(&snapshot, test_sb, &test_err),
                      HL_ERR_POISONED);
        assert_string_equal(test_err.text, "The sandbox was poisoned");

        test_restore();
        assert_state(test_sb, HL_SANDBOX_READY);
        assert_int_equal(test_call_int(test_sb, "Count"), 1);
        test_restore();
    }
}


static void
what_does_not_poison(void **state)
{
    size_t  i;

    static const way_t  ways[] = {
        { "NoSuchFunction", 0, NULL, NULL, 0, HL_ERR_GUEST,
          "Guest error occurred GuestFunctionNotFound: NoSuchFunction" },
        { "EchoInt", 2, NULL, NULL, 0, HL_ERR_GUEST,
          "Guest error occurred GuestFunctionIncorrecNoOfParameters: Called "
          "function EchoInt with 2 parameters but it takes 1." },
        { "EchoInt", 1, "x", NULL, 0, HL_ERR_GUEST,
          "Guest error occurred GuestFunctionParameterTypeMismatch: "
          "Expected parameter type Int for parameter index 0 of function "
          "EchoInt but got String." },
        { "SetError", 2, NULL, "no", 15, HL_ERR_GUEST,
          "Guest error occurred GuestError: no" },
        { "SetError", 2, NULL, "no", 99, HL_ERR_GUEST,
          "Guest error occurred 99: no" },
        { "ReturnNull", 0, NULL, NULL, 0, HL_ERR_GUEST,
          "Guest error occurred GuestError: C guest function "
          "\"ReturnNull\" returned null" },
        { "Echo", 1, "text", NULL, 0, HL_ERR_RESULT_TYPE,
          "Failed To Convert Return Value String to Int" }
    };

    (void) state;

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        call_ends(&ways[i]);
        assert_state(test_sb, HL_SANDBOX_READY);
        assert_null(hl_call_result(test_sb));
        assert_int_equal(test_call_int(test_sb, "Count"), (int) i + 1);
    }
}


/* ---- interrupts -------------------------------------------------------- */

/* Not during the host function, but the guest does not go on behind it. */
static void
interrupt_during_a_host_function_ends_the_call(void **state)
{
    hl_value_t  args[2] = { test_string("Kill"), test_string("x") };

    (void) state;

    assert_status(test_call(test_sb, "CallHost", HL_TYPE_STRING, args, 2),
                  HL_ERR_CANCELLED);
    assert_false(kicked);
    assert_state(test_sb, HL_SANDBOX_POISONED);
}


static void
end_of_a_call_wins_over_a_late_interrupt(void **state)
{
    hl_value_t  text = test_string("the end");

    (void) state;

    kill_at_print = true;
    assert_ok(test_call(test_sb, "PrintUnflushed", HL_TYPE_VOID, &text, 1));
    assert_false(kicked);
    assert_state(test_sb, HL_SANDBOX_READY);

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
}


static void
interrupt_is_for_one_sandbox(void **state)
{
    hl_value_t     args[2] = { test_string("Kill"), test_string("x") };
    hl_sandbox_t  *other;

    (void) state;

    other = test_thaw(test_snapshot);

    assert_ok(test_call(other, "CallHost", HL_TYPE_STRING, args, 2));
    assert_false(kicked);
    assert_int_equal(test_call_int(test_sb, "Count"), 1);

    hl_sandbox_destroy(other);
}


static void
interrupt_before_an_initialisation_does_nothing(void **state)
{
    hl_guest_t      *guest;
    hl_config_t      config;
    hl_sandbox_t    *sb;
    hl_interrupt_t  *early;

    (void) state;

    status_config(&config);
    guest = test_guest(TEST_PROBE);

    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_ok(hl_interrupt_create(&early, sb, &test_err));
    assert_false(hl_interrupt_kill(early));
    assert_ok(hl_sandbox_evolve(sb, TEST_LONG, &test_err));
    assert_int_equal(test_call_int(sb, "Count"), 1);

    hl_interrupt_release(early);
    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void *
kill_on_and_on(void *data)
{
    atomic_bool *stop = data;

    while (!atomic_load(stop)) {
        (void) hl_interrupt_kill(interrupt);
    }

    return NULL;
}


/* Whenever it comes, a call is either done or cancelled. */
static void
interrupts_may_come_at_any_time(void **state)
{
    int          i;
    pthread_t    thread;
    atomic_bool  stop;
    hl_status_t  status;

    (void) state;

    atomic_init(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, kill_on_and_on, &stop), 0);

    for (i = 0; i < STORM_CALLS; i++) {
        status = test_call(test_sb, "Count", HL_TYPE_INT, NULL, 0);

        if (status == HL_OK) {
            assert_int_equal(hl_call_result(test_sb)->v.i32, 1);
            assert_state(test_sb, HL_SANDBOX_READY);

        } else {
            assert_int_equal(status, HL_ERR_CANCELLED);
            assert_state(test_sb, HL_SANDBOX_POISONED);
        }

        test_restore();
    }

    atomic_store(&stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(hl_sandbox_stats(test_sb)->rebuilds, 0);
}


/* ---- log level --------------------------------------------------------- */

static void
log_level_counts_from_the_next_call_on(void **state)
{
    size_t  i;

    static const struct {
        hl_log_level_t  level;
        unsigned        logs;
    } levels[] = {
        { HL_LOG_NONE, 0 }, { HL_LOG_CRITICAL, 0 }, { HL_LOG_ERROR, 1 },
        { HL_LOG_WARNING, 2 }, { HL_LOG_INFORMATION, 3 },
        { HL_LOG_DEBUG, 4 }, { HL_LOG_TRACE, 5 }
    };

    (void) state;

    for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        hl_sandbox_set_log_level(test_sb, levels[i].level);
        test_seen.logs = 0;

        assert_ok(test_call(test_sb, "LogLevels", HL_TYPE_VOID, NULL, 0));
        assert_int_equal(test_seen.logs, levels[i].logs);

        /* a restore does not change it */

        test_restore();
        test_seen.logs = 0;

        assert_ok(test_call(test_sb, "LogLevels", HL_TYPE_VOID, NULL, 0));
        assert_int_equal(test_seen.logs, levels[i].logs);
    }
}


#define test_status(f)                                                        \
    cmocka_unit_test_setup_teardown(f, status_begin, status_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_status(what_poisons),
        test_status(what_does_not_poison),
        test_status(interrupt_during_a_host_function_ends_the_call),
        test_status(end_of_a_call_wins_over_a_late_interrupt),
        test_status(interrupt_is_for_one_sandbox),
        test_status(interrupt_before_an_initialisation_does_nothing),
        test_status(interrupts_may_come_at_any_time),
        test_status(log_level_counts_from_the_next_call_on)
    };

    return cmocka_run_group_tests_name("status", tests, status_group,
                                       test_group_end);
}
