/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_sandbox.c: what a sandbox says of itself, and what its parameters page
 * says to the guest.
 */

#include "hl_error.h"
#include "hl_sandbox.h"


void
hl_sandbox_publish(hl_sandbox_t *sb)
{
    hl_abi_params_t  *params;

    hl_image_params(sb->image, sb->rw);

    params = hl_sandbox_params(sb);
    params->entry = sb->entry;
    params->log_level = sb->bindings.log_level;
    params->counter = sb->counter.value;
    params->time = sb->time;
}


hl_status_t
hl_sandbox_refuse(const hl_sandbox_t *sb, const char *why, hl_error_t *err)
{
    switch (sb->state) {

    case HL_SANDBOX_POISONED:
        return hl_error_set(err, HL_ERR_POISONED, "The sandbox was poisoned");

    case HL_SANDBOX_UNRECOVERABLE:
        return hl_error_set(err, HL_ERR_UNRECOVERABLE,
                            "The sandbox is unrecoverable");

    default:
        return hl_error_set(err, HL_ERR_ARGUMENT, "%s", why);
    }
}


void
hl_sandbox_set_data(hl_sandbox_t *sb, void *data)
{
    sb->data = data;
}


hl_sandbox_state_t
hl_sandbox_state(const hl_sandbox_t *sb)
{
    return sb->state;
}


void
hl_sandbox_set_log_level(hl_sandbox_t *sb, hl_log_level_t level)
{
    sb->bindings.log_level = level;
}


size_t
hl_sandbox_memory(const hl_sandbox_t *sb, size_t *shared)
{
    *shared = sb->image->layout.ro_size;

    return sb->image->layout.rw_size;
}


const hl_stats_t *
hl_sandbox_stats(const hl_sandbox_t *sb)
{
    return &sb->stats;
}


const hl_function_t *
hl_sandbox_functions(const hl_sandbox_t *sb, size_t *count)
{
    *count = sb->functions == NULL ? 0 : sb->functions->count;

    return sb->functions == NULL ? NULL : sb->functions->rows;
}


const hl_function_t *
hl_sandbox_function(const hl_sandbox_t *sb, const char *name)
{
    return sb->functions == NULL ? NULL
                                 : hl_functions_find(sb->functions, name);
}
