/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * error.c: the error that a call ends with, kept until it does.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hl_guest.h"


void
hl_set_error(hl_ErrorCode err, const char *message)
{
    char  *copy;

    copy = hl_strdup(message != NULL ? message : "");

    free(hl_guest.error);

    hl_guest.error = copy;
    hl_guest.error_code = err;
}


void
hl_set_error_fmt(hl_ErrorCode err, const char *fmt, ...)
{
    char     *message;
    va_list   args;

    va_start(args, fmt);

    if (vasprintf(&message, fmt, args) < 0) {
        message = NULL;
    }

    va_end(args);

    hl_set_error(err, message);
    free(message);
}
