/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_faults.c: each ioctl of a sandbox's life fails, in each way that KVM
 * knows, and each KVM_RUN ends for each reason that there is, one fault in
 * each life: what is asserted of it is in t/faults/sweep.h.
 *
 * Here a few ways to fail for each ioctl, in turn; "make faults-long" takes
 * all of them, and some minutes.
 */

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "hl_entry.h"
#include "sweep.h"


/* Ways to fail of each ioctl in "make faults-long": all errnos, and of the
 * exits so many in turn. */
#define ALL  48


/* ---- errors ------------------------------------------------------------ */

static void
each_ioctl_that_fails_is_told_and_survived(void **state)
{
    (void) state;

    life_checks = false;
    sweep_by_errno(INJECT_ERROR, 1, 0);
}


static void
the_same_with_checked_restores(void **state)
{
    (void) state;

    life_checks = true;
    sweep_by_errno(INJECT_ERROR, 1, 0);
}


/* As Linux before 5.16, which does not tell a TSC's offset. */
static void
the_same_where_the_clock_is_measured(void **state)
{
    (void) state;

    life_checks = false;
    sweep_by_errno(INJECT_ERROR, 1, (uint32_t) KVM_GET_DEVICE_ATTR);
}


/* The guest has gone on before it is told that it has not. */
static void
run_that_fails_late_is_told_and_survived(void **state)
{
    (void) state;

    life_checks = true;
    sweep_by_errno(INJECT_ERROR_LATE, 1, 0);
}


/* A burst of signals is no failure at all. */
static void
interruptions_are_survived(void **state)
{
    inject_t  way;

    (void) state;

    memset(&way, 0, sizeof(way));
    way.kind = INJECT_ERROR;
    way.value = EINTR;
    way.request = KVM_RUN;
    way.times = 50;

    life_checks = true;
    sweep(&way, 1);
}


/* Until the life is over, which it is soon: and then another one is well. */
static void
what_fails_for_good_is_told_and_leaves_nothing(void **state)
{
    size_t        step;
    inject_t      way;
    uint32_t      after, i, some;
    sweep_left_t  before;

    (void) state;

    life_checks = false;

    memset(&way, 0, sizeof(way));
    way.times = INJECT_ALWAYS;
    some = (sweep_few == ALL ? (uint32_t) SWEEP_ERRNOS : 1);

    for (after = 0, i = 0; ; i++, after = i / some) {
        way.kind = INJECT_ERROR;
        way.value = (uint32_t) sweep_errnos[i % SWEEP_ERRNOS];

        /* a guest that is always interrupted never ends */

        life_patience = (way.value == EINTR ? TEST_SECOND : TEST_LONG);
        before = sweep_left();

        sweep_arm(&way, after);

        for (step = 0; step < LIFE_STEPS; step++) {
            if (life_steps[step].run() != HL_OK) {
                break;
            }
        }

        if (inject->done == 0) {
            assert_int_equal(step, LIFE_STEPS);
            break;
        }

        /* it may try, and it may fail, as often as it likes */

        sweep_faults += inject->done;

        if (life.sb != NULL) {
            hl_call_cancel(life.sb);
            (void) life_restore(life.sb, life.snapshot);
        }

        life_end();
        sweep_disarm();
        sweep_assert_left(before);
        sweep_lives++;
    }

    life_end();
    life_patience = TEST_LONG;
}


/* What the kernel says instead of an error, and makes no sense. */
static void
answers_without_sense_are_refused(void **state)
{
    size_t    i;
    inject_t  way;

    static const struct {
        unsigned long  request;
        uint32_t       value;
        uint32_t       lacks;
        const char    *text;
    } cases[] = {
        { KVM_GET_API_VERSION, 11, 0,
          "\"" HL_KVM_DEVICE "\" has KVM's API version 11 and not 12" },
        { KVM_CHECK_EXTENSION, 0, 0,
          "this kernel's KVM lacks KVM_CAP_USER_MEMORY: Linux 5.10 or newer "
          "is needed" },
        { KVM_GET_VCPU_MMAP_SIZE, 0, 0,
          "ioctl(KVM_GET_VCPU_MMAP_SIZE) says 0" },
        { KVM_GET_VCPU_MMAP_SIZE, 4, 0,
          "ioctl(KVM_GET_VCPU_MMAP_SIZE) says 4" },
        { KVM_GET_SUPPORTED_CPUID, 0, 0,
          "this CPU, or its KVM, lacks XSAVE" },
        { KVM_GET_TSC_KHZ, 0, 0, "ioctl(KVM_GET_TSC_KHZ) says 0" },
        { KVM_GET_MSRS, 0, (uint32_t) KVM_GET_DEVICE_ATTR,
          "ioctl(KVM_GET_MSRS) says 0" }
    };

    (void) state;

    for (i = 0; i < count_of(cases); i++) {
        hl_status_t  status;
        size_t       step;

        memset(&way, 0, sizeof(way));
        way.kind = INJECT_RESULT;
        way.request = (uint32_t) cases[i].request;
        way.value = cases[i].value;
        way.times = INJECT_ALWAYS;
        way.lacks = cases[i].lacks;
        sweep_arm(&way, 0);

        for (step = 0, status = HL_OK; step < 3 && status == HL_OK; step++) {
            status = life_steps[step].run();
        }

        sweep_disarm();
        life_end();

        assert_int_not_equal(status, HL_OK);
        assert_string_equal(test_err.text, cases[i].text);
    }
}


