/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_sdk.c: the guest library, by guests that report what they observe
 * (guest/testguests/sdk/).
 */

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "test.h"


#define SDK(name)     "testguests/sdk/" name ".elf"
#define SDK_CALLS     20
#define SDK_CODE_NAME  4                /* GuestFunctionNotFound, and so on */
#define SDK_CODE_COUNT  5
#define SDK_CODE_UNKNOWN  8
#define SDK_CODE_MALLOC  13
#define SDK_CODE_TYPE  14
#define SDK_CODE_GUEST  15
#define SDK_CODE_HOST  17
#define SDK_INIT_DATA  "one\0two"


static uint64_t       sdk_ticks;
static hl_counter_t  *sdk_counter;


/* ---- host functions ---------------------------------------------------- */

static hl_status_t
sdk_text(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    *result = test_string("from the host");

    return HL_OK;
}


static hl_status_t
sdk_bytes(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    *result = test_bytes("a\0b", 3);

    return HL_OK;
}


static hl_status_t
sdk_fail(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) result;

    return hl_error_set(err, HL_ERR_GUEST, "Host function error!");
}


static hl_status_t
sdk_tick(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;

    sdk_ticks++;
    *result = test_int(0);

    return hl_counter_increment(sdk_counter, err);
}


static const hl_host_function_t  sdk_functions[] = {
    { "Text", HL_TYPE_STRING, 0, { 0 }, sdk_text },
    { "Bytes", HL_TYPE_VECBYTES, 0, { 0 }, sdk_bytes },
    { "Fail", HL_TYPE_STRING, 0, { 0 }, sdk_fail },
    { "Tick", HL_TYPE_INT, 0, { 0 }, sdk_tick }
};


/* ---- fixtures ---------------------------------------------------------- */

static void
sdk_config(hl_config_t *config)
{
    hl_config_init(config);

    config->sink = &test_sink;
    config->functions = sdk_functions;
    config->function_count = sizeof(sdk_functions) / sizeof(sdk_functions[0]);
}


/* A sandbox of the guest, in test_sb, and its snapshot. */

static void
sdk_open(const char *name, const hl_config_t *config)
{
    hl_config_t  usual;

    if (config == NULL) {
        sdk_config(&usual);
        config = &usual;
    }

    memset(&test_seen, 0, sizeof(test_seen));

    test_sb = test_evolved(name, config);
    test_snapshot = test_freeze(test_sb);
}


static void
sdk_restore(void)
{
    assert_ok(hl_sandbox_restore(test_sb, test_snapshot, &test_err));
    memset(&test_seen, 0, sizeof(test_seen));
}


static int
sdk_close(void **state)
{
    (void) state;

    hl_sandbox_destroy(test_sb);
    hl_snapshot_release(test_snapshot);

    test_sb = NULL;
    test_snapshot = NULL;

    return 0;
}


static hl_status_t
sdk_call_string(const char *name, const char *arg, hl_type_t result)
{
    hl_value_t  value;

    value = test_string(arg);

    return test_call(test_sb, name, result, &value, 1);
}


static void
sdk_assert_bytes(hl_type_t type, const void *data, size_t len)
{
    const hl_value_t  *r;

    r = hl_call_result(test_sb);

    assert_non_null(r);
    assert_int_equal(r->type, type);
    assert_int_equal(r->v.bytes.len, len);
    assert_memory_equal(r->v.bytes.data, data, len);
}


static void
sdk_assert_string(const char *s)
{
    sdk_assert_bytes(HL_TYPE_STRING, s, strlen(s));
}


static void
sdk_assert_error(hl_status_t status, uint32_t code, const char *text)
{
    assert_int_equal(test_err.status, status);
    assert_int_equal(test_err.guest_code, code);

    if (strstr(test_err.text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, test_err.text);
    }
}


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
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST, "Function Many has too "
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
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_COUNT, "Called function Add with "
                     "1 parameters but it takes 2.");

    assert_status(test_call(test_sb, "Add", HL_TYPE_INT, args, 2),
                  HL_ERR_GUEST);
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_TYPE, "Expected parameter type "
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
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_NAME, "Nobody");
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
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_NAME, "Nobody");
}


static void
sdk_last_registration_counts(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_int_equal(test_call_int_1(test_sb, "Twice", 1), 2);
}


static void
sdk_null_is_an_error_of_the_call(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call(test_sb, "Null", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST,
                     "C guest function \"Null\" returned null");
}


static void
sdk_error_overrides_the_result(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call(test_sb, "ErrorAndValue", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST, "set, and then a value");
}


