/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_request.c: HTTP calls: what arrives of a request, the room for it, and
 * the order in which it is put together.
 */

#include <stdlib.h>
#include <string.h>

#include "test.h"


/* DESIGN's defaults, which the group's sandboxes have. */
#define CALL_HEADERS  (32u << 10)
#define CALL_INPUT    (128u << 10)
#define CALL_ROOM     (CALL_INPUT - CALL_HEADERS)


static hl_status_t
http_field(hl_http_field_t field, const char *value)
{
    return hl_call_http_field(test_sb, field, value, strlen(value),
                              &test_err);
}


static hl_status_t
http_header(const char *name, const char *value)
{
    return hl_call_http_header(test_sb, name, strlen(name), value,
                               strlen(value), &test_err);
}


static void
http_begin(const char *name)
{
    assert_ok(hl_call_http(test_sb, test_function(name), &test_err));
}


static void
http_finish(void)
{
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
request_arrives_whole(void **state)
{
    void  *room;

    (void) state;

    http_begin("dump");
    assert_ok(http_field(HL_HTTP_METHOD, "PUT"));
    assert_ok(http_field(HL_HTTP_URI, "/a b"));
    assert_ok(http_field(HL_HTTP_ARGS, "c=d"));
    assert_ok(http_field(HL_HTTP_PROTOCOL, "HTTP/1.1"));
    assert_ok(http_field(HL_HTTP_REMOTE_ADDR, "::1"));
    assert_ok(http_header("Host", "example.org"));
    assert_ok(http_header("X", ""));
    assert_ok(http_header("X-Long-Name", "two words"));
    assert_ok(hl_call_http_body(test_sb, 3, &room, &test_err));
    memcpy(room, "abc", 3);
    http_finish();

    assert_int_equal(test_seen.headers, 1);
    assert_string_equal(test_seen.name, "Content-Type");
    assert_string_equal(test_seen.value, "text/plain");
    assert_string_equal(test_seen.body,
                        "method=PUT\nuri=/a b\nargs=c=d\n"
                        "protocol=HTTP/1.1\nremote_addr=::1\nbody=3\n"
                        "header Host=example.org\nheader X=\n"
                        "header X-Long-Name=two words\n");
    assert_null(hl_call_result(test_sb));
}


static void
what_is_not_given_is_empty(void **state)
{
    (void) state;

    http_begin("dump");
    http_finish();

    assert_string_equal(test_seen.body,
                        "method=\nuri=\nargs=\nprotocol=\nremote_addr=\n"
                        "body=0\n");
}


static void
message_says_its_size(void **state)
{
    void                  *room;
    const hl_abi_input_t  *input;

    (void) state;

    input = (void *) hl_sandbox_region(test_sb, HL_REGION_INPUT);

    http_begin("dump");
    assert_int_equal(input->size, input->values + sizeof(hl_abi_http_t));

    assert_ok(http_field(HL_HTTP_URI, "/abc"));
    assert_int_equal(input->size, input->values + sizeof(hl_abi_http_t) + 5);

    assert_ok(hl_call_http_body(test_sb, 10, &room, &test_err));
    assert_int_equal(input->size, CALL_HEADERS + 10);
}


static void
nothing_of_the_call_before_is_seen(void **state)
{
    void  *room;

    (void) state;

    http_begin("dump");
    assert_ok(http_field(HL_HTTP_URI, "/a/rather/long/one"));
    assert_ok(http_header("X-Secret", "secret"));
    assert_ok(hl_call_http_body(test_sb, 1000, &room, &test_err));
    memset(room, 'x', 1000);
    http_finish();

    test_seen.body_len = 0;
    what_is_not_given_is_empty(state);
}


static hl_status_t
original_header(const char *name, const char *value)
{
    return hl_call_http_original_header(test_sb, name, strlen(name), value,
                                        strlen(value), &test_err);
}


static void
original_response_arrives(void **state)
{
    void  *room;

    (void) state;

    http_begin("original");
    assert_ok(http_field(HL_HTTP_URI, "/abc"));
    assert_ok(http_header("Content-Type", "of the request"));
    assert_ok(hl_call_http_original(test_sb, 404, &test_err));
    assert_ok(original_header("Server", "x"));
    assert_ok(original_header("Content-Type", "text/html"));
    assert_ok(original_header("Empty", ""));
    assert_ok(hl_call_http_body(test_sb, 3, &room, &test_err));
    memcpy(room, "abc", 3);
    http_finish();

    assert_string_equal(test_seen.body,
                        "status=404\nheader Server=x\n"
                        "header Content-Type=text/html\nheader Empty=\n"
                        "type=text/html\n");
}


static void
original_response_need_not_have_headers(void **state)
{
    (void) state;

    http_begin("original");
    assert_ok(hl_call_http_original(test_sb, 200, &test_err));
    http_finish();

    assert_string_equal(test_seen.body, "status=200\ntype=(none)\n");
}


static void
call_without_an_original_has_none(void **state)
{
    (void) state;

    http_begin("original");
    assert_ok(http_header("Content-Type", "text/html"));
    http_finish();

    assert_string_equal(test_seen.body, "status=0\ntype=(none)\n");
}


static void
original_comes_once_between_headers_and_body(void **state)
{
    void  *room;

    (void) state;

    http_begin("original");
    assert_ok(hl_call_http_original(test_sb, 200, &test_err));
    assert_status(hl_call_http_original(test_sb, 200, &test_err),
                  HL_ERR_ARGUMENT);
    assert_status(http_header("A", "b"), HL_ERR_ARGUMENT);
    assert_ok(original_header("A", "b"));
    assert_ok(hl_call_http_body(test_sb, 1, &room, &test_err));
    assert_status(original_header("A", "b"), HL_ERR_ARGUMENT);
    assert_status(hl_call_http_original(test_sb, 200, &test_err),
                  HL_ERR_ARGUMENT);
}


static void
original_headers_share_the_room_for_metadata(void **state)
{
    char    *bytes;
    size_t   len;

    (void) state;

    bytes = calloc(1, CALL_HEADERS);
    assert_non_null(bytes);

    http_begin("original");
    assert_ok(hl_call_http_header(test_sb, "X", 1, bytes, CALL_HEADERS / 2,
                                  &test_err));
    assert_ok(hl_call_http_original(test_sb, 200, &test_err));
    assert_status(hl_call_http_original_header(test_sb, "Y", 1, bytes,
                                               CALL_HEADERS / 2, &test_err),
                  HL_ERR_METADATA_TOO_LARGE);
    assert_string_equal(test_err.text, "the request's URI and headers, with "
                                       "those of the response, are over the "
                                       "room of 32768 bytes");

    for (len = CALL_HEADERS / 2; len > 0; len--) {
        if (hl_call_http_original_header(test_sb, "Y", 1, bytes, len,
                                         &test_err)
            == HL_OK)
        {
            break;
        }
    }

    assert_true(len > CALL_HEADERS / 2 - 256);

    free(bytes);
}


static void
headers_are_removed_and_set(void **state)
{
    (void) state;

    http_begin("change");
    http_finish();

    assert_int_equal(test_seen.removed, 2);
    assert_string_equal(test_seen.removed_name, "X-Set");
    assert_int_equal(test_seen.headers, 1);
    assert_string_equal(test_seen.name, "X-Set");
    assert_string_equal(test_seen.value, "value");
}


static void
body_comes_back(void **state)
{
    void  *room;

    (void) state;

    http_begin("echo");
    assert_ok(hl_call_http_body(test_sb, 5, &room, &test_err));
    memcpy(room, "a\0b\xff" "c", 5);
    http_finish();

    assert_int_equal(test_seen.body_len, 5);
    assert_memory_equal(test_seen.body, "a\0b\xff" "c", 5);
}


static void
call_with_body(size_t len)
{
    void  *room;

    http_begin("echo");
    assert_ok(hl_call_http_body(test_sb, len, &room, &test_err));
    memset(room, 'x', len);

    test_seen.body_len = 0;
    http_finish();

    assert_int_equal(test_seen.body_len, len);
}


static void
body_fills_the_input_but_for_the_headers(void **state)
{
    (void) state;

    call_with_body(0);
    call_with_body(1);
    call_with_body(CALL_ROOM - 1);
    call_with_body(CALL_ROOM);
}


static void
body_over_the_room_is_too_large(void **state)
{
    void  *room;

    (void) state;

    http_begin("echo");
    assert_status(hl_call_http_body(test_sb, CALL_ROOM + 1, &room,
                                    &test_err),
                  HL_ERR_TOO_LARGE);
    assert_string_equal(test_err.text, "a body of 98305 bytes is over the "
                                       "room of 98304");
    assert_status(hl_call_http_body(test_sb, SIZE_MAX, &room, &test_err),
                  HL_ERR_TOO_LARGE);
}


/* What a field may have at most, found by trying. */
static size_t
http_field_room(void)
{
    char    *bytes;
    size_t   len;

    bytes = malloc(CALL_HEADERS + 1);
    assert_non_null(bytes);
    memset(bytes, 'u', CALL_HEADERS + 1);

    for (len = CALL_HEADERS + 1; len > 0; len--) {
        if (hl_call_http_field(test_sb, HL_HTTP_URI, bytes, len, &test_err)
            == HL_OK)
        {
            break;
        }

        assert_int_equal(test_err.status, HL_ERR_METADATA_TOO_LARGE);
    }

    free(bytes);

    return len;
}


static void
metadata_fills_the_room_for_headers(void **state)
{
    size_t  used;

    (void) state;

    used = sizeof(hl_abi_input_t) + hl_abi_padded(sizeof("header"))
           + sizeof(hl_abi_http_t);

    http_begin("header");
    assert_int_equal(http_field_room(), CALL_HEADERS - used - 1);

    /* not one byte more, not even for an empty string's NUL */

    assert_status(http_field(HL_HTTP_ARGS, ""), HL_ERR_METADATA_TOO_LARGE);
    assert_status(http_header("", ""), HL_ERR_METADATA_TOO_LARGE);

    http_finish();
    assert_string_equal(test_seen.body, "(none)\n");
}


static void
full_metadata_and_full_body_fit_together(void **state)
{
    void  *room;

    (void) state;

    http_begin("echo");
    assert_true(http_field_room() > CALL_HEADERS / 2);
    assert_ok(hl_call_http_body(test_sb, CALL_ROOM, &room, &test_err));
    memset(room, 'x', CALL_ROOM);
    http_finish();

    assert_int_equal(test_seen.body_len, CALL_ROOM);
    assert_string_equal(test_seen.body + 250, "xxxxx");

    test_restore();
    assert_pristine(test_sb, test_snapshot);
}


static void
header_over_the_room_is_too_large(void **state)
{
    char  *bytes;

    (void) state;

    bytes = calloc(1, CALL_HEADERS + 1);
    assert_non_null(bytes);

    http_begin("dump");
    assert_status(hl_call_http_header(test_sb, "X", 1, bytes,
                                      CALL_HEADERS + 1, &test_err),
                  HL_ERR_METADATA_TOO_LARGE);
    assert_status(hl_call_http_header(test_sb, bytes, CALL_HEADERS, "", 0,
                                      &test_err),
                  HL_ERR_METADATA_TOO_LARGE);
    assert_status(hl_call_http_header(test_sb, bytes, SIZE_MAX, bytes,
                                      SIZE_MAX, &test_err),
                  HL_ERR_METADATA_TOO_LARGE);

    free(bytes);
}


static void
field_of_an_impossible_length_is_too_large(void **state)
{
    (void) state;

    http_begin("dump");
    assert_status(hl_call_http_field(test_sb, HL_HTTP_URI, "", SIZE_MAX,
                                     &test_err),
                  HL_ERR_METADATA_TOO_LARGE);
}


static void
field_after_a_header_is_refused(void **state)
{
    (void) state;

    http_begin("dump");
    assert_ok(http_header("A", "b"));
    assert_status(http_field(HL_HTTP_URI, "/"), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "an HTTP call is begun, and then gets "
                                       "fields, headers, body");
}


static void
header_after_the_body_is_refused(void **state)
{
    void  *room;

    (void) state;

    http_begin("dump");
    assert_ok(hl_call_http_body(test_sb, 1, &room, &test_err));
    assert_status(http_header("A", "b"), HL_ERR_ARGUMENT);
    assert_status(http_field(HL_HTTP_URI, "/"), HL_ERR_ARGUMENT);
}


static void
second_body_is_refused(void **state)
{
    void  *room;

    (void) state;

    http_begin("dump");
    assert_ok(hl_call_http_body(test_sb, 100, &room, &test_err));
    assert_status(hl_call_http_body(test_sb, 1, &room, &test_err),
                  HL_ERR_ARGUMENT);
}


static void
parts_without_a_call_are_refused(void **state)
{
    void  *room;

    (void) state;

    assert_status(http_field(HL_HTTP_URI, "/"), HL_ERR_ARGUMENT);
    assert_status(http_header("A", "b"), HL_ERR_ARGUMENT);
    assert_status(hl_call_http_body(test_sb, 1, &room, &test_err),
                  HL_ERR_ARGUMENT);
}


static void
parts_of_a_typed_call_are_refused(void **state)
{
    void  *room;

    (void) state;

    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);

    assert_status(http_field(HL_HTTP_URI, "/"), HL_ERR_ARGUMENT);
    assert_status(http_header("A", "b"), HL_ERR_ARGUMENT);
    assert_status(hl_call_http_body(test_sb, 1, &room, &test_err),
                  HL_ERR_ARGUMENT);
}


