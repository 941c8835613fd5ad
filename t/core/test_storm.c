/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_storm.c: core in a storm of signals, one each 50 us, some of them its
 * own.  Whatever it does then is right in the end, and what is to end a guest
 * still does.  HL_STORM_SECONDS makes it longer.
 */

#define _GNU_SOURCE

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "hl_host.h"
#include "hl_interrupt.h"
#include "hl_memory.h"
#include "test.h"


#define STORM_US        50
#define STORM_OWN       4               /* one in so many is core's own */
#define STORM_PAGES     100             /* over what may be hot */
#define STORM_MAPPINGS  4000


static volatile sig_atomic_t  storm_signals;
static uint64_t               storm_seconds = 1;


/* ---- the storm --------------------------------------------------------- */

/* As hl_timer_kick() does, whatever core does just now. */
static void
storm_handler(int signo)
{
    siginfo_t  info;

    (void) signo;

    if (++storm_signals % STORM_OWN == 0) {
        memset(&info, 0, sizeof(info));
        info.si_signo = SIGRTMIN;
        info.si_code = SI_QUEUE;

        (void) syscall(SYS_rt_tgsigqueueinfo, getpid(),
                       syscall(SYS_gettid), SIGRTMIN, &info);
    }
}


/* Without SA_RESTART: what can be interrupted is. */
static void
storm(long us)
{
    struct sigaction  sa;
    struct itimerval  it;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = storm_handler;
    assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);

    memset(&it, 0, sizeof(it));
    it.it_value.tv_usec = us;
    it.it_interval.tv_usec = us;
    assert_int_equal(setitimer(ITIMER_REAL, &it, NULL), 0);
}


static int
storm_begin(void **state)
{
    (void) test_begin(state);

    storm_signals = 0;
    storm(STORM_US);

    return 0;
}


static int
storm_end(void **state)
{
    storm(0);

    return test_end(state);
}


/* ---- what must be right ------------------------------------------------ */

static uint64_t
storm_sum(hl_sandbox_t *sb, uint64_t n)
{
    hl_value_t  value;

    value = test_ulong(n);
    assert_ok(test_call(sb, "Work", HL_TYPE_ULONG, &value, 1));

    return hl_call_result(sb)->v.u64;
}


static void
storm_touch(hl_sandbox_t *sb, const char *name, hl_status_t expected)
{
    hl_value_t  args[2];

    args[0] = test_int(0);
    args[1] = test_int(STORM_PAGES);

    assert_status(test_call(sb, name, HL_TYPE_INT, args, 2), expected);
}


static void
storm_life(uint64_t n)
{
    hl_sandbox_t   *first, *second;
    hl_snapshot_t  *snapshot;

    first = test_evolved(TEST_RAW, NULL);
    snapshot = test_freeze(first);
    second = test_thaw(snapshot);

    storm_touch(first, "Touch", HL_OK);
    assert_ok(hl_sandbox_restore(first, snapshot, &test_err));
    assert_int_equal(test_call_int(first, "Touched"), 0);
    assert_true(storm_sum(first, n) == n * (n + 1) / 2);

    storm_touch(second, "TouchAndCrash", HL_ERR_FAULT);
    assert_ok(hl_sandbox_restore(second, snapshot, &test_err));
    assert_int_equal(test_call_int(second, "Touched"), 0);
    assert_true(storm_sum(second, n + 1) == (n + 1) * (n + 2) / 2);

    hl_sandbox_destroy(second);
    hl_sandbox_destroy(first);
    hl_snapshot_release(snapshot);
}


static void
whole_lives_are_right(void **state)
{
    uint64_t  n, end;

    (void) state;

    end = hl_now() + storm_seconds * TEST_SECOND;

    for (n = 1; n < 5 || hl_now() < end; n++) {
        storm_life(n * 100000);
    }

    print_message("%llu lives, %d signals\n", (unsigned long long) n - 1,
                  (int) storm_signals);
    assert_true((uint64_t) storm_signals > n);
}


