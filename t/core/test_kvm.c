/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_kvm.c: when KVM fails, or a run ends as it should not: what is told,
 * what is rebuilt, and what is the end.  core's ioctl() is the one below: it
 * fails when a test wants it to.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hl_memory.h"
#include "pages.h"


typedef enum {
    RUN_AS_IT_IS,
    RUN_HAS_REASON,             /* comes back with another exit reason */
    RUN_NEVER_DRAINS,           /* immediate_exit comes back with an exit */
} run_trick_t;


/* Of this request the ioctl after "fail_after" others fails. */
static unsigned long  fail_request;
static unsigned       fail_after;
static unsigned       fail_times;
static int            fail_errno;

static run_trick_t    run_trick;
static uint32_t       run_reason;
static unsigned       run_drains;       /* times that it never drains */


static int
trick_run(int fd, unsigned long request)
{
    int  rc;

    if (run_trick == RUN_NEVER_DRAINS && test_sb->vm->run->immediate_exit
        && run_drains > 0)
    {
        run_drains--;
        return 0;
    }

    rc = (int) syscall(SYS_ioctl, fd, request, 0);

    if (run_trick == RUN_HAS_REASON && rc == 0) {
        test_sb->vm->run->exit_reason = run_reason;
        run_trick = RUN_AS_IT_IS;
    }

    return rc;
}


/* Takes the place of libc's, in all of core. */
int
ioctl(int fd, unsigned long request, ...)
{
    void     *arg;
    va_list   args;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);

    if (request == fail_request && fail_times > 0 && fail_after-- == 0) {
        fail_after = 0;
        fail_times--;
        errno = fail_errno;
        return -1;
    }

    if (request == KVM_RUN) {
        return trick_run(fd, request);
    }

    return (int) syscall(SYS_ioctl, fd, request, arg);
}


static int
kvm_begin(void **state)
{
    fail_times = 0;
    run_trick = RUN_AS_IT_IS;

    return test_begin(state);
}


static int
kvm_end(void **state)
{
    fail_times = 0;
    run_trick = RUN_AS_IT_IS;

    return test_end(state);
}


/* The next ioctl of this kind fails. */
static void
fail_next(unsigned long request, int errnum)
{
    fail_request = request;
    fail_after = 0;
    fail_times = 1;
    fail_errno = errnum;
}


