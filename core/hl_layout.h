/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_layout.h: a guest's address space, and where each part of it lies in
 * host memory.
 *
 * Guest memory is two slots.  The read-only slot is shared by all sandboxes
 * of an image and never changes; the writable slot is each sandbox's own,
 * and dirty-logged.
 *
 *   address        region      slot  guest may   written by
 *   0              -                 nothing     (no null pointers)
 *   10000          segments    ro    R, RX       nobody
 *                  segments    rw    RW          guest
 *   40000000       system      ro    -           nobody
 *                  exceptions  rw    -           CPU, on a fault
 *                  hypercall   ro    RX          nobody
 *                  fpu         ro    R           nobody
 *                  params      rw    R           host
 *                  --- guard
 *                  input       rw    R           host
 *                  --- guard
 *                  reply       rw    R           host
 *                  --- guard
 *                  output      rw    RW          guest
 *                  --- guard, 1 MiB
 *                  stack       rw    RW          guest
 *                  --- guard
 *                  heap        rw    RW          guest
 *                  --- guard
 *                  user data   ro/rw R, RW       guest, if it may
 *   as configured  files       ro    R, RX       nobody
 *
 * "-" is supervisor only.  Page tables are in the writable slot (CPUs may
 * treat their own walks as writes to the slot), and mapped nowhere.
 */

#ifndef _HL_LAYOUT_H_INCLUDED_
#define _HL_LAYOUT_H_INCLUDED_


#include "hl_elf.h"
#include "hyperlight.h"


typedef uint64_t  hl_gva_t;     /* guest virtual address */
typedef uint64_t  hl_gpa_t;     /* guest physical address */


#define HL_IMAGE_MIN       0x10000ull
#define HL_IMAGE_BIAS      0x400000ull      /* of a static PIE */
#define HL_IMAGE_END       0x40000000ull

#define HL_GVA_SYSTEM      0x40000000ull
#define HL_GVA_EXCEPTIONS  0x40001000ull
#define HL_GVA_HYPERCALL   0x40002000ull
#define HL_GVA_FPU         0x40003000ull
#define HL_GVA_PARAMS      0x40004000ull
#define HL_GVA_DYNAMIC     0x40006000ull    /* behind a guard page */

#define HL_STACK_GUARD     0x100000ull

#define HL_GVA_MIN         0x10000ull
#define HL_GVA_END         0x800000000000ull

/* Guest physical: the writable slot lies above all that KVM keeps itself. */
#define HL_GPA_RO          0x0ull
#define HL_GPA_RW          0x100000000ull


typedef enum {
    HL_SLOT_RO,
    HL_SLOT_RW
} hl_slot_t;


#define HL_PROT_WRITE  1u
#define HL_PROT_EXEC   2u
#define HL_PROT_USER   4u


typedef struct {
    hl_gva_t   gva;
    size_t     size;            /* whole pages; 0: there is none */
    hl_slot_t  slot;
    size_t     offset;          /* in the slot */
    unsigned   prot;
} hl_region_t;


typedef enum {
    HL_REGION_SYSTEM,
    HL_REGION_EXCEPTIONS,
    HL_REGION_HYPERCALL,
    HL_REGION_FPU,
    HL_REGION_PARAMS,
    HL_REGION_INPUT,
    HL_REGION_REPLY,
    HL_REGION_OUTPUT,
    HL_REGION_STACK,
    HL_REGION_HEAP,
    HL_REGION_USER_DATA,
    HL_REGION_FILE,             /* the first of them */
    HL_REGION_SEGMENT = HL_REGION_FILE + HL_FILES_MAX,
    HL_REGIONS = HL_REGION_SEGMENT + HL_ELF_SEGMENTS_MAX
} hl_region_id_t;


typedef struct {
    size_t       ro_size;
    size_t       rw_size;
    size_t       host_size;     /* start of the rw slot that only the host
                                   writes: params, input, reply */
    size_t       tables;        /* in the rw slot */
    size_t       tables_size;
    size_t       region_count;
    hl_region_t  regions[HL_REGIONS];
} hl_layout_t;


/*
 * "config" was checked: the sums cannot overflow.  "file_sizes" are those of
 * config->files.  HL_ERR_ARGUMENT if a file is in the way of something.
 */
hl_status_t hl_layout_init(hl_layout_t *layout, const hl_elf_t *elf,
    const hl_config_t *config, const size_t *file_sizes, hl_error_t *err);

/* Whether a snapshot of one fits the other. */
bool hl_layout_equal(const hl_layout_t *a, const hl_layout_t *b);

/* NULL if the address is in no region. */
const hl_region_t *hl_layout_find(const hl_layout_t *layout, hl_gva_t gva);

/* What one of its regions is called in messages. */
const char *hl_layout_name(const hl_layout_t *layout, const hl_region_t *r);

#define hl_layout_gpa(region)                                                 \
    (((region)->slot == HL_SLOT_RO ? HL_GPA_RO : HL_GPA_RW)                   \
     + (region)->offset)


#endif /* _HL_LAYOUT_H_INCLUDED_ */
