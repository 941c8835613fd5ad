/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_output_table.c: the function table, which a guest puts out row by row
 * when it is initialised.
 */

#include <stdio.h>
#include <string.h>

#include "area.h"


static hl_status_t
take_row(const char *name, size_t len)
{
    used = 0;
    put_record(HL_REC_FUNCTION, &row, sizeof(row), name, len);

    return take(HL_PHASE_INIT, HL_HYPERCALL_PARK);
}


#define assert_row_refused()                                                  \
    assert_malformed(take_row("f", 1));                                       \
    assert_int_equal(area.functions->count, 0)


static void
row_is_kept(void **state)
{
    const hl_function_t  *function;

    (void) state;

    row_begin();
    assert_ok(take_row("f", 1));

    function = hl_functions_find(area.functions, "f");
    assert_non_null(function);
    assert_int_equal(function->kind, HL_FUNCTION_TYPED);
    assert_int_equal(function->result, HL_TYPE_INT);
    assert_int_equal(function->param_count, 1);
    assert_int_equal(function->params[0], HL_TYPE_INT);
}


static void
row_of_an_unknown_kind_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.kind = HL_FUNCTION_HTTP + 1;
    assert_row_refused();
}


static void
row_with_an_unknown_result_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.result = HL_TYPE_LAST + 1;
    assert_row_refused();
}


static void
row_with_twelve_parameters_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.param_count = HL_ABI_PARAMS_MAX + 1;
    assert_row_refused();

    row.param_count = 255;
    assert_row_refused();
}


static void
row_with_an_unknown_parameter_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.params[0] = HL_TYPE_LAST + 1;
    assert_row_refused();
}


static void
row_with_a_void_parameter_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.params[0] = HL_TYPE_VOID;
    assert_row_refused();
}


static void
row_without_a_name_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.name_len = 0;
    assert_row_refused();
}


static void
row_with_its_name_past_the_record_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.name_len = 2;
    assert_row_refused();

    row.name_len = UINT16_MAX;
    assert_row_refused();
}


static void
row_with_a_name_too_long_is_refused(void **state)
{
    char  name[HL_ABI_NAME_MAX + 1];

    (void) state;

    memset(name, 'n', sizeof(name));

    row_begin();
    row.name_len = HL_ABI_NAME_MAX + 1;
    assert_malformed(take_row(name, HL_ABI_NAME_MAX + 1));

    row.name_len = HL_ABI_NAME_MAX;
    assert_ok(take_row(name, HL_ABI_NAME_MAX));
}


static void
row_with_nul_in_its_name_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.name_len = 3;
    assert_malformed(take_row("a\0b", 3));
}


static void
short_row_is_refused(void **state)
{
    (void) state;

    row_begin();
    put_record(HL_REC_FUNCTION, &row, sizeof(row) - 1, "", 0);
    assert_malformed(take(HL_PHASE_INIT, HL_HYPERCALL_PARK));
}


static void
second_row_of_a_name_is_refused(void **state)
{
    (void) state;

    row_begin();
    assert_ok(take_row("f", 1));
    assert_malformed(take_row("f", 1));
    assert_int_equal(area.functions->count, 1);
}


static void
table_has_1024_rows_at_most(void **state)
{
    int   i;
    char  name[8];

    (void) state;

    row_begin();
    row.name_len = 4;

    for (i = 0; i < HL_ABI_FUNCTIONS_MAX; i++) {
        (void) snprintf(name, sizeof(name), "%04d", i);
        assert_ok(take_row(name, 4));
    }

    assert_malformed(take_row("more", 4));
    assert_int_equal(area.functions->count, HL_ABI_FUNCTIONS_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_area(row_is_kept),
        test_area(row_of_an_unknown_kind_is_refused),
        test_area(row_with_an_unknown_result_is_refused),
        test_area(row_with_twelve_parameters_is_refused),
        test_area(row_with_an_unknown_parameter_is_refused),
        test_area(row_with_a_void_parameter_is_refused),
        test_area(row_without_a_name_is_refused),
        test_area(row_with_its_name_past_the_record_is_refused),
        test_area(row_with_a_name_too_long_is_refused),
        test_area(row_with_nul_in_its_name_is_refused),
        test_area(short_row_is_refused),
        test_area(second_row_of_a_name_is_refused),
        test_area(table_has_1024_rows_at_most)
    };

    return cmocka_run_group_tests_name("output_table", tests, NULL, NULL);
}
