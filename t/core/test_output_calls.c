/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_output_calls.c: calls of host functions: their records, how they are
 * answered, and what the reply says of those that fail.
 */

#include <string.h>

#include "area.h"


typedef struct {
    hl_abi_call_t   call;
    char            name[8];
    hl_abi_value_t  first;
    char            text[8];
    hl_abi_value_t  second;
} host_call_t;

static host_call_t  host_call;


/* Repeat("text", -3) */
static void
host_call_begin(void)
{
    memset(&host_call, 0, sizeof(host_call));

    host_call.call.result = HL_TYPE_STRING;
    host_call.call.param_count = 2;
    host_call.call.name_len = 6;
    memcpy(host_call.name, "Repeat", 6);
    host_call.first.type = HL_TYPE_STRING;
    host_call.first.len = 4;
    memcpy(host_call.text, "text", 4);
    host_call.second.type = HL_TYPE_INT;
    host_call.second.bits = (uint32_t) -3;
}


static hl_status_t
take_host_call(void)
{
    used = 0;
    put_record(HL_REC_CALL, &host_call, sizeof(host_call), "", 0);

    return take(HL_PHASE_TYPED, HL_HYPERCALL_CALL);
}


#define assert_host_call_refused()                                            \
    assert_malformed(take_host_call());                                       \
    assert_int_equal(function_calls, 0)


/* The error in the reply, its size and its NUL checked. */
static const char *
reply_error(void)
{
    hl_abi_reply_t  reply;

    memcpy(&reply, area.rw, sizeof(reply));
    assert_int_equal(reply.error, 17);
    assert_int_equal(reply.size, sizeof(reply) + reply.message_len);

    return (const char *) area.rw + sizeof(reply);
}


/* Every reply area is zero but for what the host wrote there. */
static void
reply_begin(void)
{
    memset(area.rw, 0, AREA_REPLY);
    host_call_begin();
}


static void
host_function_gets_its_arguments_and_is_answered(void **state)
{
    hl_abi_reply_t  reply;
    hl_abi_value_t  value;

    (void) state;

    reply_begin();
    assert_ok(take_host_call());
    assert_int_equal(function_calls, 1);

    memcpy(&reply, area.rw, sizeof(reply));
    memcpy(&value, area.rw + sizeof(reply), sizeof(value));

    assert_int_equal(reply.error, 0);
    assert_int_equal(reply.size, sizeof(reply) + hl_abi_value_size(4));
    assert_int_equal(value.type, HL_TYPE_STRING);
    assert_int_equal(value.len, 4);
    assert_string_equal((const char *) area.rw + sizeof(reply)
                        + sizeof(value), "text");
}


static void
error_of_a_host_function_reaches_the_guest(void **state)
{
    (void) state;

    reply_begin();
    put_call("Refuse", 6, HL_TYPE_INT, 0);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
    assert_string_equal(reply_error(), "not today");
}


static void
nothing_of_a_reply_is_in_the_next(void **state)
{
    size_t  i;

    (void) state;

    reply_begin();
    assert_ok(take_host_call());

    used = 0;
    put_call("Refuse", 6, HL_TYPE_INT, 0);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    for (i = sizeof(hl_abi_reply_t) + 9; i < AREA_REPLY; i++) {
        assert_int_equal(area.rw[i], 0);
    }
}


static void
unknown_host_function_is_an_error_for_the_guest(void **state)
{
    (void) state;

    reply_begin();
    memcpy(host_call.name, "Re\npea", 6);
    assert_ok(take_host_call());
    assert_string_equal(reply_error(),
                        "HostFunction Re\\x0Apea was not found");
}


static void
wrong_number_of_arguments_is_an_error_for_the_guest(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.param_count = 1;
    assert_ok(take_host_call());
    assert_string_equal(reply_error(), "The number of arguments to the "
                                       "function is wrong: got 1 expected 2");
    assert_int_equal(function_calls, 0);
}


static void
wrong_type_of_an_argument_is_an_error_for_the_guest(void **state)
{
    (void) state;

    reply_begin();
    host_call.first.type = HL_TYPE_VECBYTES;
    assert_ok(take_host_call());
    assert_string_equal(reply_error(), "Failed To Convert Parameter Value "
                                       "VecBytes to String");
    assert_int_equal(function_calls, 0);
}


static void
result_that_the_guest_does_not_expect_is_an_error_for_it(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.result = HL_TYPE_INT;
    assert_ok(take_host_call());
    assert_string_equal(reply_error(), "Failed To Convert Return Value "
                                       "String to Int");
}


