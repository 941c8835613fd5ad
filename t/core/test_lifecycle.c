/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_lifecycle.c: a sandbox's states, and what is allowed in which; the
 * lives of snapshots, and of what they share with sandboxes.
 */

#include <string.h>

#include "test.h"


/* ---- states ------------------------------------------------------------ */

static void
sandbox_goes_from_new_to_ready(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);

    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_state(sb, HL_SANDBOX_NEW);

    assert_ok(hl_sandbox_evolve(sb, TEST_LONG, &test_err));
    assert_state(sb, HL_SANDBOX_READY);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
evolved_sandbox_does_not_evolve_again(void **state)
{
    (void) state;

    assert_status(hl_sandbox_evolve(test_sb, TEST_LONG, &test_err),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "the sandbox has evolved already");
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
new_sandbox_has_no_snapshot_and_no_restore(void **state)
{
    size_t          n;
    hl_guest_t     *guest;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    assert_status(hl_snapshot_create(&snapshot, sb, &test_err),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "only a ready sandbox can be frozen");
    assert_status(hl_sandbox_restore(sb, test_snapshot, &test_err),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "the sandbox has not evolved yet");
    assert_null(hl_sandbox_functions(sb, &n));
    assert_int_equal(n, 0);
    assert_null(hl_sandbox_function(sb, "Echo"));
    assert_state(sb, HL_SANDBOX_NEW);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
call_goes_from_ready_to_calling_and_back(void **state)
{
    (void) state;

    assert_state(test_sb, HL_SANDBOX_READY);
    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    assert_state(test_sb, HL_SANDBOX_CALLING);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_DONE);
    assert_state(test_sb, HL_SANDBOX_READY);
}


static void
calls_without_restore_see_each_other(void **state)
{
    (void) state;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);

    test_restore();
    assert_int_equal(test_call_int(test_sb, "Count"), 1);
}


static void
calling_sandbox_can_be_restored(void **state)
{
    (void) state;

    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    test_restore();

    assert_state(test_sb, HL_SANDBOX_READY);
    assert_pristine(test_sb, test_snapshot);
    assert_int_equal(test_call_int(test_sb, "Count"), 1);
}


static void
calling_sandbox_has_no_snapshot(void **state)
{
    hl_snapshot_t  *snapshot;

    (void) state;

    test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
    assert_status(hl_snapshot_create(&snapshot, test_sb, &test_err),
                  HL_ERR_ARGUMENT);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
}


