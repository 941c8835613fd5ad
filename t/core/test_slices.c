/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_slices.c: a call in slices of time, and the one timer behind them.
 * No test measures time: calls are made long enough for what is to happen,
 * and what happened is counted; or the clock is the test's own.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "test.h"


#define STORM_US  100


static volatile sig_atomic_t  storms;
static unsigned               armings;  /* calls of timer_settime() */

/* What core's clocks show, ns; 0: the time. */
static uint64_t               clock_stands;

/* By this much it goes on in each run of the platform below. */
static uint64_t               clock_step;


/* Takes the place of libc's, in all of core. */
int
timer_settime(timer_t id, int flags, const struct itimerspec *value,
    struct itimerspec *old)
{
    static int  (*libc_timer_settime)(timer_t, int,
                                      const struct itimerspec *,
                                      struct itimerspec *);

    if (libc_timer_settime == NULL) {
        *(void **) &libc_timer_settime = dlsym(RTLD_NEXT, "timer_settime");
    }

    armings++;

    return libc_timer_settime(id, flags, value, old);
}


/* And of this one. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
    if (clock_stands != 0) {
        ts->tv_sec = (time_t) (clock_stands / TEST_SECOND);
        ts->tv_nsec = (long) (clock_stands % TEST_SECOND);
        return 0;
    }

    return (int) syscall(SYS_clock_gettime, id, ts);
}


/* Takes the place of a guest that computes until a signal ends its slice. */
static void
run_for_a_step(hl_vm_t *vm, uint64_t now, uint64_t deadline, hl_exit_t *exit,
    hl_error_t *err)
{
    (void) vm;
    (void) now;
    (void) deadline;
    (void) err;

    clock_stands += clock_step;
    exit->kind = HL_EXIT_SIGNAL;
}


/* Begins to add up 1 to n. */
static void
start_work(uint64_t n)
{
    hl_value_t  value;

    value = test_ulong(n);
    test_start(test_sb, "Work", HL_TYPE_ULONG, &value, 1);
}


static void
assert_sum(uint64_t n)
{
    assert_non_null(hl_call_result(test_sb));
    assert_int_equal(hl_call_result(test_sb)->v.u64, n * (n + 1) / 2);
}


/* An amount of work that takes several slices of 1 ms, here and now. */
static uint64_t
much_work(void)
{
    unsigned   slices;
    uint64_t   n;
    hl_stop_t  stop;

    for (n = 1 << 18; ; n *= 2) {
        start_work(n);

        for (slices = 0; ; slices++) {
            stop = hl_sandbox_run(test_sb, TEST_MS, &test_err);

            if (stop != HL_STOP_SLICE) {
                break;
            }
        }

        assert_int_equal(stop, HL_STOP_DONE);
        test_restore();

        if (slices > 10) {
            return n;
        }
    }
}


/* ---- slices ------------------------------------------------------------ */

static void
spinning_guest_stops_at_each_slice(void **state)
{
    int  i;

    (void) state;

    start_work(UINT64_MAX);

    for (i = 0; i < 50; i++) {
        assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                         HL_STOP_SLICE);
        assert_state(test_sb, HL_SANDBOX_CALLING);
    }

    hl_call_cancel(test_sb);
    assert_state(test_sb, HL_SANDBOX_POISONED);

    test_restore();
    assert_pristine(test_sb, test_snapshot);

    start_work(10);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_sum(10);
}


static void
call_of_many_slices_has_the_right_result(void **state)
{
    uint64_t   n;
    unsigned   slices;
    hl_stop_t  stop;

    (void) state;

    n = much_work();
    start_work(n);

    for (slices = 0; ; slices++) {
        stop = hl_sandbox_run(test_sb, TEST_MS, &test_err);

        if (stop != HL_STOP_SLICE) {
            break;
        }
    }

    assert_int_equal(stop, HL_STOP_DONE);
    assert_sum(n);
    assert_true(slices > 1);
}


static void
slice_of_nothing_is_over_at_once(void **state)
{
    int  i;

    (void) state;

    start_work(10);

    for (i = 0; i < 10; i++) {
        assert_int_equal(hl_sandbox_run(test_sb, 0, &test_err),
                         HL_STOP_SLICE);
    }

    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_sum(10);
}


/* "No limit", as a caller may say it. */
static void
longest_slice_is_long(void **state)
{
    (void) state;

    start_work(10);
    assert_int_equal(hl_sandbox_run(test_sb, UINT64_MAX, &test_err),
                     HL_STOP_DONE);
    assert_sum(10);
}


