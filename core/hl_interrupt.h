/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_interrupt.h: a call that another thread may end, from the side of the
 * thread that runs it.
 *
 * The state word decides every race: kill() sets CANCELLED and then looks for
 * RUNNING, run() sets RUNNING and then looks for CANCELLED.
 */

#ifndef _HL_INTERRUPT_H_INCLUDED_
#define _HL_INTERRUPT_H_INCLUDED_


#include <stdatomic.h>

#include "hyperlight.h"
#include "hl_time.h"


#define HL_INTERRUPT_CANCELLED  1u
#define HL_INTERRUPT_RUNNING    2u


struct hl_interrupt_s {
    atomic_uint        refs;
    atomic_uint        state;
    atomic_uint        killers;         /* in hl_interrupt_kill() */
    atomic_bool        dropped;
    const hl_timer_t  *timer;           /* valid while killers may kick */
};


/* All take NULL, for a sandbox without a handle. */

/* A call begins: it is not cancelled. */
void hl_interrupt_clear(hl_interrupt_t *interrupt);

/* Around KVM_RUN; false: cancelled, do not run. */
bool hl_interrupt_enter(hl_interrupt_t *interrupt);
void hl_interrupt_leave(hl_interrupt_t *interrupt);

/* The sandbox goes: returns when no kill() is under way any more. */
void hl_interrupt_drop(hl_interrupt_t *interrupt);


#endif /* _HL_INTERRUPT_H_INCLUDED_ */
