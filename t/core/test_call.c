/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_call.c: calls: values there and back, the room for them, and the
 * order in which a call is put together.
 */

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"


/* DESIGN's defaults, which the group's sandboxes have. */
#define CALL_HEADERS  (32u << 10)
#define CALL_INPUT    (128u << 10)
#define CALL_ROOM     (CALL_INPUT - CALL_HEADERS)


static const hl_function_t *
call_function(const char *name)
{
    const hl_function_t  *function;

    function = hl_sandbox_function(test_sb, name);
    assert_non_null(function);

    return function;
}


/* ---- values there and back --------------------------------------------- */

/* One argument, and its like as the result, bit for bit. */
static void
call_echo(const char *name, hl_type_t type, uint64_t bits)
{
    hl_value_t         value;
    const hl_value_t  *result;

    memset(&value, 0, sizeof(value));
    value.type = type;
    value.v.u64 = bits;

    assert_ok(test_call(test_sb, name, type, &value, 1));

    result = hl_call_result(test_sb);
    assert_non_null(result);
    assert_int_equal(result->type, type);
    assert_memory_equal(&result->v.u64, &bits, sizeof(bits));
}


static void
call_echo_bytes(const char *name, hl_value_t value)
{
    const hl_value_t  *result;

    assert_ok(test_call(test_sb, name, value.type, &value, 1));

    result = hl_call_result(test_sb);
    assert_non_null(result);
    assert_int_equal(result->type, value.type);
    assert_int_equal(result->v.bytes.len, value.v.bytes.len);
    assert_memory_equal(result->v.bytes.data, value.v.bytes.data,
                        value.v.bytes.len);
}


static void
int_comes_back(void **state)
{
    (void) state;

    call_echo("EchoInt", HL_TYPE_INT, 0);
    call_echo("EchoInt", HL_TYPE_INT, (uint32_t) INT32_MIN);
    call_echo("EchoInt", HL_TYPE_INT, INT32_MAX);
}


static void
uint_comes_back(void **state)
{
    (void) state;

    call_echo("EchoUInt", HL_TYPE_UINT, UINT32_MAX);
}


static void
long_comes_back(void **state)
{
    (void) state;

    call_echo("EchoLong", HL_TYPE_LONG, (uint64_t) INT64_MIN);
    call_echo("EchoLong", HL_TYPE_LONG, INT64_MAX);
}


static void
ulong_comes_back(void **state)
{
    (void) state;

    call_echo("EchoULong", HL_TYPE_ULONG, UINT64_MAX);
}


static void
float_comes_back(void **state)
{
    float     values[] = { -0.0f, FLT_MIN, FLT_MAX, INFINITY };
    size_t    i;
    uint32_t  bits;

    (void) state;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        memcpy(&bits, &values[i], sizeof(bits));
        call_echo("EchoFloat", HL_TYPE_FLOAT, bits);
    }
}


static void
double_comes_back(void **state)
{
    size_t    i;
    double    values[] = { -0.0, DBL_MIN, DBL_MAX, -INFINITY, NAN };
    uint64_t  bits;

    (void) state;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        memcpy(&bits, &values[i], sizeof(bits));
        call_echo("EchoDouble", HL_TYPE_DOUBLE, bits);
    }
}


static void
bool_comes_back(void **state)
{
    (void) state;

    call_echo("EchoBool", HL_TYPE_BOOL, 0);
    call_echo("EchoBool", HL_TYPE_BOOL, 1);
}


static void
string_comes_back(void **state)
{
    (void) state;

    call_echo_bytes("Echo", test_string(""));
    call_echo_bytes("Echo", test_string("a"));
    call_echo_bytes("Echo", test_string("sieben "));
    call_echo_bytes("Echo", test_string("acht\xc3\xbc \xe2\x82\xac"));
}


static void
bytes_come_back_with_their_nuls(void **state)
{
    (void) state;

    call_echo_bytes("EchoBytes", test_bytes("", 0));
    call_echo_bytes("EchoBytes", test_bytes("\0", 1));
    call_echo_bytes("EchoBytes", test_bytes("a\0b\xff\0", 5));
}


