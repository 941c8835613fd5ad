/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * sweep.h: one life of a sandbox after the other, in each of which another
 * ioctl fails, or fails in another way.  Asserts of each of them that
 *
 *   - the error names the ioctl and its errno,
 *   - the step that had it succeeds when it is taken again, with the right
 *     answer, and so do all that follow,
 *   - a sandbox that was restored, by a new VM perhaps, is as the snapshot,
 *   - descriptors, mappings and memory are as many as before.
 */

#ifndef _SWEEP_H_INCLUDED_
#define _SWEEP_H_INCLUDED_


#include "inject.h"
#include "life.h"


#define count_of(a)  (sizeof(a) / sizeof((a)[0]))

/* All that the KVM API documents of core's ioctls, and of ioctl() itself. */
#define SWEEP_ERRNOS  24

extern const int  sweep_errnos[SWEEP_ERRNOS];

/* Ways to fail that are taken of each ioctl, in turn. */
extern size_t     sweep_few;

extern uint64_t   sweep_lives;
extern uint64_t   sweep_faults;


typedef struct {
    size_t  descriptors;
    size_t  mappings;
    size_t  blocks;
} sweep_left_t;


/* A life without a fault: what libc takes and keeps is taken then, and it is
 * known how often VMs are made anew. */
void sweep_learn(void);

/* Each ioctl, or KVM_RUN, fails in a few of these ways. */
void sweep(const inject_t *ways, size_t n);
void sweep_by_errno(inject_kind_t kind, uint32_t times, uint32_t lacks);

/* Of lives that a test lives itself. */
void sweep_arm(const inject_t *fault, uint32_t after);
void sweep_disarm(void);
sweep_left_t sweep_left(void);
void sweep_assert_left(sweep_left_t before);

/* Of each test: prints how much it was. */
int sweep_begin(void **state);
int sweep_end(void **state);


#endif /* _SWEEP_H_INCLUDED_ */
