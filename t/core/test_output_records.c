/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_output_records.c: each kind of record that says something to the
 * host: log, print, HTTP response, result, error and abort.
 */

#include <string.h>

#include "area.h"


static hl_status_t  sink_answer;


/* ---- log, print -------------------------------------------------------- */

static hl_status_t
take_log(uint32_t level, uint32_t source_len, uint32_t message_len)
{
    hl_abi_log_t  log;

    log.level = level;
    log.line = 7;
    log.source_len = source_len;
    log.message_len = message_len;

    used = 0;
    put_record(HL_REC_LOG, &log, sizeof(log), "a.cmessage", 10);

    return take_typed();
}


static void
log_line_is_handed_over(void **state)
{
    (void) state;

    assert_ok(take_log(HL_LOG_ERROR, 3, 7));
    assert_int_equal(test_seen.logs, 1);
    assert_int_equal(test_seen.log_level, HL_LOG_ERROR);
    assert_string_equal(test_seen.log, "message");
}


static void
log_line_below_the_level_is_dropped(void **state)
{
    (void) state;

    assert_ok(take_log(HL_LOG_TRACE, 3, 7));
    assert_int_equal(test_seen.logs, 0);

    assert_ok(take_log(HL_LOG_DEBUG, 3, 7));
    assert_int_equal(test_seen.logs, 1);
}


static void
log_level_that_does_not_exist_is_refused(void **state)
{
    (void) state;

    assert_ok(take_log(HL_LOG_CRITICAL, 3, 7));
    assert_malformed(take_log(HL_LOG_NONE, 3, 7));
    assert_malformed(take_log(HUGE, 3, 7));
    assert_int_equal(test_seen.logs, 1);
}


static void
log_texts_past_the_record_are_refused(void **state)
{
    (void) state;

    assert_malformed(take_log(HL_LOG_ERROR, 3, 8));
    assert_malformed(take_log(HL_LOG_ERROR, 11, 0));
    assert_malformed(take_log(HL_LOG_ERROR, 3, HUGE));
    assert_malformed(take_log(HL_LOG_ERROR, HUGE, 3));
    assert_malformed(take_log(HL_LOG_ERROR, HUGE, 11));
    assert_malformed(take_log(HL_LOG_ERROR, 0x80000000, 0x80000000));
    assert_int_equal(test_seen.logs, 0);
}


static void
short_log_record_is_refused(void **state)
{
    hl_abi_log_t  log = { HL_LOG_ERROR, 1, 0, 0 };

    (void) state;

    put_record(HL_REC_LOG, &log, sizeof(log) - 1, "", 0);
    assert_malformed(take_typed());
}


/* ---- HTTP response ----------------------------------------------------- */

static void
status_is_handed_over(void **state)
{
    uint32_t  status = 404;

    (void) state;

    put_record(HL_REC_STATUS, &status, sizeof(status), "", 0);
    assert_ok(take_http());
    assert_int_equal(test_seen.status, 404);
}


static void
short_status_is_refused(void **state)
{
    (void) state;

    put_record(HL_REC_STATUS, "abc", 3, "", 0);
    assert_malformed(take_http());
}


static hl_status_t
take_header(uint32_t name_len, uint32_t value_len)
{
    hl_abi_header_t  header;

    header.name_len = name_len;
    header.value_len = value_len;

    used = 0;
    put_record(HL_REC_HEADER, &header, sizeof(header), "Name\0value", 11);

    return take_http();
}


static void
header_is_handed_over(void **state)
{
    (void) state;

    assert_ok(take_header(4, 5));
    assert_int_equal(test_seen.headers, 1);
    assert_string_equal(test_seen.name, "Name");
    assert_string_equal(test_seen.value, "value");
}


static void
header_past_the_record_is_refused(void **state)
{
    (void) state;

    assert_malformed(take_header(4, 7));
    assert_malformed(take_header(11, 0));
    assert_malformed(take_header(12, 0));
    assert_malformed(take_header(HUGE, 5));
    assert_malformed(take_header(4, HUGE));
    assert_malformed(take_header(HUGE, HUGE));
    assert_malformed(take_header(HUGE - 4, 4));
    assert_int_equal(test_seen.headers, 0);
}