static void
failing_creation_is_named_and_leaks_nothing(void **state)
{
    size_t         i, descriptors;
    hl_sandbox_t  *sb;

    static const struct {
        unsigned long  request;
        const char    *name;
    } cases[] = {
        { KVM_CREATE_VM, "ioctl(KVM_CREATE_VM)" },
        { KVM_CHECK_EXTENSION, "ioctl(KVM_CHECK_EXTENSION, "
                               "KVM_CAP_SET_TSS_ADDR)" },
        { KVM_X86_SET_MSR_FILTER, "ioctl(KVM_X86_SET_MSR_FILTER)" },
        { KVM_ENABLE_CAP, "ioctl(KVM_ENABLE_CAP, "
                          "MANUAL_DIRTY_LOG_PROTECT2)" },
        { KVM_SET_USER_MEMORY_REGION, "ioctl(KVM_SET_USER_MEMORY_REGION)" },
        { KVM_CREATE_VCPU, "ioctl(KVM_CREATE_VCPU)" },
        { KVM_SET_CPUID2, "ioctl(KVM_SET_CPUID2)" },
        { KVM_GET_SREGS, "ioctl(KVM_GET_SREGS)" },
        { KVM_SET_SREGS, "ioctl(KVM_SET_SREGS)" },
        { KVM_SET_XCRS, "ioctl(KVM_SET_XCRS)" },
        { KVM_SET_REGS, "ioctl(KVM_SET_REGS)" },
        { KVM_SET_XSAVE, "ioctl(KVM_SET_XSAVE)" },
        { KVM_SET_DEBUGREGS, "ioctl(KVM_SET_DEBUGREGS)" },
        { KVM_SET_VCPU_EVENTS, "ioctl(KVM_SET_VCPU_EVENTS)" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char  sentence[128];

        descriptors = test_descriptors();
        fail_next(cases[i].request, EMFILE);

        assert_status(hl_sandbox_from_snapshot(&sb, test_host, test_snapshot,
                                               &test_err),
                      HL_ERR_SYSTEM);
        (void) snprintf(sentence, sizeof(sentence),
                        "%s: Too many open files", cases[i].name);
        assert_string_equal(test_err.text, sentence);
        assert_int_equal(fail_times, 0);
        assert_int_equal(test_descriptors(), descriptors);
    }
}


static void
failing_look_at_the_device_is_named(void **state)
{
    int     fd;
    size_t  descriptors;

    (void) state;

    descriptors = test_descriptors();

    fail_next(KVM_GET_API_VERSION, ENOMEM);
    assert_status(hl_kvm_open(&fd, HL_KVM_DEVICE, &test_err),
                  HL_ERR_NO_KVM);
    assert_string_equal(test_err.text, "\"" HL_KVM_DEVICE "\" is not KVM: "
                        "ioctl(KVM_GET_API_VERSION): Cannot allocate memory");

    fail_next(KVM_CHECK_EXTENSION, EIO);
    assert_status(hl_kvm_open(&fd, HL_KVM_DEVICE, &test_err),
                  HL_ERR_NO_KVM);
    assert_string_equal(test_err.text, "ioctl(KVM_CHECK_EXTENSION, "
                        "KVM_CAP_USER_MEMORY): Input/output error");

    assert_int_equal(test_descriptors(), descriptors);
}


/* The host has failed, not the guest: it may go well the next time. */
static void
failing_run_is_no_failed_initialisation(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    guest = test_guest(TEST_PROBE);
    hl_config_init(&config);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    fail_next(KVM_RUN, ENOMEM);
    assert_status(hl_sandbox_evolve(sb, TEST_LONG, &test_err),
                  HL_ERR_SYSTEM);
    assert_string_equal(test_err.text, "ioctl(KVM_RUN): Cannot allocate "
                                       "memory");

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
creation_that_is_always_interrupted_fails(void **state)
{
    hl_sandbox_t  *sb;

    (void) state;

    fail_next(KVM_CREATE_VM, EINTR);
    fail_times = UINT32_MAX;

    assert_status(hl_sandbox_from_snapshot(&sb, test_host, test_snapshot,
                                           &test_err),
                  HL_ERR_SYSTEM);
    assert_string_equal(test_err.text, "ioctl(KVM_CREATE_VM): Interrupted "
                                       "system call");
}


static void
interrupted_creation_goes_on(void **state)
{
    hl_sandbox_t  *sb;

    (void) state;

    fail_next(KVM_CREATE_VM, EINTR);
    fail_times = 3;

    sb = test_thaw(test_snapshot);
    assert_int_equal(test_call_int(sb, "Touched"), 0);
    hl_sandbox_destroy(sb);
}


static void
failing_snapshot_leaves_the_sandbox_as_it_was(void **state)
{
    size_t          i, descriptors;
    hl_snapshot_t  *snapshot;

    static const unsigned long  requests[] = {
        KVM_GET_SREGS, KVM_GET_REGS, KVM_GET_XSAVE, KVM_GET_VCPU_EVENTS,
        KVM_GET_DEBUGREGS, KVM_GET_DIRTY_LOG
    };

    (void) state;

    assert_int_equal(touch(0, 1), 1);
    descriptors = test_descriptors();

    for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        fail_next(requests[i], EIO);
        assert_status(hl_snapshot_create(&snapshot, test_sb, &test_err),
                      HL_ERR_SYSTEM);
        assert_int_equal(test_descriptors(), descriptors);
        assert_state(test_sb, HL_SANDBOX_READY);
        assert_int_equal(test_call_int(test_sb, "Touched"), 1);
    }

    test_restore();
    assert_good_as_new();
}


static void
assert_unrecoverable(void)
{
    hl_snapshot_t  *snapshot;

    assert_state(test_sb, HL_SANDBOX_UNRECOVERABLE);

    assert_status(hl_sandbox_restore(test_sb, test_snapshot, &test_err),
                  HL_ERR_UNRECOVERABLE);
    assert_string_equal(test_err.text, "The sandbox is unrecoverable");
    assert_status(test_call(test_sb, "Touched", HL_TYPE_INT, NULL, 0),
                  HL_ERR_UNRECOVERABLE);
    assert_status(hl_snapshot_create(&snapshot, test_sb, &test_err),
                  HL_ERR_UNRECOVERABLE);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_LONG, &test_err),
                     HL_STOP_FAILED);
    assert_int_equal(test_err.status, HL_ERR_UNRECOVERABLE);
    test_assert_no_call(HL_ERR_UNRECOVERABLE);
    assert_state(test_sb, HL_SANDBOX_UNRECOVERABLE);
}


