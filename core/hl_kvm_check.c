/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_kvm_check.c: compares a restored vCPU with what it has to be: see
 * hl_check.c, and hl_kvm_state.c for who changes and resets what.
 *
 * Not compared, since no guest can see them: CR2 and DR6, which a handled
 * exception leaves behind, and the number of an exception that is not
 * pending.  The time-stamp counter runs on, on purpose.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hl_entry.h"
#include "hl_error.h"
#include "hl_host.h"
#include "hl_x86.h"


#define HL_CHECK_TIMEOUT  1000000000ull

/* More of the XSAVE area: SDM volume 1, 13.4. */
#define HL_XSAVE_X87         (1ull << 0)
#define HL_XSAVE_SSE         (1ull << 1)
#define HL_XSAVE_AVX         (1ull << 2)
#define HL_XSAVE_ST          32
#define HL_XSAVE_XMM         160
#define HL_XSAVE_XMM_END     416
#define HL_XSAVE_BV          512
#define HL_XSAVE_EXTENDED    2          /* the first component behind */
#define HL_XSAVE_COMPONENTS  63

#define HL_CPUID_XSAVE       0xd


typedef struct {
    const char  *name;
    size_t       offset;                /* in hl_vcpu_state_t */
    size_t       size;
} hl_check_field_t;

#define hl_check_field(member)                                                \
    { #member, offsetof(hl_vcpu_state_t, member),                             \
      sizeof(((hl_vcpu_state_t *) 0)->member) }

/* As at the snapshot, at any time but while the guest runs. */
static const hl_check_field_t  hl_check_system[] = {
    hl_check_field(sregs.cr0),
    hl_check_field(sregs.cr3),
    hl_check_field(sregs.cr4),
    hl_check_field(sregs.cr8),
    hl_check_field(sregs.efer),
    hl_check_field(sregs.apic_base),
    hl_check_field(sregs.cs),
    hl_check_field(sregs.ss),
    hl_check_field(sregs.tr),
    hl_check_field(sregs.ldt),
    hl_check_field(sregs.gdt),
    hl_check_field(sregs.idt),
    hl_check_field(sregs.fs.base),
    hl_check_field(sregs.gs.base),
    hl_check_field(sregs.interrupt_bitmap),
    hl_check_field(events.exception.injected),
    hl_check_field(events.exception.pending),
    hl_check_field(events.interrupt.injected),
    hl_check_field(events.interrupt.shadow),
    hl_check_field(events.nmi),
    hl_check_field(events.smi),
    hl_check_field(debug.db),
    hl_check_field(debug.dr7)
};

/* Behind the entry code, and the park's MOV $1, %eax. */
static const struct {
    hl_check_field_t  field;
    uint64_t          value;
    uint64_t          mask;
} hl_check_entered[] = {
    { hl_check_field(regs.rax), HL_HYPERCALL_PARK, ~0ull },
    { hl_check_field(regs.rbx), 0, ~0ull },
    { hl_check_field(regs.rcx), 0, ~0ull },
    { hl_check_field(regs.rdx), 0, ~0ull },
    { hl_check_field(regs.rsi), 0, ~0ull },
    { hl_check_field(regs.rdi), HL_GVA_PARAMS, ~0ull },
    { hl_check_field(regs.rbp), 0, ~0ull },
    { hl_check_field(regs.r8), 0, ~0ull },
    { hl_check_field(regs.r9), 0, ~0ull },
    { hl_check_field(regs.r10), 0, ~0ull },
    { hl_check_field(regs.r11), 0, ~0ull },
    { hl_check_field(regs.r12), 0, ~0ull },
    { hl_check_field(regs.r13), 0, ~0ull },
    { hl_check_field(regs.r14), 0, ~0ull },
    { hl_check_field(regs.r15), 0, ~0ull },
    { hl_check_field(regs.rflags), HL_RFLAGS_FIXED, ~HL_RFLAGS_STATUS },
    { hl_check_field(sregs.ds.selector), HL_SELECTOR_DATA, 0xffff },
    { hl_check_field(sregs.es.selector), HL_SELECTOR_DATA, 0xffff },
    { hl_check_field(sregs.fs.selector), HL_SELECTOR_DATA, 0xffff },
    { hl_check_field(sregs.gs.selector), HL_SELECTOR_DATA, 0xffff },
    { hl_check_field(sregs.ds.base), 0, ~0ull },
    { hl_check_field(sregs.es.base), 0, ~0ull }
};


static hl_status_t hl_kvm_check_parked(hl_vm_t *vm,
    const hl_vcpu_state_t *state, hl_error_t *err);
static hl_status_t hl_kvm_check_save(hl_vm_t *vm, hl_vcpu_state_t **now,
    hl_error_t *err);
static hl_status_t hl_kvm_check_entry(hl_vm_t *vm, hl_error_t *err);
static hl_status_t hl_kvm_check_entered(hl_vm_t *vm, hl_error_t *err);
static hl_status_t hl_kvm_check_registers(const hl_vm_t *vm,
    const hl_vcpu_state_t *now, hl_error_t *err);
