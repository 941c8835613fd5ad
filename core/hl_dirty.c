/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_dirty.c: which pages of the writable slot were written: by the guest,
 * as KVM's log has it, and by the host.
 */

#include "hl_memory.h"
#include "hl_sandbox.h"


void
hl_sandbox_touched(hl_sandbox_t *sb, const uint8_t *p, size_t len)
{
    size_t  page, last;

    page = (size_t) (p - sb->rw) >> HL_PAGE_SHIFT;
    last = (size_t) (p + len - 1 - sb->rw) >> HL_PAGE_SHIFT;

    for ( ; page <= last; page++) {
        sb->touched[page / 64] |= 1ull << (page % 64);
    }

    sb->any_touched = true;
}


hl_status_t
hl_sandbox_get_log(hl_sandbox_t *sb, hl_error_t *err)
{
    size_t  i, pages;

    if (sb->host->platform->get_log(sb->vm, sb->log, err) != HL_OK) {
        return err->status;
    }

    /* what only the host writes is the host's to restore */

    pages = sb->image->layout.host_size >> HL_PAGE_SHIFT;

    for (i = 0; i < pages / 64; i++) {
        sb->log[i] = 0;
    }

    sb->log[i] &= ~0ull << (pages % 64);

    return HL_OK;
}
