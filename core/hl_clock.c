/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_clock.c: publishes the clocks to a guest, at every entry.
 *
 * A guest computes the time from its counter and the last publication.  The
 * counter's rate is known to a millionth or so, so what a guest computed may
 * be ahead of the host's clock: the next publication is never behind it.
 */

#include "hl_sandbox.h"


#define HL_CLOCK_SHIFT  32
#define HL_CLOCK_KHZ    1000000ull      /* ns in a ms */


static uint64_t hl_clock_elapsed(const hl_abi_time_t *time, uint64_t tsc);


void
hl_clock_publish(hl_sandbox_t *sb, uint64_t now)
{
    uint64_t         tsc, ahead;
    hl_abi_time_t    time;
    const hl_tsc_t  *rate;

    if (!sb->image->clock) {
        return;
    }

    rate = sb->host->platform->tsc(sb->vm);
    tsc = hl_tsc() + rate->offset;
    time = sb->time;

    if (time.sequence > 0) {
        ahead = time.monotonic + hl_clock_elapsed(&time, tsc);
        now = now > ahead ? now : ahead;
    }

    time.sequence++;
    time.shift = HL_CLOCK_SHIFT;
    time.mult = (HL_CLOCK_KHZ << HL_CLOCK_SHIFT) / rate->khz;
    time.tsc = tsc;
    time.monotonic = now;
    time.realtime = hl_now_real();

    sb->time = time;
    hl_sandbox_params(sb)->time = time;
}


/* The counter of a VM that was made anew may have started anew. */
static uint64_t
hl_clock_elapsed(const hl_abi_time_t *time, uint64_t tsc)
{
    if (tsc <= time->tsc) {
        return 0;
    }

    return (uint64_t) ((unsigned __int128) (tsc - time->tsc) * time->mult
                       >> time->shift);
}
