/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_kvm.c: a VM with one vCPU and two memslots, entered and left.
 *
 * Registers come with each exit through the shared page (KVM API, 4.109,
 * KVM_CAP_SYNC_REGS), so that looking at them costs no ioctl.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hl_entry.h"
#include "hl_error.h"
#include "hl_host.h"
#include "hl_memory.h"
#include "hl_x86.h"


#define HL_KVM_SLOT_RO   0
#define HL_KVM_SLOT_RW   1

/* Three pages that old Intel CPUs need; below 4 GiB, away from the slots. */
#define HL_KVM_TSS_ADDR  0xfffbd000ul

#define HL_KVM_DRAINS    8

/* None of these may be set when a guest parks. */
#define HL_PARKED_FLAGS                                                       \
    (HL_RFLAGS_TF|HL_RFLAGS_DF|HL_RFLAGS_NT|HL_RFLAGS_AC|HL_RFLAGS_ID         \
     |HL_RFLAGS_IOPL)


static hl_status_t hl_kvm_create(hl_vm_t **vm, hl_host_t *host,
    const hl_image_t *image, uint8_t *rw, hl_error_t *err);
static hl_status_t hl_kvm_open_vm(hl_vm_t *vm, hl_error_t *err);
static hl_status_t hl_kvm_open_vcpu(hl_vm_t *vm, hl_error_t *err);
static hl_status_t hl_kvm_confine(hl_vm_t *vm, hl_error_t *err);
static hl_status_t hl_kvm_slots(hl_vm_t *vm, hl_error_t *err);
static void hl_kvm_close(hl_vm_t *vm);
static void hl_kvm_destroy(hl_vm_t *vm);
static void hl_kvm_run(hl_vm_t *vm, uint64_t now, uint64_t deadline,
    hl_exit_t *exit, hl_error_t *err);
static void hl_kvm_exit(hl_vm_t *vm, hl_exit_t *exit, hl_error_t *err);
static void hl_kvm_exit_out(hl_vm_t *vm, hl_exit_t *exit, hl_error_t *err);
static bool hl_kvm_at(hl_vm_t *vm, hl_gva_t out);
static bool hl_kvm_parked(const hl_vm_t *vm, hl_error_t *err);
static void hl_kvm_fault(hl_vm_t *vm, hl_fault_t *fault);
static void hl_kvm_place(hl_vm_t *vm, hl_place_t *place);
static void hl_kvm_settle(hl_vm_t *vm);
static hl_status_t hl_kvm_reset(hl_vm_t *vm, const hl_vcpu_state_t *state,
    bool *rebuilt, hl_error_t *err);
static bool hl_kvm_jump(hl_vm_t *vm, uint64_t rip, uint64_t rflags,
    const uint64_t gpr[16]);
static void hl_kvm_rebind(hl_vm_t *vm, const hl_image_t *image);
static const hl_tsc_t *hl_kvm_tsc(hl_vm_t *vm);
static hl_status_t hl_kvm_get_log(hl_vm_t *vm, uint64_t *bitmap,
    hl_error_t *err);
static hl_status_t hl_kvm_clear_log(hl_vm_t *vm, const uint64_t *bitmap,
    hl_error_t *err);


const hl_platform_t  hl_kvm_platform = {
    hl_kvm_create,
    hl_kvm_destroy,
    hl_kvm_run,
    hl_kvm_fault,
    hl_kvm_place,
    hl_kvm_jump,
    hl_kvm_settle,
    hl_kvm_state_save,
    hl_kvm_reset,
    hl_kvm_check,
    hl_kvm_rebind,
    hl_kvm_tsc,
    hl_kvm_get_log,
    hl_kvm_clear_log
};