static void
parts_of_a_call_that_runs_are_refused(void **state)
{
    void  *room;

    (void) state;

    http_begin("dump");
    assert_int_equal(hl_sandbox_run(test_sb, 0, &test_err), HL_STOP_SLICE);

    assert_status(http_field(HL_HTTP_URI, "/"), HL_ERR_ARGUMENT);
    assert_status(http_header("A", "b"), HL_ERR_ARGUMENT);
    assert_status(hl_call_http_body(test_sb, 1, &room, &test_err),
                  HL_ERR_ARGUMENT);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(request_arrives_whole),
        test_sandbox(what_is_not_given_is_empty),
        test_sandbox(message_says_its_size),
        test_sandbox(nothing_of_the_call_before_is_seen),
        test_sandbox(original_response_arrives),
        test_sandbox(original_response_need_not_have_headers),
        test_sandbox(call_without_an_original_has_none),
        test_sandbox(original_comes_once_between_headers_and_body),
        test_sandbox(original_headers_share_the_room_for_metadata),
        test_sandbox(headers_are_removed_and_set),
        test_sandbox(body_comes_back),
        test_sandbox(body_fills_the_input_but_for_the_headers),
        test_sandbox(body_over_the_room_is_too_large),
        test_sandbox(metadata_fills_the_room_for_headers),
        test_sandbox(full_metadata_and_full_body_fit_together),
        test_sandbox(header_over_the_room_is_too_large),
        test_sandbox(field_of_an_impossible_length_is_too_large),
        test_sandbox(field_after_a_header_is_refused),
        test_sandbox(header_after_the_body_is_refused),
        test_sandbox(second_body_is_refused),
        test_sandbox(parts_without_a_call_are_refused),
        test_sandbox(parts_of_a_typed_call_are_refused),
        test_sandbox(parts_of_a_call_that_runs_are_refused)
    };

    return cmocka_run_group_tests_name("request", tests, test_group_probe,
                                       test_group_end);
}
