/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_sdk.c: the guest library, by guests that report what they observe
 * (guest/testguests/sdk/): functions, their results, and calls of the host.
 */

#include <math.h>

#include "sdk.h"


/* GuestFunctionNotFound, and so on: hl_ErrorCode. */
#define SDK_CODE_NAME   4
#define SDK_CODE_COUNT  5
#define SDK_CODE_TYPE   14
#define SDK_CODE_GUEST  15
#define SDK_CODE_HOST   17


/* ---- functions and results --------------------------------------------- */

static void
sdk_constructors_run(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(test_call(test_sb, "Constructed", HL_TYPE_BOOL, NULL, 0));
    assert_true(hl_call_result(test_sb)->v.boolean);
}


static void
sdk_too_many_parameters_are_an_error_of_the_call(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_null(hl_sandbox_function(test_sb, "Many"));
    assert_status(test_call(test_sb, "Many", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST, "Function Many has too "
                      "many parameters: 12 (max allowed is 11).");
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
sdk_wrong_parameters_are_an_error_of_the_call(void **state)
{
    hl_value_t  args[2];

    (void) state;

    sdk_open(SDK("values"), NULL);

    args[0] = test_int(1);
    args[1] = test_string("x");

    assert_status(test_call(test_sb, "Add", HL_TYPE_INT, args, 1),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_COUNT, "Called function Add with "
                      "1 parameters but it takes 2.");

    assert_status(test_call(test_sb, "Add", HL_TYPE_INT, args, 2),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_TYPE, "Expected parameter type "
                      "Int for parameter index 1 of function Add but got "
                      "String.");
}


static void
sdk_unknown_name_is_not_found(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call(test_sb, "Nobody", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_NAME, "Nobody");
}


static void
sdk_main_and_dispatcher_have_defaults(void **state)
{
    size_t      i;
    hl_value_t  args[HL_ABI_PARAMS_MAX];

    (void) state;

    sdk_open(SDK("interface"), NULL);

    for (i = 0; i < HL_ABI_PARAMS_MAX; i++) {
        args[i] = test_int((int32_t) i);
    }

    assert_ok(test_call(test_sb, "Sum", HL_TYPE_INT, args,
                        HL_ABI_PARAMS_MAX));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 55);

    assert_status(test_call(test_sb, "Nobody", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_NAME, "Nobody");
}


static void
sdk_last_registration_counts(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_int_equal(test_call_int_1(test_sb, "Twice", 1), 2);
}


static void
sdk_functions_may_be_registered_by_one_that_runs(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call(test_sb, "RegisterMore", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST,
                      "C guest function \"RegisterMore\" returned null");

    assert_status(test_call(test_sb, "More99", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST,
                      "C guest function \"More99\" returned null");
}


static void
sdk_null_is_an_error_of_the_call(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call(test_sb, "Null", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST,
                      "C guest function \"Null\" returned null");
}


static void
sdk_error_overrides_the_result(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call(test_sb, "ErrorAndValue", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST, "set, and then a value");
}


static void
sdk_foreign_vec_is_an_error_of_the_call(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call(test_sb, "OwnVec", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST, "\"OwnVec\" returned a "
                      "hl_Vec that no hl_flatbuffer_result_from_ function "
                      "made");
}


static void
sdk_void_function_has_a_void_result(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(test_call(test_sb, "Nothing", HL_TYPE_VOID, NULL, 0));
}


static void
sdk_return_values_have_their_types(void **state)
{
    const hl_value_t  *r;

    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(test_call_string("ResultFrom", "Int", HL_TYPE_INT));
    assert_int_equal(hl_call_result(test_sb)->v.i32, -42);

    assert_ok(test_call_string("ResultFrom", "UInt", HL_TYPE_UINT));
    assert_int_equal(hl_call_result(test_sb)->v.u32, 0xfffffffe);

    assert_ok(test_call_string("ResultFrom", "Long", HL_TYPE_LONG));
    assert_true(hl_call_result(test_sb)->v.i64 == INT64_MIN);

    assert_ok(test_call_string("ResultFrom", "ULong", HL_TYPE_ULONG));
    assert_true(hl_call_result(test_sb)->v.u64 == UINT64_MAX);

    assert_ok(test_call_string("ResultFrom", "Float", HL_TYPE_FLOAT));
    assert_true(hl_call_result(test_sb)->v.f32 > -1.6f
                && hl_call_result(test_sb)->v.f32 < -1.4f);

    assert_ok(test_call_string("ResultFrom", "Double", HL_TYPE_DOUBLE));
    r = hl_call_result(test_sb);
    assert_true(signbit(r->v.f64) != 0 && !(r->v.f64 < 0));

    assert_ok(test_call_string("ResultFrom", "Bool", HL_TYPE_BOOL));
    assert_true(hl_call_result(test_sb)->v.boolean);

    assert_ok(test_call_string("ResultFrom", "Void", HL_TYPE_VOID));

    assert_ok(test_call_string("ResultFrom", "String", HL_TYPE_STRING));
    test_assert_string("a string");

    assert_ok(test_call_string("ResultFrom", "StringBytes", HL_TYPE_STRING));
    test_assert_string("a string");

    assert_ok(test_call_string("ResultFrom", "Bytes", HL_TYPE_VECBYTES));
    test_assert_bytes(HL_TYPE_VECBYTES, "a\0b", 3);

    assert_ok(test_call_string("ResultFrom", "NoBytes", HL_TYPE_VECBYTES));
    test_assert_bytes(HL_TYPE_VECBYTES, "", 0);

    assert_ok(test_call_string("ResultFrom", "Chunks", HL_TYPE_VECBYTES));
    test_assert_bytes(HL_TYPE_VECBYTES, "one two", 7);
}


static void
sdk_string_with_nul_is_no_result(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call_string("ResultFrom", "StringBytesNul",
                                   HL_TYPE_STRING),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST, "returned null");
}


static void
sdk_functions_may_return_values(void **state)
{
    hl_value_t  args[2];

    (void) state;

    sdk_open(SDK("values"), NULL);

    args[0] = test_int(40);
    args[1] = test_int(2);

    assert_ok(test_call(test_sb, "Add", HL_TYPE_INT, args, 2));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 42);

    assert_ok(test_call_string("Echo", "echo", HL_TYPE_STRING));
    test_assert_string("echo");

    assert_ok(test_call_string("Look", "change", HL_TYPE_STRING));
    test_assert_string("Change");

    assert_ok(test_call(test_sb, "Nothing", HL_TYPE_VOID, NULL, 0));

    assert_ok(test_call(test_sb, "Unregistered", HL_TYPE_INT, args, 2));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 2);
}


