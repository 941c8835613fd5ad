/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_kvm_run.c: a vCPU is entered, and what it left with is told.
 *
 * Registers come with each exit through the shared page (KVM API, 4.109,
 * KVM_CAP_SYNC_REGS), so that looking at them costs no ioctl.
 */

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hl_entry.h"
#include "hl_error.h"
#include "hl_host.h"
#include "hl_x86.h"


#define HL_KVM_DRAINS  8

/* None of these may be set when a guest parks. */
#define HL_PARKED_FLAGS                                                       \
    (HL_RFLAGS_TF|HL_RFLAGS_DF|HL_RFLAGS_NT|HL_RFLAGS_AC|HL_RFLAGS_ID         \
     |HL_RFLAGS_IOPL)


static void hl_kvm_exit(hl_vm_t *vm, hl_exit_t *exit, hl_error_t *err);
static void hl_kvm_exit_out(hl_vm_t *vm, hl_exit_t *exit, hl_error_t *err);
static bool hl_kvm_at(hl_vm_t *vm, hl_gva_t out);
static bool hl_kvm_parked(const hl_vm_t *vm, hl_error_t *err);


void
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
void
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
bool
hl_kvm_place(const hl_vm_t *vm, hl_place_t *place)
{
    const struct kvm_regs  *regs;

    if (vm->run == NULL) {
        return false;
    }

    regs = &vm->run->s.regs.regs;

    place->rip = regs->rip;
    place->rsp = regs->rsp;
    place->rbp = regs->rbp;

    return true;
}


/*
 * An OUT, and worse an MMIO access or an IN, is completed inside of the next
 * KVM_RUN, whatever registers were set before it (KVM API, 5, KVM_EXIT_IO).
 * With immediate_exit the completion is all that happens.
 */
hl_status_t
hl_kvm_settle(hl_vm_t *vm, hl_error_t *err)
{
    int  i, rc;

    if (vm->broken) {
        return hl_error_set(err, HL_ERR_SYSTEM, "the vCPU cannot go on");
    }

    for (i = 0; i < HL_KVM_DRAINS; i++) {
        vm->run->immediate_exit = 1;
        rc = ioctl(vm->vcpu_fd, KVM_RUN, 0);
        vm->run->immediate_exit = 0;

        if (rc == -1 && errno == EINTR) {
            return HL_OK;
        }

        if (rc == -1) {
            vm->broken = true;
            return hl_error_system(err, errno, "ioctl(KVM_RUN)");
        }
    }

    vm->broken = true;

    return hl_error_set(err, HL_ERR_SYSTEM, "the vCPU does not come to rest, "
                        "KVM's exit reason is %u", vm->run->exit_reason);
}


/* What an exception's exit left open is completed first. */
hl_status_t
hl_kvm_jump(hl_vm_t *vm, uint64_t rip, uint64_t rflags,
    const uint64_t gpr[16], hl_error_t *err)
{
    if (hl_kvm_settle(vm, err) != HL_OK) {
        return err->status;
    }

    hl_kvm_state_jump(vm, rip, rflags, gpr);

    return HL_OK;
}
