/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * pages.c: the calls that pages.h describes.
 */

#include "pages.h"


static hl_status_t touch_by(const char *function, int32_t first, int32_t n);


int32_t
touch(int32_t first, int32_t n)
{
    assert_ok(touch_by("Touch", first, n));

    return hl_call_result(test_sb)->v.i32;
}


void
touch_and_restore(int32_t first, int32_t n)
{
    assert_int_equal(touch(first, n), n);
    test_restore();
}


void
touch_and_crash(int32_t first, int32_t n)
{
    assert_status(touch_by("TouchAndCrash", first, n), HL_ERR_FAULT);
}


static hl_status_t
touch_by(const char *function, int32_t first, int32_t n)
{
    hl_value_t  args[2];

    args[0] = test_int(first);
    args[1] = test_int(n);

    return test_call(test_sb, function, HL_TYPE_INT, args, 2);
}


const hl_stats_t *
stats(void)
{
    return hl_sandbox_stats(test_sb);
}


void
assert_good_as_new(void)
{
    assert_state(test_sb, HL_SANDBOX_READY);
    assert_pristine(test_sb, test_snapshot);
    assert_int_equal(test_call_int(test_sb, "Touched"), 0);
    test_restore();
    assert_pristine(test_sb, test_snapshot);
}
