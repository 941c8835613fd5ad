/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * host_error.c: hl_host_error(): why the host did not do what it was asked.
 */

#include <stdlib.h>

#include "hl_guest.h"


const char *
hl_host_error(void)
{
    return hl_guest.host_error != NULL ? hl_guest.host_error : "";
}


void
hl_set_host_error(const char *text)
{
    free(hl_guest.host_error);
    hl_guest.host_error = text != NULL ? hl_strdup(text) : NULL;
}
