/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_clock.c: a guest's clocks where KVM does not tell the offset of its
 * time-stamp counter, as before Linux 5.16, and what KVM is told for a guest
 * without a clock; and where its rate is not quite what KVM says.  core's
 * ioctl() is the one below.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hl_x86.h"
#include "test.h"


#define CLOCK_GUEST  "testguests/sdk/libc.elf"
#define CALLS        100
#define PAUSES       10
#define SPREAD       20                 /* of VMs */


static unsigned       denied;           /* how often */
static unsigned long  denied_request;


int
ioctl(int fd, unsigned long request, ...)
{
    void     *arg;
    va_list   args;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);

    if (request == denied_request) {
        denied++;
        errno = ENXIO;
        return -1;
    }

    return (int) syscall(SYS_ioctl, fd, request, arg);
}


static int
clock_begin(void **state)
{
    (void) state;

    denied = 0;
    denied_request = KVM_GET_DEVICE_ATTR;

    test_sb = test_evolved(CLOCK_GUEST, NULL);
    test_snapshot = test_freeze(test_sb);

    return 0;
}


static int
clock_end(void **state)
{
    denied_request = 0;

    hl_snapshot_release(test_snapshot);
    test_snapshot = NULL;

    return test_end(state);
}


static int64_t
host_clock(clockid_t id)
{
    struct timespec  ts;

    assert_int_equal(clock_gettime(id, &ts), 0);

    return (int64_t) ts.tv_sec * (int64_t) TEST_SECOND + ts.tv_nsec;
}


static int64_t
guest_clock(hl_sandbox_t *sb, const char *name)
{
    assert_ok(test_call(sb, name, HL_TYPE_LONG, NULL, 0));

    return hl_call_result(sb)->v.i64;
}


/* Read between two readings of the host's, to a tenth of a millisecond. */
static void
assert_right(hl_sandbox_t *sb, clockid_t id, const char *name)
{
    int64_t  before, now, after;

    before = host_clock(id);
    now = guest_clock(sb, name);
    after = host_clock(id);

    assert_true(now >= before - (int64_t) TEST_MS / 10);
    assert_true(now <= after + (int64_t) TEST_MS / 10);
}


static void
measured_clocks_are_right(void **state)
{
    int  i;

    (void) state;

    assert_int_not_equal(denied, 0);

    for (i = 0; i < CALLS; i++) {
        assert_right(test_sb, CLOCK_REALTIME, "Realtime");
        assert_right(test_sb, CLOCK_MONOTONIC, "Monotonic");
        test_restore();
    }
}


static void
measured_clock_never_goes_back(void **state)
{
    int      i;
    int64_t  last, now;

    (void) state;

    last = 0;

    for (i = 0; i < CALLS; i++) {
        now = guest_clock(test_sb, "Monotonic");
        assert_true(now > last);
        last = now;

        assert_int_equal(test_call_int_1(test_sb, "Backwards", 1), 0);
        test_restore();
    }
}


/* VMs of another age, each with a counter of its own. */
static void
measured_clocks_of_all_sandboxes_agree(void **state)
{
    int            i;
    hl_sandbox_t  *sb[SPREAD];

    (void) state;

    for (i = 0; i < SPREAD; i++) {
        sb[i] = test_thaw(test_snapshot);
    }

    assert_true(denied > SPREAD);

    for (i = 0; i < SPREAD; i++) {
        assert_right(sb[i], CLOCK_MONOTONIC, "Monotonic");
    }

    for (i = 0; i < SPREAD; i++) {
        hl_sandbox_destroy(sb[i]);
    }
}


/*
 * A counter that is a hundredth too fast is ahead at the end of a call, and
 * the next call may not be behind that; but it is right again, not more and
 * more ahead.
 */
static void
fast_clock_is_right_after_a_pause(void **state)
{
    int      i;
    int64_t  last, now;

    (void) state;

    test_sb->vm->tsc.khz -= test_sb->vm->tsc.khz / 100;
    last = 0;

    for (i = 0; i < PAUSES; i++) {
        assert_int_equal(test_call_int_1(test_sb, "Backwards", 5), 0);
        now = guest_clock(test_sb, "Monotonic");
        assert_true(now > last);
        test_restore();

        last = guest_clock(test_sb, "Monotonic");
        assert_true(last > now);

        (void) usleep(20000);
        assert_right(test_sb, CLOCK_MONOTONIC, "Monotonic");
        test_restore();
    }
}


/* What KVM says, if it does, is what was measured, to some microseconds. */
static void
measured_offset_is_the_one_that_kvm_tells(void **state)
{
#ifdef KVM_VCPU_TSC_OFFSET
    uint64_t                offset, told, away;
    struct kvm_device_attr  attr = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uintptr_t) &told
    };

    (void) state;

    told = 0;               /* what writes it is not known to valgrind */
    denied_request = 0;

    if (ioctl(test_sb->vm->vcpu_fd, KVM_GET_DEVICE_ATTR, &attr) != 0) {
        skip();                 /* this kernel does not tell it */
    }

    offset = test_sb->vm->tsc.offset;
    away = offset > told ? offset - told : told - offset;

    assert_true(away < test_sb->vm->tsc.khz / 10);
#else
    (void) state;

    skip();                     /* these headers are older than Linux 5.16 */
#endif
}


static void
counter_that_cannot_be_read_is_named(void **state)
{
    hl_sandbox_t  *sb;

    (void) state;

    denied_request = KVM_GET_TSC_KHZ;

    assert_status(hl_sandbox_from_snapshot(&sb, test_host, test_snapshot,
                                           &test_err), HL_ERR_SYSTEM);
    assert_string_equal(test_err.text, "ioctl(KVM_GET_TSC_KHZ): No such "
                                       "device or address");
}


/* Not every host heeds it: what counts is what KVM was told. */
static void
counter_is_off_without_a_clock(void **state)
{
    hl_config_t        config;
    hl_sandbox_t      *sb;
    struct kvm_sregs   sregs;

    (void) state;

    assert_int_equal(ioctl(test_sb->vm->vcpu_fd, KVM_GET_SREGS, &sregs), 0);
    assert_int_equal(sregs.cr4 & HL_CR4_TSD, 0);

    hl_config_init(&config);
    config.clock = false;
    sb = test_evolved(CLOCK_GUEST, &config);

    assert_int_equal(ioctl(sb->vm->vcpu_fd, KVM_GET_SREGS, &sregs), 0);
    assert_int_equal(sregs.cr4 & HL_CR4_TSD, HL_CR4_TSD);

    hl_sandbox_destroy(sb);
}


#define test_clock(f)                                                         \
    cmocka_unit_test_setup_teardown(f, clock_begin, clock_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_clock(measured_clocks_are_right),
        test_clock(measured_clock_never_goes_back),
        test_clock(measured_clocks_of_all_sandboxes_agree),
        test_clock(measured_offset_is_the_one_that_kvm_tells),
        test_clock(fast_clock_is_right_after_a_pause),
        test_clock(counter_that_cannot_be_read_is_named),
        test_clock(counter_is_off_without_a_clock)
    };

    return cmocka_run_group_tests_name("clock", tests, test_group_host,
                                       test_group_end);
}
