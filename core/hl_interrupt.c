/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_interrupt.c: ends a call from another thread.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "hl_error.h"
#include "hl_interrupt.h"
#include "hl_sandbox.h"


#define HL_INTERRUPT_RETRY  500000      /* ns */


static void hl_interrupt_wait(void);


hl_status_t
hl_interrupt_create(hl_interrupt_t **interrupt, hl_sandbox_t *sb,
    hl_error_t *err)
{
    hl_interrupt_t  *h;

    h = sb->interrupt;

    if (h == NULL) {
        h = calloc(1, sizeof(hl_interrupt_t));
        if (h == NULL) {
            return hl_error_system(err, ENOMEM, "calloc()");
        }

        atomic_init(&h->refs, 1);
        atomic_init(&h->state, 0);
        atomic_init(&h->killers, 0);
        atomic_init(&h->dropped, false);
        h->timer = &sb->host->timer;

        sb->interrupt = h;
    }

    atomic_fetch_add(&h->refs, 1);
    *interrupt = h;

    return HL_OK;
}


void
hl_interrupt_release(hl_interrupt_t *interrupt)
{
    if (interrupt != NULL && atomic_fetch_sub(&interrupt->refs, 1) == 1) {
        free(interrupt);
    }
}


/*
 * Signals again and again: one that comes between the look at CANCELLED and
 * the first instruction of hl_timer_begin() finds nothing to interrupt.
 */
bool
hl_interrupt_kill(hl_interrupt_t *interrupt)
{
    bool  kicked;

    kicked = false;

    atomic_fetch_add(&interrupt->killers, 1);

    if (!atomic_load(&interrupt->dropped)) {
        atomic_fetch_or(&interrupt->state, HL_INTERRUPT_CANCELLED);

        while (atomic_load(&interrupt->state)
               == (HL_INTERRUPT_CANCELLED|HL_INTERRUPT_RUNNING))
        {
            hl_timer_kick(interrupt->timer);
            kicked = true;
            hl_interrupt_wait();
        }
    }

    atomic_fetch_sub(&interrupt->killers, 1);

    return kicked;
}


bool
hl_interrupt_dropped(const hl_interrupt_t *interrupt)
{
    return atomic_load(&interrupt->dropped);
}


void
hl_interrupt_clear(hl_interrupt_t *interrupt)
{
    if (interrupt != NULL) {
        atomic_fetch_and(&interrupt->state, ~HL_INTERRUPT_CANCELLED);
    }
}


bool
hl_interrupt_enter(hl_interrupt_t *interrupt)
{
    if (interrupt == NULL) {
        return true;
    }

    if (!(atomic_fetch_or(&interrupt->state, HL_INTERRUPT_RUNNING)
          & HL_INTERRUPT_CANCELLED))
    {
        return true;
    }

    hl_interrupt_leave(interrupt);

    return false;
}


void
hl_interrupt_leave(hl_interrupt_t *interrupt)
{
    if (interrupt != NULL) {
        atomic_fetch_and(&interrupt->state, ~HL_INTERRUPT_RUNNING);
    }
}


void
hl_interrupt_drop(hl_interrupt_t *interrupt)
{
    if (interrupt == NULL) {
        return;
    }

    atomic_store(&interrupt->dropped, true);

    while (atomic_load(&interrupt->killers) > 0) {
        hl_interrupt_wait();
    }

    hl_interrupt_release(interrupt);
}


static void
hl_interrupt_wait(void)
{
    struct timespec  ts;

    ts.tv_sec = 0;
    ts.tv_nsec = HL_INTERRUPT_RETRY;

    (void) nanosleep(&ts, NULL);
}