static void
sdk_foreign_vec_is_an_error_of_the_call(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(test_call(test_sb, "OwnVec", HL_TYPE_INT, NULL, 0),
                  HL_ERR_GUEST);
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST, "\"OwnVec\" returned a "
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

    assert_ok(sdk_call_string("ResultFrom", "Int", HL_TYPE_INT));
    assert_int_equal(hl_call_result(test_sb)->v.i32, -42);

    assert_ok(sdk_call_string("ResultFrom", "UInt", HL_TYPE_UINT));
    assert_int_equal(hl_call_result(test_sb)->v.u32, 0xfffffffe);

    assert_ok(sdk_call_string("ResultFrom", "Long", HL_TYPE_LONG));
    assert_true(hl_call_result(test_sb)->v.i64 == INT64_MIN);

    assert_ok(sdk_call_string("ResultFrom", "ULong", HL_TYPE_ULONG));
    assert_true(hl_call_result(test_sb)->v.u64 == UINT64_MAX);

    assert_ok(sdk_call_string("ResultFrom", "Float", HL_TYPE_FLOAT));
    assert_true(hl_call_result(test_sb)->v.f32 > -1.6f
                && hl_call_result(test_sb)->v.f32 < -1.4f);

    assert_ok(sdk_call_string("ResultFrom", "Double", HL_TYPE_DOUBLE));
    r = hl_call_result(test_sb);
    assert_true(signbit(r->v.f64) != 0 && !(r->v.f64 < 0));

    assert_ok(sdk_call_string("ResultFrom", "Bool", HL_TYPE_BOOL));
    assert_true(hl_call_result(test_sb)->v.boolean);

    assert_ok(sdk_call_string("ResultFrom", "Void", HL_TYPE_VOID));

    assert_ok(sdk_call_string("ResultFrom", "String", HL_TYPE_STRING));
    sdk_assert_string("a string");

    assert_ok(sdk_call_string("ResultFrom", "StringBytes", HL_TYPE_STRING));
    sdk_assert_string("a string");

    assert_ok(sdk_call_string("ResultFrom", "Bytes", HL_TYPE_VECBYTES));
    sdk_assert_bytes(HL_TYPE_VECBYTES, "a\0b", 3);

    assert_ok(sdk_call_string("ResultFrom", "NoBytes", HL_TYPE_VECBYTES));
    sdk_assert_bytes(HL_TYPE_VECBYTES, "", 0);

    assert_ok(sdk_call_string("ResultFrom", "Chunks", HL_TYPE_VECBYTES));
    sdk_assert_bytes(HL_TYPE_VECBYTES, "one two", 7);
}


static void
sdk_string_with_nul_is_no_result(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(sdk_call_string("ResultFrom", "StringBytesNul",
                                  HL_TYPE_STRING),
                  HL_ERR_GUEST);
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_GUEST, "returned null");
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

    assert_ok(sdk_call_string("Echo", "echo", HL_TYPE_STRING));
    sdk_assert_string("echo");

    assert_ok(sdk_call_string("Look", "change", HL_TYPE_STRING));
    sdk_assert_string("Change");

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

    assert_ok(sdk_call_string("TryHost", "Text", HL_TYPE_STRING));
    sdk_assert_string("tag 6: from the host");

    assert_ok(sdk_call_string("TryHost", "Fail", HL_TYPE_STRING));
    sdk_assert_string("failed: Host function error!");

    assert_ok(sdk_call_string("TryHost", "Nobody", HL_TYPE_STRING));
    sdk_assert_string("failed: HostFunction Nobody was not found");
}


static void
sdk_host_error_is_handed_on(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_status(sdk_call_string("PassHostError", "Fail", HL_TYPE_STRING),
                  HL_ERR_GUEST);
    sdk_assert_error(HL_ERR_GUEST, SDK_CODE_HOST, "Host function error!");

    assert_ok(sdk_call_string("PassHostError", "Text", HL_TYPE_STRING));
    sdk_assert_string("no error");
}


static void
sdk_chunks_of_the_host_are_one(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(sdk_call_string("HostChunks", "Bytes", HL_TYPE_INT));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 1003);
}


static void
sdk_answers_can_be_freed(void **state)
{
    (void) state;

    sdk_open(SDK("api"), NULL);

    assert_ok(sdk_call_string("FreeHostStrings", "Text", HL_TYPE_INT));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 100);
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
    sdk_assert_bytes(HL_TYPE_VECBYTES, SDK_INIT_DATA, sizeof(SDK_INIT_DATA));

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
    sdk_assert_bytes(HL_TYPE_VECBYTES, SDK_INIT_DATA, sizeof(SDK_INIT_DATA));
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


