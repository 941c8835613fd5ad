/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_embed.c: what an embedder has besides calls: interrupts from another
 * thread, the guest counter, mapped files, host functions by number, and
 * snapshots that go to other sandboxes.
 */

#include <pthread.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hl_memory.h"
#include "test.h"


#define TEST_PEEK  "t/core/guests/peek.elf"

#define MAP_AT     0x700000000000ull
#define MAP_TEXT   "a file of the host"

/* mov $42, %eax; ret */
#define MAP_CODE   "\xb8\x2a\x00\x00\x00\xc3"

#define RAW_UPPER  0x10001


static hl_status_t
raw_upper(void *data, const void *in, size_t len, hl_value_t *result,
    hl_error_t *err)
{
    size_t       i;

    static char  out[64];

    (void) data;

    if (len > sizeof(out)) {
        return hl_error_set(err, HL_ERR_ARGUMENT, "over 64 bytes");
    }

    for (i = 0; i < len; i++) {
        out[i] = (char) (((const char *) in)[i] & ~0x20);
    }

    result->v.bytes.data = out;
    result->v.bytes.len = len;

    return HL_OK;
}


static const hl_raw_host_function_t  raw_functions[] = {
    { RAW_UPPER, raw_upper }
};


static hl_status_t
host_answer(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    result->v.i32 = 42;

    return HL_OK;
}


static hl_status_t
host_later(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) result;
    (void) err;

    return HL_AGAIN;
}


static const hl_host_function_t  later_functions[] = {
    { "Later", HL_TYPE_INT, 1, { HL_TYPE_INT }, host_later }
};


static int
group_peek(void **state)
{
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) test_group_host(state);

    hl_config_init(&config);
    config.raw_functions = raw_functions;
    config.raw_function_count = 1;
    config.sink = &test_sink;
    config.functions = later_functions;
    config.function_count = 1;

    sb = test_evolved(TEST_PEEK, &config);
    test_snapshot = test_freeze(sb);
    hl_sandbox_destroy(sb);

    return 0;
}


/* ---- version ----------------------------------------------------------- */

static void
library_knows_its_version(void **state)
{
    (void) state;

    assert_string_equal(hl_version(), HL_VERSION);
    assert_non_null(strstr(hl_build(), "libhyperlight " HL_VERSION));
}


static void
memory_of_a_sandbox_is_told(void **state)
{
    size_t  own, shared;

    (void) state;

    own = hl_sandbox_memory(test_sb, &shared);

    assert_in_range(own, (1 << 20) + (64 << 10) + (128 << 10), 4 << 20);
    assert_in_range(shared, 4096, 1 << 20);
}


/* ---- interrupt --------------------------------------------------------- */

typedef struct {
    hl_interrupt_t  *interrupt;
    bool             kicked;
} killer_t;


/* Waits for the guest to run, so that it is the kick that ends the call. */
static void *
kill_running(void *data)
{
    killer_t  *killer = data;

    while (!(atomic_load(&killer->interrupt->state) & HL_INTERRUPT_RUNNING)) {
        (void) usleep(100);
    }

    killer->kicked = hl_interrupt_kill(killer->interrupt);

    return NULL;
}


static void
interrupt_ends_a_call_from_another_thread(void **state)
{
    killer_t   killer;
    pthread_t  thread;

    (void) state;

    killer.kicked = false;
    assert_ok(hl_interrupt_create(&killer.interrupt, test_sb, &test_err));

    test_start(test_sb, "Spin", HL_TYPE_INT, NULL, 0);
    assert_int_equal(pthread_create(&thread, NULL, kill_running, &killer), 0);

    assert_status(hl_sandbox_finish(test_sb, TEST_LONG, &test_err),
                  HL_ERR_CANCELLED);
    assert_string_equal(test_err.text, "Execution was cancelled by the "
                                       "host.");
    assert_state(test_sb, HL_SANDBOX_POISONED);

    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(killer.kicked);
    hl_interrupt_release(killer.interrupt);

    test_restore();
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);
}


