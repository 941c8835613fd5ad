/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_check.c: the exactness check finds what a restore that is not right
 * leaves.  Each test breaks something that core relies on: behind the dirty
 * log's back, in the vCPU, or in the entry code.  core's ioctl() is the one
 * below: it forgets what a test wants it to.
 */

#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hl_memory.h"
#include "test.h"


static unsigned long  forgotten;        /* an ioctl that is not made */
static size_t         unlogged;         /* a page that the log does not name */


/* Takes the place of libc's, in all of core. */
int
ioctl(int fd, unsigned long request, ...)
{
    int        rc;
    void      *arg;
    va_list    args;
    uint64_t  *bitmap;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);

    if (request == forgotten) {
        return 0;
    }

    rc = (int) syscall(SYS_ioctl, fd, request, arg);

    if (request == KVM_GET_DIRTY_LOG && rc == 0 && unlogged > 0) {
        bitmap = ((struct kvm_dirty_log *) arg)->dirty_bitmap;
        bitmap[unlogged / 64] &= ~(1ull << (unlogged % 64));
    }

    return rc;
}


static int
check_begin(void **state)
{
    (void) state;

    test_open(TEST_PROBE, NULL);

    return 0;
}


static int
check_end(void **state)
{
    forgotten = 0;
    unlogged = 0;

    return test_close(state);
}


static void
assert_inexact(const char *text)
{
    assert_status(hl_sandbox_restore(test_sb, test_snapshot, &test_err),
                  HL_ERR_INEXACT);
    test_assert_error(HL_ERR_INEXACT, 0, text);
    assert_state(test_sb, HL_SANDBOX_UNRECOVERABLE);
}


static void
set_secret(void)
{
    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
}


/* ---- nothing is found where nothing is wrong --------------------------- */

static void
restore_is_exact_after_every_kind_of_call(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 3; i++) {
        set_secret();
        test_restore();

        assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
        test_restore();

        hl_sandbox_set_log_level(test_sb, (hl_log_level_t) i);
        assert_int_equal(test_call_int(test_sb, "Count"), 1);
        test_restore();

        test_start(test_sb, "Count", HL_TYPE_INT, NULL, 0);
        test_restore();
    }
}


/* The next call does not see that the vCPU has run in between. */
static void
check_leaves_no_trace(void **state)
{
    hl_stats_t  before;

    (void) state;

    set_secret();
    before = *hl_sandbox_stats(test_sb);
    test_restore();
    assert_pristine(test_sb, test_snapshot);

    assert_int_equal(hl_sandbox_stats(test_sb)->runs, before.runs);
    assert_int_equal(hl_sandbox_stats(test_sb)->calls, before.calls);
    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_int_equal(test_call_uint(test_sb, "FindSecret"), 0);
}


static void
without_the_check_a_difference_stays(void **state)
{
    size_t  offset;

    (void) state;

    test_sb->bindings.check_restore = false;
    hl_sandbox_region(test_sb, HL_REGION_HEAP)[0x1010] ^= 1;

    test_restore();
    assert_int_equal(hl_check_differences(test_sb, test_snapshot, &offset),
                     1);
}


/* ---- memory ------------------------------------------------------------ */

static void
byte_behind_the_logs_back_is_found(void **state)
{
    char                text[128];
    const hl_region_t  *heap;

    (void) state;

    heap = &test_sb->image->layout.regions[HL_REGION_HEAP];
    hl_sandbox_region(test_sb, HL_REGION_HEAP)[0x1010] ^= 1;

    (void) snprintf(text, sizeof(text), "1 bytes of memory are not the "
                    "snapshot's, the first at 0x%llx (heap)",
                    (unsigned long long) heap->gva + 0x1010);
    assert_inexact(text);
}


static void
any_region_is_compared(void **state)
{
    size_t              i;
    const hl_region_t  *r;

    (void) state;

    for (i = 0; i < test_sb->image->layout.region_count; i++) {
        r = &test_sb->image->layout.regions[i];

        if (r->slot != HL_SLOT_RW || r->size == 0) {
            continue;
        }

        (void) check_end(state);
        (void) check_begin(state);

        r = &test_sb->image->layout.regions[i];
        test_sb->rw[r->offset + r->size - 16] ^= 1;
        assert_inexact("1 bytes of memory");
    }
}


static void
page_tables_are_compared(void **state)
{
    (void) state;

    test_sb->rw[test_sb->image->layout.tables + 8] ^= 0x80;
    assert_inexact("(page tables, physical address)");
}


static void
page_that_the_log_forgets_is_found(void **state)
{
    (void) state;

    unlogged = test_sb->image->layout.regions[HL_REGION_OUTPUT].offset
               >> HL_PAGE_SHIFT;

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_inexact("(output area)");
}


