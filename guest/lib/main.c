/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * main.c: hyperlight_main() of a guest that has none.
 */

#include "hl_guest.h"


__attribute__((weak)) void
hyperlight_main(void)
{
}
