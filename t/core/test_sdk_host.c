/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_sdk_host.c: what the guest library has from the host, by guests that
 * report what they observe (guest/testguests/sdk/): data, counters, time and
 * random numbers.
 */

#include <string.h>
#include <time.h>

#include "sdk.h"


#define SDK_CALLS      20
#define SDK_INIT_DATA  "one\0two"


static int64_t
sdk_long(const char *name)
{
    assert_ok(test_call(test_sb, name, HL_TYPE_LONG, NULL, 0));

    return hl_call_result(test_sb)->v.i64;
}


static int64_t
sdk_now(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * (int64_t) TEST_SECOND + ts.tv_nsec;
}


/* ---- what the host provides -------------------------------------------- */

static void
sdk_user_data_is_init_data(void **state)
{
    hl_config_t  config;

    (void) state;

    sdk_config(&config);
    config.init_data = SDK_INIT_DATA;
    config.init_data_size = sizeof(SDK_INIT_DATA);

    sdk_open(SDK("api"), &config);

    assert_ok(test_call(test_sb, "UserData", HL_TYPE_VECBYTES, NULL, 0));
    test_assert_bytes(HL_TYPE_VECBYTES, SDK_INIT_DATA, sizeof(SDK_INIT_DATA));

    assert_ok(test_call(test_sb, "UserDataIsNull", HL_TYPE_BOOL, NULL, 0));
    assert_false(hl_call_result(test_sb)->v.boolean);
}


static void
sdk_user_data_cannot_be_written(void **state)
{
    hl_value_t   value;
    hl_config_t  config;

    (void) state;

    sdk_config(&config);
    config.init_data = SDK_INIT_DATA;
    config.init_data_size = sizeof(SDK_INIT_DATA);

    sdk_open(SDK("api"), &config);

    value = test_int('O');
    assert_status(test_call(test_sb, "UserDataWrite", HL_TYPE_INT, &value, 1),
                  HL_ERR_FAULT);
}


static void
sdk_user_data_is_restored(void **state)
{
    hl_config_t  config;

    (void) state;

    sdk_config(&config);
    config.init_data = SDK_INIT_DATA;
    config.init_data_size = sizeof(SDK_INIT_DATA);
    config.init_data_writable = true;

    sdk_open(SDK("api"), &config);

    assert_int_equal(test_call_int_1(test_sb, "UserDataWrite", 'O'), 'O');

    sdk_restore();

    assert_ok(test_call(test_sb, "UserData", HL_TYPE_VECBYTES, NULL, 0));
    test_assert_bytes(HL_TYPE_VECBYTES, SDK_INIT_DATA, sizeof(SDK_INIT_DATA));
}


static void
sdk_no_user_data_is_null(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(test_call(test_sb, "UserDataIsNull", HL_TYPE_BOOL, NULL, 0));
    assert_true(hl_call_result(test_sb)->v.boolean);
}


static void
sdk_counter_is_the_hosts(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(hl_counter_create(&sdk_counter, test_sb, &test_err));
    assert_ok(hl_counter_increment(sdk_counter, &test_err));
    assert_ok(hl_counter_increment(sdk_counter, &test_err));

    assert_ok(test_call(test_sb, "Counter", HL_TYPE_ULONG, NULL, 0));
    assert_int_equal(hl_call_result(test_sb)->v.u64, 2);

    /* also while the guest waits for the host */
    assert_ok(test_call(test_sb, "CounterOverCall", HL_TYPE_ULONG, NULL, 0));
    assert_int_equal(hl_call_result(test_sb)->v.u64, 1);

    sdk_restore();

    assert_ok(test_call(test_sb, "Counter", HL_TYPE_ULONG, NULL, 0));
    assert_int_equal(hl_call_result(test_sb)->v.u64, 3);
}


static void
sdk_counter_may_be_created_before_evolve(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_counter_t  *counter;

    (void) state;

    sdk_config(&config);
    config.check_restore = true;
    guest = test_guest(SDK("api"));

    assert_ok(hl_sandbox_create(&test_sb, test_host, guest, &config,
                                &test_err));
    hl_guest_destroy(guest);

    assert_ok(hl_counter_create(&counter, test_sb, &test_err));
    assert_ok(hl_counter_increment(counter, &test_err));
    assert_int_equal(hl_counter_value(counter), 1);
    assert_ok(hl_sandbox_evolve(test_sb, TEST_LONG, &test_err));

    assert_ok(test_call(test_sb, "Counter", HL_TYPE_ULONG, NULL, 0));
    assert_int_equal(hl_call_result(test_sb)->v.u64, 1);

    /* it is none of the snapshot's */

    test_snapshot = test_freeze(test_sb);
    assert_ok(hl_counter_increment(counter, &test_err));
    sdk_restore();

    assert_ok(test_call(test_sb, "Counter", HL_TYPE_ULONG, NULL, 0));
    assert_int_equal(hl_call_result(test_sb)->v.u64, 2);
}


/* ---- time -------------------------------------------------------------- */

static void
sdk_clocks_work(void **state)
{
    (void) state;

    sdk_open(SDK("libc"), NULL);

    assert_int_equal(test_call_int(test_sb, "Clocks"), 0);
}


