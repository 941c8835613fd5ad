/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * init_spin.c: a guest whose initialisation has no end.
 */

#include <hyperlight_guest.h>


void
hyperlight_main(void)
{
    for ( ;; ) {
        __asm__ volatile ("pause");
    }
}
