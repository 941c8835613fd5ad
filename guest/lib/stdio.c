/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * stdio.c: the end of a call for picolibc's stdio.
 *
 * stdout is weak here, so that a guest that prints nothing is linked without
 * it; stderr has no buffer.
 */

#include <stdio.h>

#include "hl_guest.h"


#pragma weak stdout


void
hl_stdio_flush(void)
{
    if (&stdout != NULL) {
        (void) fflush(stdout);
    }
}
