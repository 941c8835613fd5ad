/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_snapshot.c: a snapshot as a counted object.
 */

#include <stdlib.h>
#include <unistd.h>

#include "hl_memory.h"
#include "hl_sandbox.h"


hl_snapshot_t *
hl_snapshot_hold(hl_snapshot_t *snapshot)
{
    snapshot->refs++;

    return snapshot;
}


void
hl_snapshot_release(hl_snapshot_t *snapshot)
{
    if (snapshot == NULL || --snapshot->refs > 0) {
        return;
    }

    hl_unmap((uint8_t *) (uintptr_t) snapshot->pages,
             snapshot->image->layout.rw_size);

    if (snapshot->fd != -1) {
        (void) close(snapshot->fd);
    }

    hl_functions_release(snapshot->functions);
    hl_image_release(snapshot->image);

    free(snapshot->present);
    free(snapshot->state);
    free(snapshot);
}
