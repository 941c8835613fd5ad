/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_restore.h: a sandbox's memory goes back to a snapshot.
 */

#ifndef _HL_RESTORE_H_INCLUDED_
#define _HL_RESTORE_H_INCLUDED_


#include "hl_sandbox.h"


/*
 * Lays another snapshot of the same image under the sandbox: all of its
 * writable slot is the snapshot's then.  After an error it is undefined, or
 * there is none any more.
 */
hl_status_t hl_restore_rebase(hl_sandbox_t *sb, hl_snapshot_t *snapshot,
    hl_error_t *err);


#endif /* _HL_RESTORE_H_INCLUDED_ */