/* ---- memory ------------------------------------------------------------ */

static void
sdk_malloc_is_hyperlights(void **state)
{
    (void) state;

    sdk_open(SDK("libc"), NULL);

    assert_int_equal(test_call_int(test_sb, "Memory"), 0);
    assert_int_equal(test_call_int(test_sb, "SbrkBounds"), 0);
}


static void
sdk_out_of_memory_aborts(void **state)
{
    size_t  i;

    static const char *const  ways[] = {
        "malloc", "malloc-64", "calloc", "calloc-plain", "realloc",
        "realloc-huge", "aligned_alloc", "until there is none"
    };

    (void) state;

    sdk_open(SDK("libc"), NULL);

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_status(sdk_call_string("Exhaust", ways[i], HL_TYPE_VOID),
                      HL_ERR_ABORTED);
        sdk_assert_error(HL_ERR_ABORTED, SDK_CODE_MALLOC, "Malloc Failed");
        sdk_restore();
    }
}


static void
sdk_out_of_memory_is_null_if_the_guest_wants(void **state)
{
    size_t  i;

    static const char *const  ways[] = {
        "malloc", "malloc-huge", "calloc", "calloc-overflow",
        "aligned_alloc", "aligned_alloc-huge", "realloc", "realloc-huge"
    };

    (void) state;

    sdk_open(SDK("memory"), NULL);

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_ok(sdk_call_string("Fails", ways[i], HL_TYPE_BOOL));

        if (!hl_call_result(test_sb)->v.boolean) {
            fail_msg("%s", ways[i]);
        }
    }

    assert_true(test_call_int(test_sb, "Exhaust") > 100);
}


static void
sdk_library_without_memory_aborts(void **state)
{
    (void) state;

    sdk_open(SDK("memory"), NULL);

    assert_status(test_call(test_sb, "Result", HL_TYPE_STRING, NULL, 0),
                  HL_ERR_ABORTED);
    sdk_assert_error(HL_ERR_ABORTED, SDK_CODE_MALLOC, "Malloc Failed");
}


/* ---- descriptors, process ---------------------------------------------- */

static void
sdk_descriptors_are_as_documented(void **state)
{
    (void) state;

    sdk_open(SDK("libc"), NULL);

    assert_int_equal(test_call_int(test_sb, "Descriptors"), 0);
    assert_string_equal(test_seen.print, "out err\n");
}


static void
sdk_an_end_is_an_abort(void **state)
{
    size_t      i;
    hl_value_t  args[2];

    static const struct {
        const char  *how;
        int32_t      code;
        uint32_t     seen;
    } ways[] = {
        { "_exit", 7, 7 },
        { "_exit", 0, 0 },
        { "_exit", 0x101, 1 },
        { "exit", 3, 3 },
        { "abort", 9, 0 },
        { "kill", 9, 137 }
    };

    (void) state;

    sdk_open(SDK("libc"), NULL);

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        args[0] = test_string(ways[i].how);
        args[1] = test_int(ways[i].code);

        assert_status(test_call(test_sb, "End", HL_TYPE_VOID, args, 2),
                      HL_ERR_ABORTED);
        assert_int_equal(test_err.guest_code, ways[i].seen);
        sdk_restore();
    }
}


/* ---- exceptions -------------------------------------------------------- */

static void
sdk_exceptions_are_handled(void **state)
{
    size_t   i;
    int32_t  rc;

    static const char *const  names[] = {
        "Ud2", "Registers", "Change", "RedZone", "Fpu", "Avx", "X87",
        "Divide", "PageFault"
    };

    (void) state;

    sdk_open(SDK("exception"), NULL);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        rc = test_call_int(test_sb, names[i]);

        /* 1: not on this CPU */
        if (rc != 0 && rc != 1) {
            fail_msg("%s: %d", names[i], rc);
        }

        sdk_restore();
    }
}


static void
sdk_handler_stays_over_restore(void **state)
{
    (void) state;

    sdk_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "Inherited"), 1);
    sdk_restore();
    assert_int_equal(test_call_int(test_sb, "Inherited"), 1);
}


static void
sdk_handler_of_a_call_goes_with_it(void **state)
{
    (void) state;

    sdk_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "Ud2"), 0);
    sdk_restore();
    assert_status(test_call(test_sb, "Unhandled", HL_TYPE_VOID, NULL, 0),
                  HL_ERR_FAULT);
}


