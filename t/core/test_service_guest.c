/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_service_guest.c: streams of bodies, in and out, as a guest sees them
 * that reads and writes more than its areas hold at a time.
 */

#include <string.h>

#include "test.h"


#define TEST_STREAM  "t/guests/stream.elf"


static unsigned  pieces;
static size_t    written;


static hl_status_t
sink_body(void *data, const void *bytes, size_t len, hl_error_t *err)
{
    (void) data;
    (void) bytes;

    written += len;

    return hl_error_set(err, HL_AGAIN, "not so fast");
}


static hl_status_t
read_three(void *data, size_t max, hl_value_t *piece, hl_error_t *err)
{
    (void) data;
    (void) max;
    (void) err;

    if (pieces++ < 3) {
        piece->v.bytes.data = "four";
        piece->v.bytes.len = 4;
    }

    return HL_OK;
}


static hl_sandbox_t *
stream_guest(const hl_sink_t *sink, const hl_services_t *s)
{
    hl_config_t  config;

    hl_config_init(&config);
    config.output = 8192;
    config.sink = sink;
    config.services = s;

    pieces = 0;
    written = 0;
    memset(&test_seen, 0, sizeof(test_seen));

    return test_evolved(TEST_STREAM, &config);
}


static void
start_http(hl_sandbox_t *sb, const char *name, const char *args)
{
    assert_ok(hl_call_http(sb, hl_sandbox_function(sb, name), &test_err));
    assert_ok(hl_call_http_field(sb, HL_HTTP_ARGS, args, strlen(args),
                                 &test_err));
}


static void
sink_that_wants_no_more_stops_the_guest(void **state)
{
    unsigned       stops;
    hl_stop_t      stop;
    hl_sandbox_t  *sb;

    static const hl_sink_t  sink = { .body = sink_body };

    (void) state;

    sb = stream_guest(&sink, NULL);
    start_http(sb, "fill", "40000");

    stops = 0;

    while ((stop = hl_sandbox_run(sb, TEST_LONG, &test_err)) == HL_STOP_SLICE)
    {
        stops++;
        assert_in_range(written, stops * 8000, stops * 8192);
    }

    assert_int_equal(stop, HL_STOP_DONE);
    assert_int_equal(written, 40000);
    assert_int_equal(stops, 4);

    hl_sandbox_destroy(sb);
}


static void
finish_does_not_care(void **state)
{
    hl_sandbox_t  *sb;

    static const hl_sink_t  sink = { .body = sink_body };

    (void) state;

    sb = stream_guest(&sink, NULL);
    start_http(sb, "fill", "40000");

    assert_ok(hl_sandbox_finish(sb, TEST_LONG, &test_err));
    assert_int_equal(written, 40000);

    hl_sandbox_destroy(sb);
}


static void
body_goes_on_if_the_host_says_so(void **state)
{
    void          *room;
    hl_sandbox_t  *sb;

    static const hl_services_t  three = { .read_body = read_three };

    (void) state;

    sb = stream_guest(&test_sink, &three);

    start_http(sb, "sum", "");
    assert_status(hl_call_http_more(sb, &test_err), HL_ERR_ARGUMENT);
    assert_ok(hl_call_http_body(sb, 2, &room, &test_err));
    memcpy(room, "ab", 2);
    assert_ok(hl_call_http_more(sb, &test_err));
    assert_ok(hl_sandbox_finish(sb, TEST_LONG, &test_err));
    assert_memory_equal(test_seen.body, "0 14 ", 5);
    assert_int_equal(pieces, 4);

    /* and not in the next call */

    memset(&test_seen, 0, sizeof(test_seen));
    start_http(sb, "sum", "");
    assert_ok(hl_call_http_body(sb, 2, &room, &test_err));
    memcpy(room, "ab", 2);
    assert_ok(hl_sandbox_finish(sb, TEST_LONG, &test_err));
    assert_memory_equal(test_seen.body, "0 2 ", 4);
    assert_int_equal(pieces, 4);

    hl_sandbox_destroy(sb);
}


static void
guest_without_the_service_sees_an_error(void **state)
{
    void          *room;
    hl_sandbox_t  *sb;

    (void) state;

    sb = stream_guest(&test_sink, NULL);

    start_http(sb, "sum", "");
    assert_ok(hl_call_http_body(sb, 2, &room, &test_err));
    assert_ok(hl_call_http_more(sb, &test_err));
    assert_ok(hl_sandbox_finish(sb, TEST_LONG, &test_err));
    assert_memory_equal(test_seen.body, "-1 2 ", 5);

    memset(&test_seen, 0, sizeof(test_seen));
    start_http(sb, "drip", "1");
    assert_ok(hl_sandbox_finish(sb, TEST_LONG, &test_err));
    assert_string_equal(test_seen.body, "line 0\nflush failed");

    hl_sandbox_destroy(sb);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(sink_that_wants_no_more_stops_the_guest),
        test_plain(finish_does_not_care),
        test_plain(body_goes_on_if_the_host_says_so),
        test_plain(guest_without_the_service_sees_an_error)
    };

    return cmocka_run_group_tests_name("service_guest", tests,
                                       test_group_host, test_group_end);
}