static void
void_is_a_result(void **state)
{
    (void) state;

    assert_ok(test_call(test_sb, "DoNothing", HL_TYPE_VOID, NULL, 0));
    assert_int_equal(hl_call_result(test_sb)->type, HL_TYPE_VOID);
}


static void
eleven_parameters_of_all_types_arrive_in_order(void **state)
{
    hl_value_t         args[11];
    const hl_value_t  *result;

    static const char  text[] = "-1 2 -3 4 1.500 -2.250 s 1 bytes 7 last";

    (void) state;

    memset(args, 0, sizeof(args));

    args[0] = test_int(-1);
    args[1] = test_uint(2);
    args[2].type = HL_TYPE_LONG;
    args[2].v.i64 = -3;
    args[3] = test_ulong(4);
    args[4].type = HL_TYPE_FLOAT;
    args[4].v.f32 = 1.5f;
    args[5].type = HL_TYPE_DOUBLE;
    args[5].v.f64 = -2.25;
    args[6] = test_string("s");
    args[7].type = HL_TYPE_BOOL;
    args[7].v.boolean = true;
    args[8] = test_bytes("bytes", 5);
    args[9] = test_int(7);
    args[10] = test_string("last");

    assert_ok(test_call(test_sb, "Eleven", HL_TYPE_STRING, args, 11));

    result = hl_call_result(test_sb);
    assert_int_equal(result->v.bytes.len, sizeof(text) - 1);
    assert_memory_equal(result->v.bytes.data, text, sizeof(text) - 1);
}


static void
room_is_filled_by_the_caller(void **state)
{
    void              *rooms[1];
    hl_value_t         value;
    const hl_value_t  *result;

    (void) state;

    value = test_bytes(NULL, 5);

    assert_ok(hl_call_typed(test_sb, call_function("EchoBytes"), "EchoBytes",
                            HL_TYPE_VECBYTES, &value, 1, rooms, &test_err));
    assert_non_null(rooms[0]);
    memcpy(rooms[0], "abcde", 5);

    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));

    result = hl_call_result(test_sb);
    assert_int_equal(result->v.bytes.len, 5);
    assert_memory_equal(result->v.bytes.data, "abcde", 5);
}


static void
scalar_has_no_room(void **state)
{
    int         there;
    void       *rooms[1];
    hl_value_t  value;

    (void) state;

    value = test_int(1);
    rooms[0] = &there;

    assert_ok(hl_call_typed(test_sb, call_function("EchoInt"), "EchoInt",
                            HL_TYPE_INT, &value, 1, rooms, &test_err));
    assert_null(rooms[0]);
}


/* ---- the guest's answers that are errors ------------------------------- */

static void
error_of_a_function_leaves_the_sandbox_ready(void **state)
{
    hl_value_t  args[2];

    (void) state;

    args[0] = test_int(15);
    args[1] = test_string("no\nway\\");

    assert_status(test_call(test_sb, "SetError", HL_TYPE_INT, args, 2),
                  HL_ERR_GUEST);
    assert_int_equal(test_err.guest_code, 15);
    assert_string_equal(test_err.text,
                        "Guest error occurred GuestError: no\\x0Away\\x5C");

    assert_state(test_sb, HL_SANDBOX_READY);
    assert_null(hl_call_result(test_sb));
    assert_int_equal(test_call_int_1(test_sb, "EchoInt", 5), 5);
}


