/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * pages.h: calls of the test's sandbox that write to as many pages as they are
 * told, and whether it is as good as new after them.  Its guest is TEST_RAW.
 */

#ifndef _PAGES_H_INCLUDED_
#define _PAGES_H_INCLUDED_


#include "test.h"


/* Writes to "n" pages of the guest's from the "first" on; returns n. */
int32_t touch(int32_t first, int32_t n);

void touch_and_restore(int32_t first, int32_t n);

/* Leaves the sandbox poisoned. */
void touch_and_crash(int32_t first, int32_t n);

const hl_stats_t *stats(void);

/* Seen from both sides, the guest's by a further call. */
void assert_good_as_new(void);


#endif /* _PAGES_H_INCLUDED_ */
