/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * user_data.c: hl_user_data().
 */

#include "hl_guest.h"


hl_Vec
hl_user_data(void)
{
    hl_Vec  vec;

    vec.data = hl_ptr(uint8_t, hl_guest.params->user_data);
    vec.len = hl_guest.params->user_data_size;

    return vec;
}