static void
call_is_counted_once_however_many_slices_it_has(void **state)
{
    (void) state;

    start_work(10);
    assert_int_equal(hl_sandbox_run(test_sb, 0, &test_err), HL_STOP_SLICE);
    assert_int_equal(hl_sandbox_run(test_sb, 0, &test_err), HL_STOP_SLICE);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));

    assert_int_equal(hl_sandbox_stats(test_sb)->calls, 1);
    assert_int_equal(hl_sandbox_params(test_sb)->calls, 1);
    assert_int_equal(hl_sandbox_stats(test_sb)->exits, 1);
}


/* Two guests in turns: each goes on where it was. */
static void
slices_of_two_sandboxes_interleave(void **state)
{
    bool           done, other_done;
    uint64_t       n;
    hl_value_t     value;
    hl_sandbox_t  *other;

    (void) state;

    n = much_work();
    other = test_thaw(test_snapshot);

    start_work(n);
    value = test_ulong(n + 1);
    test_start(other, "Work", HL_TYPE_ULONG, &value, 1);

    for (done = false, other_done = false; !done || !other_done; ) {
        if (!done) {
            done = hl_sandbox_run(test_sb, TEST_MS, &test_err)
                   != HL_STOP_SLICE;
        }

        if (!other_done) {
            other_done = hl_sandbox_run(other, TEST_MS, &test_err)
                         != HL_STOP_SLICE;
        }
    }

    assert_sum(n);
    assert_int_equal(hl_call_result(other)->v.u64, (n + 1) * (n + 2) / 2);

    hl_sandbox_destroy(other);
}


/* A guest that leaves all the time does not escape its slice either. */
static void
exits_do_not_lengthen_a_slice(void **state)
{
    int            stops;
    hl_value_t     value;
    hl_sandbox_t  *sb;

    (void) state;

    sb = test_evolved(TEST_PROBE, NULL);

    value = test_int(1000000);
    test_start(sb, "PrintLines", HL_TYPE_INT, &value, 1);

    for (stops = 0; stops < 3; stops++) {
        assert_int_equal(hl_sandbox_run(sb, TEST_MS, &test_err),
                         HL_STOP_SLICE);
    }

    hl_sandbox_destroy(sb);
}


/* ---- what a slice is counted as ---------------------------------------- */

/* Of a slice in which each run takes a step. */
static uint64_t
time_counted(uint64_t slice, uint64_t step)
{
    hl_stop_t             stop;
    hl_platform_t         platform;
    const hl_platform_t  *kvm;

    kvm = test_host->platform;
    platform = *kvm;
    platform.run = run_for_a_step;

    start_work(10);

    clock_stands = TEST_SECOND;
    clock_step = step;
    test_host->platform = &platform;

    stop = hl_sandbox_run(test_sb, slice, &test_err);

    test_host->platform = kvm;
    clock_stands = 0;

    assert_int_equal(stop, HL_STOP_SLICE);

    hl_call_cancel(test_sb);
    test_restore();

    return hl_sandbox_stats(test_sb)->guest_ns;
}


static void
slice_is_counted_with_the_little_that_it_is_late(void **state)
{
    (void) state;

    assert_int_equal(time_counted(TEST_MS, TEST_MS), TEST_MS);
    assert_int_equal(time_counted(TEST_MS, TEST_MS + 50000),
                     TEST_MS + 50000);

    /* three runs, which other signals have ended */

    assert_int_equal(time_counted(TEST_MS, 350000), 3 * 350000);
}


/* Its thread had no CPU then: that is not the guest's time. */
static void
slice_that_ends_very_late_is_counted_as_little_more(void **state)
{
    uint64_t  counted;

    (void) state;

    counted = time_counted(TEST_MS, TEST_SECOND);
    assert_in_range(counted, TEST_MS, TEST_MS + TEST_MS / 2);

    /* two runs, the second one late */

    counted = time_counted(TEST_SECOND, TEST_SECOND * 2 / 3);
    assert_in_range(counted, TEST_SECOND, TEST_SECOND + TEST_MS / 2);

    counted = time_counted(0, TEST_SECOND);
    assert_in_range(counted, 1, TEST_MS / 2);
}


/* ---- signals of others ------------------------------------------------- */

static void
storm_handler(int signo)
{
    (void) signo;

    storms++;
}


static void
storm(long us)
{
    struct sigaction  sa;
    struct itimerval  it;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = storm_handler;
    sa.sa_flags = SA_RESTART;
    assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);

    memset(&it, 0, sizeof(it));
    it.it_value.tv_usec = us;
    it.it_interval.tv_usec = us;
    assert_int_equal(setitimer(ITIMER_REAL, &it, NULL), 0);
}


static void
signals_of_others_do_not_end_a_slice(void **state)
{
    uint64_t  n, runs;

    (void) state;

    n = much_work();
    runs = hl_sandbox_stats(test_sb)->runs;
    storms = 0;

    storm(STORM_US);
    start_work(n);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_DONE);
    storm(0);

    assert_sum(n);
    assert_true(storms > 1);
    assert_true(hl_sandbox_stats(test_sb)->runs - runs > 1);
}


