/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_kvm_state.c: all of a vCPU's state, and who puts it back.
 *
 *   state                       guest changes it?  put back by
 *   rip, cs, ss                 yes                checked at each park
 *   TF DF NT AC ID IOPL         yes                checked, and entry code
 *   other flags                 yes                entry code (POPF)
 *   ds es fs gs, their bases    yes                entry code; FS and GS base
 *                                                  are checked, too
 *   general registers, rsp      yes                entry code
 *   x87 SSE AVX AVX-512 MXCSR   yes                entry code (XRSTOR)
 *   PKRU, AMX, CET, BNDREGS     no: not in XCR0, not offered by CPUID
 *   XCR0, CR0-4, EFER, CR8      no: CPL 0          set at creation
 *   GDTR IDTR TR LDTR           no: CPL 0          set at creation; no LDT
 *   MSRs                        no: CPL 0          filter denies all
 *   DR0-7                       DR6, by TF         slow reset
 *   CR2, exception stack        by a fault         slow reset; dirty log;
 *                                                  after a handled fault CR2
 *                                                  stays, and is shown with
 *                                                  page faults only
 *   pending exceptions, I/O     by a fault, an     settle(), slow reset
 *                               odd exit
 *   A and D bits, TSS busy bit  no: preset
 *   TSC                         it runs on, on purpose
 *
 * The slow reset is what follows any end of a call but a clean park: it
 * loads everything that was saved at the snapshot, and resumes at the entry
 * code all the same.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hl_entry.h"
#include "hl_error.h"
#include "hl_host.h"
#include "hl_x86.h"


static hl_status_t hl_kvm_ioctl(int fd, unsigned long request, void *arg,
    const char *name, hl_error_t *err);
static void hl_kvm_segments(struct kvm_sregs *sregs);


