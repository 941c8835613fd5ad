/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_restore.c: puts a sandbox back to a snapshot, by its hot set.
 *
 * KVM's dirty log is read after each call and usually not cleared: a page
 * whose bit stays set stays writable and takes no fault in the next call,
 * and is copied back from the snapshot each time.  So the log is always a
 * superset of what was written, and the pages that calls keep writing, the
 * hot set, cost a copy each and nothing else.
 *
 * What leaves the hot set is given back to the snapshot (MADV_DONTNEED) and
 * its bit is cleared.  While the log is short nothing leaves; beyond that a
 * page has to be written by two calls in a row to stay, so that one large
 * call does not tax the rest; and every so often all of it is dropped and
 * learnt anew.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "hl_check.h"
#include "hl_error.h"
#include "hl_memory.h"
#include "hl_restore.h"


#define HL_HOT_FREE   64        /* pages that may be hot without proof */
#define HL_HOT_MAX    4096      /* pages that may be hot at all */
#define HL_HOT_LEARN  1024      /* restores until it is learnt anew */


static void hl_restore_image(hl_sandbox_t *sb, hl_snapshot_t *snapshot);
static hl_status_t hl_restore_check(const hl_sandbox_t *sb,
    const hl_snapshot_t *snapshot, hl_error_t *err);
static hl_status_t hl_restore_all(hl_sandbox_t *sb, hl_snapshot_t *snapshot,
    hl_error_t *err);
static hl_status_t hl_restore_memory(hl_sandbox_t *sb, hl_error_t *err);
static hl_status_t hl_restore_drop(hl_sandbox_t *sb, hl_error_t *err);
static size_t hl_restore_count(const uint64_t *bitmap, size_t words);
static void hl_restore_copy(hl_sandbox_t *sb, const uint64_t *bitmap);
static hl_status_t hl_restore_give_back(hl_sandbox_t *sb,
    const uint64_t *bitmap, const uint64_t *keep, hl_error_t *err);
static bool hl_restore_next(const hl_sandbox_t *sb, const uint64_t *bitmap,
    size_t *first, size_t *end);
static bool hl_restore_none(const uint64_t *bitmap, size_t first,
    size_t end);
static hl_status_t hl_restore_touched(hl_sandbox_t *sb, hl_error_t *err);


hl_status_t
hl_sandbox_restore(hl_sandbox_t *sb, hl_snapshot_t *snapshot,
    hl_error_t *err)
{
    if (hl_restore_check(sb, snapshot, err) != HL_OK) {
        return err->status;
    }

    if (hl_restore_all(sb, snapshot, err) != HL_OK
        || (sb->bindings.check_restore
            && hl_check_restored(sb, snapshot, err) != HL_OK))
    {
        sb->state = HL_SANDBOX_UNRECOVERABLE;
        return err->status;
    }

    sb->state = HL_SANDBOX_READY;
    sb->stats.restores++;

    return HL_OK;
}


hl_status_t
hl_restore_rebase(hl_sandbox_t *sb, hl_snapshot_t *snapshot, hl_error_t *err)
{
    hl_snapshot_t        *old;
    const hl_platform_t  *platform;

    platform = sb->host->platform;

    if (hl_remap(sb->rw, sb->image->layout.rw_size, snapshot->fd, err)
        != HL_OK)
    {
        /* what lay there may be gone, and something else in its place soon */

        hl_unmap(sb->rw, sb->image->layout.rw_size);
        sb->rw = NULL;
        sb->has_result = false;

        return err->status;
    }

    if (platform->get_log(sb->vm, sb->log, err) != HL_OK
        || platform->clear_log(sb->vm, sb->log, err) != HL_OK)
    {
        return err->status;
    }

    memset(sb->last, 0, sb->log_words * sizeof(uint64_t));
    memset(sb->touched, 0, sb->log_words * sizeof(uint64_t));
    sb->any_touched = false;
    sb->learning = 0;

    sb->input_end = 0;
    sb->body_end = 0;
    sb->reply_end = 0;

    old = sb->base;
    sb->base = hl_snapshot_hold(snapshot);
    hl_snapshot_release(old);

    hl_restore_image(sb, snapshot);
    hl_sandbox_publish(sb);

    return HL_OK;
}


/* The snapshot may be of another guest, if its layout is the same. */
static void
hl_restore_image(hl_sandbox_t *sb, hl_snapshot_t *snapshot)
{
    sb->entry = snapshot->entry;

    if (sb->functions != snapshot->functions) {
        hl_functions_release(sb->functions);
        sb->functions = hl_functions_hold(snapshot->functions);
    }

    if (sb->image != snapshot->image) {
        sb->host->platform->rebind(sb->vm, snapshot->image);
        sb->clean = false;

        hl_image_release(sb->image);
        sb->image = hl_image_hold(snapshot->image);
    }
}