static void
parameters_of_another_call_are_found(void **state)
{
    (void) state;

    hl_sandbox_params(test_sb)->counter = 1;
    assert_inexact("(parameters page)");
}


static void
change_of_read_only_memory_is_found(void **state)
{
    hl_image_t  *image;

    (void) state;

    image = test_sb->image;

    assert_int_equal(mprotect(image->ro, image->layout.ro_size,
                              PROT_READ|PROT_WRITE), 0);
    image->ro[image->layout.ro_size - 1] ^= 1;

    assert_inexact("read-only memory");
}


/* ---- the vCPU ---------------------------------------------------------- */

static void
fault_without_a_reset_is_found(void **state)
{
    (void) state;

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);

    forgotten = KVM_SET_SREGS;
    assert_inexact("after a restore sregs.cs is ");
}


static void
fault_with_half_of_a_reset_is_found(void **state)
{
    (void) state;

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);

    forgotten = KVM_SET_REGS;
    assert_inexact("a parked vCPU stands at");
}


static void
new_sandbox_is_compared(void **state)
{
    hl_sandbox_t  *sb;

    (void) state;

    forgotten = KVM_SET_SREGS;
    assert_status(hl_sandbox_from_snapshot(&sb, test_host, test_snapshot,
                                           &test_err),
                  HL_ERR_INEXACT);
    test_assert_error(HL_ERR_INEXACT, 0, "after a restore sregs.cr0 is ");
}


static void
control_register_is_compared(void **state)
{
    struct kvm_sregs  sregs;

    (void) state;

    assert_int_equal(ioctl(test_sb->vm->vcpu_fd, KVM_GET_SREGS, &sregs), 0);
    sregs.cr4 ^= 4;                     /* TSD */
    assert_int_equal(ioctl(test_sb->vm->vcpu_fd, KVM_SET_SREGS, &sregs), 0);

    assert_inexact("after a restore sregs.cr4 is ");
}


static void
debug_register_is_compared(void **state)
{
    struct kvm_debugregs  debug;

    (void) state;

    assert_int_equal(ioctl(test_sb->vm->vcpu_fd, KVM_GET_DEBUGREGS, &debug),
                     0);
    debug.db[1] = 0x5ec2e7;
    assert_int_equal(ioctl(test_sb->vm->vcpu_fd, KVM_SET_DEBUGREGS, &debug),
                     0);

    assert_inexact("after a restore debug.db is ");
}


/*
 * Takes an instruction out of the entry code; the sum is made right, so that
 * only its effect can be found.
 */
static void
break_entry_code(const void *opcode, size_t len, size_t size)
{
    uint8_t     *code;
    hl_image_t  *image;

    image = test_sb->image;

    assert_int_equal(mprotect(image->ro, image->layout.ro_size,
                              PROT_READ|PROT_WRITE), 0);

    code = image->ro + image->layout.regions[HL_REGION_HYPERCALL].offset;
    code = memmem(code, 0x100, opcode, len);
    assert_non_null(code);

    memset(code, 0x90, size);           /* NOP */
    image->sum = hl_image_sum(image);
}


static void
fpu_that_the_entry_code_leaves_is_found(void **state)
{
    (void) state;

    break_entry_code("\x48\x0f\xae\x2d", 4, 8);         /* xrstor64 */

    set_secret();
    assert_inexact("after a restore ");
}


static void
register_that_the_entry_code_leaves_is_found(void **state)
{
    (void) state;

    break_entry_code("\x45\x31\xe4", 3, 3);     /* xorl %r12d, %r12d */

    set_secret();
    test_sb->vm->run->s.regs.regs.r12 = 0x5ec2e7;
    test_sb->vm->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;

    assert_inexact("after a restore regs.r12 is 0x5ec2e7 and not 0x0");
}


#define test_checks(f)                                                        \
    cmocka_unit_test_setup_teardown(f, check_begin, check_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_checks(restore_is_exact_after_every_kind_of_call),
        test_checks(check_leaves_no_trace),
        test_checks(without_the_check_a_difference_stays),

        test_checks(byte_behind_the_logs_back_is_found),
        test_checks(any_region_is_compared),
        test_checks(page_tables_are_compared),
        test_checks(page_that_the_log_forgets_is_found),
        test_checks(parameters_of_another_call_are_found),
        test_checks(change_of_read_only_memory_is_found),

        test_checks(fault_without_a_reset_is_found),
        test_checks(fault_with_half_of_a_reset_is_found),
        test_checks(new_sandbox_is_compared),
        test_checks(control_register_is_compared),
        test_checks(debug_register_is_compared),
        test_checks(fpu_that_the_entry_code_leaves_is_found),
        test_checks(register_that_the_entry_code_leaves_is_found)
    };

    return cmocka_run_group_tests_name("check", tests, test_group_host,
                                       test_group_end);
}