static void
short_header_record_is_refused(void **state)
{
    (void) state;

    put_record(HL_REC_HEADER, "\0\0\0\0\0\0\0", 7, "", 0);
    assert_malformed(take_http());
}


static void
removal_of_a_header_is_handed_over(void **state)
{
    (void) state;

    put_record(HL_REC_REMOVE_HEADER, "Name", 4, "", 0);
    assert_ok(take_http());
    assert_int_equal(test_seen.removed, 1);
    assert_string_equal(test_seen.removed_name, "Name");
}


static hl_status_t
refuse_body(void *data, const void *bytes, size_t len, hl_error_t *err)
{
    (void) data;
    (void) bytes;
    (void) len;

    return hl_error_set(err, sink_answer, "no body");
}


static void
error_of_the_sink_ends_the_call(void **state)
{
    hl_sink_t  sink;

    (void) state;

    sink = test_sink;
    sink.body = refuse_body;
    area.bindings.sink = &sink;
    sink_answer = HL_ERR_OUTPUT;

    put_record(HL_REC_BODY, "abc", 3, "", 0);
    put_record(HL_REC_PRINT, "never", 5, "", 0);

    assert_malformed(take_http());
    assert_string_equal(test_err.text, "no body");
    assert_string_equal(test_seen.print, "");
}


static void
what_no_sink_wants_is_dropped(void **state)
{
    uint32_t         status = 200;
    hl_sink_t        none;
    hl_abi_log_t     log = { HL_LOG_ERROR, 1, 0, 0 };
    hl_abi_header_t  header = { 0, 0 };

    (void) state;

    memset(&none, 0, sizeof(none));

    put_record(HL_REC_LOG, &log, sizeof(log), "", 0);
    put_record(HL_REC_PRINT, "abc", 3, "", 0);
    put_record(HL_REC_STATUS, &status, sizeof(status), "", 0);
    put_record(HL_REC_HEADER, &header, sizeof(header), "\0", 2);
    put_record(HL_REC_REMOVE_HEADER, "abc", 3, "", 0);
    put_record(HL_REC_BODY, "abc", 3, "", 0);

    area.bindings.sink = &none;
    assert_ok(take_http());

    area.bindings.sink = NULL;
    assert_ok(take_http());
}


/* ---- result ------------------------------------------------------------ */

static void
result_is_kept(void **state)
{
    (void) state;

    put_value(HL_TYPE_STRING, 3, 0, "abc", 3);
    assert_ok(take_typed());

    assert_true(area.has_result);
    assert_int_equal(area.result.type, HL_TYPE_STRING);
    assert_int_equal(area.result.v.bytes.len, 3);
    assert_memory_equal(area.result.v.bytes.data, "abc", 3);
}


static void
result_of_no_known_type_is_refused(void **state)
{
    (void) state;

    put_value(HL_TYPE_LAST + 1, 0, 0, "", 0);
    assert_malformed(take_typed());

    used = 0;
    put_value(HUGE, 0, 0, "", 0);
    assert_malformed(take_typed());
    assert_false(area.has_result);
}


static void
result_past_the_record_is_refused(void **state)
{
    size_t  i;

    static const uint32_t  lens[] = { 4, 9, AREA_OUTPUT, HUGE - 8, HUGE };

    (void) state;

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        used = 0;
        put_value(HL_TYPE_VECBYTES, lens[i], 0, "abc", 3);
        put_record(HL_REC_PRINT, "behind", 6, "", 0);
        assert_malformed(take_typed());
    }

    assert_false(area.has_result);
}


static void
scalar_result_with_bytes_is_refused(void **state)
{
    (void) state;

    put_value(HL_TYPE_INT, 3, 0, "abc", 3);
    assert_malformed(take_typed());
}