static hl_status_t
hl_kvm_create(hl_vm_t **vm, hl_host_t *host, const hl_image_t *image,
    uint8_t *rw, hl_error_t *err)
{
    hl_vm_t  *v;

    v = calloc(1, sizeof(hl_vm_t));
    if (v == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    v->host = host;
    v->image = image;
    v->rw = rw;
    v->vm_fd = -1;
    v->vcpu_fd = -1;
    v->out_offset = -1;

    if (hl_kvm_open_vm(v, err) != HL_OK) {
        hl_kvm_destroy(v);
        return err->status;
    }

    *vm = v;

    return HL_OK;
}


static hl_status_t
hl_kvm_open_vm(hl_vm_t *vm, hl_error_t *err)
{
    /* a signal may interrupt it; it is not restarted by the kernel */

    do {
        vm->vm_fd = ioctl(vm->host->kvm.fd, KVM_CREATE_VM, 0);
    } while (vm->vm_fd == -1 && errno == EINTR);

    if (vm->vm_fd == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_CREATE_VM)");
    }

    if (hl_kvm_confine(vm, err) != HL_OK
        || hl_kvm_slots(vm, err) != HL_OK
        || hl_kvm_open_vcpu(vm, err) != HL_OK)
    {
        return err->status;
    }

    vm->broken = false;

    if (hl_kvm_tsc_init(vm, err) != HL_OK) {
        return err->status;
    }

    return hl_kvm_state_initial(vm, err);
}


/* KVM's descriptors are close-on-exec from birth (anon_inode_getfd). */
static hl_status_t
hl_kvm_open_vcpu(hl_vm_t *vm, hl_error_t *err)
{
    void            *run;
    const hl_kvm_t  *kvm;

    kvm = &vm->host->kvm;

    vm->vcpu_fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, 0);
    if (vm->vcpu_fd == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_CREATE_VCPU)");
    }

    run = mmap(NULL, kvm->run_size, PROT_READ|PROT_WRITE, MAP_SHARED,
               vm->vcpu_fd, 0);
    if (run == MAP_FAILED) {
        return hl_error_system(err, errno, "mmap() of a vCPU");
    }

    vm->run = run;
    vm->run->kvm_valid_regs = KVM_SYNC_X86_REGS|KVM_SYNC_X86_SREGS;

    /* a guest's registers are as secret as its memory: hl_map() */

    if (madvise(run, kvm->run_size, MADV_DONTFORK) == -1
        || madvise(run, kvm->run_size, MADV_DONTDUMP) == -1)
    {
        return hl_error_system(err, errno, "madvise() of a vCPU");
    }

    if (ioctl(vm->vcpu_fd, KVM_SET_CPUID2, kvm->cpuid) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_SET_CPUID2)");
    }

    return HL_OK;
}


static hl_status_t
hl_kvm_confine(hl_vm_t *vm, hl_error_t *err)
{
    uint64_t               nothing;     /* read in whole words */
    struct kvm_enable_cap  cap;
    struct kvm_msr_filter  filter;

    /* all denied; KVM wants one range at least: one MSR, not allowed */

    nothing = 0;
    memset(&filter, 0, sizeof(filter));
    filter.flags = KVM_MSR_FILTER_DEFAULT_DENY;
    filter.ranges[0].flags = KVM_MSR_FILTER_READ|KVM_MSR_FILTER_WRITE;
    filter.ranges[0].nmsrs = 1;
    filter.ranges[0].bitmap = (uint8_t *) &nothing;

    if (ioctl(vm->vm_fd, KVM_X86_SET_MSR_FILTER, &filter) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_X86_SET_MSR_FILTER)");
    }

    memset(&cap, 0, sizeof(cap));
    cap.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
    cap.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

    if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_ENABLE_CAP, "
                               "MANUAL_DIRTY_LOG_PROTECT2)");
    }

    /* for Intel CPUs without unrestricted guests; others need no TSS */

    if (ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_TSS_ADDR) > 0
        && ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, HL_KVM_TSS_ADDR) == -1)
    {
        return hl_error_system(err, errno, "ioctl(KVM_SET_TSS_ADDR)");
    }

    return HL_OK;
}


