/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * gate.c: a guest for t/access.t and t/set.t that does what the request's
 * header X-Gate says, one after the other, as "sleep=20;status=403;say=no":
 *
 *     status=N, say=TEXT, add=NAME:VALUE      the response
 *     pass=NAME      adds the header X-NAME, with the value of the request's
 *     seen           adds X-Seen: method, URI, arguments, length of the body
 *     sleep=MS, work=N, crash, spin
 *     ask=URI        adds X-Asked: what a sub-request has brought
 *     try-flush, try-body, try-sleep, try-ask
 *                    puts out what the call gave, and why
 *
 * "typed" is a function that has no place in the access phase.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyperlight_http.h"


#define MILLION  1000000


static void
add(hl_http_response_t *resp, char *header)
{
    char  *value;

    value = strchr(header, ':');

    if (value != NULL) {
        *value++ = '\0';
        hl_http_add_header(resp, header, value);
    }
}


static void
pass(const hl_http_request_t *req, hl_http_response_t *resp, const char *name)
{
    char            header[64];
    hl_http_view_t  value;

    value = hl_http_header(req, name);

    (void) snprintf(header, sizeof(header), "X-%s", name);
    hl_http_add_header(resp, header, value.data != NULL ? value.data : "-");
}


static void
seen(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char  text[256];

    (void) snprintf(text, sizeof(text), "%s %s %s %s %zu",
                    hl_http_method(req).data, hl_http_uri(req).data,
                    hl_http_args(req).data, hl_http_remote_addr(req).data,
                    hl_http_body(req).len);
    hl_http_add_header(resp, "X-Seen", text);
}


static void
ask(hl_http_response_t *resp, const char *uri)
{
    char                   buf[128];
    char                   text[160];
    ssize_t                n;
    hl_http_subrequest_t  *sub;

    sub = hl_http_subrequest("GET", uri, NULL, NULL, 0);

    if (sub == NULL) {
        hl_http_add_header(resp, "X-Asked", hl_host_error());
        return;
    }

    n = hl_http_subrequest_read(sub, buf, sizeof(buf));

    (void) snprintf(text, sizeof(text), "%u %.*s",
                    hl_http_subrequest_status(sub), (int) (n > 0 ? n : 0),
                    buf);
    hl_http_subrequest_close(sub);

    hl_http_add_header(resp, "X-Asked", text);
}


/* What the host refuses is an error that the guest sees. */

static void
try(const char *what, const hl_http_request_t *req, hl_http_response_t *resp)
{
    char     buf[16];
    ssize_t  rc;

    if (strcmp(what, "flush") == 0) {
        rc = hl_http_flush(resp);

    } else if (strcmp(what, "body") == 0) {
        rc = hl_http_read_body(req, buf, sizeof(buf));

    } else if (strcmp(what, "sleep") == 0) {
        rc = hl_sleep(1);

    } else {
        rc = hl_http_subrequest("GET", "/", NULL, NULL, 0) != NULL ? 0 : -1;
    }

    hl_http_printf(resp, "%zd %s", rc, rc == -1 ? hl_host_error() : "");
}


static void
work(unsigned long n)
{
    volatile unsigned long  turns;

    for (turns = 0; turns < n * MILLION; turns++) { /* void */ }
}


static void
step(char *what, const hl_http_request_t *req, hl_http_response_t *resp)
{
    char  *value;

    value = strchr(what, '=');
    value = value != NULL ? value + 1 : what + strlen(what);

    if (strncmp(what, "status=", 7) == 0) {
        hl_http_set_status(resp, (unsigned) strtoul(value, NULL, 10));

    } else if (strncmp(what, "say=", 4) == 0) {
        hl_http_printf(resp, "%s", value);

    } else if (strncmp(what, "add=", 4) == 0) {
        add(resp, value);

    } else if (strncmp(what, "pass=", 5) == 0) {
        pass(req, resp, value);

    } else if (strcmp(what, "seen") == 0) {
        seen(req, resp);

    } else if (strncmp(what, "sleep=", 6) == 0) {
        (void) hl_sleep((uint32_t) strtoul(value, NULL, 10));

    } else if (strncmp(what, "work=", 5) == 0) {
        work(strtoul(value, NULL, 10));

    } else if (strncmp(what, "ask=", 4) == 0) {
        ask(resp, value);

    } else if (strncmp(what, "try-", 4) == 0) {
        try(what + 4, req, resp);

    } else if (strcmp(what, "crash") == 0) {
        __builtin_trap();

    } else if (strcmp(what, "spin") == 0) {
        for ( ;; ) {
            __asm__ volatile ("pause");
        }
    }
}


static void
gate(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char            what[256];
    size_t          len;
    const char     *p;
    hl_http_view_t  steps;

    steps = hl_http_header(req, "X-Gate");

    for (p = steps.data != NULL ? steps.data : ""; *p != '\0';
         p += len + (p[len] == ';'))
    {
        len = strcspn(p, ";");

        if (len < sizeof(what)) {
            memcpy(what, p, len);
            what[len] = '\0';
            step(what, req, resp);
        }
    }
}


static const char *
typed(void)
{
    return "typed";
}


HYPERLIGHT_WRAP_FUNCTION(typed, String, 0)


void
hyperlight_main(void)
{
    hl_http_register("gate", gate);
    HYPERLIGHT_REGISTER_FUNCTION("typed", typed);
}
