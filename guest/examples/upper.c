/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * upper.c: a typed function, bytes to bytes: nginx gives it the request's
 * body and answers with what it returns.
 *
 *     hyperlight_pass upper upper;
 */

#include <ctype.h>

#include <hyperlight_guest.h>


/* The parameter is this call's own copy and can be changed in place. */

static hl_Vec
upper(hl_Vec body)
{
    size_t  i;

    for (i = 0; i < body.len; i++) {
        body.data[i] = (uint8_t) toupper(body.data[i]);
    }

    return body;
}


/* Result type, number of parameters, their types. */
HYPERLIGHT_WRAP_FUNCTION(upper, VecBytes, 1, VecBytes)


void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("upper", upper);
}