static hl_status_t
hl_kvm_slots(hl_vm_t *vm, hl_error_t *err)
{
    struct kvm_userspace_memory_region  ro, rw;

    memset(&ro, 0, sizeof(ro));
    ro.slot = HL_KVM_SLOT_RO;
    ro.flags = KVM_MEM_READONLY;
    ro.guest_phys_addr = HL_GPA_RO;
    ro.memory_size = vm->image->layout.ro_size;
    ro.userspace_addr = (uintptr_t) vm->image->ro;

    memset(&rw, 0, sizeof(rw));
    rw.slot = HL_KVM_SLOT_RW;
    rw.flags = KVM_MEM_LOG_DIRTY_PAGES;
    rw.guest_phys_addr = HL_GPA_RW;
    rw.memory_size = vm->image->layout.rw_size;
    rw.userspace_addr = (uintptr_t) vm->rw;

    if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &ro) == -1
        || ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &rw) == -1)
    {
        return hl_error_system(err, errno,
                               "ioctl(KVM_SET_USER_MEMORY_REGION)");
    }

    return HL_OK;
}


static void
hl_kvm_close(hl_vm_t *vm)
{
    if (vm->run != NULL) {
        (void) munmap(vm->run, vm->host->kvm.run_size);
        vm->run = NULL;
    }

    if (vm->vcpu_fd != -1) {
        (void) close(vm->vcpu_fd);
        vm->vcpu_fd = -1;
    }

    if (vm->vm_fd != -1) {
        (void) close(vm->vm_fd);
        vm->vm_fd = -1;
    }
}


static void
hl_kvm_destroy(hl_vm_t *vm)
{
    hl_kvm_close(vm);
    free(vm);
}


static void
hl_kvm_run(hl_vm_t *vm, uint64_t now, uint64_t deadline, hl_exit_t *exit,
    hl_error_t *err)
{
    int          rc, errnum;
    hl_timer_t  *timer;

    timer = &vm->host->timer;

    hl_timer_begin(timer, &vm->run->immediate_exit, now, deadline);

    rc = ioctl(vm->vcpu_fd, KVM_RUN, 0);
    errnum = errno;

    hl_timer_end(timer);
    vm->run->immediate_exit = 0;

    if (rc == 0) {
        hl_kvm_exit(vm, exit, err);
        return;
    }

    if (errnum == EINTR) {
        exit->kind = HL_EXIT_SIGNAL;
        return;
    }

    exit->kind = HL_EXIT_BROKEN;
    vm->broken = true;
    (void) hl_error_system(err, errnum, "ioctl(KVM_RUN)");
}


static void
hl_kvm_exit(hl_vm_t *vm, hl_exit_t *exit, hl_error_t *err)
{
    switch (vm->run->exit_reason) {

    case KVM_EXIT_IO:
        hl_kvm_exit_out(vm, exit, err);
        return;

    case KVM_EXIT_MMIO:
        exit->kind = HL_EXIT_VIOLATION;
        (void) hl_error_set(err, HL_ERR_PROTOCOL, "the guest touched "
                            "physical memory that it does not have, 0x%llx",
                            (unsigned long long)
                            vm->run->mmio.phys_addr);
        return;

    case KVM_EXIT_SHUTDOWN:
    case KVM_EXIT_INTERNAL_ERROR:
    case KVM_EXIT_FAIL_ENTRY:
        vm->broken = true;
        break;

    default:
        break;
    }

    exit->kind = HL_EXIT_BROKEN;
    (void) hl_error_set(err, HL_ERR_PROTOCOL, "the guest left with KVM's "
                        "exit reason %u", vm->run->exit_reason);
}