static void
wrong_number_of_parameters_is_an_error_of_the_guest(void **state)
{
    (void) state;

    assert_status(test_call(test_sb, "EchoInt", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    assert_int_equal(test_err.guest_code, 5);
}


static void
wrong_type_of_parameter_is_an_error_of_the_guest(void **state)
{
    hl_value_t  value;

    (void) state;

    value = test_string("5");
    assert_status(test_call(test_sb, "EchoInt", HL_TYPE_INT, &value, 1),
                  HL_ERR_GUEST);
    assert_int_equal(test_err.guest_code, 14);
}


static void
unknown_name_is_an_error_of_the_guest(void **state)
{
    (void) state;

    assert_null(hl_sandbox_function(test_sb, "Nobody"));
    assert_status(test_call(test_sb, "Nobody", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    assert_int_equal(test_err.guest_code, 4);
}


static void
unknown_name_reaches_a_guest_that_dispatches_it(void **state)
{
    (void) state;

    assert_int_equal(test_call_int(test_sb, "ThisIsNotARealFunctionButThe"
                                            "NameIsImportant"), 99);
}


/* ---- bounds ------------------------------------------------------------ */

/* Of bytes that come back in the first and last place. */
static hl_status_t
call_with_bytes(size_t len)
{
    void         *room;
    hl_value_t    value;
    hl_status_t   status;

    value = test_bytes(NULL, len);

    status = hl_call_typed(test_sb, call_function("EchoBytes"), "EchoBytes",
                           HL_TYPE_VECBYTES, &value, 1, &room, &test_err);
    if (status != HL_OK) {
        return status;
    }

    memset(room, 'x', len);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_int_equal(hl_call_result(test_sb)->v.bytes.len, len);

    return HL_OK;
}


static void
bytes_fill_the_input_but_for_the_headers(void **state)
{
    (void) state;

    assert_ok(call_with_bytes(0));
    assert_ok(call_with_bytes(1));
    assert_ok(call_with_bytes(CALL_ROOM - 1));
    assert_ok(call_with_bytes(CALL_ROOM));
    assert_status(call_with_bytes(CALL_ROOM + 1), HL_ERR_TOO_LARGE);
    assert_string_equal(test_err.text,
                        "the arguments are over the room of 98304 bytes");
    assert_status(call_with_bytes(SIZE_MAX), HL_ERR_TOO_LARGE);
}


static void
refused_call_leaves_the_sandbox_ready(void **state)
{
    (void) state;

    assert_status(call_with_bytes(CALL_ROOM + 1), HL_ERR_TOO_LARGE);
    assert_state(test_sb, HL_SANDBOX_READY);
    assert_int_equal(test_call_int_1(test_sb, "EchoInt", 5), 5);
}


static void
room_is_for_all_arguments_together(void **state)
{
    char       *bytes;
    hl_value_t  args[2];

    (void) state;

    bytes = calloc(1, CALL_ROOM);
    assert_non_null(bytes);

    args[0] = test_bytes(bytes, CALL_ROOM - 2);
    args[1] = test_bytes(bytes, 3);
    assert_status(test_call(test_sb, "EchoBytes", HL_TYPE_VECBYTES, args, 2),
                  HL_ERR_TOO_LARGE);

    /* the guest takes one argument only, but they got there */

    args[1] = test_bytes(bytes, 2);
    assert_status(test_call(test_sb, "EchoBytes", HL_TYPE_VECBYTES, args, 2),
                  HL_ERR_GUEST);
    assert_int_equal(test_err.guest_code, 5);

    free(bytes);
}


static void
function_name_has_a_longest_length(void **state)
{
    char  name[HL_ABI_NAME_MAX + 2];

    (void) state;

    memset(name, 'n', sizeof(name));

    name[HL_ABI_NAME_MAX + 1] = '\0';
    assert_status(test_call(test_sb, name, HL_TYPE_INT, NULL, 0),
                  HL_ERR_ARGUMENT);
    assert_state(test_sb, HL_SANDBOX_READY);

    name[HL_ABI_NAME_MAX] = '\0';
    assert_status(test_call(test_sb, name, HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    assert_int_equal(test_err.guest_code, 4);
}


static void
empty_function_name_is_refused(void **state)
{
    (void) state;

    assert_status(test_call(test_sb, "", HL_TYPE_INT, NULL, 0),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "a function's name has 1 to 255 "
                                       "bytes");
}


static void
twelve_parameters_are_refused(void **state)
{
    size_t      i;
    hl_value_t  args[HL_ABI_PARAMS_MAX + 1];

    (void) state;

    for (i = 0; i < HL_ABI_PARAMS_MAX + 1; i++) {
        args[i] = test_int(1);
    }

    assert_status(test_call(test_sb, "EchoInt", HL_TYPE_INT, args,
                            HL_ABI_PARAMS_MAX + 1),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "a function has at most 11 "
                                       "parameters");
}


/* All of them as large as they can be: the area was sized for that. */
static void
largest_typed_call_fits(void **state)
{
    char        name[HL_ABI_NAME_MAX + 1];
    char       *bytes;
    size_t      i;
    hl_value_t  args[HL_ABI_PARAMS_MAX];

    (void) state;

    bytes = malloc(CALL_ROOM);
    assert_non_null(bytes);
    memset(bytes, 'x', CALL_ROOM);
    memset(name, 'n', sizeof(name));
    name[HL_ABI_NAME_MAX] = '\0';

    for (i = 0; i < HL_ABI_PARAMS_MAX; i++) {
        args[i] = test_bytes(bytes, CALL_ROOM / HL_ABI_PARAMS_MAX);
    }

    assert_status(test_call(test_sb, name, HL_TYPE_INT, args,
                            HL_ABI_PARAMS_MAX),
                  HL_ERR_GUEST);
    assert_int_equal(test_err.guest_code, 4);

    test_restore();
    assert_pristine(test_sb, test_snapshot);

    free(bytes);
}


static void
argument_without_a_type_is_refused(void **state)
{
    hl_value_t  value;

    (void) state;

    value = test_int(1);
    value.type = HL_TYPE_VOID;
    assert_status(test_call(test_sb, "EchoInt", HL_TYPE_INT, &value, 1),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "argument 0 has no type");

    value.type = HL_TYPE_LAST + 1;
    assert_status(test_call(test_sb, "EchoInt", HL_TYPE_INT, &value, 1),
                  HL_ERR_ARGUMENT);
}


/* ---- strings ----------------------------------------------------------- */

static void
utf8_is_what_rfc_3629_says(void **state)
{
    size_t  i;

    static const struct {
        const char  *bytes;
        size_t       len;
        bool         good;
        const char  *what;
    } cases[] = {
        { "", 0, true, "nothing" },
        { "abc\x01\x7f", 5, true, "ASCII" },
        { "\xc2\x80", 2, true, "U+0080, the first of two bytes" },
        { "\xdf\xbf", 2, true, "U+07FF, the last of two" },
        { "\xe0\xa0\x80", 3, true, "U+0800, the first of three" },
        { "\xed\x9f\xbf", 3, true, "U+D7FF, the last before surrogates" },
        { "\xee\x80\x80", 3, true, "U+E000, the first behind them" },
        { "\xef\xbf\xbf", 3, true, "U+FFFF, the last of three" },
        { "\xf0\x90\x80\x80", 4, true, "U+10000, the first of four" },
        { "\xf4\x8f\xbf\xbf", 4, true, "U+10FFFF, the last of all" },

        { "\0", 1, false, "NUL" },
        { "a\0b", 3, false, "NUL inside" },
        { "\x80", 1, false, "a lone continuation" },
        { "\xbf", 1, false, "another" },
        { "\xc0\x80", 2, false, "overlong NUL" },
        { "\xc1\xbf", 2, false, "overlong U+007F" },
        { "\xe0\x80\x80", 3, false, "overlong NUL of three" },
        { "\xe0\x9f\xbf", 3, false, "overlong U+07FF" },
        { "\xf0\x80\x80\x80", 4, false, "overlong NUL of four" },
        { "\xf0\x8f\xbf\xbf", 4, false, "overlong U+FFFF" },
        { "\xed\xa0\x80", 3, false, "U+D800, the first surrogate" },
        { "\xed\xbf\xbf", 3, false, "U+DFFF, the last surrogate" },
        { "\xf4\x90\x80\x80", 4, false, "U+110000" },
        { "\xf5\x80\x80\x80", 4, false, "lead byte F5" },
        { "\xf8\x88\x80\x80\x80", 5, false, "five bytes" },
        { "\xfe", 1, false, "FE" },
        { "\xff", 1, false, "FF" },
        { "\xc2", 1, false, "two bytes, cut" },
        { "\xe2\x82", 2, false, "three bytes, cut" },
        { "\xf0\x9f\x98", 3, false, "four bytes, cut" },
        { "\xc2" "a", 2, false, "no continuation" },
        { "\xe2\x82" "a", 3, false, "no second continuation" },
        { "\xf0\x9f\x98" "a", 4, false, "no third continuation" },
        { "\xe2\xc2\x80", 3, false, "a lead byte for a continuation" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hl_status_t  status;

        status = hl_check_string(cases[i].bytes, cases[i].len, &test_err);

        if (status != (cases[i].good ? HL_OK : HL_ERR_STRING)) {
            fail_msg("%s is %s", cases[i].what,
                     cases[i].good ? "refused" : "accepted");
        }
    }
}


/* The sequence's bytes are there, but do not belong to the string. */
static void
string_is_not_read_past_its_end(void **state)
{
    (void) state;

    assert_status(hl_check_string("\xe2\x82\xac", 2, &test_err),
                  HL_ERR_STRING);
}


static void
bad_string_is_told_where(void **state)
{
    (void) state;

    assert_status(hl_check_string("ab\xff", 3, &test_err), HL_ERR_STRING);
    assert_string_equal(test_err.text, "byte 2 of a String is not UTF-8");

    assert_status(hl_check_string("ab\0", 3, &test_err), HL_ERR_STRING);
    assert_string_equal(test_err.text, "byte 2 of a String is NUL");
}


static void
string_argument_is_checked(void **state)
{
    hl_value_t  value;

    (void) state;

    value = test_string("\xff");
    assert_status(test_call(test_sb, "Echo", HL_TYPE_STRING, &value, 1),
                  HL_ERR_STRING);
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
bytes_argument_is_not(void **state)
{
    (void) state;

    call_echo_bytes("EchoBytes", test_bytes("\xff\0", 2));
}


/* ---- HTTP calls -------------------------------------------------------- */

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
    assert_ok(hl_call_http(test_sb, call_function(name), &test_err));
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


/* ---- states ------------------------------------------------------------ */

static void
second_call_before_the_end_of_the_first_is_refused(void **state)
{
    (void) state;

    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    assert_state(test_sb, HL_SANDBOX_CALLING);

    assert_status(test_call(test_sb, "Count", HL_TYPE_INT, NULL, 0),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "the sandbox is not ready for a call");
    assert_status(hl_call_http(test_sb, call_function("dump"), &test_err),
                  HL_ERR_ARGUMENT);

    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 1);
}


static void
run_without_a_call_is_refused(void **state)
{
    (void) state;

    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_int_equal(test_err.status, HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "no call was begun");
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
call_before_evolve_is_refused(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    assert_status(test_call(sb, "Count", HL_TYPE_INT, NULL, 0),
                  HL_ERR_ARGUMENT);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
there_is_no_result_before_a_call_and_after_restore(void **state)
{
    (void) state;

    assert_null(hl_call_result(test_sb));
    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_non_null(hl_call_result(test_sb));

    test_restore();
    assert_null(hl_call_result(test_sb));
}


/* ---- what the guest is told -------------------------------------------- */

static void
calls_are_counted_from_the_restore(void **state)
{
    uint64_t  i;

    (void) state;

    for (i = 1; i <= 3; i++) {
        assert_ok(test_call(test_sb, "HostCalls", HL_TYPE_ULONG, NULL, 0));
        assert_int_equal(hl_call_result(test_sb)->v.u64, i);
    }

    test_restore();
    assert_ok(test_call(test_sb, "HostCalls", HL_TYPE_ULONG, NULL, 0));
    assert_int_equal(hl_call_result(test_sb)->v.u64, 1);
}


/* 20 numbers of 56 bits: a chance of 2 to the -48 that two are the same. */
static void
each_call_has_entropy_of_its_own(void **state)
{
    size_t    i, j;
    uint64_t  guards[20];

    (void) state;

    for (i = 0; i < 20; i++) {
        assert_ok(test_call(test_sb, "StackGuard", HL_TYPE_ULONG, NULL, 0));
        guards[i] = hl_call_result(test_sb)->v.u64;

        for (j = 0; j < i; j++) {
            assert_int_not_equal(guards[i], guards[j]);
        }

        if (i % 2 == 0) {
            test_restore();
        }
    }
}


static void
function_table_is_what_the_guest_registered(void **state)
{
    size_t                i, n;
    const hl_function_t  *functions, *eleven;

    static const hl_type_t  types[] = {
        HL_TYPE_INT, HL_TYPE_UINT, HL_TYPE_LONG, HL_TYPE_ULONG,
        HL_TYPE_FLOAT, HL_TYPE_DOUBLE, HL_TYPE_STRING, HL_TYPE_BOOL,
        HL_TYPE_VECBYTES, HL_TYPE_INT, HL_TYPE_STRING
    };

    (void) state;

    functions = hl_sandbox_functions(test_sb, &n);
    assert_true(n > 20);

    for (i = 0; i < n; i++) {
        assert_ptr_equal(hl_sandbox_function(test_sb, functions[i].name),
                         &functions[i]);
    }

    eleven = call_function("Eleven");
    assert_int_equal(eleven->kind, HL_FUNCTION_TYPED);
    assert_int_equal(eleven->result, HL_TYPE_STRING);
    assert_int_equal(eleven->param_count, 11);
    assert_memory_equal(eleven->params, types, sizeof(types));

    assert_int_equal(call_function("dump")->kind, HL_FUNCTION_HTTP);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(int_comes_back),
        test_sandbox(uint_comes_back),
        test_sandbox(long_comes_back),
        test_sandbox(ulong_comes_back),
        test_sandbox(float_comes_back),
        test_sandbox(double_comes_back),
        test_sandbox(bool_comes_back),
        test_sandbox(string_comes_back),
        test_sandbox(bytes_come_back_with_their_nuls),
        test_sandbox(void_is_a_result),
        test_sandbox(eleven_parameters_of_all_types_arrive_in_order),
        test_sandbox(room_is_filled_by_the_caller),
        test_sandbox(scalar_has_no_room),

        test_sandbox(error_of_a_function_leaves_the_sandbox_ready),
        test_sandbox(wrong_number_of_parameters_is_an_error_of_the_guest),
        test_sandbox(wrong_type_of_parameter_is_an_error_of_the_guest),
        test_sandbox(unknown_name_is_an_error_of_the_guest),
        test_sandbox(unknown_name_reaches_a_guest_that_dispatches_it),

        test_sandbox(bytes_fill_the_input_but_for_the_headers),
        test_sandbox(refused_call_leaves_the_sandbox_ready),
        test_sandbox(room_is_for_all_arguments_together),
        test_sandbox(function_name_has_a_longest_length),
        test_sandbox(empty_function_name_is_refused),
        test_sandbox(twelve_parameters_are_refused),
        test_sandbox(largest_typed_call_fits),
        test_sandbox(argument_without_a_type_is_refused),

        test_plain(utf8_is_what_rfc_3629_says),
        test_plain(string_is_not_read_past_its_end),
        test_plain(bad_string_is_told_where),
        test_sandbox(string_argument_is_checked),
        test_sandbox(bytes_argument_is_not),

        test_sandbox(request_arrives_whole),
        test_sandbox(what_is_not_given_is_empty),
        test_sandbox(message_says_its_size),
        test_sandbox(nothing_of_the_call_before_is_seen),
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
        test_sandbox(parts_of_a_call_that_runs_are_refused),

        test_sandbox(second_call_before_the_end_of_the_first_is_refused),
        test_sandbox(run_without_a_call_is_refused),
        test_plain(call_before_evolve_is_refused),
        test_sandbox(there_is_no_result_before_a_call_and_after_restore),

        test_sandbox(calls_are_counted_from_the_restore),
        test_sandbox(each_call_has_entropy_of_its_own),
        test_sandbox(function_table_is_what_the_guest_registered)
    };

    return cmocka_run_group_tests_name("call", tests, test_group_probe,
                                       test_group_end);
}
