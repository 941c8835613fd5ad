/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_check.h: the exactness check of a restore, a debug option.
 */

#ifndef _HL_CHECK_H_INCLUDED_
#define _HL_CHECK_H_INCLUDED_


#include "hl_sandbox.h"


/*
 * HL_ERR_INEXACT, and the first difference in words, if the sandbox is not
 * what "snapshot" says, to which it was restored last, or from which it comes.
 */
hl_status_t hl_check_restored(hl_sandbox_t *sb, const hl_snapshot_t *snapshot,
    hl_error_t *err);

/* Bytes of the writable slot that differ; the first of them in *offset. */
size_t hl_check_differences(const hl_sandbox_t *sb,
    const hl_snapshot_t *snapshot, size_t *offset);


#endif /* _HL_CHECK_H_INCLUDED_ */