static void
short_result_is_refused(void **state)
{
    (void) state;

    put_record(HL_REC_RESULT, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15, "", 0);
    assert_malformed(take_typed());
}


static void
second_result_is_refused(void **state)
{
    (void) state;

    put_value(HL_TYPE_INT, 0, 1, "", 0);
    put_value(HL_TYPE_INT, 0, 2, "", 0);
    assert_malformed(take_typed());
}


static void
bool_result_is_0_or_1(void **state)
{
    (void) state;

    put_value(HL_TYPE_BOOL, 0, 2, "", 0);
    assert_ok(take_typed());
    assert_int_equal(area.result.v.boolean, 1);
}


/* ---- errors and aborts ------------------------------------------------- */

static hl_status_t
take_error(uint32_t message_len, const char *bytes, size_t len)
{
    hl_abi_error_t  error;

    error.code = 42;
    error.message_len = message_len;

    used = 0;
    put_record(HL_REC_ERROR, &error, sizeof(error), bytes, len);

    return take_typed();
}


static void
text_of_an_error_is_escaped(void **state)
{
    (void) state;

    assert_status(take_error(6, "a\n\x1b\xff\\z", 6), HL_ERR_GUEST);
    assert_string_equal(test_err.text, "Guest error occurred 42: "
                                       "a\\x0A\\x1B\\xFF\\x5Cz");
    assert_int_equal(test_err.guest_code, 42);
}


static void
text_of_an_error_is_cut(void **state)
{
    char  text[2000];

    (void) state;

    memset(text, '\n', sizeof(text));

    assert_status(take_error(sizeof(text), text, sizeof(text)),
                  HL_ERR_GUEST);
    assert_true(strlen(test_err.text) < HL_ERROR_TEXT);
}


static void
error_past_the_record_is_refused(void **state)
{
    (void) state;

    assert_malformed(take_error(4, "abc", 3));
    assert_malformed(take_error(HUGE, "abc", 3));
}


static void
abort_past_the_record_is_refused(void **state)
{
    hl_abi_error_t  error = { 1, HUGE };

    (void) state;

    put_record(HL_REC_ABORT, &error, sizeof(error), "abc", 3);
    assert_malformed(take(HL_PHASE_HTTP, HL_HYPERCALL_ABORT));
}


static void
abort_says_code_and_text(void **state)
{
    hl_abi_error_t  error = { 13, 3 };

    (void) state;

    put_record(HL_REC_ABORT, &error, sizeof(error), "why", 3);
    assert_status(take(HL_PHASE_HTTP, HL_HYPERCALL_ABORT), HL_ERR_ABORTED);
    assert_string_equal(test_err.text, "Guest aborted: 13 why");
    assert_int_equal(test_err.guest_code, 13);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_area(log_line_is_handed_over),
        test_area(log_line_below_the_level_is_dropped),
        test_area(log_level_that_does_not_exist_is_refused),
        test_area(log_texts_past_the_record_are_refused),
        test_area(short_log_record_is_refused),

        test_area(status_is_handed_over),
        test_area(short_status_is_refused),
        test_area(header_is_handed_over),
        test_area(header_past_the_record_is_refused),
        test_area(short_header_record_is_refused),
        test_area(removal_of_a_header_is_handed_over),
        test_area(error_of_the_sink_ends_the_call),
        test_area(what_no_sink_wants_is_dropped),

        test_area(result_is_kept),
        test_area(result_of_no_known_type_is_refused),
        test_area(result_past_the_record_is_refused),
        test_area(scalar_result_with_bytes_is_refused),
        test_area(short_result_is_refused),
        test_area(second_result_is_refused),
        test_area(bool_result_is_0_or_1),

        test_area(text_of_an_error_is_escaped),
        test_area(text_of_an_error_is_cut),
        test_area(error_past_the_record_is_refused),
        test_area(abort_past_the_record_is_refused),
        test_area(abort_says_code_and_text)
    };

    return cmocka_run_group_tests_name("output_records", tests, NULL, NULL);
}
