/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_platform.h: what runs a guest's instructions.  Nothing above this line
 * sees an ioctl; KVM is the one platform there is.
 */

#ifndef _HL_PLATFORM_H_INCLUDED_
#define _HL_PLATFORM_H_INCLUDED_


#include "hl_image.h"


typedef struct hl_vm_s          hl_vm_t;
typedef struct hl_vcpu_state_s  hl_vcpu_state_t;


typedef enum {
    HL_EXIT_PARK,               /* by park(), all visible state in order */
    HL_EXIT_HYPERCALL,          /* by leave() */
    HL_EXIT_SIGNAL,             /* by a signal: the deadline, or another */
    HL_EXIT_FAULT,              /* an exception */
    HL_EXIT_VIOLATION,          /* left, but as no guest may: *err says */
    HL_EXIT_BROKEN              /* the vCPU cannot go on: *err says */
} hl_exit_kind_t;

typedef struct {
    hl_exit_kind_t  kind;
    uint32_t        hypercall;  /* hl_abi_hypercall_t, unchecked */
    uint64_t        argument;   /* of park() or leave(), unchecked */
} hl_exit_t;


/* Where a guest stopped, all of it unchecked. */
typedef struct {
    hl_gva_t  rip;
    hl_gva_t  rsp;
    hl_gva_t  rbp;
} hl_place_t;


/* The guest's time-stamp counter: what RDTSC gives there. */
typedef struct {
    uint64_t  offset;           /* to be added to the host's */
    uint64_t  khz;
} hl_tsc_t;


typedef struct {
    /* A VM with the two slots; the vCPU is in the initial state. */
    hl_status_t  (*create)(hl_vm_t **vm, hl_host_t *host,
                           const hl_image_t *image, uint8_t *rw,
                           hl_error_t *err);
    void         (*destroy)(hl_vm_t *vm);

    /* Until the guest leaves, a signal comes, or "deadline"; "now" is
       hl_now().  *err is set for the exits that say so. */
    void         (*run)(hl_vm_t *vm, uint64_t now, uint64_t deadline,
                        hl_exit_t *exit, hl_error_t *err);

    /* After HL_EXIT_FAULT. */
    void         (*fault)(hl_vm_t *vm, hl_fault_t *fault);

    /* After any exit; of HL_EXIT_FAULT it is the stub's, not the guest's.
       False: reset() has failed, and nothing is known any more. */
    bool         (*place)(const hl_vm_t *vm, hl_place_t *place);

    /* The next run() goes on in the guest, at CPL 3, with these registers,
       in the order of the instruction set; rip is below HL_GVA_END.  It
       fails as settle() does. */
    hl_status_t  (*jump)(hl_vm_t *vm, uint64_t rip, uint64_t rflags,
                         const uint64_t gpr[16], hl_error_t *err);

    /* Completes what the last exit left open inside of the vCPU, so that
       nothing of it can reach memory or registers later.  HL_ERR_SYSTEM:
       the vCPU cannot go on, the next reset() makes it anew. */
    hl_status_t  (*settle)(hl_vm_t *vm, hl_error_t *err);

    /* Of a settled, parked vCPU; free() it. */
    hl_status_t  (*save)(hl_vm_t *vm, hl_vcpu_state_t **state,
                         hl_error_t *err);

    /* Puts a settled vCPU into "state"; makes the VM anew if it has to,
       and says so in *rebuilt: its dirty log is empty then. */
    hl_status_t  (*reset)(hl_vm_t *vm, const hl_vcpu_state_t *state,
                          bool *rebuilt, hl_error_t *err);

    /* After a restore to "state", with the park as the entry point: whether
       all of the vCPU is as it has to be.  HL_ERR_INEXACT: it is not. */
    hl_status_t  (*check)(hl_vm_t *vm, const hl_vcpu_state_t *state,
                          hl_error_t *err);

    /* From the next reset() on, the VM is one of this image, which has the
       same layout. */
    void         (*rebind)(hl_vm_t *vm, const hl_image_t *image);

    /* As it is since the VM was made or made anew. */
    const hl_tsc_t  *(*tsc)(hl_vm_t *vm);

    /* A bit for each page of the writable slot that was written since its
       bit was cleared; a superset, bits stay set until they are cleared. */
    hl_status_t  (*get_log)(hl_vm_t *vm, uint64_t *bitmap, hl_error_t *err);
    hl_status_t  (*clear_log)(hl_vm_t *vm, const uint64_t *bitmap,
                              hl_error_t *err);
} hl_platform_t;


extern const hl_platform_t  hl_kvm_platform;


#endif /* _HL_PLATFORM_H_INCLUDED_ */
