/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * sweep.c: lives in each of which another ioctl fails: see sweep.h.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "sweep.h"


typedef struct {
    const char    *name;
    unsigned long  request;
} named_t;

static const named_t  requests[] = {
    { "KVM_GET_API_VERSION", KVM_GET_API_VERSION },
    { "KVM_CHECK_EXTENSION", KVM_CHECK_EXTENSION },
    { "KVM_GET_VCPU_MMAP_SIZE", KVM_GET_VCPU_MMAP_SIZE },
    { "KVM_GET_SUPPORTED_CPUID", KVM_GET_SUPPORTED_CPUID },
    { "KVM_CREATE_VM", KVM_CREATE_VM },
    { "KVM_X86_SET_MSR_FILTER", KVM_X86_SET_MSR_FILTER },
    { "KVM_ENABLE_CAP", KVM_ENABLE_CAP },
    { "KVM_SET_TSS_ADDR", KVM_SET_TSS_ADDR },
    { "KVM_SET_USER_MEMORY_REGION", KVM_SET_USER_MEMORY_REGION },
    { "KVM_CREATE_VCPU", KVM_CREATE_VCPU },
    { "KVM_SET_CPUID2", KVM_SET_CPUID2 },
    { "KVM_GET_TSC_KHZ", KVM_GET_TSC_KHZ },
    { "KVM_GET_DEVICE_ATTR", KVM_GET_DEVICE_ATTR },
    { "KVM_GET_MSRS", KVM_GET_MSRS },
    { "KVM_GET_REGS", KVM_GET_REGS },
    { "KVM_SET_REGS", KVM_SET_REGS },
    { "KVM_GET_SREGS", KVM_GET_SREGS },
    { "KVM_SET_SREGS", KVM_SET_SREGS },
    { "KVM_GET_XCRS", KVM_GET_XCRS },
    { "KVM_SET_XCRS", KVM_SET_XCRS },
    { "KVM_GET_XSAVE", KVM_GET_XSAVE },
    { "KVM_SET_XSAVE", KVM_SET_XSAVE },
    { "KVM_GET_VCPU_EVENTS", KVM_GET_VCPU_EVENTS },
    { "KVM_SET_VCPU_EVENTS", KVM_SET_VCPU_EVENTS },
    { "KVM_GET_DEBUGREGS", KVM_GET_DEBUGREGS },
    { "KVM_SET_DEBUGREGS", KVM_SET_DEBUGREGS },
    { "KVM_GET_DIRTY_LOG", KVM_GET_DIRTY_LOG },
    { "KVM_CLEAR_DIRTY_LOG", KVM_CLEAR_DIRTY_LOG },
    { "KVM_RUN", KVM_RUN }
};

/* All that the KVM API documents of these, and of ioctl() itself. */
const int  sweep_errnos[SWEEP_ERRNOS] = {
    EINVAL, ENOMEM, EFAULT, EBUSY, EEXIST, EMFILE, ENFILE, ENOENT, EINTR,
    EAGAIN, E2BIG, EPERM, EACCES, ENXIO, ENODEV, ENOTTY, ENOSYS, EBADF, EIO,
    ENOSPC, EOPNOTSUPP, ENOEXEC, EHWPOISON, ERANGE
};


size_t    sweep_few = 2;
uint64_t  sweep_lives;
uint64_t  sweep_faults;

/* Those that failed, by the step and by whether it is an immediate exit. */
static uint32_t  sites[LIFE_STEPS][count_of(requests)][2];

/* VMs made anew in each step of a life without a fault. */
static uint64_t  rebuilds[LIFE_STEPS];


/* ---- what is left behind ----------------------------------------------- */

sweep_left_t
sweep_left(void)
{
    sweep_left_t  l;

    l.descriptors = test_descriptors();

#ifdef __SANITIZE_ADDRESS__
    l.mappings = 0;             /* its allocator makes some now and then */
#else
    l.mappings = test_mappings();
#endif

    l.blocks = life_blocks();

    return l;
}