static hl_status_t hl_kvm_check_fpu(const hl_vm_t *vm,
    const struct kvm_xsave *xsave, hl_error_t *err);
static hl_status_t hl_kvm_check_extended(const hl_vm_t *vm,
    const uint8_t *area, uint64_t bv, hl_error_t *err);
static hl_status_t hl_kvm_check_xcr0(const hl_vm_t *vm, hl_error_t *err);
static bool hl_kvm_check_zero(const uint8_t *area, size_t start, size_t end);
static hl_status_t hl_kvm_check_differs(const char *name, uint64_t value,
    uint64_t expected, hl_error_t *err);
static uint64_t hl_kvm_check_value(const hl_vcpu_state_t *state,
    const hl_check_field_t *field);


hl_status_t
hl_kvm_check(hl_vm_t *vm, const hl_vcpu_state_t *state, hl_error_t *err)
{
    if (hl_kvm_check_parked(vm, state, err) != HL_OK
        || hl_kvm_check_xcr0(vm, err) != HL_OK
        || hl_kvm_check_entry(vm, err) != HL_OK)
    {
        return err->status;
    }

    return hl_kvm_check_entered(vm, err);
}


/* hl_kvm_state_save() refuses a vCPU whose rip is not the entry code's, by
 * HL_ERR_PROTOCOL: here that is a difference. */
static hl_status_t
hl_kvm_check_save(hl_vm_t *vm, hl_vcpu_state_t **now, hl_error_t *err)
{
    hl_status_t  status;

    status = hl_kvm_state_save(vm, now, err);

    if (status == HL_ERR_PROTOCOL) {
        err->status = HL_ERR_INEXACT;
        return err->status;
    }

    return status;
}


static hl_status_t
hl_kvm_check_parked(hl_vm_t *vm, const hl_vcpu_state_t *state,
    hl_error_t *err)
{
    size_t                   i;
    hl_status_t              status;
    hl_vcpu_state_t         *now;
    const hl_check_field_t  *f;

    if (vm->host->platform->settle(vm, err) != HL_OK
        || hl_kvm_check_save(vm, &now, err) != HL_OK)
    {
        return err->status;
    }

    status = HL_OK;

    for (i = 0; i < sizeof(hl_check_system) / sizeof(hl_check_system[0]);
         i++)
    {
        f = &hl_check_system[i];

        if (memcmp((const uint8_t *) now + f->offset,
                   (const uint8_t *) state + f->offset, f->size)
            != 0)
        {
            status = hl_kvm_check_differs(f->name,
                                          hl_kvm_check_value(now, f),
                                          hl_kvm_check_value(state, f), err);
            break;
        }
    }

    free(now);

    return status;
}


/* To the park that is the entry point for once. */
static hl_status_t
hl_kvm_check_entry(hl_vm_t *vm, hl_error_t *err)
{
    uint64_t              now, deadline;
    hl_exit_t             exit;
    hl_error_t            why;
    const hl_platform_t  *platform;

    platform = vm->host->platform;
    deadline = hl_deadline(HL_CHECK_TIMEOUT);

    do {
        now = hl_now();
        platform->run(vm, now, deadline, &exit, &why);
    } while (exit.kind == HL_EXIT_SIGNAL && now < deadline);

    if (exit.kind == HL_EXIT_BROKEN && why.status == HL_ERR_SYSTEM) {
        *err = why;
        return err->status;
    }

    if (exit.kind == HL_EXIT_BROKEN || exit.kind == HL_EXIT_VIOLATION) {
        return hl_error_set(err, HL_ERR_INEXACT, "the entry code did not "
                            "come to its end after a restore: %.400s",
                            why.text);
    }

    if (exit.kind != HL_EXIT_PARK) {
        return hl_error_set(err, HL_ERR_INEXACT, "the entry code did not "
                            "come to its end after a restore: exit %d",
                            (int) exit.kind);
    }

    return platform->settle(vm, err);
}


static hl_status_t
hl_kvm_check_entered(hl_vm_t *vm, hl_error_t *err)
{
    hl_status_t       status;
    hl_vcpu_state_t  *now;

    if (hl_kvm_check_save(vm, &now, err) != HL_OK) {
        return err->status;
    }

    status = hl_kvm_check_registers(vm, now, err);

    if (status == HL_OK) {
        status = hl_kvm_check_fpu(vm, &now->xsave, err);
    }

    free(now);

    return status;
}