static void
restore_without_a_log_is_the_end(void **state)
{
    (void) state;

    assert_int_equal(touch(0, 1), 1);
    fail_next(KVM_GET_DIRTY_LOG, EIO);

    assert_status(hl_sandbox_restore(test_sb, test_snapshot, &test_err),
                  HL_ERR_SYSTEM);
    assert_string_equal(test_err.text, "ioctl(KVM_GET_DIRTY_LOG): "
                                       "Input/output error");
    assert_unrecoverable();
}


static void
restore_that_cannot_clear_the_log_is_the_end(void **state)
{
    (void) state;

    assert_int_equal(touch(0, 500), 500);
    fail_next(KVM_CLEAR_DIRTY_LOG, EIO);

    assert_status(hl_sandbox_restore(test_sb, test_snapshot, &test_err),
                  HL_ERR_SYSTEM);
    assert_unrecoverable();
}


/* The call failed for this reason; a VM is made anew; then all is well. */
static void
assert_rebuilt(void)
{
    assert_state(test_sb, HL_SANDBOX_POISONED);
    test_restore();
    assert_int_equal(stats()->rebuilds, 1);
    assert_good_as_new();

    touch_and_restore(0, 200);
    assert_good_as_new();
    assert_int_equal(stats()->rebuilds, 1);
}


static void
failing_run_rebuilds_the_vm(void **state)
{
    (void) state;

    fail_next(KVM_RUN, ENOMEM);
    assert_status(test_call(test_sb, "Touched", HL_TYPE_INT, NULL, 0),
                  HL_ERR_SYSTEM);
    assert_string_equal(test_err.text, "ioctl(KVM_RUN): Cannot allocate "
                                       "memory");
    assert_rebuilt();
}


/* With pages written before, that the new VM's log knows nothing of. */
static void
rebuilt_vm_has_the_memory_of_the_snapshot(void **state)
{
    (void) state;

    assert_int_equal(touch(0, 300), 300);
    fail_next(KVM_RUN, EFAULT);
    assert_status(test_call(test_sb, "Touched", HL_TYPE_INT, NULL, 0),
                  HL_ERR_SYSTEM);
    assert_rebuilt();
}


static void
exits_that_break_a_vcpu_rebuild_the_vm(void **state)
{
    size_t  i;

    static const uint32_t  reasons[] = {
        KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_FAIL_ENTRY, KVM_EXIT_SHUTDOWN
    };

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        char  sentence[64];

        run_trick = RUN_HAS_REASON;
        run_reason = reasons[i];

        assert_status(test_call(test_sb, "Touched", HL_TYPE_INT, NULL, 0),
                      HL_ERR_PROTOCOL);
        (void) snprintf(sentence, sizeof(sentence), "the guest left with "
                        "KVM's exit reason %u", reasons[i]);
        test_assert_begins(sentence);
        assert_rebuilt();

        (void) kvm_end(state);
        (void) kvm_begin(state);
    }
}


static void
other_exits_are_drained(void **state)
{
    size_t  i;

    static const uint32_t  reasons[] = {
        KVM_EXIT_UNKNOWN, KVM_EXIT_HLT, KVM_EXIT_MMIO, KVM_EXIT_HYPERCALL,
        KVM_EXIT_DEBUG, KVM_EXIT_X86_RDMSR
    };

    (void) state;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        run_trick = RUN_HAS_REASON;
        run_reason = reasons[i];

        assert_status(test_call(test_sb, "Touched", HL_TYPE_INT, NULL, 0),
                      HL_ERR_PROTOCOL);
        assert_state(test_sb, HL_SANDBOX_POISONED);
        test_restore();
        assert_good_as_new();
    }

    assert_int_equal(stats()->rebuilds, 0);
}


static void
vcpu_that_cannot_be_drained_is_rebuilt(void **state)
{
    (void) state;

    run_trick = RUN_HAS_REASON;
    run_reason = KVM_EXIT_MMIO;
    assert_status(test_call(test_sb, "Touched", HL_TYPE_INT, NULL, 0),
                  HL_ERR_PROTOCOL);

    /* as often as core tries; the new one does, when it is checked */

    run_trick = RUN_NEVER_DRAINS;
    run_drains = 8;
    test_restore();
    run_trick = RUN_AS_IT_IS;

    assert_int_equal(run_drains, 0);

    assert_int_equal(stats()->rebuilds, 1);
    assert_good_as_new();
}


