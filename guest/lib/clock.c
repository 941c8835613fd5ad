/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * clock.c: time, from the parameters page and the time-stamp counter.
 *
 * The host publishes the clocks at every entry, also at one in the middle of
 * a reading here: what was read counts if the sequence number is the same
 * before and after.  The page is read-only, so that it may change between
 * any two instructions, but never under a single one.
 */

#define _GNU_SOURCE                     /* COARSE and BOOTTIME */

#include <errno.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "hl_guest.h"


#define HL_NS_IN_S   1000000000u
#define HL_NS_IN_US  1000u


typedef enum {
    HL_CLOCK_NONE,
    HL_CLOCK_REALTIME,
    HL_CLOCK_MONOTONIC
} hl_clock_t;


static hl_clock_t hl_clock(clockid_t id);
static uint64_t hl_clock_ns(hl_clock_t clock);
static uint64_t hl_clock_elapsed(const volatile hl_abi_time_t *now);


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    uint64_t    ns;
    hl_clock_t  clock;

    clock = hl_clock(id);

    if (clock == HL_CLOCK_NONE || ts == NULL) {
        errno = EINVAL;
        return -1;
    }

    ns = hl_clock_ns(clock);

    ts->tv_sec = (time_t) (ns / HL_NS_IN_S);
    ts->tv_nsec = (long) (ns % HL_NS_IN_S);

    return 0;
}


int
clock_getres(clockid_t id, struct timespec *res)
{
    if (hl_clock(id) == HL_CLOCK_NONE) {
        errno = EINVAL;
        return -1;
    }

    if (res != NULL) {
        res->tv_sec = 0;
        res->tv_nsec = 1;
    }

    return 0;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec   ts;
    struct timezone  *zone;

    if (tv == NULL) {
        errno = EINVAL;
        return -1;
    }

    if (clock_gettime(CLOCK_REALTIME, &ts) != 0) {
        return -1;
    }

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / (long) HL_NS_IN_US;

    if (tz != NULL) {
        zone = tz;
        zone->tz_minuteswest = 0;
        zone->tz_dsttime = 0;
    }

    return 0;
}


/* Nobody counts a guest's CPU time: clock() is -1 then. */

clock_t
times(struct tms *tms)
{
    (void) tms;

    errno = ENOSYS;
    return (clock_t) -1;
}


/* The guest's own choice of clocks; none if the host gives it no clock. */

static hl_clock_t
hl_clock(clockid_t id)
{
    if (!(hl_guest.params->flags & HL_ABI_CLOCK)) {
        return HL_CLOCK_NONE;
    }

    switch (id) {

    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return HL_CLOCK_REALTIME;

    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        return HL_CLOCK_MONOTONIC;

    default:
        return HL_CLOCK_NONE;
    }
}


static uint64_t
hl_clock_ns(hl_clock_t clock)
{
    uint64_t                       ns;
    uint32_t                       sequence;
    const volatile hl_abi_time_t  *now;

    now = &hl_guest.params->time;

    do {
        sequence = now->sequence;
        ns = (clock == HL_CLOCK_REALTIME ? now->realtime : now->monotonic)
             + hl_clock_elapsed(now);
    } while (now->sequence != sequence);

    return ns;
}


/*
 * In ns.  A counter that started anew with a new VM may be behind.  The
 * fence keeps RDTSC where it stands, between the loads around it.
 */

static uint64_t
hl_clock_elapsed(const volatile hl_abi_time_t *now)
{
    uint64_t           tsc, then;
    unsigned __int128  ns;

    then = now->tsc;

    __builtin_ia32_lfence();
    tsc = __builtin_ia32_rdtsc();
    __builtin_ia32_lfence();

    ns = tsc > then ? (unsigned __int128) (tsc - then) * now->mult : 0;

    return (uint64_t) (ns >> now->shift);
}
