/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ask.c: a guest for t/ask.t: sub-requests.  What it asks, and how, is in the
 * headers X-Ask, X-Method and X-Type of its own request, and in the body; or,
 * of one that another one asks, in the arguments.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyperlight_http.h"


#define PIECE  4096


/* Of a header: what no header can have, it has as "~" and two digits. */

static const char *
text(const hl_http_request_t *req, const char *name)
{
    char        *copy, *p, digits[3] = "";
    const char  *value;

    value = hl_http_header(req, name).data;

    if (value == NULL) {
        return NULL;
    }

    copy = p = malloc(strlen(value) + 1);

    while (*value != '\0') {
        if (*value == '~') {
            memcpy(digits, value + 1, 2);
            *p++ = (char) strtoul(digits, NULL, 16);
            value += 3;

        } else {
            *p++ = *value++;
        }
    }

    *p = '\0';

    return copy;
}


static hl_http_subrequest_t *
ask(const hl_http_request_t *req)
{
    const char      *method, *args;
    hl_http_view_t   body;

    method = text(req, "X-Method");
    args = hl_http_args(req).data;
    body = hl_http_body(req);

    return hl_http_subrequest(method != NULL ? method : "GET",
                              *args == '/' ? args : text(req, "X-Ask"),
                              text(req, "X-Type"), body.data, body.len);
}


/* Status, headers, and the body whole, or why there is none. */

static void
whole(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char                   buf[PIECE];
    ssize_t                n;
    hl_http_header_t       h = { 0 };
    hl_http_subrequest_t  *sub;

    sub = ask(req);

    if (sub == NULL) {
        hl_http_printf(resp, "errno %s: %s",
                       errno == EIO ? "EIO"
                       : errno == EMSGSIZE ? "EMSGSIZE" : "?",
                       hl_host_error());
        return;
    }

    hl_http_printf(resp, "%u\n", hl_http_subrequest_status(sub));

    while (hl_http_subrequest_next_header(sub, &h)) {
        hl_http_printf(resp, "%s: %s\n", h.name.data, h.value.data);
    }

    hl_http_printf(resp, "\n");

    while ((n = hl_http_subrequest_read(sub, buf, sizeof(buf))) > 0) {
        hl_http_write(resp, buf, (size_t) n);
    }

    if (n < 0) {
        hl_http_printf(resp, "errno %d: %s", errno, hl_host_error());
    }

    hl_http_subrequest_close(sub);
}


/* Passes the body on as it comes. */

static void
through(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char                   buf[PIECE];
    ssize_t                n;
    hl_http_subrequest_t  *sub;

    sub = ask(req);

    if (sub == NULL) {
        hl_http_set_status(resp, 502);
        return;
    }

    hl_http_set_status(resp, hl_http_subrequest_status(sub));

    while ((n = hl_http_subrequest_read(sub, buf, sizeof(buf))) > 0) {
        hl_http_write(resp, buf, (size_t) n);
        hl_http_flush(resp);
    }

    hl_http_subrequest_close(sub);
}


/* Reads one piece of it, and does something else then. */

static void
part(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char                   buf[16];
    ssize_t                n;
    const char            *args;
    hl_http_subrequest_t  *sub, *second;

    args = hl_http_args(req).data;
    sub = ask(req);

    n = sub != NULL ? hl_http_subrequest_read(sub, buf, sizeof(buf)) : -1;
    hl_http_printf(resp, "%zd", n);

    if (strcmp(args, "close") == 0) {
        hl_http_subrequest_close(sub);
    }

    if (strcmp(args, "again") == 0) {
        second = ask(req);
        hl_http_printf(resp, " %zd",
                       hl_http_subrequest_read(second, buf, sizeof(buf)));
        n = hl_http_subrequest_read(sub, buf, sizeof(buf));
        hl_http_printf(resp, " %zd%s", n, errno == EBADF ? " EBADF" : "");
    }

    if (strcmp(args, "crash") == 0) {
        __builtin_trap();
    }

    if (strcmp(args, "sleep") == 0) {
        hl_sleep(10000);
    }
}


/* Reads one byte, sleeps, and then the rest: how many bytes in all. */

static void
nap(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char                   buf[PIECE];
    size_t                 total;
    ssize_t                n;
    hl_http_subrequest_t  *sub;

    sub = ask(req);
    total = (size_t) hl_http_subrequest_read(sub, buf, 1);

    hl_sleep(400);

    while ((n = hl_http_subrequest_read(sub, buf, sizeof(buf))) > 0) {
        total += (size_t) n;
    }

    hl_http_printf(resp, n == 0 ? "%zu" : "%zu and an error", total);
}


/* As many as the arguments say, one after the other: how many worked. */

static void
many(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char                   buf[64];
    unsigned long          i, n, good;
    hl_http_subrequest_t  *sub;

    n = strtoul(hl_http_args(req).data, NULL, 10);
    good = 0;

    for (i = 0; i < n; i++) {
        sub = ask(req);

        if (sub == NULL) {
            break;
        }

        good += hl_http_subrequest_read(sub, buf, sizeof(buf)) > 0
                && hl_http_subrequest_read(sub, buf, sizeof(buf)) == 0;

        hl_http_subrequest_close(sub);
    }

    hl_http_printf(resp, "%lu %s", good, hl_host_error());
}


/* Asks itself, one deeper, as often as the arguments say. */

static void
nest(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char                   uri[32], buf[256];
    ssize_t                n;
    unsigned long          depth;
    hl_http_subrequest_t  *sub;

    depth = strtoul(hl_http_args(req).data, NULL, 10);

    if (depth == 0) {
        hl_http_printf(resp, "bottom");
        return;
    }

    (void) snprintf(uri, sizeof(uri), "/nest?%lu", depth - 1);

    sub = hl_http_subrequest("GET", uri, NULL, NULL, 0);

    if (sub == NULL) {
        hl_http_printf(resp, "%s", hl_host_error());
        return;
    }

    hl_http_set_status(resp, hl_http_subrequest_status(sub));

    while ((n = hl_http_subrequest_read(sub, buf, sizeof(buf))) > 0) {
        hl_http_write(resp, buf, (size_t) n);
    }
}


void
hyperlight_main(void)
{
    hl_http_register("whole", whole);
    hl_http_register("through", through);
    hl_http_register("part", part);
    hl_http_register("nap", nap);
    hl_http_register("many", many);
    hl_http_register("nest", nest);
}
