/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_error.c: the error record, and how guest text gets into it.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hl_error.h"


hl_status_t
hl_error_set(hl_error_t *err, hl_status_t status, const char *fmt, ...)
{
    va_list  args;

    err->status = status;
    err->guest_code = 0;

    va_start(args, fmt);
    (void) vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);

    return status;
}


hl_status_t
hl_error_system(hl_error_t *err, int errnum, const char *what)
{
    return hl_error_set(err, HL_ERR_SYSTEM, "%s: %s", what, strerror(errnum));
}


hl_status_t
hl_error_ioctl(hl_error_t *err, int result, const char *name)
{
    if (result == -1) {
        return hl_error_set(err, HL_ERR_SYSTEM, "ioctl(%s): %s", name,
                            strerror(errno));
    }

    return hl_error_set(err, HL_ERR_SYSTEM, "ioctl(%s) says %d", name,
                        result);
}


char *
hl_error_escape(char *dst, size_t size, const void *text, size_t len)
{
    char                 *p, *last;
    const unsigned char  *s, *end;

    static const char  hex[] = "0123456789ABCDEF";

    p = dst;
    last = dst + size - 1;
    s = text;

    for (end = s + len; s < end; s++) {

        if (*s >= 0x20 && *s < 0x7f && *s != '\\') {
            if (last - p < 1) {
                break;
            }

            *p++ = (char) *s;

        } else {
            if (last - p < 4) {
                break;
            }

            *p++ = '\\';
            *p++ = 'x';
            *p++ = hex[*s >> 4];
            *p++ = hex[*s & 15];
        }
    }

    *p = '\0';

    return dst;
}


/* The spelling of Hyperlight's enum. */
const char *
hl_guest_code_name(uint32_t code, char *buf, size_t size)
{
    static const char *const  names[] = {
        "NoError", NULL, "UnsupportedParameterType",
        "GuestFunctionNameNotProvided", "GuestFunctionNotFound",
        "GuestFunctionIncorrecNoOfParameters",
        "GispatchFunctionPointerNotSet", "OutbError", "UnknownError", NULL,
        "GsCheckFailed", "TooManyGuestFunctions", "FailureInDlmalloc",
        "MallocFailed", "GuestFunctionParameterTypeMismatch", "GuestError",
        "ArrayLengthParamIsMissing", "HostFunctionError"
    };

    if (code < sizeof(names) / sizeof(names[0]) && names[code] != NULL) {
        return names[code];
    }

    (void) snprintf(buf, size, "%u", code);

    return buf;
}


const char *
hl_type_name(uint32_t type)
{
    static const char *const  names[] = {
        "Int", "UInt", "Long", "ULong", "Float", "Double", "String", "Bool",
        "Void", "VecBytes"
    };

    return type <= HL_TYPE_LAST ? names[type] : "?";
}