static hl_status_t
hl_restore_check(const hl_sandbox_t *sb, const hl_snapshot_t *snapshot,
    hl_error_t *err)
{
    if (sb->state == HL_SANDBOX_UNRECOVERABLE
        || sb->state == HL_SANDBOX_NEW)
    {
        return hl_sandbox_refuse(sb, "the sandbox has not evolved yet", err);
    }

    if (sb->serving) {
        return hl_sandbox_refuse(sb, "the guest waits for the function that "
                                 "it has called", err);
    }

    if (sb->image == snapshot->image) {
        return HL_OK;
    }

    if (!hl_layout_equal(&sb->image->layout, &snapshot->image->layout)
        || sb->image->clock != snapshot->image->clock
        || sb->image->user_data != snapshot->image->user_data)
    {
        return hl_error_set(err, HL_ERR_SNAPSHOT_LAYOUT, "the snapshot is of "
                            "another layout: sizes, segments, clock or "
                            "init_data differ");
    }

    return hl_hostfn_covers(&sb->bindings, &snapshot->bindings, err);
}


/*
 * In this order: what is pending in the vCPU could still write memory; the
 * log of a VM that is made anew would be lost.
 */
static hl_status_t
hl_restore_all(hl_sandbox_t *sb, hl_snapshot_t *snapshot, hl_error_t *err)
{
    bool              rebuilt;
    hl_status_t       status;
    hl_abi_params_t  *params;

    /* of the call that this ends nothing can be asked any more */

    sb->has_result = false;
    sb->has_fault = false;
    sb->fault_last = false;
    memset(&sb->fault, 0, sizeof(sb->fault));

    if (!sb->clean) {

        /* what does not settle is made anew below */

        (void) sb->host->platform->settle(sb->vm, err);
    }

    if (sb->base == snapshot) {
        status = hl_restore_memory(sb, err);

    } else {
        status = hl_restore_rebase(sb, snapshot, err);
    }

    if (status != HL_OK) {
        return status;
    }

    hl_call_wipe(sb);

    sb->handler = snapshot->handler;

    params = hl_sandbox_params(sb);
    params->calls = 0;
    params->log_level = sb->bindings.log_level;
    memset(params->entropy, 0, HL_ABI_ENTROPY);

    /* counted on, it would tell how often the calls before were entered */

    sb->time.sequence = 0;
    params->time = sb->time;

    if (sb->clean) {
        return HL_OK;
    }

    if (sb->host->platform->reset(sb->vm, snapshot->state, &rebuilt, err)
        != HL_OK)
    {
        return err->status;
    }

    if (rebuilt) {
        memset(sb->last, 0, sb->log_words * sizeof(uint64_t));
        sb->learning = 0;
        sb->stats.rebuilds++;
    }

    sb->clean = true;

    return HL_OK;
}


static hl_status_t
hl_restore_memory(hl_sandbox_t *sb, hl_error_t *err)
{
    size_t     count;
    uint64_t  *swap;

    if (hl_sandbox_get_log(sb, err) != HL_OK
        || hl_restore_touched(sb, err) != HL_OK)
    {
        return err->status;
    }

    count = hl_restore_count(sb->log, sb->log_words);
    sb->stats.restored_pages = count;
    sb->stats.dropped_pages = 0;

    if (++sb->learning >= HL_HOT_LEARN || count > HL_HOT_FREE) {
        return hl_restore_drop(sb, err);
    }

    hl_restore_copy(sb, sb->log);

    swap = sb->last;
    sb->last = sb->log;
    sb->log = swap;

    return HL_OK;
}


/*
 * Splits the log into what stays hot, which is copied back, and the rest.
 * "last" becomes the whole log, so that the next call can prove the rest.
 */
static hl_status_t
hl_restore_drop(hl_sandbox_t *sb, hl_error_t *err)
{
    size_t    i, kept;
    uint64_t  hot, cold;
    bool      learn;

    learn = sb->learning >= HL_HOT_LEARN;
    kept = 0;

    for (i = 0; i < sb->log_words; i++) {
        hot = learn ? 0 : sb->log[i] & sb->last[i];
        kept += (size_t) __builtin_popcountll(hot);

        if (kept > HL_HOT_MAX) {
            kept -= (size_t) __builtin_popcountll(hot);
            hot = 0;
        }

        cold = sb->log[i] & ~hot;
        sb->last[i] = hot;
        sb->log[i] = cold;
    }

    hl_restore_copy(sb, sb->last);

    if (hl_restore_give_back(sb, sb->log, sb->last, err) != HL_OK) {
        return err->status;
    }

    sb->stats.dropped_pages = sb->stats.restored_pages - kept;
    sb->stats.restored_pages = kept;

    if (sb->stats.dropped_pages > 0
        && sb->host->platform->clear_log(sb->vm, sb->log, err) != HL_OK)
    {
        return err->status;
    }

    if (learn) {
        sb->learning = 0;
    }

    for (i = 0; i < sb->log_words; i++) {
        sb->last[i] |= sb->log[i];
    }

    return HL_OK;
}


