/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_reentry.c: what host functions and the sink may do to the sandbox
 * whose guest has called them: give its call up, and nothing else.
 */

#include "test.h"


static hl_status_t host_function(void *data, const hl_value_t *args,
    size_t n, hl_value_t *result, hl_error_t *err);
static hl_status_t sink_log(void *data, hl_log_level_t level,
    const char *source, size_t source_len, uint32_t line,
    const char *message, size_t message_len, hl_error_t *err);


/* What both do, once. */
static void  (*act)(void);

static const hl_host_function_t  functions[] = {
    { "Later", HL_TYPE_INT, 1, { HL_TYPE_INT }, host_function }
};

static const hl_sink_t  sink = { .log = sink_log };


static void
act_once(void)
{
    void  (*now)(void);

    now = act;
    act = NULL;

    if (now != NULL) {
        now();
    }
}


static hl_status_t
host_function(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    act_once();

    result->v.i32 = 37;

    return HL_OK;
}


static hl_status_t
sink_log(void *data, hl_log_level_t level, const char *source,
    size_t source_len, uint32_t line, const char *message,
    size_t message_len, hl_error_t *err)
{
    (void) data;
    (void) level;
    (void) source;
    (void) source_len;
    (void) line;
    (void) message;
    (void) message_len;
    (void) err;

    act_once();

    return HL_OK;
}


static int
group_peek(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.functions = functions;
    config.function_count = 1;
    config.sink = &sink;

    return test_group(TEST_PEEK, &config);
}


static hl_status_t
call(const char *name)
{
    hl_value_t  n = test_int(5);

    return test_call(test_sb, name, HL_TYPE_INT, &n, 1);
}


static void
cancel(void)
{
    hl_call_cancel(test_sb);
}


static void
call_may_be_cancelled_by_its_host_function(void **state)
{
    (void) state;

    act = cancel;
    assert_status(call("AskLater"), HL_ERR_CANCELLED);
    assert_null(hl_call_result(test_sb));
    assert_state(test_sb, HL_SANDBOX_POISONED);

    test_restore();
    assert_pristine(test_sb, test_snapshot);

    assert_ok(call("AskLater"));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 42);
}


/* By the last record of a guest that has parked. */
static void
call_may_be_cancelled_by_its_sink(void **state)
{
    (void) state;

    act = cancel;
    assert_status(test_call(test_sb, "LogAndReturn", HL_TYPE_INT, NULL, 0),
                  HL_ERR_CANCELLED);
    assert_null(hl_call_result(test_sb));
    assert_state(test_sb, HL_SANDBOX_POISONED);

    test_restore();
    assert_pristine(test_sb, test_snapshot);
    assert_int_equal(test_call_int(test_sb, "LogAndReturn"), 0);
}


static void
refused(void)
{
    hl_error_t      err;
    hl_value_t      answer = test_int(1);
    hl_snapshot_t  *snapshot;

    assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &err), HL_STOP_FAILED);
    assert_int_equal(err.status, HL_ERR_ARGUMENT);
    assert_status(hl_sandbox_finish(test_sb, TEST_MS, &err), HL_ERR_ARGUMENT);
    assert_status(hl_sandbox_restore(test_sb, test_snapshot, &err),
                  HL_ERR_ARGUMENT);
    assert_status(hl_snapshot_create(&snapshot, test_sb, &err),
                  HL_ERR_ARGUMENT);
    assert_status(hl_call_answer(test_sb, HL_OK, &answer, NULL, &err),
                  HL_ERR_ARGUMENT);
    assert_status(hl_call_typed(test_sb, NULL, "GetState", HL_TYPE_INT, NULL,
                                0, NULL, &err), HL_ERR_ARGUMENT);
    assert_state(test_sb, HL_SANDBOX_CALLING);
}


static void
guest_is_not_entered_by_what_it_has_called(void **state)
{
    (void) state;

    act = refused;
    assert_ok(call("LogAndAskLater"));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 42);

    test_restore();

    act = refused;
    assert_ok(call("AskLater"));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 42);

    test_restore();
    assert_pristine(test_sb, test_snapshot);
}


/* By what is handed over of a call that has not come to its end. */
static void
guest_is_not_entered_by_its_last_words(void **state)
{
    (void) state;

    act = refused;
    assert_status(test_call(test_sb, "LogAndFault", HL_TYPE_INT, NULL, 0),
                  HL_ERR_FAULT);
    assert_null(act);

    test_restore();

    test_start(test_sb, "LogAndSpin", HL_TYPE_INT, NULL, 0);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                     HL_STOP_SLICE);

    act = refused;
    hl_call_cancel(test_sb);
    assert_null(act);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    test_restore();
    assert_pristine(test_sb, test_snapshot);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(call_may_be_cancelled_by_its_host_function),
        test_sandbox(call_may_be_cancelled_by_its_sink),
        test_sandbox(guest_is_not_entered_by_what_it_has_called),
        test_sandbox(guest_is_not_entered_by_its_last_words)
    };

    return cmocka_run_group_tests_name("reentry", tests, group_peek,
                                       test_group_end);
}