static void
sdk_handlers_nest(void **state)
{
    (void) state;

    sdk_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "Nested"), 11);
    assert_int_equal(test_call_int_1(test_sb, "Many", 1000), 1000);
}


static void
sdk_unhandled_exceptions_end_the_call(void **state)
{
    size_t             i;
    const hl_fault_t  *fault;

    static const char *const  names[] = { "Unhandled", "Declined", "Removed" };

    (void) state;

    sdk_open(SDK("exception"), NULL);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_status(test_call(test_sb, names[i], HL_TYPE_VOID, NULL, 0),
                      HL_ERR_FAULT);

        fault = hl_call_fault(test_sb);
        assert_non_null(fault);
        assert_int_equal(fault->vector, 6);
        assert_int_equal(test_seen.logs, strcmp(names[i], "Declined") == 0);
        sdk_restore();
    }
}


static void
sdk_endless_exceptions_end_the_call(void **state)
{
    (void) state;

    sdk_open(SDK("exception"), NULL);

    assert_status(test_call(test_sb, "Endless", HL_TYPE_VOID, NULL, 0),
                  HL_ERR_FAULT);
    sdk_restore();
    assert_int_equal(test_call_int(test_sb, "Ud2"), 0);
}


static void
sdk_bad_vector_is_einval(void **state)
{
    (void) state;

    sdk_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "BadVector"), 22);
}


static void
sdk_handler_may_log_over_the_library(void **state)
{
    (void) state;

    sdk_open(SDK("exception"), NULL);

    assert_int_equal(test_call_int(test_sb, "InLibrary"), 0);
    assert_int_equal(test_seen.logs, 1);
    assert_string_equal(test_seen.log, "from a handler");
    assert_string_equal(test_seen.print, "after");
}


/* ---- C++ --------------------------------------------------------------- */

static void
sdk_cxx_works(void **state)
{
    hl_value_t  args[2];

    (void) state;

    sdk_open(SDK("cxx"), NULL);

    assert_ok(test_call(test_sb, "Greet", HL_TYPE_STRING, NULL, 0));
    sdk_assert_string("constructed");

    args[0] = test_int(3);
    args[1] = test_int(5);
    assert_ok(test_call(test_sb, "Areas", HL_TYPE_INT, args, 2));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 24);

    assert_int_equal(test_call_int_1(test_sb, "Arrays", 9), 0);
    assert_int_equal(test_call_int(test_sb, "Once"), 42);

    assert_int_equal(test_call_int(test_sb, "LogIt"), 0);
    assert_string_equal(test_seen.log, "from C++");
}


static void
sdk_cxx_failures_abort(void **state)
{
    (void) state;

    sdk_open(SDK("cxx"), NULL);

    assert_status(test_call(test_sb, "TooMuch", HL_TYPE_VOID, NULL, 0),
                  HL_ERR_ABORTED);
    sdk_assert_error(HL_ERR_ABORTED, SDK_CODE_MALLOC, "Malloc Failed");
    sdk_restore();

    assert_status(test_call(test_sb, "PureVirtual", HL_TYPE_VOID, NULL, 0),
                  HL_ERR_ABORTED);
    sdk_assert_error(HL_ERR_ABORTED, SDK_CODE_UNKNOWN,
                     "pure virtual function called");
}


#define sdk_test(f)  cmocka_unit_test_teardown(f, sdk_close)


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
        sdk_test(sdk_chunks_of_the_host_are_one),
        sdk_test(sdk_answers_can_be_freed),
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
        sdk_test(sdk_entropy_has_its_bounds),
        sdk_test(sdk_malloc_is_hyperlights),
        sdk_test(sdk_out_of_memory_aborts),
        sdk_test(sdk_out_of_memory_is_null_if_the_guest_wants),
        sdk_test(sdk_library_without_memory_aborts),
        sdk_test(sdk_descriptors_are_as_documented),
        sdk_test(sdk_an_end_is_an_abort),
        sdk_test(sdk_exceptions_are_handled),
        sdk_test(sdk_handler_stays_over_restore),
        sdk_test(sdk_handler_of_a_call_goes_with_it),
        sdk_test(sdk_handlers_nest),
        sdk_test(sdk_unhandled_exceptions_end_the_call),
        sdk_test(sdk_endless_exceptions_end_the_call),
        sdk_test(sdk_bad_vector_is_einval),
        sdk_test(sdk_handler_may_log_over_the_library),
        sdk_test(sdk_cxx_works),
        sdk_test(sdk_cxx_failures_abort)
    };

    return cmocka_run_group_tests(tests, test_group_host, test_group_end);
}
