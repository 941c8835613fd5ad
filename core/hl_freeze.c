/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_freeze.c: freezes a sandbox: what its writable slot holds goes into a
 * sealed memfd, of which the sandboxes map private copies.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hl_error.h"
#include "hl_memory.h"
#include "hl_restore.h"
#include "hl_sandbox.h"


static hl_status_t hl_freeze_pages(hl_snapshot_t *snapshot,
    hl_sandbox_t *sb, hl_error_t *err);
static hl_status_t hl_freeze_present(hl_snapshot_t *snapshot,
    hl_sandbox_t *sb, hl_error_t *err);
static void hl_freeze_mark(uint64_t *bitmap, size_t offset, size_t size);
static hl_status_t hl_freeze_write(const hl_snapshot_t *snapshot,
    const hl_sandbox_t *sb, hl_error_t *err);


hl_status_t
hl_snapshot_create(hl_snapshot_t **snapshot, hl_sandbox_t *sb,
    hl_error_t *err)
{
    hl_snapshot_t         *s;
    const hl_platform_t   *platform;

    if (sb->state != HL_SANDBOX_READY) {
        return hl_sandbox_refuse(sb, "only a ready sandbox can be frozen",
                                 err);
    }

    s = calloc(1, sizeof(hl_snapshot_t));
    if (s == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    s->refs = 1;
    s->fd = -1;
    s->image = hl_image_hold(sb->image);
    s->functions = hl_functions_hold(sb->functions);
    s->entry = sb->entry;
    s->handler = sb->handler;
    s->bindings = sb->bindings;

    platform = sb->host->platform;

    if (platform->settle(sb->vm, err) != HL_OK) {
        sb->state = HL_SANDBOX_POISONED;
        sb->clean = false;
        hl_snapshot_release(s);
        return err->status;
    }

    hl_call_wipe(sb);

    if (platform->save(sb->vm, &s->state, err) != HL_OK
        || hl_freeze_pages(s, sb, err) != HL_OK)
    {
        hl_snapshot_release(s);
        return err->status;
    }

    if (hl_restore_rebase(sb, s, err) != HL_OK) {
        sb->state = HL_SANDBOX_UNRECOVERABLE;
        hl_snapshot_release(s);
        return err->status;
    }

    *snapshot = s;

    return HL_OK;
}


static hl_status_t
hl_freeze_pages(hl_snapshot_t *snapshot, hl_sandbox_t *sb, hl_error_t *err)
{
    size_t    size;
    uint8_t  *pages;

    size = sb->image->layout.rw_size;

    if (hl_freeze_present(snapshot, sb, err) != HL_OK
        || hl_memfd_create(&snapshot->fd, "hl-snapshot", size, err) != HL_OK
        || hl_freeze_write(snapshot, sb, err) != HL_OK
        || hl_memfd_seal(snapshot->fd, err) != HL_OK
        || hl_map(&pages, size, snapshot->fd, HL_MAP_READ, err) != HL_OK)
    {
        return err->status;
    }

    snapshot->pages = pages;

    return HL_OK;
}


/*
 * All that can differ from zero: what the slot was populated with, or the
 * snapshot below holds, and what the guest wrote since.  The dirty log knows
 * that for certain; reading every page of a large heap would allocate it.
 */
static hl_status_t
hl_freeze_present(hl_snapshot_t *snapshot, hl_sandbox_t *sb,
    hl_error_t *err)
{
    size_t              i;
    const hl_layout_t  *l;
    const hl_region_t  *r;

    snapshot->present = calloc(sb->log_words, sizeof(uint64_t));
    if (snapshot->present == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    if (hl_sandbox_get_log(sb, err) != HL_OK) {
        return err->status;
    }

    for (i = 0; i < sb->log_words; i++) {
        snapshot->present[i] = sb->log[i] | sb->touched[i]
                               | (sb->base != NULL ? sb->base->present[i]
                                                   : 0);
    }

    if (sb->base != NULL) {
        return HL_OK;
    }

    l = &sb->image->layout;
    hl_freeze_mark(snapshot->present, l->tables, l->tables_size);

    for (i = HL_REGION_USER_DATA; i < l->region_count; i++) {
        r = &l->regions[i];

        if (r->slot == HL_SLOT_RW) {
            hl_freeze_mark(snapshot->present, r->offset, r->size);
        }
    }

    return HL_OK;
}


static void
hl_freeze_mark(uint64_t *bitmap, size_t offset, size_t size)
{
    size_t  page, end;

    page = offset >> HL_PAGE_SHIFT;

    for (end = page + (size >> HL_PAGE_SHIFT); page < end; page++) {
        bitmap[page / 64] |= 1ull << (page % 64);
    }
}


static hl_status_t
hl_freeze_write(const hl_snapshot_t *snapshot, const hl_sandbox_t *sb,
    hl_error_t *err)
{
    size_t          page, pages;
    const uint8_t  *p;

    static const uint8_t  zero[HL_PAGE_SIZE];

    pages = sb->image->layout.rw_size >> HL_PAGE_SHIFT;

    for (page = 0; page < pages; page++) {
        if (!(snapshot->present[page / 64] & (1ull << (page % 64)))) {
            continue;
        }

        p = sb->rw + (page << HL_PAGE_SHIFT);

        if (memcmp(p, zero, HL_PAGE_SIZE) == 0) {
            continue;
        }

        if (hl_memfd_write(snapshot->fd, p, HL_PAGE_SIZE,
                           page << HL_PAGE_SHIFT, err)
            != HL_OK)
        {
            return err->status;
        }
    }

    return HL_OK;
}