static void
hl_kvm_exit_out(hl_vm_t *vm, hl_exit_t *exit, hl_error_t *err)
{
    const struct kvm_run   *run;
    const struct kvm_regs  *regs;

    run = vm->run;
    regs = &run->s.regs.regs;

    if (run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 1
        && run->io.count == 1)
    {
        if (run->io.port == HL_PORT_FAULT
            && run->s.regs.sregs.cs.selector == HL_SELECTOR_KERNEL)
        {
            exit->kind = HL_EXIT_FAULT;
            return;
        }

        if (hl_kvm_at(vm, HL_GVA_PARK_OUT)) {
            exit->argument = regs->rdi;
            exit->kind = hl_kvm_parked(vm, err) ? HL_EXIT_PARK
                                                : HL_EXIT_VIOLATION;
            return;
        }

        if (hl_kvm_at(vm, HL_GVA_LEAVE_OUT)) {
            exit->kind = HL_EXIT_HYPERCALL;
            exit->hypercall = (uint32_t) regs->rax;
            exit->argument = regs->rsi;
            return;
        }
    }

    exit->kind = HL_EXIT_VIOLATION;
    (void) hl_error_set(err, HL_ERR_PROTOCOL, "the guest left at 0x%llx, "
                        "port 0x%x, and not through the hypercall page",
                        (unsigned long long) regs->rip, run->io.port);
}


/*
 * Some KVMs report the OUT's own address and some the next instruction's;
 * which, is learnt at the first exit.  The bytes around both OUTs are ours,
 * so neither address can be reported for anything else.
 */
static bool
hl_kvm_at(hl_vm_t *vm, hl_gva_t out)
{
    uint64_t  offset;

    offset = vm->run->s.regs.regs.rip - out;

    if (vm->out_offset == -1 && (offset == 0 || offset == HL_OUT_SIZE)) {
        vm->out_offset = (int) offset;
    }

    return vm->out_offset != -1 && offset == (uint64_t) vm->out_offset;
}


static bool
hl_kvm_parked(const hl_vm_t *vm, hl_error_t *err)
{
    const struct kvm_regs   *regs;
    const struct kvm_sregs  *sregs;

    regs = &vm->run->s.regs.regs;
    sregs = &vm->run->s.regs.sregs;

    if (sregs->cs.selector != HL_SELECTOR_CODE
        || sregs->ss.selector != HL_SELECTOR_DATA
        || sregs->fs.base != 0 || sregs->gs.base != 0
        || (regs->rflags & HL_PARKED_FLAGS) != 0)
    {
        (void) hl_error_set(err, HL_ERR_PROTOCOL, "the guest parked with "
                            "flags 0x%llx, cs 0x%x, ss 0x%x, FS base 0x%llx, "
                            "GS base 0x%llx",
                            (unsigned long long) regs->rflags,
                            sregs->cs.selector, sregs->ss.selector,
                            (unsigned long long) sregs->fs.base,
                            (unsigned long long) sregs->gs.base);
        return false;
    }

    return true;
}


/* The stub's frame is in supervisor memory: the guest could not forge it. */
static void
hl_kvm_fault(hl_vm_t *vm, hl_fault_t *fault)
{
    const hl_region_t       *r;
    hl_exception_frame_t     frame;
    const struct kvm_regs   *regs;
    const struct kvm_sregs  *sregs;

    regs = &vm->run->s.regs.regs;
    sregs = &vm->run->s.regs.sregs;
    r = &vm->image->layout.regions[HL_REGION_EXCEPTIONS];

    memcpy(&frame, vm->rw + r->offset + r->size - sizeof(frame),
           sizeof(frame));

    memset(fault, 0, sizeof(hl_fault_t));
    fault->vector = frame.vector;
    fault->error_code = frame.error_code;

    /* of other vectors CR2 is an older fault's, maybe another call's */

    fault->address = frame.vector == HL_VECTOR_PAGE_FAULT ? sregs->cr2 : 0;
    fault->rip = frame.rip;
    fault->rflags = frame.rflags;
    fault->fs_base = sregs->fs.base;
    fault->gs_base = sregs->gs.base;

    fault->gpr[0] = regs->rax;
    fault->gpr[1] = regs->rcx;
    fault->gpr[2] = regs->rdx;
    fault->gpr[3] = regs->rbx;
    fault->gpr[4] = frame.rsp;
    fault->gpr[5] = regs->rbp;
    fault->gpr[6] = regs->rsi;
    fault->gpr[7] = regs->rdi;
    fault->gpr[8] = regs->r8;
    fault->gpr[9] = regs->r9;
    fault->gpr[10] = regs->r10;
    fault->gpr[11] = regs->r11;
    fault->gpr[12] = regs->r12;
    fault->gpr[13] = regs->r13;
    fault->gpr[14] = regs->r14;
    fault->gpr[15] = regs->r15;
}