/* As in a worker with hundreds of sandboxes: the kernel looks at each. */
static void
vm_is_made_among_many_mappings(void **state)
{
    int            i;
    void          *p[STORM_MAPPINGS];
    hl_sandbox_t  *sb;

    (void) state;

    /* of two kinds in turn: neighbours that are alike become one */

    for (i = 0; i < STORM_MAPPINGS; i++) {
        p[i] = mmap(NULL, HL_PAGE_SIZE, i % 2 ? PROT_READ : PROT_NONE,
                    MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
        assert_true(p[i] != MAP_FAILED);
    }

    for (i = 0; i < 10; i++) {
        sb = test_thaw(test_snapshot);
        assert_true(storm_sum(sb, 10) == 55);
        hl_sandbox_destroy(sb);
    }

    for (i = 0; i < STORM_MAPPINGS; i++) {
        assert_int_equal(munmap(p[i], HL_PAGE_SIZE), 0);
    }
}


static void
time_limits_end_a_guest(void **state)
{
    uint64_t    end;
    unsigned    n;
    hl_value_t  value;

    (void) state;

    end = hl_now() + storm_seconds * TEST_SECOND;
    value = test_ulong(UINT64_MAX);

    for (n = 0; n < 5 || hl_now() < end; n++) {
        test_start(test_sb, "Work", HL_TYPE_ULONG, &value, 1);
        assert_status(hl_sandbox_finish(test_sb, 5 * TEST_MS, &test_err),
                      HL_ERR_TIMEOUT);
        test_restore();
        assert_true(storm_sum(test_sb, n) == (uint64_t) n * (n + 1) / 2);
    }

    assert_true((unsigned) storm_signals > n);
}


/* ---- a kill by another thread ------------------------------------------ */

static atomic_uint  storm_calls;        /* begun */
static atomic_uint  storm_kills;        /* of them, told to end */


static void *
storm_killer(void *data)
{
    sigset_t         all;
    unsigned         n;
    hl_interrupt_t  *interrupt;

    /* the storm is the other thread's */

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, NULL);

    interrupt = data;

    for (n = 1; ; n++) {
        while (atomic_load(&storm_calls) < n) {
            (void) usleep(100);
        }

        if (atomic_load(&storm_calls) == UINT32_MAX) {
            return NULL;
        }

        (void) usleep(n % 16 * 100);
        (void) hl_interrupt_kill(interrupt);
        atomic_store(&storm_kills, n);
    }
}


static void
kills_end_a_guest(void **state)
{
    uint64_t         end;
    unsigned         n;
    pthread_t        thread;
    hl_value_t       value;
    hl_interrupt_t  *interrupt;

    (void) state;

    assert_ok(hl_interrupt_create(&interrupt, test_sb, &test_err));
    assert_int_equal(pthread_create(&thread, NULL, storm_killer, interrupt),
                     0);

    end = hl_now() + storm_seconds * TEST_SECOND;
    value = test_ulong(UINT64_MAX);

    for (n = 1; n < 5 || hl_now() < end; n++) {
        test_start(test_sb, "Work", HL_TYPE_ULONG, &value, 1);
        atomic_store(&storm_calls, n);
        assert_status(hl_sandbox_finish(test_sb, TEST_LONG, &test_err),
                      HL_ERR_CANCELLED);

        while (atomic_load(&storm_kills) < n) {
            (void) usleep(100);
        }

        test_restore();
    }

    atomic_store(&storm_calls, UINT32_MAX);
    assert_int_equal(pthread_join(thread, NULL), 0);
    hl_interrupt_release(interrupt);

    assert_true((unsigned) storm_signals > n);
}


int
main(void)
{
    const char  *seconds;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(whole_lives_are_right, storm_begin,
                                        storm_end),
        cmocka_unit_test_setup_teardown(vm_is_made_among_many_mappings,
                                        storm_begin, storm_end),
        cmocka_unit_test_setup_teardown(time_limits_end_a_guest, storm_begin,
                                        storm_end),
        cmocka_unit_test_setup_teardown(kills_end_a_guest, storm_begin,
                                        storm_end)
    };

    seconds = getenv("HL_STORM_SECONDS");

    if (seconds != NULL) {
        storm_seconds = strtoull(seconds, NULL, 10);
    }

    return cmocka_run_group_tests_name("storm", tests, test_group_raw,
                                       test_group_end);
}
