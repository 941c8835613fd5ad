/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_embed_functions.c: host functions of an embedder: by number, with an
 * answer that comes later, as a snapshot needs them, and what of them and of
 * the rest a configuration may say.
 */

#include <string.h>

#include "test.h"


#define RAW_UPPER   0x10001
#define RAW_SILENT  0x10002


static hl_status_t
raw_upper(void *data, const void *in, size_t len, hl_value_t *result,
    hl_error_t *err)
{
    size_t       i;

    static char  out[64];

    (void) data;

    if (len > sizeof(out)) {
        return hl_error_set(err, HL_ERR_ARGUMENT, "over 64 bytes");
    }

    for (i = 0; i < len; i++) {
        out[i] = (char) (((const char *) in)[i] & ~0x20);
    }

    result->v.bytes.data = out;
    result->v.bytes.len = len;

    return HL_OK;
}


/* Fails, and leaves the error record as it is. */
static hl_status_t
raw_silent(void *data, const void *in, size_t len, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) in;
    (void) len;
    (void) result;
    (void) err;

    return HL_ERR_GUEST;
}


static const hl_raw_host_function_t  raw_functions[] = {
    { RAW_UPPER, raw_upper },
    { RAW_SILENT, raw_silent }
};


static hl_status_t
host_answer(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    result->v.i32 = 42;

    return HL_OK;
}


static hl_status_t
host_later(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) result;
    (void) err;

    return HL_AGAIN;
}


static const hl_host_function_t  later_functions[] = {
    { "Later", HL_TYPE_INT, 1, { HL_TYPE_INT }, host_later }
};


static int
group_peek(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.raw_functions = raw_functions;
    config.raw_function_count = 2;
    config.sink = &test_sink;
    config.functions = later_functions;
    config.function_count = 1;

    return test_group(TEST_PEEK, &config);
}


/* ---- host functions by number ------------------------------------------ */

static void
raw_function_gets_and_gives_bytes(void **state)
{
    hl_value_t  args[2] = { test_uint(RAW_UPPER), test_bytes("abc", 3) };

    (void) state;

    assert_ok(test_call(test_sb, "RawCall", HL_TYPE_VECBYTES, args, 2));
    assert_int_equal(hl_call_result(test_sb)->v.bytes.len, 3);
    assert_memory_equal(hl_call_result(test_sb)->v.bytes.data, "ABC", 3);
}


static void
raw_function_that_fails_or_is_missing_is_an_error_of_the_guest(void **state)
{
    char        large[65] = { 0 };
    hl_value_t  args[2] = { test_uint(RAW_UPPER), test_bytes(large, 65) };

    (void) state;

    assert_status(test_call(test_sb, "RawCall", HL_TYPE_VECBYTES, args, 2),
                  HL_ERR_GUEST);
    assert_string_equal(test_err.text, "Guest error occurred "
                                       "HostFunctionError: over 64 bytes");

    args[0] = test_uint(RAW_SILENT + 1);
    assert_status(test_call(test_sb, "RawCall", HL_TYPE_VECBYTES, args, 2),
                  HL_ERR_GUEST);
    assert_non_null(strstr(test_err.text,
                           "HostFunction 65539 was not found"));
}


static void
function_that_gives_no_reason_leaks_nothing(void **state)
{
    hl_value_t  args[2] = { test_uint(RAW_SILENT), test_bytes("", 0) };

    (void) state;

    assert_status(test_call(test_sb, "RawCall", HL_TYPE_VECBYTES, args, 2),
                  HL_ERR_GUEST);
    assert_string_equal(test_err.text, "Guest error occurred "
                        "HostFunctionError: the host gave no reason");
}


static hl_status_t  sink_says;


/* And leaves the error record as it is. */
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

    return sink_says;
}


static void
sink_that_gives_no_reason_ends_the_call(void **state)
{
    hl_config_t    config;
    hl_sandbox_t  *sb;

    static const hl_sink_t  sink = { .log = sink_log };

    (void) state;

    hl_config_init(&config);
    config.sink = &sink;

    sb = test_evolved(TEST_PEEK, &config);

    sink_says = HL_ERR_LIMIT;
    assert_status(test_call(sb, "LogAndReturn", HL_TYPE_INT, NULL, 0),
                  HL_ERR_LIMIT);
    assert_string_equal(test_err.text, "the host gave no reason");
    assert_state(sb, HL_SANDBOX_POISONED);
    hl_sandbox_destroy(sb);

    sb = test_evolved(TEST_PEEK, &config);

    sink_says = HL_AGAIN;
    assert_status(test_call(sb, "LogAndReturn", HL_TYPE_INT, NULL, 0),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "only a host function can answer "
                                       "later");
    hl_sandbox_destroy(sb);
}


