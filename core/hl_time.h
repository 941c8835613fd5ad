/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_time.h: the clock, and the timer that ends a slice.
 *
 * One timer per host object, sent as a real-time signal to the thread that
 * made it.  The handler sets the flag of the vCPU that runs, KVM's
 * immediate_exit, so that a signal just before KVM_RUN is not lost (KVM API,
 * 5, "immediate_exit").  Arming costs a system call; since most calls end
 * long before their slice, the timer stays armed over them and only its
 * expiry is moved, when half of a slice has gone by.
 */

#ifndef _HL_TIME_H_INCLUDED_
#define _HL_TIME_H_INCLUDED_


#include <sys/types.h>
#include <time.h>

#include "hyperlight.h"


typedef struct {
    timer_t                     id;
    int                         signo;
    pid_t                       tid;        /* whose it is */
    volatile bool               armed;
    volatile uint64_t           expiry;     /* ns; if armed */

    /* of the vCPU in KVM_RUN; "flag" is NULL if there is none */
    volatile uint8_t *volatile  flag;
    volatile uint64_t           deadline;
} hl_timer_t;


/* CLOCK_MONOTONIC and CLOCK_REALTIME in ns. */
uint64_t hl_now(void);
uint64_t hl_now_real(void);

/* "ns" from now, or never. */
uint64_t hl_deadline(uint64_t ns);

/* The host's time-stamp counter. */
static inline uint64_t
hl_tsc(void)
{
    return __builtin_ia32_rdtsc();
}

/*
 * Installs the handler, for this thread.  "timer" must not move until
 * hl_timer_destroy(): the handler knows its address.
 */
hl_status_t hl_timer_create(hl_timer_t *timer, int signo, hl_error_t *err);
void hl_timer_destroy(hl_timer_t *timer);

/* From now until hl_timer_end(), *flag becomes 1 at "deadline". */
void hl_timer_begin(hl_timer_t *timer, volatile uint8_t *flag, uint64_t now,
    uint64_t deadline);
void hl_timer_end(hl_timer_t *timer);

void hl_timer_disarm(hl_timer_t *timer);

/* From any thread: what is between begin and end now is interrupted. */
void hl_timer_kick(const hl_timer_t *timer);


#endif /* _HL_TIME_H_INCLUDED_ */