void
sweep_assert_left(sweep_left_t before)
{
    sweep_left_t  now;

    now = sweep_left();

    assert_int_equal(now.descriptors, before.descriptors);
    assert_int_equal(now.mappings, before.mappings);
    assert_int_equal(now.blocks, before.blocks);
}


/* ---- one fault --------------------------------------------------------- */

void
sweep_arm(const inject_t *fault, uint32_t after)
{
    inject->kind = INJECT_NOTHING;
    inject->value = fault->value;
    inject->request = fault->request;
    inject->after = after;
    inject->times = fault->times;
    inject->lacks = fault->lacks;
    inject->fill = fault->fill;
    inject->direction = fault->direction;
    inject->size = fault->size;
    inject->port = fault->port;
    inject->count = fault->count;
    inject->seen = 0;
    inject->done = 0;
    inject->last = 0;
    inject->pending = 0;
    inject->kind = fault->kind;
}


void
sweep_disarm(void)
{
    inject->kind = INJECT_NOTHING;
    inject->lacks = 0;
}


static size_t
failed_request(void)
{
    size_t  i;

    for (i = 0; i < count_of(requests); i++) {
        if ((uint32_t) requests[i].request == inject->last) {
            return i;
        }
    }

    fail_msg("an ioctl without a name here: 0x%x", inject->last);

    return 0;
}


static void
assert_told(size_t step)
{
    char         failed[64];
    size_t       i;
    const char  *text;

    text = test_err.text;

    for (i = 0; text[i] != '\0'; i++) {
        assert_in_range(text[i], 0x20, 0x7e);
    }

    assert_true(i > 0 && i < HL_ERROR_TEXT - 1);

    if (inject->kind != INJECT_ERROR && inject->kind != INJECT_ERROR_LATE) {
        return;
    }

    (void) snprintf(failed, sizeof(failed), "ioctl(%s",
                    requests[failed_request()].name);

    if (strstr(text, failed) == NULL
        || strstr(text, strerror((int) inject->value)) == NULL)
    {
        fail_msg("%s: %s) failed with %s, and it says \"%s\"",
                 life_steps[step].name, failed,
                 strerror((int) inject->value), text);
    }

    assert_int_equal(test_err.status, step == 0 ? HL_ERR_NO_KVM
                                                : HL_ERR_SYSTEM);
}


/* One byte: which leave it is, is known by where it was. */
static bool
is_leave(void)
{
    return inject->value == KVM_EXIT_IO
           && inject->direction == KVM_EXIT_IO_OUT
           && inject->size == 1 && inject->count == 1;
}


/* It failed, and nobody had to be told. */
static void
assert_made_up_for(size_t step, uint64_t rebuilt)
{
    if (inject->kind == INJECT_EXIT || inject->kind == INJECT_EXIT_EARLY) {
        if (inject->pending || is_leave()) {
            return;             /* drained, or as good as the guest's own */
        }

        fail_msg("%s: exit %u, and nobody says so", life_steps[step].name,
                 inject->value);
    }

    if (inject->last == (uint32_t) KVM_GET_DEVICE_ATTR) {
        return;                 /* it is measured then */
    }

    if (inject->value == EINTR
        && (inject->last == (uint32_t) KVM_RUN
            || inject->last == (uint32_t) KVM_CREATE_VM))
    {
        return;
    }

    if (inject->pending && rebuilt > rebuilds[step]) {
        return;                 /* what is not drained is not used */
    }

    fail_msg("%s: %s failed with %s, and nobody says so",
             life_steps[step].name, requests[failed_request()].name,
             strerror((int) inject->value));
}


/* Restored by a new VM if need be, or given up. */
static void
recover(hl_sandbox_t **sb)
{
    hl_frame_t  frames[HL_FRAMES_MAX];

    if (*sb == NULL) {
        return;
    }

    /* whatever is left of it can be asked that */

    (void) hl_call_backtrace(*sb, frames);

    if (hl_sandbox_state(*sb) == HL_SANDBOX_POISONED
        && life.snapshot != NULL)
    {
        assert_ok(life_restore(*sb, life.snapshot));
        return;
    }

    if (hl_sandbox_state(*sb) != HL_SANDBOX_READY) {
        hl_sandbox_destroy(*sb);
        *sb = NULL;
    }
}