static void
interrupt_before_the_run_ends_the_call(void **state)
{
    hl_interrupt_t  *interrupt;

    (void) state;

    assert_ok(hl_interrupt_create(&interrupt, test_sb, &test_err));

    test_start(test_sb, "Spin", HL_TYPE_INT, NULL, 0);
    assert_false(hl_interrupt_kill(interrupt));
    assert_status(hl_sandbox_finish(test_sb, TEST_LONG, &test_err),
                  HL_ERR_CANCELLED);

    hl_interrupt_release(interrupt);
}


static void
interrupt_without_a_call_does_nothing(void **state)
{
    hl_interrupt_t  *interrupt;

    (void) state;

    assert_ok(hl_interrupt_create(&interrupt, test_sb, &test_err));

    assert_false(hl_interrupt_kill(interrupt));
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);

    hl_interrupt_release(interrupt);
}


static void
interrupt_may_outlive_its_sandbox(void **state)
{
    hl_sandbox_t    *sb;
    hl_interrupt_t  *interrupt;

    (void) state;

    sb = test_thaw(test_snapshot);
    assert_ok(hl_interrupt_create(&interrupt, sb, &test_err));
    assert_false(hl_interrupt_dropped(interrupt));

    hl_sandbox_destroy(sb);

    assert_true(hl_interrupt_dropped(interrupt));
    assert_false(hl_interrupt_kill(interrupt));
    hl_interrupt_release(interrupt);
}


/* ---- counter ----------------------------------------------------------- */

static void
counter_is_created_once(void **state)
{
    hl_counter_t  *counter;

    (void) state;

    assert_ok(hl_counter_create(&counter, test_sb, &test_err));
    assert_status(hl_counter_create(&counter, test_sb, &test_err),
                  HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "GuestCounter has already been "
                                       "created for this sandbox");
}


static void
counter_has_its_bounds(void **state)
{
    hl_counter_t  *counter;

    (void) state;

    assert_ok(hl_counter_create(&counter, test_sb, &test_err));

    assert_status(hl_counter_decrement(counter, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "GuestCounter underflow");
    assert_int_equal(hl_counter_value(counter), 0);

    counter->value = UINT64_MAX;
    assert_status(hl_counter_increment(counter, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "GuestCounter overflow");
    assert_true(hl_counter_value(counter) == UINT64_MAX);
}


static uint64_t
counter_in_the_guest(void)
{
    uint64_t    seen;
    hl_value_t  args[2];

    assert_ok(test_call(test_sb, "CounterAddress", HL_TYPE_ULONG, NULL, 0));

    args[0] = test_ulong(hl_call_result(test_sb)->v.u64);
    args[1] = test_int(sizeof(seen));

    assert_ok(test_call(test_sb, "Peek", HL_TYPE_VECBYTES, args, 2));
    memcpy(&seen, hl_call_result(test_sb)->v.bytes.data, sizeof(seen));

    return seen;
}


static void
counter_survives_a_restore_and_is_seen_by_the_guest(void **state)
{
    hl_counter_t  *counter;

    (void) state;

    assert_ok(hl_counter_create(&counter, test_sb, &test_err));
    assert_ok(hl_counter_increment(counter, &test_err));
    assert_ok(hl_counter_increment(counter, &test_err));
    assert_int_equal(counter_in_the_guest(), 2);

    test_restore();
    assert_int_equal(hl_counter_value(counter), 2);
    assert_int_equal(counter_in_the_guest(), 2);

    assert_ok(hl_counter_decrement(counter, &test_err));
    assert_int_equal(counter_in_the_guest(), 1);
}


static void
counter_cannot_be_written_by_the_guest(void **state)
{
    hl_value_t     address;
    hl_counter_t  *counter;

    (void) state;

    assert_ok(hl_counter_create(&counter, test_sb, &test_err));
    assert_ok(test_call(test_sb, "CounterAddress", HL_TYPE_ULONG, NULL, 0));
    address = test_ulong(hl_call_result(test_sb)->v.u64);

    assert_status(test_call(test_sb, "Poke", HL_TYPE_INT, &address, 1),
                  HL_ERR_FAULT);
    assert_int_equal(hl_counter_value(counter), 0);
}


/* ---- files ------------------------------------------------------------- */

static void
write_file(char *path, const void *data, size_t len)
{
    int  fd;

    (void) strcpy(path, "/tmp/hl-test-XXXXXX");
    fd = mkstemp(path);
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, data, len), len);
    (void) close(fd);
}