/* From the shared page: the last exit has put it there. */
static void
hl_kvm_place(hl_vm_t *vm, hl_place_t *place)
{
    const struct kvm_regs  *regs;

    regs = &vm->run->s.regs.regs;

    place->rip = regs->rip;
    place->rsp = regs->rsp;
    place->rbp = regs->rbp;
}


/*
 * An OUT, and worse an MMIO access or an IN, is completed inside of the next
 * KVM_RUN, whatever registers were set before it (KVM API, 5, KVM_EXIT_IO).
 * With immediate_exit the completion is all that happens.
 */
static void
hl_kvm_settle(hl_vm_t *vm)
{
    int  i, rc;

    for (i = 0; i < HL_KVM_DRAINS && !vm->broken; i++) {
        vm->run->immediate_exit = 1;
        rc = ioctl(vm->vcpu_fd, KVM_RUN, 0);
        vm->run->immediate_exit = 0;

        if (rc == -1) {
            vm->broken = (errno != EINTR);
            return;
        }
    }

    vm->broken = true;
}


static hl_status_t
hl_kvm_reset(hl_vm_t *vm, const hl_vcpu_state_t *state, bool *rebuilt,
    hl_error_t *err)
{
    *rebuilt = vm->broken;

    if (vm->broken) {
        hl_kvm_close(vm);

        if (hl_kvm_open_vm(vm, err) != HL_OK) {
            vm->broken = true;
            return err->status;
        }
    }

    return hl_kvm_state_load(vm, state, err);
}


/* What an exception's exit left open is completed first. */
static bool
hl_kvm_jump(hl_vm_t *vm, uint64_t rip, uint64_t rflags,
    const uint64_t gpr[16])
{
    hl_kvm_settle(vm);

    if (vm->broken) {
        return false;
    }

    hl_kvm_state_jump(vm, rip, rflags, gpr);

    return true;
}


static void
hl_kvm_rebind(hl_vm_t *vm, const hl_image_t *image)
{
    vm->image = image;
    vm->broken = true;          /* its slot is the old image's */
}


static const hl_tsc_t *
hl_kvm_tsc(hl_vm_t *vm)
{
    return &vm->tsc;
}


static hl_status_t
hl_kvm_get_log(hl_vm_t *vm, uint64_t *bitmap, hl_error_t *err)
{
    struct kvm_dirty_log  log;

    memset(&log, 0, sizeof(log));
    log.slot = HL_KVM_SLOT_RW;
    log.dirty_bitmap = bitmap;

    if (ioctl(vm->vm_fd, KVM_GET_DIRTY_LOG, &log) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_GET_DIRTY_LOG)");
    }

    return HL_OK;
}


static hl_status_t
hl_kvm_clear_log(hl_vm_t *vm, const uint64_t *bitmap, hl_error_t *err)
{
    struct kvm_clear_dirty_log  log;

    memset(&log, 0, sizeof(log));
    log.slot = HL_KVM_SLOT_RW;
    log.first_page = 0;
    log.num_pages = (uint32_t) (vm->image->layout.rw_size >> HL_PAGE_SHIFT);
    log.dirty_bitmap = (void *) (uintptr_t) bitmap;

    if (ioctl(vm->vm_fd, KVM_CLEAR_DIRTY_LOG, &log) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_CLEAR_DIRTY_LOG)");
    }

    return HL_OK;
}
