/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_printf.c: formatted text for the body of a response.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hl_http.h"


#define HL_HTTP_LINE  256               /* longer text is built on the heap */


int
hl_http_printf(hl_http_response_t *resp, const char *fmt, ...)
{
    int      rc;
    va_list  args;

    va_start(args, fmt);
    rc = hl_http_vprintf(resp, fmt, args);
    va_end(args);

    return rc;
}


int
hl_http_vprintf(hl_http_response_t *resp, const char *fmt, va_list args)
{
    int       n, rc;
    char     *text;
    char      line[HL_HTTP_LINE];
    va_list   again;

    va_copy(again, args);

    n = vsnprintf(line, sizeof(line), fmt, args);

    if (n < 0) {
        resp->failed = true;
        rc = -1;

    } else if ((size_t) n < sizeof(line)) {
        rc = hl_http_write(resp, line, (size_t) n);

    } else {
        text = hl_alloc((size_t) n + 1);

        (void) vsnprintf(text, (size_t) n + 1, fmt, again);
        rc = hl_http_write(resp, text, (size_t) n);

        free(text);
    }

    va_end(again);

    return rc;
}