static void
slices_end_in_a_storm_of_signals_as_well(void **state)
{
    int  i;

    (void) state;

    storm(STORM_US);
    start_work(UINT64_MAX);

    for (i = 0; i < 20; i++) {
        assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                         HL_STOP_SLICE);
    }

    storm(0);
}


/* From a process that may send one: it says nothing of any deadline. */
static void
own_signal_sent_by_another_does_not_end_a_slice(void **state)
{
    (void) state;

    start_work(10);
    assert_int_equal(raise(SIGRTMIN), 0);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_DONE);
    assert_sum(10);
}


/* ---- the timer --------------------------------------------------------- */

static bool
timer_is_armed(void)
{
    struct itimerspec  its;

    assert_int_equal(timer_gettime(test_host->timer.id, &its), 0);

    return its.it_value.tv_sec != 0 || its.it_value.tv_nsec != 0;
}


static void
timer_is_armed_once_for_many_short_calls(void **state)
{
    int  i;

    (void) state;

    hl_host_idle(test_host);
    armings = 0;

    for (i = 0; i < 100; i++) {
        start_work(10);
        assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    }

    assert_int_equal(armings, 1);
    assert_true(timer_is_armed());
}


/* It would go off too late for the shorter slice. */
static void
timer_is_armed_anew_for_a_shorter_slice(void **state)
{
    (void) state;

    hl_host_idle(test_host);

    start_work(10);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));

    start_work(UINT64_MAX);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                     HL_STOP_SLICE);
}


static void
idle_host_has_no_timer(void **state)
{
    (void) state;

    start_work(10);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_true(timer_is_armed());

    hl_host_idle(test_host);
    assert_false(timer_is_armed());

    armings = 0;
    hl_host_idle(test_host);
    assert_int_equal(armings, 0);

    test_restore();
    start_work(10);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_sum(10);
}


/*
 * What hl_host_idle() is for.  The signal is blocked but for the wait, so
 * that it cannot come just before it.
 */
static void
armed_timer_interrupts_a_wait_once(void **state)
{
    bool      armed;
    sigset_t  own, old;

    (void) state;

    (void) sigemptyset(&own);
    (void) sigaddset(&own, SIGRTMIN);

    /* likely not over when the call is; if it is, try again */

    do {
        (void) sigprocmask(SIG_BLOCK, NULL, &old);
        hl_host_idle(test_host);

        start_work(10);
        assert_int_equal(hl_sandbox_run(test_sb, 20 * TEST_MS, &test_err),
                         HL_STOP_DONE);

        (void) sigprocmask(SIG_BLOCK, &own, NULL);
        armed = timer_is_armed();

        if (!armed) {
            (void) sigprocmask(SIG_SETMASK, &old, NULL);
        }

    } while (!armed);

    assert_int_equal(ppoll(NULL, 0, NULL, &old), -1);
    assert_int_equal(errno, EINTR);

    (void) sigprocmask(SIG_SETMASK, &old, NULL);
    assert_false(timer_is_armed());
    assert_false(test_host->timer.armed);
}


static void
slice_ends_after_the_timer_went_off_between_calls(void **state)
{
    (void) state;

    armed_timer_interrupts_a_wait_once(state);

    start_work(UINT64_MAX);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                     HL_STOP_SLICE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(spinning_guest_stops_at_each_slice),
        test_sandbox(call_of_many_slices_has_the_right_result),
        test_sandbox(slice_of_nothing_is_over_at_once),
        test_sandbox(longest_slice_is_long),
        test_sandbox(call_is_counted_once_however_many_slices_it_has),
        test_sandbox(slices_of_two_sandboxes_interleave),
        test_plain(exits_do_not_lengthen_a_slice),

        test_sandbox(slice_is_counted_with_the_little_that_it_is_late),
        test_sandbox(slice_that_ends_very_late_is_counted_as_little_more),

        test_sandbox(signals_of_others_do_not_end_a_slice),
        test_sandbox(slices_end_in_a_storm_of_signals_as_well),
        test_sandbox(own_signal_sent_by_another_does_not_end_a_slice),

        test_sandbox(timer_is_armed_once_for_many_short_calls),
        test_sandbox(timer_is_armed_anew_for_a_shorter_slice),
        test_sandbox(idle_host_has_no_timer),
        test_sandbox(armed_timer_interrupts_a_wait_once),
        test_sandbox(slice_ends_after_the_timer_went_off_between_calls)
    };

    return cmocka_run_group_tests_name("slices", tests, test_group_raw,
                                       test_group_end);
}