hl_status_t
hl_kvm_state_initial(hl_vm_t *vm, hl_error_t *err)
{
    struct kvm_regs   regs;
    struct kvm_xcrs   xcrs;
    struct kvm_sregs  sregs;

    if (hl_kvm_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS", err)
        != HL_OK)
    {
        return err->status;
    }

    hl_kvm_segments(&sregs);

    sregs.cr0 = HL_CR0_PE|HL_CR0_MP|HL_CR0_ET|HL_CR0_NE|HL_CR0_WP|HL_CR0_PG;
    sregs.cr3 = HL_GPA_RW + vm->image->layout.tables;
    sregs.cr4 = vm->host->kvm.cr4 | (vm->image->clock ? 0 : HL_CR4_TSD);
    sregs.efer = HL_EFER_LME|HL_EFER_LMA|HL_EFER_NXE;

    memset(&regs, 0, sizeof(regs));
    regs.rip = HL_GVA_ENTRY;
    regs.rflags = HL_RFLAGS_FIXED;

    memset(&xcrs, 0, sizeof(xcrs));
    xcrs.nr_xcrs = 1;
    xcrs.xcrs[0].value = vm->host->kvm.xcr0;

    if (hl_kvm_ioctl(vm->vcpu_fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS", err)
        != HL_OK
        || hl_kvm_ioctl(vm->vcpu_fd, KVM_SET_XCRS, &xcrs, "KVM_SET_XCRS", err)
           != HL_OK)
    {
        return err->status;
    }

    return hl_kvm_ioctl(vm->vcpu_fd, KVM_SET_REGS, &regs, "KVM_SET_REGS", err);
}


hl_status_t
hl_kvm_state_save(hl_vm_t *vm, hl_vcpu_state_t **state, hl_error_t *err)
{
    int               fd;
    hl_vcpu_state_t  *s;

    s = calloc(1, sizeof(hl_vcpu_state_t));
    if (s == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    fd = vm->vcpu_fd;

    if (hl_kvm_ioctl(fd, KVM_GET_SREGS, &s->sregs, "KVM_GET_SREGS", err)
        != HL_OK
        || hl_kvm_ioctl(fd, KVM_GET_REGS, &s->regs, "KVM_GET_REGS", err)
           != HL_OK
        || hl_kvm_ioctl(fd, KVM_GET_XSAVE, &s->xsave, "KVM_GET_XSAVE", err)
           != HL_OK
        || hl_kvm_ioctl(fd, KVM_GET_VCPU_EVENTS, &s->events,
                        "KVM_GET_VCPU_EVENTS", err) != HL_OK
        || hl_kvm_ioctl(fd, KVM_GET_DEBUGREGS, &s->debug, "KVM_GET_DEBUGREGS",
                        err) != HL_OK)
    {
        free(s);
        return err->status;
    }

    if (s->regs.rip != HL_GVA_ENTRY) {
        (void) hl_error_set(err, HL_ERR_PROTOCOL, "a parked vCPU stands at "
                            "0x%llx", (unsigned long long) s->regs.rip);
        free(s);
        return err->status;
    }

    *state = s;

    return HL_OK;
}


hl_status_t
hl_kvm_state_load(hl_vm_t *vm, const hl_vcpu_state_t *state, hl_error_t *err)
{
    int              fd;
    hl_vcpu_state_t  s;

    fd = vm->vcpu_fd;
    s = *state;

    if (hl_kvm_ioctl(fd, KVM_SET_SREGS, &s.sregs, "KVM_SET_SREGS", err)
        != HL_OK
        || hl_kvm_ioctl(fd, KVM_SET_REGS, &s.regs, "KVM_SET_REGS", err)
           != HL_OK
        || hl_kvm_ioctl(fd, KVM_SET_XSAVE, &s.xsave, "KVM_SET_XSAVE", err)
           != HL_OK
        || hl_kvm_ioctl(fd, KVM_SET_DEBUGREGS, &s.debug, "KVM_SET_DEBUGREGS",
                        err) != HL_OK)
    {
        return err->status;
    }

    return hl_kvm_ioctl(fd, KVM_SET_VCPU_EVENTS, &s.events,
                        "KVM_SET_VCPU_EVENTS", err);
}


static hl_status_t
hl_kvm_ioctl(int fd, unsigned long request, void *arg, const char *name,
    hl_error_t *err)
{
    if (ioctl(fd, request, arg) == -1) {
        return hl_error_ioctl(err, -1, name);
    }

    return HL_OK;
}


void
hl_kvm_state_jump(hl_vm_t *vm, uint64_t rip, uint64_t rflags,
    const uint64_t gpr[16])
{
    struct kvm_regs  *regs;

    regs = &vm->run->s.regs.regs;

    regs->rip = rip;
    regs->rflags = rflags | HL_RFLAGS_FIXED;
    regs->rax = gpr[0];
    regs->rcx = gpr[1];
    regs->rdx = gpr[2];
    regs->rbx = gpr[3];
    regs->rsp = gpr[4];
    regs->rbp = gpr[5];
    regs->rsi = gpr[6];
    regs->rdi = gpr[7];
    regs->r8 = gpr[8];
    regs->r9 = gpr[9];
    regs->r10 = gpr[10];
    regs->r11 = gpr[11];
    regs->r12 = gpr[12];
    regs->r13 = gpr[13];
    regs->r14 = gpr[14];
    regs->r15 = gpr[15];

    hl_kvm_segments(&vm->run->s.regs.sregs);

    vm->run->kvm_dirty_regs = KVM_SYNC_X86_REGS|KVM_SYNC_X86_SREGS;
}


/* What the GDT in the system page says, as the CPU would have cached it. */
static void
hl_kvm_segments(struct kvm_sregs *sregs)
{
    struct kvm_segment  code, data, tss;

    memset(&code, 0, sizeof(code));
    code.limit = 0xffffffff;
    code.selector = HL_SELECTOR_CODE;
    code.type = 11;                     /* execute, read, accessed */
    code.present = 1;
    code.dpl = 3;
    code.s = 1;
    code.l = 1;
    code.g = 1;

    data = code;
    data.selector = HL_SELECTOR_DATA;
    data.type = 3;                      /* read, write, accessed */
    data.l = 0;
    data.db = 1;

    memset(&tss, 0, sizeof(tss));
    tss.base = HL_GVA_TSS;
    tss.limit = HL_TSS_LIMIT;
    tss.selector = HL_SELECTOR_TSS;
    tss.type = 11;                      /* 64-bit, busy */
    tss.present = 1;

    sregs->cs = code;
    sregs->ds = data;
    sregs->es = data;
    sregs->fs = data;
    sregs->gs = data;
    sregs->ss = data;
    sregs->tr = tss;

    /* as it comes, it has a limit, and descriptors at the address 0 */

    memset(&sregs->ldt, 0, sizeof(sregs->ldt));
    sregs->ldt.unusable = 1;

    sregs->gdt.base = HL_GVA_GDT;
    sregs->gdt.limit = HL_GDT_SIZE - 1;
    sregs->idt.base = HL_GVA_IDT;
    sregs->idt.limit = HL_IDT_LIMIT;
}
