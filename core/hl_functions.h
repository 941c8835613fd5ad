/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_functions.h: the function table that a guest published.
 */

#ifndef _HL_FUNCTIONS_H_INCLUDED_
#define _HL_FUNCTIONS_H_INCLUDED_


#include "hl_cursor.h"
#include "hyperlight.h"


/* Filled during evolve, fixed and shared afterwards. */
typedef struct {
    unsigned        refs;
    size_t          count;
    hl_function_t   rows[HL_ABI_FUNCTIONS_MAX];
} hl_functions_t;


/* NULL: out of memory. */
hl_functions_t *hl_functions_create(void);
hl_functions_t *hl_functions_hold(hl_functions_t *functions);

/* NULL is ignored. */
void hl_functions_release(hl_functions_t *functions);

/* Adds the row of a HL_REC_FUNCTION, after checking all of it. */
hl_status_t hl_functions_add(hl_functions_t *functions, hl_cursor_t *record,
    hl_error_t *err);

const hl_function_t *hl_functions_find(const hl_functions_t *functions,
    const char *name);


#endif /* _HL_FUNCTIONS_H_INCLUDED_ */
