/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_counter.c: the guest counter.  The guest's memory is written, and never
 * read back.
 */

#include "hl_error.h"
#include "hl_sandbox.h"


static void hl_counter_set(hl_counter_t *counter, uint64_t value);


hl_status_t
hl_counter_create(hl_counter_t **counter, hl_sandbox_t *sb, hl_error_t *err)
{
    if (sb->counter.sandbox != NULL) {
        return hl_error_set(err, HL_ERR_ARGUMENT, "GuestCounter has already "
                            "been created for this sandbox");
    }

    sb->counter.sandbox = sb;
    *counter = &sb->counter;

    return HL_OK;
}


hl_status_t
hl_counter_increment(hl_counter_t *counter, hl_error_t *err)
{
    if (counter->value == UINT64_MAX) {
        return hl_error_set(err, HL_ERR_ARGUMENT, "GuestCounter overflow");
    }

    hl_counter_set(counter, counter->value + 1);

    return HL_OK;
}


hl_status_t
hl_counter_decrement(hl_counter_t *counter, hl_error_t *err)
{
    if (counter->value == 0) {
        return hl_error_set(err, HL_ERR_ARGUMENT, "GuestCounter underflow");
    }

    hl_counter_set(counter, counter->value - 1);

    return HL_OK;
}


uint64_t
hl_counter_value(const hl_counter_t *counter)
{
    return counter->value;
}


static void
hl_counter_set(hl_counter_t *counter, uint64_t value)
{
    counter->value = value;

    if (counter->sandbox->rw != NULL) {
        hl_sandbox_params(counter->sandbox)->counter = value;
    }
}