static uint64_t
rebuilt_until_now(void)
{
    return life.sb == NULL ? 0 : hl_sandbox_stats(life.sb)->rebuilds;
}


/* Again, if the fault was in it: that one must succeed. */
static void
take_step(size_t step)
{
    uint32_t     done;
    uint64_t     before;
    hl_status_t  status;

    done = inject->done;
    before = rebuilt_until_now();
    status = life_steps[step].run();

    if (inject->done == done) {
        assert_ok(status);
        return;
    }

    sites[step][failed_request()][inject->pending]++;
    sweep_faults++;

    if (status == HL_OK) {
        assert_made_up_for(step, rebuilt_until_now() - before);
        return;
    }

    assert_told(step);
    sweep_disarm();
    recover(&life.first);
    recover(&life.sb);

    assert_ok(life_steps[step].run());
}


void
sweep_learn(void)
{
    size_t    step;
    uint64_t  before;

    for (step = 0; step < LIFE_STEPS; step++) {
        before = rebuilt_until_now();
        assert_ok(life_steps[step].run());
        rebuilds[step] = rebuilt_until_now() - before;
    }

    life_end();
}


/* Whether it had the fault. */
static bool
live(const inject_t *fault, uint32_t after)
{
    bool          hit;
    size_t        step;
    sweep_left_t  before;

    before = sweep_left();
    sweep_arm(fault, after);

    for (step = 0; step < LIFE_STEPS; step++) {
        take_step(step);
    }

    hit = (inject->done > 0);
    sweep_disarm();

    /* all of it, registers too, whatever was restored without a look */

    assert_ok(life_restore(life.sb, life.snapshot));
    assert_ok(hl_check_restored(life.sb, life.snapshot, &test_err));

    life_end();
    sweep_assert_left(before);
    sweep_lives++;

    return hit;
}


void
sweep(const inject_t *ways, size_t n)
{
    size_t    i, some;
    uint32_t  after;

    assert_int_not_equal(n, 0);
    some = (sweep_few < n ? sweep_few : n);

    for (after = 0; n > 0; after++) {
        for (i = 0; i < some; i++) {
            if (!live(&ways[(after * some + i) % n], after)) {
                return;
            }
        }
    }
}


void
sweep_by_errno(inject_kind_t kind, uint32_t times, uint32_t lacks)
{
    size_t    i, n;
    inject_t  ways[SWEEP_ERRNOS];

    memset(ways, 0, sizeof(ways));

    for (i = 0, n = 0; i < SWEEP_ERRNOS; i++) {

        /* KVM is interrupted only where it has no exit to tell */

        if (kind == INJECT_ERROR_LATE && sweep_errnos[i] == EINTR) {
            continue;
        }

        ways[n].kind = kind;
        ways[n].value = (uint32_t) sweep_errnos[i];
        ways[n].times = times;
        ways[n].lacks = lacks;
        n++;
    }

    sweep(ways, n);
}


int
sweep_begin(void **state)
{
    (void) state;

    memset(sites, 0, sizeof(sites));
    sweep_lives = 0;
    sweep_faults = 0;

    return 0;
}


/* A test that has failed leaves a life half lived. */
int
sweep_end(void **state)
{
    size_t  i, j, k, n;

    (void) state;

    sweep_disarm();
    life_end();

    for (n = 0, i = 0; i < LIFE_STEPS; i++) {
        for (j = 0; j < count_of(requests); j++) {
            for (k = 0; k < 2; k++) {
                n += (sites[i][j][k] != 0);
            }
        }
    }

    print_message("             %zu call sites in %d steps, %llu faults in "
                  "%llu lives\n", n, LIFE_STEPS,
                  (unsigned long long) sweep_faults,
                  (unsigned long long) sweep_lives);

    return 0;
}
