/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * life.h: one whole life of a sandbox, in steps that can fail and be taken
 * again.  A step that succeeds has asserted that its answers are right; one
 * that fails leaves the error in test_err.  KVM alone may fail in them: where
 * something else runs out it is t/core/whole_life.h.
 */

#ifndef _LIFE_H_INCLUDED_
#define _LIFE_H_INCLUDED_


#include "test.h"


#define LIFE_STEPS  16

/* Of the snapshots: what GetState() says. */
#define STATE_FIRST   0
#define STATE_SECOND  5


/* What there is of it. */
typedef struct {
    int              kvm;               /* -1: not open */
    hl_host_t       *host;
    hl_sandbox_t    *first;             /* which was frozen */
    hl_snapshot_t   *snapshot;
    hl_snapshot_t   *second;
    hl_sandbox_t    *sb;                /* from the snapshot */
    hl_interrupt_t  *interrupt;
} life_t;

typedef struct {
    const char   *name;
    hl_status_t  (*run)(void);
} life_step_t;


extern life_t             life;
extern const life_step_t  life_steps[LIFE_STEPS];

extern hl_guest_t        *life_guest;
extern bool               life_checks;  /* with check_restore */
extern uint64_t           life_patience;        /* ns, for a call */


/* The host functions that the guest needs. */
void life_configure(hl_config_t *config);

/* If it succeeds all memory is the snapshot's, else it is the end. */
hl_status_t life_restore(hl_sandbox_t *sb, hl_snapshot_t *snapshot);

void life_end(void);

/* blocks.c: of memory that is allocated. */
size_t life_blocks(void);


#endif /* _LIFE_H_INCLUDED_ */
