/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_embed.c: what an embedder has besides calls: interrupts from another
 * thread, the guest counter, and a sandbox that nothing is left behind in.
 */

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hl_memory.h"
#include "test.h"


static int
group_peek(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.sink = &test_sink;

    return test_group(TEST_PEEK, &config);
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
    test_assert_begins("Execution was cancelled by the host");
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


/* As the guest reads it, in a call that is entered once. */
static uint32_t
sequence_in_the_guest(void)
{
    uint32_t    seen;
    hl_value_t  args[2];

    args[0] = test_ulong(HL_GVA_PARAMS + offsetof(hl_abi_params_t, time)
                         + offsetof(hl_abi_time_t, sequence));
    args[1] = test_int(sizeof(seen));

    assert_ok(test_call(test_sb, "Peek", HL_TYPE_VECBYTES, args, 2));
    memcpy(&seen, hl_call_result(test_sb)->v.bytes.data, sizeof(seen));

    return seen;
}


static void
entries_of_a_call_are_not_told_to_the_next(void **state)
{
    int       i;
    uint32_t  first;

    (void) state;

    first = sequence_in_the_guest();
    test_restore();

    test_start(test_sb, "Spin", HL_TYPE_INT, NULL, 0);

    for (i = 0; i < 5; i++) {
        assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                         HL_STOP_SLICE);
    }

    hl_call_cancel(test_sb);
    test_restore();

    assert_int_equal(sequence_in_the_guest(), first);
}


static void
handled_fault_is_not_what_the_call_ended_with(void **state)
{
    (void) state;

    assert_status(test_call(test_sb, "HandleAndAbort", HL_TYPE_INT, NULL, 0),
                  HL_ERR_ABORTED);
    assert_null(hl_call_fault(test_sb));
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


/* Cancelled before its first instruction, when the list is still there. */
static void
log_of_a_call_is_not_handed_over_by_the_next(void **state)
{
    (void) state;

    assert_int_equal(test_call_int(test_sb, "LogAndReturn"), 0);
    assert_int_equal(test_seen.logs, 1);

    test_start(test_sb, "GetState", HL_TYPE_INT, NULL, 0);
    assert_int_equal(hl_sandbox_run(test_sb, 0, &test_err), HL_STOP_SLICE);
    hl_call_cancel(test_sb);
    assert_int_equal(test_seen.logs, 1);
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
        test_sandbox(address_of_a_handled_page_fault_is_not_the_next_calls),
        test_sandbox(entries_of_a_call_are_not_told_to_the_next),
        test_sandbox(handled_fault_is_not_what_the_call_ended_with),
        test_plain(heap_that_is_read_takes_no_memory_of_the_snapshot),
        test_sandbox(signal_with_a_wrong_address_does_no_harm),
        test_sandbox(log_before_a_fault_is_not_lost),
        test_sandbox(log_before_a_time_limit_is_not_lost),
        test_sandbox(log_of_a_call_is_not_handed_over_by_the_next)
    };

    return cmocka_run_group_tests_name("embed", tests, group_peek,
                                       test_group_end);
}