static void
device_that_cannot_be_opened_is_told(void **state)
{
    size_t    i;
    inject_t  way;

    (void) state;

    for (i = 0; i < SWEEP_ERRNOS; i++) {
        memset(&way, 0, sizeof(way));
        way.kind = INJECT_OPEN;
        way.value = (uint32_t) sweep_errnos[i];
        way.times = 1;
        sweep_arm(&way, 0);

        assert_status(life_steps[0].run(), HL_ERR_NO_KVM);
        test_assert_begins("\"" HL_KVM_DEVICE "\" ");
        assert_non_null(strstr(test_err.text, strerror(sweep_errnos[i])));

        /* advice only where it helps */

        assert_int_equal(strstr(test_err.text, "run as root") != NULL,
                         way.value == EACCES || way.value == EPERM);
        assert_int_equal(strstr(test_err.text, "load the module") != NULL,
                         way.value == ENOENT);
        sweep_disarm();
    }
}


/* ---- exits ------------------------------------------------------------- */

#define REASONS  64             /* all that there are, and some to come */
#define EXITS    512


static inject_t  exits[EXITS];
static size_t    exit_count;


static void
add_exit(inject_t way)
{
    assert_true(exit_count < EXITS);

    way.times = 1;
    exits[exit_count++] = way;
}


static void
add_exits(inject_kind_t kind)
{
    size_t    d, s, p, c;
    uint32_t  reason;
    inject_t  way;

    static const uint32_t  directions[] = { KVM_EXIT_IO_OUT, KVM_EXIT_IO_IN,
                                            0xff };
    static const uint32_t  sizes[] = { 1, 0, 2, 0xff };
    static const uint32_t  ports[] = { HL_PORT_LEAVE, HL_PORT_FAULT, 0,
                                       0xffff };
    static const uint32_t  counts[] = { 1, 0, 2, UINT32_MAX };
    static const uint32_t  future[] = { 1000, INT32_MAX, UINT32_MAX };

    exit_count = 0;
    memset(&way, 0, sizeof(way));
    way.kind = kind;

    for (reason = 0; reason < REASONS; reason++) {
        if (reason != KVM_EXIT_IO) {
            way.value = reason;
            way.fill = 0xff;
            add_exit(way);
            way.fill = 0;
            add_exit(way);
        }
    }

    for (d = 0; d < count_of(future); d++) {
        way.value = future[d];
        add_exit(way);
    }

    way.value = KVM_EXIT_IO;
    way.fill = 0xff;                    /* data_offset, above all */

    for (d = 0; d < count_of(directions); d++) {
        for (s = 0; s < count_of(sizes); s++) {
            for (p = 0; p < count_of(ports); p++) {
                for (c = 0; c < count_of(counts); c++) {

                    /* a good one is not early: KVM does not say what the
                       guest has not done */

                    if (kind == INJECT_EXIT_EARLY && d == 0 && s == 0
                        && c == 0)
                    {
                        continue;
                    }

                    way.direction = directions[d];
                    way.size = sizes[s];
                    way.port = ports[p];
                    way.count = counts[c];
                    add_exit(way);
                }
            }
        }
    }
}


static void
exits_for_other_reasons_are_survived(void **state)
{
    (void) state;

    life_checks = true;
    add_exits(INJECT_EXIT);
    sweep(exits, exit_count);
}


static void
exits_of_a_guest_that_did_not_run_are_survived(void **state)
{
    (void) state;

    life_checks = true;
    add_exits(INJECT_EXIT_EARLY);
    sweep(exits, exit_count);
}


/* ---- the group --------------------------------------------------------- */

/* The snapshot of another image. */
static int
group_faults(void **state)
{
    hl_config_t  config;

    (void) test_group_host(state);

    if (getenv("HL_FAULTS_LONG") != NULL) {
        sweep_few = ALL;
    }

    hl_config_init(&config);
    life_configure(&config);

    test_sb = test_evolved(TEST_PEEK, &config);
    test_snapshot = test_freeze(test_sb);
    hl_sandbox_destroy(test_sb);
    test_sb = NULL;

    life_guest = test_guest(TEST_PEEK);

    sweep_learn();

    return 0;
}


static int
group_faults_end(void **state)
{
    hl_guest_destroy(life_guest);

    return test_group_end(state);
}


#define test_faults(f)                                                        \
    cmocka_unit_test_setup_teardown(f, sweep_begin, sweep_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_faults(each_ioctl_that_fails_is_told_and_survived),
        test_faults(the_same_with_checked_restores),
        test_faults(the_same_where_the_clock_is_measured),
        test_faults(run_that_fails_late_is_told_and_survived),
        test_faults(interruptions_are_survived),
        test_faults(what_fails_for_good_is_told_and_leaves_nothing),
        test_faults(answers_without_sense_are_refused),
        test_faults(device_that_cannot_be_opened_is_told),
        test_faults(exits_for_other_reasons_are_survived),
        test_faults(exits_of_a_guest_that_did_not_run_are_survived)
    };

    return cmocka_run_group_tests_name("faults", tests, group_faults,
                                       group_faults_end);
}
