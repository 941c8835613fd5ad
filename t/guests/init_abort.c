/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * init_abort.c: a guest that does not survive its initialisation.
 */

#include <hyperlight_guest.h>


void
hyperlight_main(void)
{
    hl_abort_with_code_and_message(42, "I shall not be born");
}