static void
result_over_the_reply_is_an_error_for_the_guest(void **state)
{
    size_t          most;
    hl_abi_call_t   call = { HL_TYPE_VECBYTES, 1, 5, 0 };
    hl_abi_reply_t  reply;
    hl_abi_value_t  arg = { HL_TYPE_INT, 0, 0 };

    (void) state;

    most = AREA_REPLY - sizeof(reply) - sizeof(hl_abi_value_t) - 1;

    for (arg.bits = most - 8; arg.bits <= most + 8; arg.bits++) {
        char  rest[8 + sizeof(arg)] = "Large";

        memset(area.rw, 0, AREA_REPLY);
        area.reply_end = 0;
        used = 0;

        memcpy(rest + 8, &arg, sizeof(arg));
        put_record(HL_REC_CALL, &call, sizeof(call), rest, sizeof(rest));
        assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

        if (arg.bits <= most) {
            memcpy(&reply, area.rw, sizeof(reply));
            assert_int_equal(reply.error, 0);

        } else {
            assert_string_equal(reply_error(), "the result of the host "
                                "function is over the reply's room");
        }
    }
}


static void
print_by_name_is_a_print(void **state)
{
    hl_abi_value_t  value;

    (void) state;

    reply_begin();
    host_call.call.result = HL_TYPE_INT;
    host_call.call.param_count = 1;
    host_call.call.name_len = 9;

    used = 0;
    put_record(HL_REC_CALL, &host_call.call, sizeof(host_call.call),
               "HostPrint\0\0\0\0\0\0\0"
               "\6\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0hi", 35);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    memcpy(&value, area.rw + sizeof(hl_abi_reply_t), sizeof(value));
    assert_int_equal(value.bits, 2);
    assert_string_equal(test_seen.print, "hi");
}


static void
call_without_a_name_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.name_len = 0;
    assert_host_call_refused();
}


static void
call_with_a_name_too_long_is_refused(void **state)
{
    char  name[HL_ABI_NAME_MAX + 1];

    (void) state;

    memset(name, 'n', sizeof(name));

    put_call(name, HL_ABI_NAME_MAX + 1, HL_TYPE_INT, 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    used = 0;
    memset(area.rw, 0, AREA_REPLY);
    put_call(name, HL_ABI_NAME_MAX, HL_TYPE_INT, 0);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
}


static void
call_with_its_name_past_the_record_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.name_len = 100;
    assert_host_call_refused();

    host_call.call.name_len = HUGE;
    assert_host_call_refused();
}


static void
call_with_nul_in_its_name_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.name[2] = '\0';
    assert_host_call_refused();
}


/* They are all there, and good. */
static void
call_with_twelve_parameters_is_refused(void **state)
{
    struct {
        char            name[8];
        hl_abi_value_t  values[HL_ABI_PARAMS_MAX + 1];
    } rest;

    hl_abi_call_t  call = { HL_TYPE_INT, HL_ABI_PARAMS_MAX + 1, 4, 0 };

    (void) state;

    memset(area.rw, 0, AREA_REPLY);
    memset(&rest, 0, sizeof(rest));
    memcpy(rest.name, "None", 4);

    put_record(HL_REC_CALL, &call, sizeof(call), (const char *) &rest,
               sizeof(rest));
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    used = 0;
    call.param_count = HL_ABI_PARAMS_MAX;
    put_record(HL_REC_CALL, &call, sizeof(call), (const char *) &rest,
               sizeof(rest));
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
}


static void
call_with_fewer_values_than_it_says_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.param_count = 3;
    assert_host_call_refused();
}


static void
call_with_a_value_past_the_record_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.first.len = 100;
    assert_host_call_refused();

    host_call.first.len = HUGE;
    assert_host_call_refused();
}


static void
call_with_a_void_argument_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.second.type = HL_TYPE_VOID;
    assert_host_call_refused();
}


static void
call_that_expects_no_known_type_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.result = HL_TYPE_LAST + 1;
    assert_host_call_refused();
}


static void
short_call_record_is_refused(void **state)
{
    (void) state;

    put_record(HL_REC_CALL, &host_call, sizeof(hl_abi_call_t) - 1, "", 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_area(host_function_gets_its_arguments_and_is_answered),
        test_area(error_of_a_host_function_reaches_the_guest),
        test_area(nothing_of_a_reply_is_in_the_next),
        test_area(unknown_host_function_is_an_error_for_the_guest),
        test_area(wrong_number_of_arguments_is_an_error_for_the_guest),
        test_area(wrong_type_of_an_argument_is_an_error_for_the_guest),
        test_area(result_that_the_guest_does_not_expect_is_an_error_for_it),
        test_area(result_over_the_reply_is_an_error_for_the_guest),
        test_area(print_by_name_is_a_print),
        test_area(call_without_a_name_is_refused),
        test_area(call_with_a_name_too_long_is_refused),
        test_area(call_with_its_name_past_the_record_is_refused),
        test_area(call_with_nul_in_its_name_is_refused),
        test_area(call_with_twelve_parameters_is_refused),
        test_area(call_with_fewer_values_than_it_says_is_refused),
        test_area(call_with_a_value_past_the_record_is_refused),
        test_area(call_with_a_void_argument_is_refused),
        test_area(call_that_expects_no_known_type_is_refused),
        test_area(short_call_record_is_refused)
    };

    return cmocka_run_group_tests_name("output_calls", tests, NULL, NULL);
}