/* A sandbox, or the status why there is none. */
static hl_status_t
create_with_file(hl_sandbox_t **sb, const hl_file_map_t *file)
{
    hl_guest_t   *guest;
    hl_config_t   config;
    hl_status_t   status;

    hl_config_init(&config);
    config.files = file;
    config.file_count = 1;

    guest = test_guest(TEST_PEEK);
    status = hl_sandbox_create(sb, test_host, guest, &config, &test_err);
    hl_guest_destroy(guest);

    return status;
}


static void
file_is_readable_and_stays_what_it_was(void **state)
{
    char            path[32];
    hl_value_t      args[2];
    hl_sandbox_t   *sb;
    hl_file_map_t   file = { path, MAP_AT, false };

    (void) state;

    write_file(path, MAP_TEXT, sizeof(MAP_TEXT));
    assert_ok(create_with_file(&sb, &file));
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(unlink(path), 0);
    assert_ok(hl_sandbox_evolve(sb, TEST_SECOND, &test_err));

    args[0] = test_ulong(MAP_AT);
    args[1] = test_int(sizeof(MAP_TEXT));
    assert_ok(test_call(sb, "Peek", HL_TYPE_VECBYTES, args, 2));
    assert_memory_equal(hl_call_result(sb)->v.bytes.data, MAP_TEXT,
                        sizeof(MAP_TEXT));

    hl_sandbox_destroy(sb);
}


static void
file_can_be_run_only_if_it_may(void **state)
{
    char            path[32];
    hl_value_t      at = test_ulong(MAP_AT);
    hl_sandbox_t   *sb;
    hl_file_map_t   file = { path, MAP_AT, true };

    (void) state;

    write_file(path, MAP_CODE, sizeof(MAP_CODE) - 1);

    assert_ok(create_with_file(&sb, &file));
    assert_ok(hl_sandbox_evolve(sb, TEST_SECOND, &test_err));
    assert_ok(test_call(sb, "Run", HL_TYPE_INT, &at, 1));
    assert_int_equal(hl_call_result(sb)->v.i32, 42);
    assert_status(test_call(sb, "Poke", HL_TYPE_INT, &at, 1), HL_ERR_FAULT);
    hl_sandbox_destroy(sb);

    file.executable = false;

    assert_ok(create_with_file(&sb, &file));
    assert_ok(hl_sandbox_evolve(sb, TEST_SECOND, &test_err));
    assert_status(test_call(sb, "Run", HL_TYPE_INT, &at, 1), HL_ERR_FAULT);
    hl_sandbox_destroy(sb);

    assert_int_equal(unlink(path), 0);
}