static void
raw_functions_of_the_sdk_are_not_the_embedders(void **state)
{
    hl_config_t             config;
    hl_raw_host_function_t  function = { 0xffff, raw_upper };

    (void) state;

    hl_config_init(&config);
    config.raw_functions = &function;
    config.raw_function_count = 1;

    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "host function ids below 0x10000 "
                                       "belong to the SDK");
}


/* ---- what a configuration may say -------------------------------------- */

static void
host_functions_are_checked(void **state)
{
    size_t              i;
    char                longest[HL_ABI_NAME_MAX + 2];
    hl_config_t         config;
    hl_host_function_t  functions[8];

    (void) state;

    memset(longest, 'x', sizeof(longest));
    longest[HL_ABI_NAME_MAX + 1] = '\0';

    for (i = 0; i < 8; i++) {
        memset(&functions[i], 0, sizeof(functions[i]));

        functions[i].name = longest + 1;
        functions[i].result = HL_TYPE_VECBYTES;
        functions[i].param_count = HL_ABI_PARAMS_MAX;
        functions[i].function = host_answer;
    }

    functions[1].name = NULL;
    functions[2].name = "";
    functions[3].name = longest;
    functions[4].param_count++;
    functions[5].params[HL_ABI_PARAMS_MAX - 1] = HL_TYPE_VOID;
    functions[6].result = (hl_type_t) (HL_TYPE_LAST + 1);
    functions[7].function = NULL;

    hl_config_init(&config);
    config.function_count = 1;
    config.functions = functions;
    assert_ok(hl_config_check(&config, &test_err));

    for (i = 1; i < 8; i++) {
        config.functions = &functions[i];
        assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
        assert_string_equal(test_err.text, "host function 0 needs a name of "
                            "1 to 255 bytes, at most 11 parameters, types "
                            "that there are, and a function");
    }
}


static void
configuration_is_checked(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.file_count = HL_FILES_MAX + 1;
    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "at most 8 files can be mapped");

    hl_config_init(&config);
    config.log_level = (hl_log_level_t) (HL_LOG_NONE + 1);
    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "\"log_level\" is not a level");

    hl_config_init(&config);
    config.init_data_size = (1ul << 30) + 1;
    assert_status(hl_config_check(&config, &test_err),
                  HL_ERR_MEMORY_TOO_BIG);
    assert_string_equal(test_err.text,
                        "\"init_data\" must be from 0 to 1024m");
}


/* ---- snapshots of other sandboxes -------------------------------------- */

static void
snapshot_goes_to_another_sandbox_of_the_same_layout(void **state)
{
    hl_value_t      n;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    hl_config_init(&config);
    sb = test_evolved(TEST_PEEK, &config);      /* without host functions */

    n = test_int(7);
    assert_ok(test_call(sb, "SetState", HL_TYPE_INT, &n, 1));
    snapshot = test_freeze(sb);
    hl_sandbox_destroy(sb);

    assert_int_equal(test_call_int(test_sb, "GetState"), 0);
    assert_ok(hl_sandbox_restore(test_sb, snapshot, &test_err));
    assert_int_equal(test_call_int(test_sb, "GetState"), 7);

    assert_ok(hl_sandbox_restore(test_sb, snapshot, &test_err));
    assert_pristine(test_sb, snapshot);

    test_restore();
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);

    hl_snapshot_release(snapshot);
}


static void
snapshot_needs_its_host_functions(void **state)
{
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    static const hl_host_function_t  functions[] = {
        { "Answer", HL_TYPE_INT, 0, { HL_TYPE_INT }, host_answer }
    };

    (void) state;

    hl_config_init(&config);
    config.functions = functions;
    config.function_count = 1;

    sb = test_evolved(TEST_PEEK, &config);
    snapshot = test_freeze(sb);

    assert_status(hl_sandbox_restore(test_sb, snapshot, &test_err),
                  HL_ERR_SNAPSHOT_FUNCTIONS);
    assert_string_equal(test_err.text, "the snapshot needs the host function "
                        "Answer, which is not here or has another "
                        "signature");
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(snapshot);
}


/* ---- answers that come later ------------------------------------------- */

