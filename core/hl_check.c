/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_check.c: compares a restored sandbox with its snapshot, all of it.
 *
 * What exact means here: a call cannot tell the sandbox from a new one.
 *
 * Memory is the snapshot's, to the byte.  The parameters page is the host's
 * own and must be what the host would write anew; the read-only slot, which
 * no restore touches, must have the sum that it was made with, if it was
 * made with check_restore.
 *
 * The vCPU is restored in two halves.  What CPL 3 cannot change, and where
 * the vCPU stands, must be the snapshot's as soon as the restore is over.
 * The general registers, data segments and the FPU of a vCPU that parked in
 * good order are still those of the call before: the entry code resets them,
 * as the first thing of the next call.  So they are compared behind it: the
 * vCPU runs the entry code once, with the park in place of the dispatcher,
 * and every register has to be what a call begins with.
 */

#include <string.h>

#include "hl_check.h"
#include "hl_entry.h"
#include "hl_error.h"
#include "hl_memory.h"


/* What the entry code's pushes leave on the stack: PUSH $2, POPF, PUSH $0. */
#define HL_CHECK_PUSHED  sizeof(uint64_t)


static hl_status_t hl_check_memory(const hl_sandbox_t *sb,
    const hl_snapshot_t *snapshot, hl_error_t *err);
static void hl_check_params(const hl_sandbox_t *sb,
    const hl_snapshot_t *snapshot, uint8_t *page);
static hl_status_t hl_check_vcpu(hl_sandbox_t *sb,
    const hl_snapshot_t *snapshot, hl_error_t *err);
static const char *hl_check_region(const hl_layout_t *l, size_t offset,
    hl_gva_t *gva);


hl_status_t
hl_check_restored(hl_sandbox_t *sb, const hl_snapshot_t *snapshot,
    hl_error_t *err)
{
    if (hl_check_memory(sb, snapshot, err) != HL_OK) {
        return err->status;
    }

    if (sb->image->sum != 0 && hl_image_sum(sb->image) != sb->image->sum) {
        return hl_error_set(err, HL_ERR_INEXACT, "the read-only memory of "
                            "the guest has changed");
    }

    return hl_check_vcpu(sb, snapshot, err);
}


size_t
hl_check_differences(const hl_sandbox_t *sb, const hl_snapshot_t *snapshot,
    size_t *offset)
{
    size_t          i, j, n;
    const uint8_t  *a, *b;
    uint8_t         params[HL_PAGE_SIZE] __attribute__((aligned(8)));

    hl_check_params(sb, snapshot, params);
    n = 0;

    for (i = 0; i < sb->image->layout.rw_size; i += HL_PAGE_SIZE) {
        a = sb->rw + i;
        b = i == 0 ? params : snapshot->pages + i;

        if (memcmp(a, b, HL_PAGE_SIZE) == 0) {
            continue;
        }

        for (j = 0; j < HL_PAGE_SIZE; j++) {
            if (a[j] != b[j] && n++ == 0) {
                *offset = i + j;
            }
        }
    }

    return n;
}


static hl_status_t
hl_check_memory(const hl_sandbox_t *sb, const hl_snapshot_t *snapshot,
    hl_error_t *err)
{
    size_t       n, offset;
    hl_gva_t     gva;
    const char  *name;

    n = hl_check_differences(sb, snapshot, &offset);

    if (n == 0) {
        return HL_OK;
    }

    name = hl_check_region(&sb->image->layout, offset, &gva);

    return hl_error_set(err, HL_ERR_INEXACT, "%zu bytes of memory are not "
                        "the snapshot's, the first at 0x%llx (%s)", n,
                        (unsigned long long) gva, name);
}


/*
 * The slot's first page as the host would write it anew: a snapshot does not
 * hold it.
 */
static void
hl_check_params(const hl_sandbox_t *sb, const hl_snapshot_t *snapshot,
    uint8_t *page)
{
    hl_abi_params_t  *params;

    memset(page, 0, HL_PAGE_SIZE);
    hl_image_params(sb->image, page);

    params = (hl_abi_params_t *) (void *) page;
    params->entry = snapshot->entry;
    params->log_level = sb->bindings.log_level;
    params->counter = sb->counter.value;
    params->time = sb->time;
}


/* The page that the pushes wrote is in the dirty log, as after any call. */
static hl_status_t
hl_check_vcpu(hl_sandbox_t *sb, const hl_snapshot_t *snapshot,
    hl_error_t *err)
{
    size_t              top;
    hl_status_t         status;
    hl_abi_params_t    *params;
    const hl_region_t  *r;

    params = hl_sandbox_params(sb);
    params->entry = HL_GVA_PARK;

    status = sb->host->platform->check(sb->vm, snapshot->state, err);

    params->entry = sb->entry;

    r = &sb->image->layout.regions[HL_REGION_STACK];
    top = r->offset + r->size - HL_CHECK_PUSHED;
    memcpy(sb->rw + top, snapshot->pages + top, HL_CHECK_PUSHED);

    return status;
}


/* Of an offset in the writable slot: the region's name, and the address. */
static const char *
hl_check_region(const hl_layout_t *l, size_t offset, hl_gva_t *gva)
{
    size_t              i;
    const hl_region_t  *r;

    for (i = 0; i < l->region_count; i++) {
        r = &l->regions[i];

        if (r->slot == HL_SLOT_RW && offset >= r->offset
            && offset - r->offset < r->size)
        {
            *gva = r->gva + (offset - r->offset);
            return hl_layout_name(l, r);
        }
    }

    *gva = HL_GPA_RW + offset;

    return "page tables, physical address";
}
