/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_clock.c: publishes the clocks to a guest, at every entry.
 *
 * A guest computes the time from its counter and the last publication.  The
 * counter's rate is known to a millionth or so, and the host's clock is slewed
 * besides, so what a guest computed may be ahead of it: the next publication
 * is never behind what the guest could see until its exit.  While it does not
 * run the host's clock catches up, and the two do not drift apart.
 */

#include "hl_sandbox.h"


#define HL_CLOCK_SHIFT  32
#define HL_CLOCK_KHZ    1000000ull      /* ns in a ms */


static uint64_t hl_clock_seen(const hl_sandbox_t *sb);


void
hl_clock_publish(hl_sandbox_t *sb, uint64_t now)
{
    uint64_t         seen;
    hl_abi_time_t    time;
    const hl_tsc_t  *rate;

    if (!sb->image->clock) {
        return;
    }

    rate = sb->host->platform->tsc(sb->vm);
    seen = hl_clock_seen(sb);

    time = sb->time;
    time.sequence++;
    time.shift = HL_CLOCK_SHIFT;
    time.mult = (HL_CLOCK_KHZ << HL_CLOCK_SHIFT) / rate->khz;
    time.tsc = hl_tsc() + rate->offset;
    time.monotonic = now > seen ? now : seen;
    time.realtime = hl_now_real();

    sb->time = time;
    hl_sandbox_params(sb)->time = time;
}


void
hl_clock_leave(hl_sandbox_t *sb)
{
    sb->time_left = hl_tsc() + sb->host->platform->tsc(sb->vm)->offset;
}


/* The latest time that the guest can have computed; 0 if it never ran. */
static uint64_t
hl_clock_seen(const hl_sandbox_t *sb)
{
    uint64_t              elapsed;
    const hl_abi_time_t  *time;

    time = &sb->time;
    elapsed = sb->time_left > time->tsc ? sb->time_left - time->tsc : 0;

    return time->monotonic + (uint64_t) ((unsigned __int128) elapsed
                                         * time->mult >> time->shift);
}
