/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * answer.c: a guest that answers as its request's body tells it to.  The body
 * is a list of strings, each with its NUL:
 *
 *     "status", number
 *     "header", name, value
 *     "body", text
 *     "fill", number of bytes of body
 *     "error", message: hl_set_error()
 *     "log", level, message
 *     "print", text
 *     "print now", text: to stderr
 *     "sleep", milliseconds
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyperlight_http.h>


/* The string at *next, which is stepped over; "" at the end. */

static const char *
take(const char **next, const char *end)
{
    const char  *s;

    if (*next >= end) {
        return "";
    }

    s = *next;
    *next += strlen(s) + 1;

    return s;
}


static size_t
number(const char **next, const char *end)
{
    return strtoul(take(next, end), NULL, 10);
}


static void
fill(hl_http_response_t *resp, size_t n)
{
    static char  block[1024];

    memset(block, 'x', sizeof(block));

    for ( /* void */ ; n > sizeof(block); n -= sizeof(block)) {
        (void) hl_http_write(resp, block, sizeof(block));
    }

    (void) hl_http_write(resp, block, n);
}


/* Does one thing, and steps over its arguments. */

static void
obey(const char *what, const char **next, const char *end,
    hl_http_response_t *resp)
{
    const char  *name;
    hl_Level     level;

    if (strcmp(what, "status") == 0) {
        (void) hl_http_set_status(resp, (unsigned) number(next, end));

    } else if (strcmp(what, "header") == 0) {
        name = take(next, end);
        (void) hl_http_add_header(resp, name, take(next, end));

    } else if (strcmp(what, "body") == 0) {
        (void) hl_http_printf(resp, "%s", take(next, end));

    } else if (strcmp(what, "fill") == 0) {
        fill(resp, number(next, end));

    } else if (strcmp(what, "error") == 0) {
        hl_set_error(hl_ErrorCode_GuestError, take(next, end));

    } else if (strcmp(what, "log") == 0) {
        level = number(next, end);
        LOG(level, take(next, end));

    } else if (strcmp(what, "print") == 0) {
        printf("%s", take(next, end));

    } else if (strcmp(what, "print now") == 0) {
        (void) fprintf(stderr, "%s", take(next, end));

    } else if (strcmp(what, "sleep") == 0) {
        (void) hl_sleep((uint32_t) number(next, end));
    }
}


static void
answer(const hl_http_request_t *req, hl_http_response_t *resp)
{
    const char      *next, *end;
    hl_http_view_t   body;

    body = hl_http_body(req);
    next = body.data;
    end = body.data + body.len;

    while (next < end) {
        obey(take(&next, end), &next, end, resp);
    }
}


void
hyperlight_main(void)
{
    hl_http_register("answer", answer);
}
