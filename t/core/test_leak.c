/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_leak.c: whole lives, failed ones as well, leave no descriptor and no
 * mapping behind.
 */

#include "test.h"


#define LIVES  300


/* After a first round, in which libc may take what it keeps. */
static void
assert_no_leak(void (*life)(void))
{
    int     i;
    size_t  descriptors, mappings;

    life();

    descriptors = test_descriptors();
    mappings = test_mappings();

    for (i = 0; i < LIVES; i++) {
        life();
    }

    assert_int_equal(test_descriptors(), descriptors);
    assert_int_equal(test_mappings(), mappings);
}


static void
life_from_a_snapshot(void)
{
    hl_sandbox_t  *sb;

    sb = test_thaw(test_snapshot);
    assert_int_equal(test_call_int(sb, "Count"), 1);
    assert_ok(hl_sandbox_restore(sb, test_snapshot, &test_err));
    hl_sandbox_destroy(sb);
}


static void
sandboxes_from_a_snapshot_leak_nothing(void **state)
{
    (void) state;

    assert_no_leak(life_from_a_snapshot);
}


static void
whole_life(void)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *first, *second;

    sb = test_evolved(TEST_PROBE, NULL);
    first = test_freeze(sb);
    assert_int_equal(test_call_int(sb, "Count"), 1);
    second = test_freeze(sb);
    assert_ok(hl_sandbox_restore(sb, first, &test_err));
    assert_status(test_fault(sb, "null"), HL_ERR_FAULT);
    assert_ok(hl_sandbox_restore(sb, second, &test_err));

    hl_snapshot_release(first);
    hl_sandbox_destroy(sb);
    hl_snapshot_release(second);
}


static void
sandboxes_and_snapshots_leak_nothing(void **state)
{
    (void) state;

    assert_no_leak(whole_life);
}


static void
failed_life(void)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    assert_status(hl_guest_from_buffer(&guest, "#!/bin/sh\n1234567", 17,
                                       "script", &test_err),
                  HL_ERR_GUEST_FILE);

    guest = test_guest(TEST_PROBE);
    hl_config_init(&config);
    config.check_restore = true;

    config.heap = 1;
    assert_status(hl_sandbox_create(&sb, test_host, guest, &config,
                                    &test_err),
                  HL_ERR_MEMORY_TOO_SMALL);

    /* its initialisation runs out of memory */

    config.heap = 4096;
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_status(hl_sandbox_evolve(sb, TEST_LONG, &test_err), HL_ERR_INIT);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
failures_leak_nothing(void **state)
{
    (void) state;

    assert_no_leak(failed_life);
}


static void
null_is_nothing_to_destroy(void **state)
{
    (void) state;

    hl_sandbox_destroy(NULL);
    hl_guest_destroy(NULL);
    hl_snapshot_release(NULL);
    hl_host_destroy(NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(sandboxes_from_a_snapshot_leak_nothing),
        test_plain(sandboxes_and_snapshots_leak_nothing),
        test_plain(failures_leak_nothing),
        test_plain(null_is_nothing_to_destroy)
    };

    return cmocka_run_group_tests_name("leak", tests, test_group_probe,
                                       test_group_end);
}
