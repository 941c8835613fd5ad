/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * inject.h: what inject.c makes fail, and what it has seen.  Tests in C link
 * it and write to *inject; others preload it, and write the same to the file
 * that HL_FAULTS names: uint32_t in this order (t/lib/HL/Faults.pm).
 */

#ifndef _INJECT_H_INCLUDED_
#define _INJECT_H_INCLUDED_


#include <stdint.h>


typedef enum {
    INJECT_NOTHING,
    INJECT_ERROR,               /* the ioctl is not done, and fails */
    INJECT_RESULT,              /* the ioctl is not done, and says "value" */
    INJECT_ERROR_LATE,          /* of KVM_RUN: done, and fails */
    INJECT_EXIT,                /* of KVM_RUN: done, with another exit */
    INJECT_EXIT_EARLY,          /* of KVM_RUN: not done, with another exit */
    INJECT_OPEN                 /* open() of /dev/kvm fails */
} inject_kind_t;

#define INJECT_ALWAYS  UINT32_MAX       /* for "times" */


typedef struct {
    uint32_t  kind;             /* written last: from now on it counts */
    uint32_t  value;            /* errno, result, or exit reason */
    uint32_t  request;          /* an ioctl of KVM's; 0: all of them */
    uint32_t  after;            /* so many go well before */
    uint32_t  times;            /* so many fail then */
    uint32_t  lacks;            /* an ioctl that always fails, as where KVM
                                   does not have it; 0: none */
    uint32_t  fill;             /* byte that an exit's fields are made of */
    uint32_t  direction;        /* of an exit by KVM_EXIT_IO */
    uint32_t  size;
    uint32_t  port;
    uint32_t  count;

    /* set to 0 before "kind" */
    uint32_t  seen;             /* calls of those that are meant */
    uint32_t  done;             /* those that were made to fail */
    uint32_t  last;             /* the ioctl that failed last */
    uint32_t  pending;          /* it only completes what is pending */
} inject_t;


extern volatile inject_t  *inject;


#endif /* _INJECT_H_INCLUDED_ */