static void
sdk_alloca_is_there(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_int_equal(test_call_int_1(test_sb, "UseAlloca", 1000), 1000);
}


/* ---- host functions ---------------------------------------------------- */

static void
sdk_guest_goes_on_after_a_host_error(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(test_call_string("TryHost", "Text", HL_TYPE_STRING));
    test_assert_string("tag 6: from the host");

    assert_ok(test_call_string("TryHost", "Fail", HL_TYPE_STRING));
    test_assert_string("failed: Host function error!");

    assert_ok(test_call_string("TryHost", "Nobody", HL_TYPE_STRING));
    test_assert_string("failed: HostFunction Nobody was not found");
}


static void
sdk_host_error_is_handed_on(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call_string("PassHostError", "Fail", HL_TYPE_STRING),
                  HL_ERR_GUEST);
    test_assert_error(HL_ERR_GUEST, SDK_CODE_HOST, "Host function error!");

    assert_ok(test_call_string("PassHostError", "Text", HL_TYPE_STRING));
    test_assert_string("no error");
}


static void
sdk_guest_goes_on_after_a_call_that_cannot_be_made(void **state)
{
    size_t  i;

    static const char  how[][16] = {
        "parameters", "long name", "no name", "parameter type", "return type"
    };

    (void) state;

    sdk_open(SDK("api"), NULL);

    for (i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        assert_ok(test_call_string("TryWrong", how[i], HL_TYPE_STRING));
        test_assert_string("a call of a host function has a name of 1 to 255 "
                           "bytes, at most 11 parameters, and types that "
                           "there are");
    }

    assert_ok(test_call_string("TryWrong", "length", HL_TYPE_STRING));
    test_assert_string("call of host function Text takes "
                       "18446744073709551615 bytes of output, there are "
                       "131056");
}


static void
sdk_host_error_may_be_told_to_the_host(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(test_call_string("PrintHostError", "Fail", HL_TYPE_INT));
    assert_string_equal(test_seen.print, "Host function error!");
}


static void
sdk_chunks_of_the_host_are_one(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(test_call_string("HostChunks", "Bytes", HL_TYPE_INT));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 1003);
}


static void
sdk_answers_can_be_freed(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(test_call_string("FreeHostStrings", "Text", HL_TYPE_INT));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 100);
}


#define sdk_test(f)  cmocka_unit_test_teardown(f, test_close)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        sdk_test(sdk_constructors_run),
        sdk_test(sdk_too_many_parameters_are_an_error_of_the_call),
        sdk_test(sdk_wrong_parameters_are_an_error_of_the_call),
        sdk_test(sdk_unknown_name_is_not_found),
        sdk_test(sdk_main_and_dispatcher_have_defaults),
        sdk_test(sdk_last_registration_counts),
        sdk_test(sdk_functions_may_be_registered_by_one_that_runs),
        sdk_test(sdk_null_is_an_error_of_the_call),
        sdk_test(sdk_error_overrides_the_result),
        sdk_test(sdk_foreign_vec_is_an_error_of_the_call),
        sdk_test(sdk_void_function_has_a_void_result),
        sdk_test(sdk_return_values_have_their_types),
        sdk_test(sdk_string_with_nul_is_no_result),
        sdk_test(sdk_functions_may_return_values),
        sdk_test(sdk_alloca_is_there),

        sdk_test(sdk_guest_goes_on_after_a_host_error),
        sdk_test(sdk_host_error_is_handed_on),
        sdk_test(sdk_guest_goes_on_after_a_call_that_cannot_be_made),
        sdk_test(sdk_host_error_may_be_told_to_the_host),
        sdk_test(sdk_chunks_of_the_host_are_one),
        sdk_test(sdk_answers_can_be_freed)
    };

    return cmocka_run_group_tests_name("sdk", tests, test_group_host,
                                       test_group_end);
}