static void
file_has_to_fit(void **state)
{
    size_t          i;
    char            path[32];
    hl_sandbox_t   *sb;
    hl_file_map_t   file = { path, 0, false };

    static const uint64_t  taken[] = {
        0, 0x1000, 0x400000, 0x401000, HL_GVA_SYSTEM, HL_GVA_PARAMS,
        HL_GVA_DYNAMIC - 0x1000, HL_GVA_DYNAMIC, HL_GVA_END,
        HL_GVA_END - 0x1000, UINT64_MAX - 0xfff
    };

    (void) state;

    write_file(path, MAP_TEXT, sizeof(MAP_TEXT));
    assert_int_equal(truncate(path, HL_PAGE_SIZE + 1), 0);

    for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        file.address = taken[i];
        assert_status(create_with_file(&sb, &file), HL_ERR_ARGUMENT);
        assert_non_null(strstr(test_err.text, "is taken or out of range"));
    }

    file.address = MAP_AT + 8;
    assert_status(create_with_file(&sb, &file), HL_ERR_ARGUMENT);
    assert_non_null(strstr(test_err.text, "is no multiple of 4096"));

    file.address = MAP_AT;
    assert_int_equal(truncate(path, 0), 0);
    assert_status(create_with_file(&sb, &file), HL_ERR_GUEST_FILE);
    assert_non_null(strstr(test_err.text, "is empty"));

    assert_int_equal(unlink(path), 0);
    assert_status(create_with_file(&sb, &file), HL_ERR_GUEST_FILE);
    assert_non_null(strstr(test_err.text, "File not found: '/tmp/hl-test-"));
}


static size_t
count_mappings(void)
{
    int      c;
    FILE    *maps;
    size_t   n;

    maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);

    for (n = 0; (c = fgetc(maps)) != EOF; n += c == '\n') {
        /* void */
    }

    (void) fclose(maps);

    return n;
}


static void
file_goes_with_its_sandbox(void **state)
{
    int             i;
    char            path[32];
    size_t          mappings;
    hl_sandbox_t   *sb;
    hl_file_map_t   file = { path, MAP_AT, false };

    (void) state;

    write_file(path, MAP_TEXT, sizeof(MAP_TEXT));
    mappings = 0;

    for (i = 0; i < 10; i++) {
        assert_ok(create_with_file(&sb, &file));
        assert_ok(hl_sandbox_evolve(sb, TEST_SECOND, &test_err));
        hl_sandbox_destroy(sb);

        /* the first time, libc may take what it keeps */

        mappings = i == 0 ? count_mappings() : mappings;
    }

    assert_int_equal(count_mappings(), mappings);
    assert_int_equal(unlink(path), 0);
}


static void
files_must_not_overlap(void **state)
{
    char            path[32];
    hl_guest_t     *guest;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_file_map_t   files[2] = {
        { path, MAP_AT, false }, { path, MAP_AT + HL_PAGE_SIZE, false }
    };

    (void) state;

    write_file(path, MAP_TEXT, sizeof(MAP_TEXT));
    assert_int_equal(truncate(path, HL_PAGE_SIZE + 1), 0);

    hl_config_init(&config);
    config.files = files;
    config.file_count = 2;

    guest = test_guest(TEST_PEEK);
    assert_status(hl_sandbox_create(&sb, test_host, guest, &config,
                                    &test_err), HL_ERR_ARGUMENT);
    assert_non_null(strstr(test_err.text, " is mapped at 0x700000001000, "
                                          "which is taken or out of range"));

    hl_guest_destroy(guest);
    assert_int_equal(unlink(path), 0);
}


/* ---- host functions by number ------------------------------------------ */

static void
raw_function_gets_and_gives_bytes(void **state)
{
    hl_value_t  args[2] = { test_uint(RAW_UPPER), test_bytes("abc", 3) };

    (void) state;

    assert_ok(test_call(test_sb, "RawCall", HL_TYPE_VECBYTES, args, 2));
    assert_int_equal(hl_call_result(test_sb)->v.bytes.len, 3);
    assert_memory_equal(hl_call_result(test_sb)->v.bytes.data, "ABC", 3);
}


static void
raw_function_that_fails_or_is_missing_is_an_error_of_the_guest(void **state)
{
    char        large[65] = { 0 };
    hl_value_t  args[2] = { test_uint(RAW_UPPER), test_bytes(large, 65) };

    (void) state;

    assert_status(test_call(test_sb, "RawCall", HL_TYPE_VECBYTES, args, 2),
                  HL_ERR_GUEST);
    assert_string_equal(test_err.text, "Guest error occurred "
                                       "HostFunctionError: over 64 bytes");

    args[0] = test_uint(RAW_UPPER + 1);
    assert_status(test_call(test_sb, "RawCall", HL_TYPE_VECBYTES, args, 2),
                  HL_ERR_GUEST);
    assert_non_null(strstr(test_err.text,
                           "HostFunction 65538 was not found"));
}


