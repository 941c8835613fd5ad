/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_kvm.h: the KVM platform's own structures, for its files.
 */

#ifndef _HL_KVM_H_INCLUDED_
#define _HL_KVM_H_INCLUDED_


#include <linux/kvm.h>

#include "hl_platform.h"


#define HL_KVM_CPUID_MAX  256


/* Of a host: hl_kvm_device.c. */
typedef struct {
    int                 fd;             /* the device; not owned */
    size_t              run_size;       /* of a vCPU's shared mapping */
    uint64_t            xcr0;
    uint64_t            cr4;
    struct kvm_cpuid2  *cpuid;          /* what guests are offered */
} hl_kvm_t;


struct hl_vm_s {
    hl_host_t         *host;
    const hl_image_t  *image;           /* held by the sandbox */
    uint8_t           *rw;              /* the writable slot */
    int                vm_fd;
    int                vcpu_fd;
    struct kvm_run    *run;
    int                out_offset;      /* from an OUT to its exit's rip;
                                           -1: not learnt yet */
    hl_tsc_t           tsc;
    bool               broken;          /* make it anew */
};


struct hl_vcpu_state_s {
    struct kvm_regs         regs;
    struct kvm_sregs        sregs;
    struct kvm_vcpu_events  events;
    struct kvm_debugregs    debug;
    struct kvm_xsave        xsave;      /* last: it may grow */
};


/* hl_kvm_device.c: of an open device, whose "fd" stays the caller's. */
hl_status_t hl_kvm_init(hl_kvm_t *kvm, int fd, hl_error_t *err);
void hl_kvm_free(hl_kvm_t *kvm);

/* Signals wait meanwhile.  *fd is O_CLOEXEC, as KVM makes it. */
hl_status_t hl_kvm_create_vm(const hl_kvm_t *kvm, int *fd, hl_error_t *err);


/* hl_kvm_tsc.c: learns the vCPU's time-stamp counter. */
hl_status_t hl_kvm_tsc_init(hl_vm_t *vm, hl_error_t *err);


/* hl_kvm_run.c: the vCPU's part of hl_platform_t. */
void hl_kvm_run(hl_vm_t *vm, uint64_t now, uint64_t deadline, hl_exit_t *exit,
    hl_error_t *err);
void hl_kvm_fault(hl_vm_t *vm, hl_fault_t *fault);
bool hl_kvm_place(const hl_vm_t *vm, hl_place_t *place);
hl_status_t hl_kvm_settle(hl_vm_t *vm, hl_error_t *err);
hl_status_t hl_kvm_jump(hl_vm_t *vm, uint64_t rip, uint64_t rflags,
    const uint64_t gpr[16], hl_error_t *err);


/* hl_kvm_state.c: the vCPU's registers. */

/* As a guest finds them when it is entered for the first time. */
hl_status_t hl_kvm_state_initial(hl_vm_t *vm, hl_error_t *err);

hl_status_t hl_kvm_state_save(hl_vm_t *vm, hl_vcpu_state_t **state,
    hl_error_t *err);
hl_status_t hl_kvm_state_load(hl_vm_t *vm, const hl_vcpu_state_t *state,
    hl_error_t *err);

/* Through the shared page: loaded by the next KVM_RUN. */
void hl_kvm_state_jump(hl_vm_t *vm, uint64_t rip, uint64_t rflags,
    const uint64_t gpr[16]);


/* hl_kvm_check.c: compares a restored vCPU with what it has to be. */
hl_status_t hl_kvm_check(hl_vm_t *vm, const hl_vcpu_state_t *state,
    hl_error_t *err);


/* hl_cpuid.c: cuts the table down to what guests are offered. */
void hl_cpuid_filter(struct kvm_cpuid2 *cpuid, uint64_t xcr0);

/* Looks a row up; NULL if there is none. */
const struct kvm_cpuid_entry2 *hl_cpuid_find(const struct kvm_cpuid2 *cpuid,
    uint32_t function, uint32_t index);


#endif /* _HL_KVM_H_INCLUDED_ */