static void
failed_initialisation_leaves_only_destroy(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    assert_status(hl_sandbox_evolve(sb, 0, &test_err), HL_ERR_INIT);
    assert_string_equal(test_err.text, "the guest's initialisation failed: "
                                       "it took longer than 0 ms");
    assert_state(sb, HL_SANDBOX_UNRECOVERABLE);
    assert_status(hl_sandbox_restore(sb, test_snapshot, &test_err),
                  HL_ERR_UNRECOVERABLE);
    assert_string_equal(test_err.text, "The sandbox is unrecoverable");
    assert_status(hl_sandbox_evolve(sb, TEST_LONG, &test_err),
                  HL_ERR_UNRECOVERABLE);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
longest_time_for_an_initialisation_is_long(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_ok(hl_sandbox_evolve(sb, UINT64_MAX, &test_err));

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
poisoned_sandbox_refuses_all_but_restore(void **state)
{
    hl_snapshot_t  *snapshot;

    (void) state;

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    assert_status(test_call(test_sb, "Count", HL_TYPE_INT, NULL, 0),
                  HL_ERR_POISONED);
    assert_string_equal(test_err.text, "The sandbox was poisoned");
    assert_status(hl_call_http(test_sb, hl_sandbox_function(test_sb, "dump"),
                               &test_err),
                  HL_ERR_POISONED);
    assert_status(hl_snapshot_create(&snapshot, test_sb, &test_err),
                  HL_ERR_POISONED);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_int_equal(test_err.status, HL_ERR_POISONED);
    test_assert_no_call(HL_ERR_POISONED);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    test_restore();
    assert_state(test_sb, HL_SANDBOX_READY);
}


/* ---- snapshots --------------------------------------------------------- */

static void
snapshot_is_shared_by_sandboxes_that_see_nothing_of_each_other(void **state)
{
    hl_sandbox_t  *other;

    (void) state;

    other = test_thaw(test_snapshot);

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);
    assert_int_equal(test_call_int(other, "Count"), 1);
    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
    assert_int_equal(test_call_uint(other, "FindSecret"), 0);

    test_restore();
    assert_int_equal(test_call_int(other, "Count"), 2);

    hl_sandbox_destroy(other);
}


static void
snapshot_outlives_the_sandbox_it_came_from(void **state)
{
    hl_sandbox_t   *first, *second;
    hl_snapshot_t  *snapshot;

    (void) state;

    first = test_evolved(TEST_PROBE, NULL);
    assert_int_equal(test_call_int(first, "Count"), 1);
    snapshot = test_freeze(first);
    hl_sandbox_destroy(first);

    second = test_thaw(snapshot);
    assert_int_equal(test_call_int(second, "Count"), 2);
    assert_ok(hl_sandbox_restore(second, snapshot, &test_err));
    assert_int_equal(test_call_int(second, "Count"), 2);

    hl_sandbox_destroy(second);
    hl_snapshot_release(snapshot);
}


static void
sandbox_holds_the_snapshot_it_came_from(void **state)
{
    hl_sandbox_t   *first, *second;
    hl_snapshot_t  *snapshot;

    (void) state;

    first = test_evolved(TEST_PROBE, NULL);
    snapshot = test_freeze(first);
    second = test_thaw(snapshot);

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(first);

    assert_int_equal(test_call_int(second, "Count"), 1);
    hl_sandbox_destroy(second);
}


static void
snapshot_does_not_change_the_sandbox(void **state)
{
    hl_snapshot_t  *later;

    (void) state;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    later = test_freeze(test_sb);
    assert_pristine(test_sb, later);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);

    hl_snapshot_release(later);
}


static void
snapshot_holds_nothing_of_the_call_before(void **state)
{
    void           *room;
    size_t          i, size;
    hl_snapshot_t  *later;

    static const char  secret[] = "a secret of the request";

    (void) state;

    assert_ok(hl_call_http(test_sb, hl_sandbox_function(test_sb, "nothing"),
                           &test_err));
    assert_ok(hl_call_http_header(test_sb, secret, sizeof(secret), secret,
                                  sizeof(secret), &test_err));
    assert_ok(hl_call_http_body(test_sb, sizeof(secret), &room, &test_err));
    memcpy(room, secret, sizeof(secret));
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));

    later = test_freeze(test_sb);
    size = test_sb->image->layout.rw_size;

    for (i = 0; i + sizeof(secret) <= size; i++) {
        assert_memory_not_equal(later->pages + i, secret, sizeof(secret));
    }

    hl_snapshot_release(later);
}


static void
sandbox_goes_back_and_forth_between_snapshots(void **state)
{
    int             i;
    hl_snapshot_t  *later;

    (void) state;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_int_1(test_sb, "DirtyPages", 100), 100);
    later = test_freeze(test_sb);

    for (i = 0; i < 5; i++) {
        test_restore();
        assert_pristine(test_sb, test_snapshot);
        assert_int_equal(test_call_int(test_sb, "SumPages"), 0);
        assert_int_equal(test_call_int(test_sb, "Count"), 1);

        assert_ok(hl_sandbox_restore(test_sb, later, &test_err));
        assert_pristine(test_sb, later);
        assert_int_equal(test_call_int(test_sb, "SumPages"), 100);
        assert_int_equal(test_call_int(test_sb, "Count"), 2);
    }

    hl_snapshot_release(later);
}


static void
poisoned_sandbox_can_go_to_another_snapshot(void **state)
{
    hl_snapshot_t  *later;

    (void) state;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    later = test_freeze(test_sb);
    test_restore();

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    assert_ok(hl_sandbox_restore(test_sb, later, &test_err));
    assert_pristine(test_sb, later);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);

    hl_snapshot_release(later);
}