static void
raw_functions_of_the_sdk_are_not_the_embedders(void **state)
{
    hl_config_t             config;
    hl_raw_host_function_t  function = { 0xffff, raw_upper };

    (void) state;

    hl_config_init(&config);
    config.raw_functions = &function;
    config.raw_function_count = 1;

    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "host function ids below 0x10000 "
                                       "belong to the SDK");
}


/* ---- what a configuration may say -------------------------------------- */

static void
host_functions_are_checked(void **state)
{
    size_t              i;
    char                longest[HL_ABI_NAME_MAX + 2];
    hl_config_t         config;
    hl_host_function_t  functions[8];

    (void) state;

    memset(longest, 'x', sizeof(longest));
    longest[HL_ABI_NAME_MAX + 1] = '\0';

    for (i = 0; i < 8; i++) {
        memset(&functions[i], 0, sizeof(functions[i]));

        functions[i].name = longest + 1;
        functions[i].result = HL_TYPE_VECBYTES;
        functions[i].param_count = HL_ABI_PARAMS_MAX;
        functions[i].function = host_answer;
    }

    functions[1].name = NULL;
    functions[2].name = "";
    functions[3].name = longest;
    functions[4].param_count++;
    functions[5].params[HL_ABI_PARAMS_MAX - 1] = HL_TYPE_VOID;
    functions[6].result = (hl_type_t) (HL_TYPE_LAST + 1);
    functions[7].function = NULL;

    hl_config_init(&config);
    config.function_count = 1;
    config.functions = functions;
    assert_ok(hl_config_check(&config, &test_err));

    for (i = 1; i < 8; i++) {
        config.functions = &functions[i];
        assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
        assert_string_equal(test_err.text, "host function 0 needs a name of "
                            "1 to 255 bytes, at most 11 parameters, types "
                            "that there are, and a function");
    }
}


static void
configuration_is_checked(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.file_count = HL_FILES_MAX + 1;
    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "at most 8 files can be mapped");

    hl_config_init(&config);
    config.log_level = (hl_log_level_t) (HL_LOG_NONE + 1);
    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "\"log_level\" is not a level");

    hl_config_init(&config);
    config.init_data_size = (1ul << 30) + 1;
    assert_status(hl_config_check(&config, &test_err),
                  HL_ERR_MEMORY_TOO_BIG);
    assert_string_equal(test_err.text,
                        "\"init_data\" must be from 0 to 1024m");
}


/* ---- snapshots of other sandboxes -------------------------------------- */

static void
snapshot_goes_to_another_sandbox_of_the_same_layout(void **state)
{
    hl_value_t      n;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    hl_config_init(&config);
    sb = test_evolved(TEST_PEEK, &config);      /* without host functions */

    n = test_int(7);
    assert_ok(test_call(sb, "SetState", HL_TYPE_INT, &n, 1));
    snapshot = test_freeze(sb);
    hl_sandbox_destroy(sb);

    assert_int_equal(test_call_int(test_sb, "GetState"), 0);
    assert_ok(hl_sandbox_restore(test_sb, snapshot, &test_err));
    assert_int_equal(test_call_int(test_sb, "GetState"), 7);

    assert_ok(hl_sandbox_restore(test_sb, snapshot, &test_err));
    assert_pristine(test_sb, snapshot);

    test_restore();
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);

    hl_snapshot_release(snapshot);
}


