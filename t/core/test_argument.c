/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_argument.c: the arguments of calls: their bounds, the room for them,
 * and the UTF-8 of strings.
 */

#include <stdlib.h>
#include <string.h>

#include "test.h"


/* DESIGN's defaults, which the group's sandboxes have. */
#define CALL_HEADERS  (32u << 10)
#define CALL_INPUT    (128u << 10)
#define CALL_ROOM     (CALL_INPUT - CALL_HEADERS)


/* ---- bounds ------------------------------------------------------------ */

/* Of bytes that come back in the first and last place. */
static hl_status_t
call_with_bytes(size_t len)
{
    void         *room;
    hl_value_t    value;
    hl_status_t   status;

    value = test_bytes(NULL, len);

    status = hl_call_typed(test_sb, test_function("EchoBytes"), "EchoBytes",
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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
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
        test_plain(bad_string_is_told_where)
    };

    return cmocka_run_group_tests_name("argument", tests, test_group_probe,
                                       test_group_end);
}
