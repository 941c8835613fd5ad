/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * life.h: a whole life of two sandboxes, from /dev/kvm to the last close(),
 * with snapshots, calls, faults, restores and a VM that is made anew; for
 * tests in which something runs out.
 */

#ifndef _LIFE_H_INCLUDED_
#define _LIFE_H_INCLUDED_


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


#endif /* _LIFE_H_INCLUDED_ */
