/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_return_value.h: what is behind a hl_ReturnValue.
 */

#ifndef _HL_RETURN_VALUE_H_INCLUDED_
#define _HL_RETURN_VALUE_H_INCLUDED_


#include "hl_guest.h"


/* No address: that of a hl_Vec's data, in its place, would be below 2^47. */
#define HL_MARK  0x6b72616du

typedef struct {
    uint32_t  tag;
    uint32_t  mark;
    hl_Vec    value;                    /* the largest member of the union */
} hl_marked_t;

_Static_assert(sizeof(hl_marked_t) == sizeof(hl_ReturnValue)
               && offsetof(hl_marked_t, value)
                  == offsetof(hl_ReturnValue, value),
               "the mark is in the padding");


/* Marked, its value zero. */
hl_ReturnValue *hl_return_value(hl_ReturnType tag);

/* A malloc'ed copy with a NUL behind; uninitialised if "data" is NULL. */
void *hl_return_copy(const void *data, size_t len);


#endif /* _HL_RETURN_VALUE_H_INCLUDED_ */