static void
suspend(void)
{
    hl_value_t  n = test_int(5);

    test_start(test_sb, "AskLater", HL_TYPE_INT, &n, 1);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_HOST_CALL);
    assert_state(test_sb, HL_SANDBOX_CALLING);
}


static void
host_function_may_answer_later(void **state)
{
    hl_value_t  answer = test_int(37);

    (void) state;

    suspend();
    assert_ok(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err));
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_DONE);
    assert_int_equal(hl_call_result(test_sb)->v.i32, 42);
}


static void
later_answer_may_be_an_error(void **state)
{
    hl_error_t  why;

    (void) state;

    suspend();
    (void) hl_error_set(&why, HL_ERR_GUEST, "not today");
    assert_ok(hl_call_answer(test_sb, HL_ERR_GUEST, NULL, &why, &test_err));

    /* as Hyperlight's getters do it, the guest ends there */

    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_int_equal(test_err.status, HL_ERR_ABORTED);
    assert_non_null(strstr(test_err.text, "not today"));
}


static void
later_answer_has_the_type_that_is_expected(void **state)
{
    hl_value_t  answer = test_string("five");

    (void) state;

    suspend();
    assert_ok(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err));
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_non_null(strstr(test_err.text, "Failed To Convert Return Value "
                                          "String to Int"));
}


static void
suspended_guest_does_not_run_and_is_answered_once(void **state)
{
    hl_value_t  answer = test_int(1);

    (void) state;

    assert_status(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err),
                  HL_ERR_ARGUMENT);

    suspend();
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_int_equal(test_err.status, HL_ERR_ARGUMENT);
    assert_state(test_sb, HL_SANDBOX_CALLING);

    assert_ok(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err));
    assert_status(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err),
                  HL_ERR_ARGUMENT);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
}


static void
suspended_guest_can_be_cancelled_and_restored(void **state)
{
    (void) state;

    suspend();
    hl_call_cancel(test_sb);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    test_restore();
    assert_pristine(test_sb, test_snapshot);
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);
}


/* The host took it with the call, and the guest has not run since then. */
static void
log_before_a_call_that_is_cancelled_is_handed_over_once(void **state)
{
    hl_value_t  n = test_int(5), answer = test_int(37);

    (void) state;

    test_start(test_sb, "LogAndAskLater", HL_TYPE_INT, &n, 1);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_HOST_CALL);
    assert_int_equal(test_seen.logs, 1);

    hl_call_cancel(test_sb);
    assert_int_equal(test_seen.logs, 1);

    test_restore();
    assert_pristine(test_sb, test_snapshot);

    test_start(test_sb, "LogAndAskLater", HL_TYPE_INT, &n, 1);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_HOST_CALL);
    assert_ok(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err));
    assert_int_equal(hl_sandbox_run(test_sb, 0, &test_err), HL_STOP_SLICE);
    hl_call_cancel(test_sb);
    assert_int_equal(test_seen.logs, 2);
}


static void
nobody_answers_later_in_a_synchronous_call(void **state)
{
    hl_value_t  n = test_int(5);

    (void) state;

    test_start(test_sb, "AskLater", HL_TYPE_INT, &n, 1);
    assert_status(hl_sandbox_finish(test_sb, TEST_LONG, &test_err),
                  HL_ERR_ARGUMENT);
    assert_state(test_sb, HL_SANDBOX_POISONED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(raw_function_gets_and_gives_bytes),
        test_sandbox(
            raw_function_that_fails_or_is_missing_is_an_error_of_the_guest),
        test_sandbox(function_that_gives_no_reason_leaks_nothing),
        test_plain(sink_that_gives_no_reason_ends_the_call),
        test_plain(raw_functions_of_the_sdk_are_not_the_embedders),
        test_plain(host_functions_are_checked),
        test_plain(configuration_is_checked),
        test_sandbox(snapshot_goes_to_another_sandbox_of_the_same_layout),
        test_sandbox(snapshot_needs_its_host_functions),
        test_sandbox(host_function_may_answer_later),
        test_sandbox(later_answer_may_be_an_error),
        test_sandbox(later_answer_has_the_type_that_is_expected),
        test_sandbox(suspended_guest_does_not_run_and_is_answered_once),
        test_sandbox(suspended_guest_can_be_cancelled_and_restored),
        test_sandbox(log_before_a_call_that_is_cancelled_is_handed_over_once),
        test_sandbox(nobody_answers_later_in_a_synchronous_call)
    };

    return cmocka_run_group_tests_name("embed_functions", tests, group_peek,
                                       test_group_end);
}
