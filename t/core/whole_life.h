/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * whole_life.h: a whole life of two sandboxes, from /dev/kvm to the last
 * close(), with snapshots, calls, faults, restores and a VM that is made anew;
 * for tests in which something runs out.  Any of its calls may fail, and ends
 * it: the life of t/faults/life.h goes on behind a fault, and takes for
 * granted what KVM has no part in.
 */

#ifndef _WHOLE_LIFE_H_INCLUDED_
#define _WHOLE_LIFE_H_INCLUDED_


#include "test.h"


void assert_whole_life(void);

/*
 * A life between begin(n) and end(): its status, with the error in test_err.
 * What did not fail goes on, what did is refused, and nothing is left behind.
 */
hl_status_t life_short_of(void (*begin)(unsigned), void (*end)(void),
    unsigned n);

/* The error says why, in the words of libc or of libelf. */
void assert_reason(hl_status_t status, int errnum);


#endif /* _WHOLE_LIFE_H_INCLUDED_ */