/* A snapshot of a snapshot has the pages that only the first one wrote. */
static void
snapshots_are_built_upon_each_other(void **state)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *second, *third;

    (void) state;

    assert_int_equal(test_call_int_1(test_sb, "DirtyPages", 100), 100);
    second = test_freeze(test_sb);
    assert_int_equal(test_call_int_1(test_sb, "DirtyPages", 10), 10);
    third = test_freeze(test_sb);

    sb = test_thaw(third);
    assert_int_equal(test_call_int(sb, "SumPages"), 110);
    assert_ok(hl_sandbox_restore(sb, second, &test_err));
    assert_int_equal(test_call_int(sb, "SumPages"), 100);
    assert_ok(hl_sandbox_restore(sb, third, &test_err));
    assert_int_equal(test_call_int(sb, "SumPages"), 110);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(third);
    hl_snapshot_release(second);
}


static void
snapshot_of_another_guest_is_refused_and_harms_nothing(void **state)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *other;

    (void) state;

    sb = test_evolved(TEST_RAW, NULL);
    other = test_freeze(sb);

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_status(hl_sandbox_restore(test_sb, other, &test_err),
                  HL_ERR_SNAPSHOT_LAYOUT);
    assert_string_equal(test_err.text, "the snapshot is of another layout: "
                                       "sizes, segments, clock or init_data "
                                       "differ");
    assert_state(test_sb, HL_SANDBOX_READY);
    assert_int_equal(test_call_int(test_sb, "Count"), 2);

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    assert_status(hl_sandbox_restore(test_sb, other, &test_err),
                  HL_ERR_SNAPSHOT_LAYOUT);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(other);
}


static void
snapshot_of_another_configuration_is_refused(void **state)
{
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *other;

    (void) state;

    hl_config_init(&config);
    config.heap *= 2;

    sb = test_evolved(TEST_PROBE, &config);
    other = test_freeze(sb);
    assert_status(hl_sandbox_restore(test_sb, other, &test_err),
                  HL_ERR_SNAPSHOT_LAYOUT);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(other);
}


static void
guest_may_go_before_its_sandboxes(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    hl_guest_destroy(guest);

    assert_ok(hl_sandbox_evolve(sb, TEST_LONG, &test_err));
    assert_int_equal(test_call_int(sb, "Count"), 1);
    hl_sandbox_destroy(sb);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(sandbox_goes_from_new_to_ready),
        test_sandbox(evolved_sandbox_does_not_evolve_again),
        test_plain(new_sandbox_has_no_snapshot_and_no_restore),
        test_sandbox(call_goes_from_ready_to_calling_and_back),
        test_sandbox(calls_without_restore_see_each_other),
        test_sandbox(calling_sandbox_can_be_restored),
        test_sandbox(calling_sandbox_has_no_snapshot),
        test_plain(failed_initialisation_leaves_only_destroy),
        test_sandbox(longest_time_for_an_initialisation_is_long),
        test_sandbox(poisoned_sandbox_refuses_all_but_restore),

        test_sandbox(
            snapshot_is_shared_by_sandboxes_that_see_nothing_of_each_other),
        test_plain(snapshot_outlives_the_sandbox_it_came_from),
        test_plain(sandbox_holds_the_snapshot_it_came_from),
        test_sandbox(snapshot_does_not_change_the_sandbox),
        test_sandbox(snapshot_holds_nothing_of_the_call_before),
        test_sandbox(sandbox_goes_back_and_forth_between_snapshots),
        test_sandbox(poisoned_sandbox_can_go_to_another_snapshot),
        test_sandbox(snapshots_are_built_upon_each_other),
        test_sandbox(snapshot_of_another_guest_is_refused_and_harms_nothing),
        test_sandbox(snapshot_of_another_configuration_is_refused),
        test_plain(guest_may_go_before_its_sandboxes)
    };

    return cmocka_run_group_tests_name("lifecycle", tests, test_group_probe,
                                       test_group_end);
}