static void
snapshot_needs_its_host_functions(void **state)
{
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    static const hl_host_function_t  functions[] = {
        { "Answer", HL_TYPE_INT, 0, { HL_TYPE_INT }, host_answer }
    };

    (void) state;

    hl_config_init(&config);
    config.functions = functions;
    config.function_count = 1;

    sb = test_evolved(TEST_PEEK, &config);
    snapshot = test_freeze(sb);

    assert_status(hl_sandbox_restore(test_sb, snapshot, &test_err),
                  HL_ERR_SNAPSHOT_FUNCTIONS);
    assert_string_equal(test_err.text, "the snapshot needs the host function "
                        "Answer, which is not here or has another "
                        "signature");
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(snapshot);
}


/* ---- answers that come later ------------------------------------------- */

static void
suspend(void)
{
    hl_value_t  n = test_int(5);

    test_start(test_sb, "AskLater", HL_TYPE_INT, &n, 1);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_HOST_CALL);
    assert_state(test_sb, HL_SANDBOX_CALLING);
}


static void
host_function_may_answer_later(void **state)
{
    hl_value_t  answer = test_int(37);

    (void) state;

    suspend();
    assert_ok(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err));
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_DONE);
    assert_int_equal(hl_call_result(test_sb)->v.i32, 42);
}


static void
later_answer_may_be_an_error(void **state)
{
    hl_error_t  why;

    (void) state;

    suspend();
    (void) hl_error_set(&why, HL_ERR_GUEST, "not today");
    assert_ok(hl_call_answer(test_sb, HL_ERR_GUEST, NULL, &why, &test_err));

    /* as Hyperlight's getters do it, the guest ends there */

    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_int_equal(test_err.status, HL_ERR_ABORTED);
    assert_non_null(strstr(test_err.text, "not today"));
}


static void
later_answer_has_the_type_that_is_expected(void **state)
{
    hl_value_t  answer = test_string("five");

    (void) state;

    suspend();
    assert_ok(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err));
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_non_null(strstr(test_err.text, "Failed To Convert Return Value "
                                          "String to Int"));
}


static void
suspended_guest_does_not_run_and_is_answered_once(void **state)
{
    hl_value_t  answer = test_int(1);

    (void) state;

    assert_status(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err),
                  HL_ERR_ARGUMENT);

    suspend();
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_int_equal(test_err.status, HL_ERR_ARGUMENT);
    assert_state(test_sb, HL_SANDBOX_CALLING);

    assert_ok(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err));
    assert_status(hl_call_answer(test_sb, HL_OK, &answer, NULL, &test_err),
                  HL_ERR_ARGUMENT);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
}


static void
suspended_guest_can_be_cancelled_and_restored(void **state)
{
    (void) state;

    suspend();
    hl_call_cancel(test_sb);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    test_restore();
    assert_pristine(test_sb, test_snapshot);
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);
}


static void
nobody_answers_later_in_a_synchronous_call(void **state)
{
    hl_value_t  n = test_int(5);

    (void) state;

    test_start(test_sb, "AskLater", HL_TYPE_INT, &n, 1);
    assert_status(hl_sandbox_finish(test_sb, TEST_LONG, &test_err),
                  HL_ERR_ARGUMENT);
    assert_state(test_sb, HL_SANDBOX_POISONED);
}


/* ---- what stays behind -------------------------------------------------- */

static void
address_of_a_handled_page_fault_is_not_the_next_calls(void **state)
{
    hl_value_t  address = test_ulong(0x123456789000);

    (void) state;

    assert_ok(test_call(test_sb, "HandledPageFault", HL_TYPE_ULONG, &address,
                        1));
    assert_true(hl_call_result(test_sb)->v.u64 == address.v.u64);

    test_restore();

    assert_ok(test_call(test_sb, "HandledInvalidOpcode", HL_TYPE_ULONG, NULL,
                        0));
    assert_int_equal(hl_call_result(test_sb)->v.u64, 0);
}


