/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * alter.c: a guest for t/filter*.t: filters of responses.  The request's
 * header X-Do is what "alter" does, one after the other, as "pass,flush":
 *
 *     all, pass           puts out the original's body; flushes each piece
 *     sum                 puts out how many bytes it had, and their sum
 *     read                reads a piece, and puts it out
 *     original            puts out the original's status and headers
 *     say=TEXT, fill=N    puts out a text, N bytes
 *     flush               sends it
 *     status=N            another status
 *     add=NAME:VALUE, set=NAME:VALUE, remove=NAME
 *     sleep=MS, sub=URI   waits; puts out the answer
 *     tell                puts the host's last error into a header
 *     error, crash, spin  fails
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hyperlight_http.h"


#define PIECE  16384


static void
copy(const hl_http_request_t *req, hl_http_response_t *resp, bool flush)
{
    char     buf[PIECE];
    ssize_t  n;

    while ((n = hl_http_read_body(req, buf, sizeof(buf))) > 0) {
        hl_http_write(resp, buf, (size_t) n);

        if (flush) {
            hl_http_flush(resp);
        }
    }
}


static void
sum(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char      buf[PIECE];
    size_t    total;
    ssize_t   i, n;
    uint32_t  bytes;

    total = 0;
    bytes = 0;

    while ((n = hl_http_read_body(req, buf, sizeof(buf))) > 0) {
        for (i = 0; i < n; i++) {
            bytes += (uint8_t) buf[i];
        }

        total += (size_t) n;
    }

    hl_http_printf(resp, "%zu %u", total, (unsigned) bytes);
}


static void
put_original(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_header_t  h = { 0 };

    hl_http_printf(resp, "status %u\n", hl_http_original_status(req));

    while (hl_http_original_next_header(req, &h)) {
        hl_http_printf(resp, "%s: %s\n", h.name.data, h.value.data);
    }
}


static void
ask(const char *uri, hl_http_response_t *resp)
{
    char                   buf[1024];
    ssize_t                n;
    hl_http_subrequest_t  *sub;

    sub = hl_http_subrequest("GET", uri, NULL, NULL, 0);

    while (sub != NULL
           && (n = hl_http_subrequest_read(sub, buf, sizeof(buf))) > 0)
    {
        hl_http_write(resp, buf, (size_t) n);
    }

    hl_http_subrequest_close(sub);
}


/* NAME:VALUE */

static void
put_header(char *name, hl_http_response_t *resp,
    int (*put)(hl_http_response_t *resp, const char *name, const char *value))
{
    char  *value;

    value = strchr(name, ':');

    if (value != NULL) {
        *value++ = '\0';
        put(resp, name, value);
    }
}


static void
fill(hl_http_response_t *resp, size_t left)
{
    char    line[1024];
    size_t  n;

    memset(line, 'x', sizeof(line));

    for ( /* void */ ; left > 0; left -= n) {
        n = left < sizeof(line) ? left : sizeof(line);
        hl_http_write(resp, line, n);
    }
}


static bool
put(const char *what, char *value, const hl_http_request_t *req,
    hl_http_response_t *resp)
{
    char     buf[PIECE];
    ssize_t  n;

    if (strcmp(what, "all") == 0 || strcmp(what, "pass") == 0) {
        copy(req, resp, what[0] == 'p');

    } else if (strcmp(what, "sum") == 0) {
        sum(req, resp);

    } else if (strcmp(what, "read") == 0) {
        n = hl_http_read_body(req, buf, sizeof(buf));
        hl_http_write(resp, buf, n > 0 ? (size_t) n : 0);

    } else if (strcmp(what, "original") == 0) {
        put_original(req, resp);

    } else if (strcmp(what, "say") == 0) {
        hl_http_printf(resp, "%s", value);

    } else if (strcmp(what, "fill") == 0) {
        fill(resp, strtoul(value, NULL, 10));

    } else if (strcmp(what, "flush") == 0) {
        hl_http_flush(resp);

    } else if (strcmp(what, "sub") == 0) {
        ask(value, resp);

    } else {
        return false;
    }

    return true;
}


static void
step(const char *what, char *value, const hl_http_request_t *req,
    hl_http_response_t *resp)
{
    if (put(what, value, req, resp)) {
        return;
    }

    if (strcmp(what, "status") == 0) {
        hl_http_set_status(resp, (unsigned) strtoul(value, NULL, 10));

    } else if (strcmp(what, "add") == 0) {
        put_header(value, resp, hl_http_add_header);

    } else if (strcmp(what, "set") == 0) {
        put_header(value, resp, hl_http_set_header);

    } else if (strcmp(what, "remove") == 0) {
        hl_http_remove_header(resp, value);

    } else if (strcmp(what, "sleep") == 0) {
        hl_sleep((uint32_t) strtoul(value, NULL, 10));

    } else if (strcmp(what, "tell") == 0) {
        hl_http_add_header(resp, "X-Error", hl_host_error());

    } else if (strcmp(what, "error") == 0) {
        hl_set_error(hl_ErrorCode_GuestError, "an error");

    } else if (strcmp(what, "crash") == 0) {
        __builtin_trap();

    } else if (strcmp(what, "spin") == 0) {
        for ( ;; ) {
            __asm__ volatile ("pause");
        }
    }
}


static void
alter(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char            list[512], *p, *end, *value;
    hl_http_view_t  what;

    what = hl_http_header(req, "X-Do");

    if (what.data == NULL || what.len >= sizeof(list)) {
        hl_http_add_header(resp, "X-Filter", "idle");
        return;
    }

    memcpy(list, what.data, what.len + 1);

    for (p = list; p != NULL; p = end) {
        end = strchr(p, ',');

        if (end != NULL) {
            *end++ = '\0';
        }

        value = strchr(p, '=');

        if (value != NULL) {
            *value++ = '\0';
        }

        step(p, value != NULL ? value : p + strlen(p), req, resp);
    }
}


/* The body in capitals, whole; or the beginning and the end around it. */

static void
upper(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char     buf[PIECE];
    ssize_t  i, n;

    hl_http_set_header(resp, "X-Filter", "upper");

    while ((n = hl_http_read_body(req, buf, sizeof(buf))) > 0) {
        for (i = 0; i < n; i++) {
            buf[i] = (char) toupper((unsigned char) buf[i]);
        }

        hl_http_write(resp, buf, (size_t) n);
    }
}


static void
around(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_set_header(resp, "X-Filter", "around");
    hl_http_printf(resp, "<");
    copy(req, resp, false);
    hl_http_printf(resp, ">");
}


/* The body as it comes, each piece flushed. */

static void
pass(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_set_header(resp, "X-Filter", "pass");
    copy(req, resp, true);
}


/* Marks a response. */

static void
mark(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_set_header(resp, "X-Mark", "mark");
}


static void
crash(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_printf(resp, "never");
    __builtin_trap();
}


void
hyperlight_main(void)
{
    hl_http_register("alter", alter);
    hl_http_register("upper", upper);
    hl_http_register("around", around);
    hl_http_register("pass", pass);
    hl_http_register("mark", mark);
    hl_http_register("crash", crash);
}