static void
vcpu_that_fails_to_drain_is_rebuilt(void **state)
{
    (void) state;

    run_trick = RUN_HAS_REASON;
    run_reason = KVM_EXIT_MMIO;
    assert_status(test_call(test_sb, "Touched", HL_TYPE_INT, NULL, 0),
                  HL_ERR_PROTOCOL);

    fail_next(KVM_RUN, EIO);
    test_restore();

    assert_int_equal(stats()->rebuilds, 1);
    assert_good_as_new();
}


static void
vcpu_that_fails_to_drain_is_not_frozen(void **state)
{
    hl_snapshot_t  *snapshot;

    (void) state;

    assert_int_equal(touch(0, 1), 1);
    fail_next(KVM_RUN, EIO);
    assert_status(hl_snapshot_create(&snapshot, test_sb, &test_err),
                  HL_ERR_SYSTEM);
    assert_string_equal(test_err.text, "ioctl(KVM_RUN): Input/output error");
    assert_rebuilt();
}


/* It is not known to be inexact. */
static void
check_that_fails_is_the_end(void **state)
{
    size_t  i;

    static const unsigned long  requests[] = {
        KVM_RUN, KVM_GET_SREGS, KVM_GET_XCRS
    };

    for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_int_equal(touch(0, 1), 1);
        fail_next(requests[i], EIO);
        assert_status(hl_sandbox_restore(test_sb, test_snapshot, &test_err),
                      HL_ERR_SYSTEM);
        assert_non_null(strstr(test_err.text, ": Input/output error"));
        assert_unrecoverable();

        (void) kvm_end(state);
        (void) kvm_begin(state);
    }
}


static void
rebuild_that_fails_is_the_end(void **state)
{
    (void) state;

    fail_next(KVM_RUN, ENOMEM);
    assert_status(test_call(test_sb, "Touched", HL_TYPE_INT, NULL, 0),
                  HL_ERR_SYSTEM);

    fail_next(KVM_CREATE_VM, EMFILE);
    assert_status(hl_sandbox_restore(test_sb, test_snapshot, &test_err),
                  HL_ERR_SYSTEM);
    assert_unrecoverable();
}


static void
slow_reset_that_fails_is_the_end(void **state)
{
    (void) state;

    touch_and_crash(0, 1);
    fail_next(KVM_SET_SREGS, EINVAL);
    assert_status(hl_sandbox_restore(test_sb, test_snapshot, &test_err),
                  HL_ERR_SYSTEM);
    assert_unrecoverable();
}


static void
interrupted_run_goes_on(void **state)
{
    (void) state;

    fail_next(KVM_RUN, EINTR);
    fail_times = 5;
    assert_int_equal(test_call_int(test_sb, "Touched"), 0);
    assert_int_equal(stats()->exits, 1);
}


#define test_kvm(f)                                                           \
    cmocka_unit_test_setup_teardown(f, kvm_begin, kvm_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_kvm(failing_creation_is_named_and_leaks_nothing),
        test_kvm(failing_look_at_the_device_is_named),
        test_kvm(failing_run_is_no_failed_initialisation),
        test_kvm(creation_that_is_always_interrupted_fails),
        test_kvm(interrupted_creation_goes_on),
        test_kvm(failing_snapshot_leaves_the_sandbox_as_it_was),
        test_kvm(restore_without_a_log_is_the_end),
        test_kvm(restore_that_cannot_clear_the_log_is_the_end),
        test_kvm(failing_run_rebuilds_the_vm),
        test_kvm(rebuilt_vm_has_the_memory_of_the_snapshot),
        test_kvm(exits_that_break_a_vcpu_rebuild_the_vm),
        test_kvm(other_exits_are_drained),
        test_kvm(vcpu_that_cannot_be_drained_is_rebuilt),
        test_kvm(vcpu_that_fails_to_drain_is_rebuilt),
        test_kvm(vcpu_that_fails_to_drain_is_not_frozen),
        test_kvm(check_that_fails_is_the_end),
        test_kvm(rebuild_that_fails_is_the_end),
        test_kvm(slow_reset_that_fails_is_the_end),
        test_kvm(interrupted_run_goes_on)
    };

    return cmocka_run_group_tests_name("kvm", tests, test_group_raw,
                                       test_group_end);
}