static void
heap_that_is_read_takes_no_memory_of_the_snapshot(void **state)
{
    struct stat     before, after;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    hl_config_init(&config);
    config.heap = 16 << 20;

    sb = test_evolved(TEST_PEEK, &config);
    snapshot = test_freeze(sb);

    assert_int_equal(fstat(snapshot->fd, &before), 0);
    assert_int_equal(test_call_int(sb, "ReadHeap"), 4096);
    assert_ok(hl_sandbox_restore(sb, snapshot, &test_err));
    assert_int_equal(fstat(snapshot->fd, &after), 0);

    /* a page here and there: the heap begins in one with something in it */

    assert_in_range(after.st_blocks - before.st_blocks, 0, 16 * 8);

    hl_sandbox_destroy(sb);
    hl_snapshot_release(snapshot);
}


/* Any process of the same user can send one. */
static void
signal_with_a_wrong_address_does_no_harm(void **state)
{
    union sigval  value;

    (void) state;

    value.sival_ptr = (void *) 0xdead0000beef;
    assert_int_equal(sigqueue(getpid(), test_host->timer.signo, value), 0);
    assert_int_equal(test_call_int(test_sb, "GetState"), 0);
}


/* ---- last words -------------------------------------------------------- */

static void
log_before_a_fault_is_not_lost(void **state)
{
    (void) state;

    assert_status(test_call(test_sb, "LogAndFault", HL_TYPE_INT, NULL, 0),
                  HL_ERR_FAULT);
    assert_int_equal(test_seen.logs, 1);
    assert_string_equal(test_seen.log, "last words");
}


static void
log_before_a_time_limit_is_not_lost(void **state)
{
    (void) state;

    test_start(test_sb, "LogAndSpin", HL_TYPE_INT, NULL, 0);
    assert_status(hl_sandbox_finish(test_sb, 20 * TEST_MS, &test_err),
                  HL_ERR_TIMEOUT);
    assert_int_equal(test_seen.logs, 1);
    assert_string_equal(test_seen.log, "last words");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(library_knows_its_version),
        test_sandbox(memory_of_a_sandbox_is_told),
        test_sandbox(interrupt_ends_a_call_from_another_thread),
        test_sandbox(interrupt_before_the_run_ends_the_call),
        test_sandbox(interrupt_without_a_call_does_nothing),
        test_sandbox(interrupt_may_outlive_its_sandbox),
        test_sandbox(counter_is_created_once),
        test_sandbox(counter_has_its_bounds),
        test_sandbox(counter_survives_a_restore_and_is_seen_by_the_guest),
        test_sandbox(counter_cannot_be_written_by_the_guest),
        test_plain(file_is_readable_and_stays_what_it_was),
        test_plain(file_can_be_run_only_if_it_may),
        test_plain(file_has_to_fit),
        test_plain(file_goes_with_its_sandbox),
        test_plain(files_must_not_overlap),
        test_sandbox(raw_function_gets_and_gives_bytes),
        test_sandbox(
            raw_function_that_fails_or_is_missing_is_an_error_of_the_guest),
        test_plain(raw_functions_of_the_sdk_are_not_the_embedders),
        test_plain(host_functions_are_checked),
        test_plain(configuration_is_checked),
        test_sandbox(snapshot_goes_to_another_sandbox_of_the_same_layout),
        test_sandbox(snapshot_needs_its_host_functions),
        test_sandbox(host_function_may_answer_later),
        test_sandbox(later_answer_may_be_an_error),
        test_sandbox(later_answer_has_the_type_that_is_expected),
        test_sandbox(suspended_guest_does_not_run_and_is_answered_once),
        test_sandbox(suspended_guest_can_be_cancelled_and_restored),
        test_sandbox(nobody_answers_later_in_a_synchronous_call),
        test_sandbox(address_of_a_handled_page_fault_is_not_the_next_calls),
        test_plain(heap_that_is_read_takes_no_memory_of_the_snapshot),
        test_sandbox(signal_with_a_wrong_address_does_no_harm),
        test_sandbox(log_before_a_fault_is_not_lost),
        test_sandbox(log_before_a_time_limit_is_not_lost)
    };

    return cmocka_run_group_tests_name("embed", tests, group_peek,
                                       test_group_end);
}