static size_t
hl_restore_count(const uint64_t *bitmap, size_t words)
{
    size_t  i, count;

    count = 0;

    for (i = 0; i < words; i++) {
        if (bitmap[i] != 0) {
            count += (size_t) __builtin_popcountll(bitmap[i]);
        }
    }

    return count;
}


static void
hl_restore_copy(hl_sandbox_t *sb, const uint64_t *bitmap)
{
    size_t  first, end, offset;

    end = 0;

    while (hl_restore_next(sb, bitmap, &first, &end)) {
        offset = first << HL_PAGE_SHIFT;
        memcpy(sb->rw + offset, sb->base->pages + offset,
               (end - first) << HL_PAGE_SHIFT);
    }
}


/*
 * A system call for each run of pages would let a guest that writes to every
 * second page hold the caller for long: runs are joined over pages that are
 * not in "keep".  Giving back a page that is as in the snapshot is harmless.
 */
static hl_status_t
hl_restore_give_back(hl_sandbox_t *sb, const uint64_t *bitmap,
    const uint64_t *keep, hl_error_t *err)
{
    bool    more;
    size_t  first, end, next, next_end;

    next_end = 0;
    more = hl_restore_next(sb, bitmap, &next, &next_end);

    while (more) {
        first = next;

        do {
            end = next_end;
            more = hl_restore_next(sb, bitmap, &next, &next_end);
        } while (more && hl_restore_none(keep, end, next));

        if (madvise(sb->rw + (first << HL_PAGE_SHIFT),
                    (end - first) << HL_PAGE_SHIFT, MADV_DONTNEED)
            == -1)
        {
            return hl_error_system(err, errno, "madvise(MADV_DONTNEED)");
        }
    }

    return HL_OK;
}


/* The run of set bits at or behind *end: [*first, *end); false: none. */
static bool
hl_restore_next(const hl_sandbox_t *sb, const uint64_t *bitmap,
    size_t *first, size_t *end)
{
    size_t    i, page;
    uint64_t  word;

    page = *end;
    i = page / 64;

    if (i >= sb->log_words) {
        return false;
    }

    word = bitmap[i] & (~0ull << (page % 64));

    while (word == 0) {
        if (++i == sb->log_words) {
            return false;
        }

        word = bitmap[i];
    }

    page = i * 64 + (size_t) __builtin_ctzll(word);
    *first = page;

    /* all ones from there on, turned around, are zeroes */

    word = ~bitmap[i] & (~0ull << (page % 64));

    while (word == 0) {
        if (++i == sb->log_words) {
            *end = i * 64;
            return true;
        }

        word = ~bitmap[i];
    }

    *end = i * 64 + (size_t) __builtin_ctzll(word);

    return true;
}


/* Whether none of the bits in [first, end) is set. */
static bool
hl_restore_none(const uint64_t *bitmap, size_t first, size_t end)
{
    size_t    i;
    uint64_t  word;

    for (i = first / 64; i <= (end - 1) / 64; i++) {
        word = bitmap[i];

        if (i == first / 64) {
            word &= ~0ull << (first % 64);
        }

        if (i == (end - 1) / 64) {
            word &= ~0ull >> (63 - (end - 1) % 64);
        }

        if (word != 0) {
            return false;
        }
    }

    return true;
}


/*
 * What only the host wrote is not in KVM's log, and would never leave the
 * sandbox's own memory if it was copied: it is given back.
 */
static hl_status_t
hl_restore_touched(hl_sandbox_t *sb, hl_error_t *err)
{
    size_t  i;

    if (!sb->any_touched) {
        return HL_OK;
    }

    for (i = 0; i < sb->log_words; i++) {
        sb->touched[i] &= ~sb->log[i];
    }

    if (hl_restore_give_back(sb, sb->touched, sb->log, err) != HL_OK) {
        return err->status;
    }

    memset(sb->touched, 0, sb->log_words * sizeof(uint64_t));
    sb->any_touched = false;

    return HL_OK;
}
