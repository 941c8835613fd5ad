/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * sleep.c: lets time go by outside of the guest.
 */

#include <errno.h>

#include "hl_guest.h"


#define HL_NS_PER_MS  1000000u


int
hl_sleep(uint32_t milliseconds)
{
    if (hl_service_number(HL_RAW_SLEEP, (uint64_t) milliseconds
                                        * HL_NS_PER_MS)
        == NULL)
    {
        errno = ENOSYS;
        return -1;
    }

    return 0;
}
