/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_output_guest.c: a guest that puts out what it had better not, and
 * what becomes of its sandbox.
 */

#include <string.h>

#include "area.h"


static int
guest_begin(void **state)
{
    (void) area_begin(state);

    return test_begin(state);
}


static int
guest_end(void **state)
{
    (void) area_end(state);

    return test_end(state);
}


/* The list that put() made, its size before it, as a guest's argument. */
static hl_value_t
list_as_argument(void)
{
    uint64_t  size;

    size = used;
    memcpy(area.rw + AREA_REPLY, &size, sizeof(size));

    return test_bytes(area.rw + AREA_REPLY, sizeof(size) + used);
}


/* The guest leaves with that list. */
static hl_status_t
guest_leaves(uint32_t kind)
{
    hl_value_t  args[2];

    args[0] = test_uint(kind);
    args[1] = list_as_argument();

    return test_call(test_sb, "Raw", HL_TYPE_INT, args, 2);
}


/* Poisoned, without a result; then restored, and as good as new. */
static void
assert_poisoned_until_restored(void)
{
    assert_state(test_sb, HL_SANDBOX_POISONED);
    assert_null(hl_call_result(test_sb));

    test_restore();
    assert_pristine(test_sb, test_snapshot);

    used = 0;
    put_value(HL_TYPE_INT, 0, 5, "", 0);
    assert_ok(guest_leaves(HL_HYPERCALL_PARK));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 5);
}


static void
malformed_list_of_a_guest_poisons(void **state)
{
    hl_value_t  args[2];

    (void) state;

    args[0] = test_uint(HL_HYPERCALL_PARK);
    args[1] = test_bytes("\377\377\377\377\377\377\377\377", 8);

    assert_malformed(test_call(test_sb, "Raw", HL_TYPE_INT, args, 2));
    assert_poisoned_until_restored();
}


static void
malformed_record_of_a_guest_poisons(void **state)
{
    (void) state;

    put_head(HL_REC_PRINT, 7);
    assert_malformed(guest_leaves(HL_HYPERCALL_FLUSH));
    assert_poisoned_until_restored();
}


static void
two_results_of_a_guest_poison(void **state)
{
    (void) state;

    put_value(HL_TYPE_INT, 0, 1, "", 0);
    put_value(HL_TYPE_INT, 0, 2, "", 0);
    assert_malformed(guest_leaves(HL_HYPERCALL_PARK));
    assert_poisoned_until_restored();
}


static void
result_before_the_park_poisons(void **state)
{
    hl_value_t  args[2];

    static const uint64_t  nothing = 0;

    (void) state;

    put_value(HL_TYPE_INT, 0, 1, "", 0);
    args[0] = list_as_argument();
    args[1] = test_bytes(&nothing, sizeof(nothing));

    assert_malformed(test_call(test_sb, "RawTwice", HL_TYPE_INT, args, 2));
    assert_poisoned_until_restored();
}


static void
missing_result_poisons(void **state)
{
    (void) state;

    assert_malformed(guest_leaves(HL_HYPERCALL_PARK));
    assert_string_equal(test_err.text,
                        "the function has put out neither a result nor an "
                        "error");
    assert_poisoned_until_restored();
}


static void
result_of_another_type_leaves_the_sandbox_ready(void **state)
{
    (void) state;

    put_value(HL_TYPE_STRING, 3, 0, "abc", 3);
    assert_status(guest_leaves(HL_HYPERCALL_PARK), HL_ERR_RESULT_TYPE);
    assert_string_equal(test_err.text,
                        "Failed To Convert Return Value String to Int");
    assert_null(hl_call_result(test_sb));
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
function_row_after_initialisation_poisons(void **state)
{
    (void) state;

    row_begin();
    put_record(HL_REC_FUNCTION, &row, sizeof(row), "f", 1);
    assert_malformed(guest_leaves(HL_HYPERCALL_PARK));
    assert_null(hl_sandbox_function(test_sb, "f"));
    assert_poisoned_until_restored();
}


static void
unknown_hypercall_poisons(void **state)
{
    size_t  i;

    static const uint32_t  kinds[] = { 0, HL_HYPERCALL_ABORT + 1, HUGE };

    (void) state;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        used = 0;
        assert_status(guest_leaves(kinds[i]), HL_ERR_PROTOCOL);
        assert_poisoned_until_restored();
    }
}


/* With each kind that there is, the park's own too. */
static void
out_from_own_code_poisons(void **state)
{
    int32_t     kind;
    hl_value_t  value;

    (void) state;

    for (kind = 0; kind <= HL_HYPERCALL_ABORT; kind++) {
        value = test_int(kind);
        assert_status(test_call(test_sb, "OutByte", HL_TYPE_INT, &value, 1),
                      HL_ERR_PROTOCOL);
        assert_non_null(strstr(test_err.text, ", port 0x80, and not through "
                                              "the hypercall page"));
        assert_poisoned_until_restored();
    }
}


static void
string_out_from_own_code_poisons(void **state)
{
    hl_value_t  value;

    (void) state;

    value = test_bytes("\1\1\1", 3);
    assert_status(test_call(test_sb, "OutString", HL_TYPE_INT, &value, 1),
                  HL_ERR_PROTOCOL);
    assert_poisoned_until_restored();
}


static void
result_in_an_http_call_poisons(void **state)
{
    void        *room;
    hl_value_t   list;

    (void) state;

    put_value(HL_TYPE_INT, 0, 1, "", 0);
    list = list_as_argument();

    assert_ok(hl_call_http(test_sb, hl_sandbox_function(test_sb, "raw"),
                           &test_err));
    assert_ok(hl_call_http_body(test_sb, list.v.bytes.len, &room,
                                &test_err));
    memcpy(room, list.v.bytes.data, list.v.bytes.len);

    assert_malformed(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_poisoned_until_restored();
}


static void
guest_goes_on_after_a_flush(void **state)
{
    (void) state;

    put_record(HL_REC_PRINT, "abc", 3, "", 0);
    assert_ok(guest_leaves(HL_HYPERCALL_FLUSH));
    assert_string_equal(test_seen.print, "abc");
    assert_int_equal(hl_call_result(test_sb)->v.i32, 7);
}


#define test_in_guest(f)                                                      \
    cmocka_unit_test_setup_teardown(f, guest_begin, guest_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_in_guest(malformed_list_of_a_guest_poisons),
        test_in_guest(malformed_record_of_a_guest_poisons),
        test_in_guest(two_results_of_a_guest_poison),
        test_in_guest(result_before_the_park_poisons),
        test_in_guest(missing_result_poisons),
        test_in_guest(result_of_another_type_leaves_the_sandbox_ready),
        test_in_guest(function_row_after_initialisation_poisons),
        test_in_guest(unknown_hypercall_poisons),
        test_in_guest(out_from_own_code_poisons),
        test_in_guest(string_out_from_own_code_poisons),
        test_in_guest(result_in_an_http_call_poisons),
        test_in_guest(guest_goes_on_after_a_flush)
    };

    return cmocka_run_group_tests_name("output_guest", tests, test_group_raw,
                                       test_group_end);
}