static hl_status_t
hl_kvm_check_registers(const hl_vm_t *vm, const hl_vcpu_state_t *now,
    hl_error_t *err)
{
    size_t              i;
    uint64_t            value, rsp;
    const hl_region_t  *r;

    for (i = 0; i < sizeof(hl_check_entered) / sizeof(hl_check_entered[0]);
         i++)
    {
        value = hl_kvm_check_value(now, &hl_check_entered[i].field)
                & hl_check_entered[i].mask;

        if (value != hl_check_entered[i].value) {
            return hl_kvm_check_differs(hl_check_entered[i].field.name,
                                        value, hl_check_entered[i].value,
                                        err);
        }
    }

    r = &vm->image->layout.regions[HL_REGION_STACK];
    rsp = r->gva + r->size - sizeof(uint64_t);

    if (now->regs.rsp != rsp) {
        return hl_kvm_check_differs("regs.rsp", now->regs.rsp, rsp, err);
    }

    return HL_OK;
}


/* A component whose bit is clear is initial, whatever lies in its place. */
static hl_status_t
hl_kvm_check_fpu(const hl_vm_t *vm, const struct kvm_xsave *xsave,
    hl_error_t *err)
{
    uint16_t        fcw;
    uint32_t        mxcsr;
    uint64_t        bv;
    const uint8_t  *area;

    area = (const uint8_t *) xsave->region;

    memcpy(&fcw, area + HL_XSAVE_FCW, sizeof(fcw));
    memcpy(&mxcsr, area + HL_XSAVE_MXCSR, sizeof(mxcsr));
    memcpy(&bv, area + HL_XSAVE_BV, sizeof(bv));

    if ((bv & HL_XSAVE_X87) && fcw != HL_FCW_INITIAL) {
        return hl_kvm_check_differs("x87 control word", fcw, HL_FCW_INITIAL,
                                    err);
    }

    if ((bv & (HL_XSAVE_SSE|HL_XSAVE_AVX)) && mxcsr != HL_MXCSR_INITIAL) {
        return hl_kvm_check_differs("mxcsr", mxcsr, HL_MXCSR_INITIAL, err);
    }

    if ((bv & HL_XSAVE_X87)
        && (!hl_kvm_check_zero(area, sizeof(fcw), HL_XSAVE_MXCSR)
            || !hl_kvm_check_zero(area, HL_XSAVE_ST, HL_XSAVE_XMM)))
    {
        return hl_error_set(err, HL_ERR_INEXACT, "after a restore the x87 "
                            "registers are not initial");
    }

    if ((bv & HL_XSAVE_SSE)
        && !hl_kvm_check_zero(area, HL_XSAVE_XMM, HL_XSAVE_XMM_END))
    {
        return hl_error_set(err, HL_ERR_INEXACT, "after a restore the XMM "
                            "registers are not initial");
    }

    return hl_kvm_check_extended(vm, area, bv, err);
}


/* AVX and all behind it, where CPUID says that each of them lies. */
static hl_status_t
hl_kvm_check_extended(const hl_vm_t *vm, const uint8_t *area, uint64_t bv,
    hl_error_t *err)
{
    uint32_t                        i;
    const struct kvm_cpuid_entry2  *e;

    for (i = HL_XSAVE_EXTENDED; i < HL_XSAVE_COMPONENTS; i++) {
        e = hl_cpuid_find(vm->host->kvm.cpuid, HL_CPUID_XSAVE, i);

        if ((bv & (1ull << i)) && e != NULL
            && (uint64_t) e->ebx + e->eax <= sizeof(struct kvm_xsave)
            && !hl_kvm_check_zero(area, e->ebx, (size_t) e->ebx + e->eax))
        {
            return hl_error_set(err, HL_ERR_INEXACT, "after a restore the "
                                "FPU's component %u is not initial", i);
        }
    }

    return HL_OK;
}


static hl_status_t
hl_kvm_check_xcr0(const hl_vm_t *vm, hl_error_t *err)
{
    struct kvm_xcrs  xcrs;

    memset(&xcrs, 0, sizeof(xcrs));

    if (ioctl(vm->vcpu_fd, KVM_GET_XCRS, &xcrs) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_GET_XCRS)");
    }

    if (xcrs.xcrs[0].value != vm->host->kvm.xcr0) {
        return hl_kvm_check_differs("xcr0", xcrs.xcrs[0].value,
                                    vm->host->kvm.xcr0, err);
    }

    return HL_OK;
}


static bool
hl_kvm_check_zero(const uint8_t *area, size_t start, size_t end)
{
    size_t  i;

    for (i = start; i < end; i++) {
        if (area[i] != 0) {
            return false;
        }
    }

    return true;
}


static hl_status_t
hl_kvm_check_differs(const char *name, uint64_t value, uint64_t expected,
    hl_error_t *err)
{
    return hl_error_set(err, HL_ERR_INEXACT, "after a restore %s is 0x%llx "
                        "and not 0x%llx", name, (unsigned long long) value,
                        (unsigned long long) expected);
}


/* Of a larger field, the first word. */
static uint64_t
hl_kvm_check_value(const hl_vcpu_state_t *state,
    const hl_check_field_t *field)
{
    size_t    size;
    uint64_t  value;

    value = 0;
    size = field->size < sizeof(value) ? field->size : sizeof(value);
    memcpy(&value, (const uint8_t *) state + field->offset, size);

    return value;
}
