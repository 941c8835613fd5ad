/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_call.c: calls: values there and back, the guest's errors, the order of
 * a call's steps, and what the guest is told.
 */

#include <float.h>
#include <math.h>
#include <string.h>

#include "test.h"


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

    assert_ok(hl_call_typed(test_sb, test_function("EchoBytes"), "EchoBytes",
                            HL_TYPE_VECBYTES, &value, 1, rooms, &test_err));
    assert_non_null(rooms[0]);
    memcpy(rooms[0], "abcde", 5);

    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));

    result = hl_call_result(test_sb);
    assert_int_equal(result->v.bytes.len, 5);
    assert_memory_equal(result->v.bytes.data, "abcde", 5);
}


static void
row_of_the_table_needs_no_name(void **state)
{
    hl_value_t  value;

    (void) state;

    value = test_int(7);

    assert_ok(hl_call_typed(test_sb, test_function("EchoInt"), NULL,
                            HL_TYPE_INT, &value, 1, NULL, &test_err));
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 7);
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

    assert_ok(hl_call_typed(test_sb, test_function("EchoInt"), "EchoInt",
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
    assert_status(hl_call_http(test_sb, test_function("dump"), &test_err),
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

    eleven = test_function("Eleven");
    assert_int_equal(eleven->kind, HL_FUNCTION_TYPED);
    assert_int_equal(eleven->result, HL_TYPE_STRING);
    assert_int_equal(eleven->param_count, 11);
    assert_memory_equal(eleven->params, types, sizeof(types));

    assert_int_equal(test_function("dump")->kind, HL_FUNCTION_HTTP);
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
        test_sandbox(row_of_the_table_needs_no_name),
        test_sandbox(room_is_filled_by_the_caller),
        test_sandbox(scalar_has_no_room),
        test_sandbox(string_argument_is_checked),
        test_sandbox(bytes_argument_is_not),

        test_sandbox(error_of_a_function_leaves_the_sandbox_ready),
        test_sandbox(wrong_number_of_parameters_is_an_error_of_the_guest),
        test_sandbox(wrong_type_of_parameter_is_an_error_of_the_guest),
        test_sandbox(unknown_name_is_an_error_of_the_guest),
        test_sandbox(unknown_name_reaches_a_guest_that_dispatches_it),

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