static void
sdk_realtime_is_the_hosts(void **state)
{
    int64_t  before, guest, after;

    (void) state;

    sdk_open(SDK("libc"), NULL);

    before = sdk_now(CLOCK_REALTIME);
    guest = sdk_long("Realtime");
    after = sdk_now(CLOCK_REALTIME);

    assert_true(guest >= before - (int64_t) TEST_MS
                && guest <= after + (int64_t) TEST_MS);
}


static void
sdk_time_runs_inside_of_a_call(void **state)
{
    int64_t  before, after;

    (void) state;

    sdk_open(SDK("libc"), NULL);

    before = sdk_now(CLOCK_MONOTONIC);
    assert_int_equal(test_call_int_1(test_sb, "Backwards", 50), 0);
    after = sdk_now(CLOCK_MONOTONIC);

    assert_true(after - before > 49 * (int64_t) TEST_MS);
    assert_true(after - before < (int64_t) TEST_SECOND);
}


static void
sdk_monotonic_never_goes_back(void **state)
{
    size_t   i;
    int64_t  last, now;

    (void) state;

    sdk_open(SDK("libc"), NULL);

    last = sdk_long("Monotonic");

    for (i = 0; i < SDK_CALLS; i++) {
        sdk_restore();

        now = sdk_long("Monotonic");
        assert_true(now > last);
        last = now;
    }
}


/* Entered a thousand times while it reads. */

static void
sdk_slices_do_not_disturb_the_clock(void **state)
{
    hl_stop_t   stop;
    hl_value_t  value;

    (void) state;

    sdk_open(SDK("libc"), NULL);

    value = test_int(100);
    test_start(test_sb, "Backwards", HL_TYPE_INT, &value, 1);

    do {
        stop = hl_sandbox_run(test_sb, TEST_MS / 10, &test_err);
    } while (stop == HL_STOP_SLICE);

    assert_int_equal(stop, HL_STOP_DONE);
    assert_int_equal(hl_call_result(test_sb)->v.i32, 0);
}


static void
sdk_no_clock_is_einval(void **state)
{
    hl_config_t  config;

    (void) state;

    sdk_config(&config);
    config.clock = false;

    sdk_open(SDK("libc"), &config);

    assert_int_equal(test_call_int(test_sb, "NoClocks"), 0);
}


/* ---- random ------------------------------------------------------------ */

static void
sdk_random_differs_after_each_restore(void **state)
{
    size_t      i, j;
    uint32_t    arc4[SDK_CALLS];
    uint8_t     entropy[SDK_CALLS][32];
    int32_t     rand[SDK_CALLS];
    hl_value_t  value;

    (void) state;

    sdk_open(SDK("libc"), NULL);

    value = test_int(32);

    for (i = 0; i < SDK_CALLS; i++) {
        rand[i] = test_call_int(test_sb, "NextRandom");
        sdk_restore();

        assert_ok(test_call(test_sb, "Entropy", HL_TYPE_VECBYTES, &value, 1));
        assert_int_equal(hl_call_result(test_sb)->v.bytes.len, 32);
        memcpy(entropy[i], hl_call_result(test_sb)->v.bytes.data, 32);
        sdk_restore();

        arc4[i] = test_call_uint(test_sb, "Arc4");
        sdk_restore();
    }

    for (i = 0; i < SDK_CALLS; i++) {

        for (j = 0; j < i; j++) {
            assert_int_not_equal(rand[i], rand[j]);
            assert_int_not_equal(arc4[i], arc4[j]);
            assert_memory_not_equal(entropy[i], entropy[j], 32);
        }
    }
}


static void
sdk_entropy_has_its_bounds(void **state)
{
    hl_value_t  value;

    (void) state;

    sdk_open(SDK("libc"), NULL);

    assert_int_equal(test_call_int(test_sb, "EntropyErrors"), 0);
    assert_int_equal(test_call_int_1(test_sb, "Arc4Uniform", 7), -1);

    value = test_int(256);
    assert_ok(test_call(test_sb, "Entropy", HL_TYPE_VECBYTES, &value, 1));
    assert_int_equal(hl_call_result(test_sb)->v.bytes.len, 256);
}


#define sdk_test(f)  cmocka_unit_test_teardown(f, test_close)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        sdk_test(sdk_user_data_is_init_data),
        sdk_test(sdk_user_data_cannot_be_written),
        sdk_test(sdk_user_data_is_restored),
        sdk_test(sdk_no_user_data_is_null),
        sdk_test(sdk_counter_is_the_hosts),
        sdk_test(sdk_counter_may_be_created_before_evolve),

        sdk_test(sdk_clocks_work),
        sdk_test(sdk_realtime_is_the_hosts),
        sdk_test(sdk_time_runs_inside_of_a_call),
        sdk_test(sdk_monotonic_never_goes_back),
        sdk_test(sdk_slices_do_not_disturb_the_clock),
        sdk_test(sdk_no_clock_is_einval),

        sdk_test(sdk_random_differs_after_each_restore),
        sdk_test(sdk_entropy_has_its_bounds)
    };

    return cmocka_run_group_tests_name("sdk_host", tests, test_group_host,
                                       test_group_end);
}
