/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * act.c: a guest for t/matrix*.t: its arguments are what it does, one after
 * the other, as "say=a,flush,sleep=20,say=b".
 *
 *     say=TEXT, fill=N    puts out a text, or N bytes of lines
 *     count               puts out how often it did so: 1, being as new
 *     flush               sends it
 *     status=N, deny      a status; 401 and what the client is to show
 *     gzip                says that the body is compressed
 *     sleep=MS, work=N    waits; computes, N million turns
 *     touch=N             puts out how many MiB of N it got, and wrote to
 *     get                 puts out how many bytes the body has, and its hash
 *     echo                puts out the body, as it reads it
 *     print               logs the same as "get" puts out
 *     crash, spin         fails
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyperlight_http.h"


#define PIECE    16384
#define MILLION  1000000
#define MIB      1048576


static unsigned  count;


static void
fill(hl_http_response_t *resp, size_t left)
{
    char    line[17];
    size_t  i, len;

    for (i = 0; left > 0; i++, left -= len) {
        (void) snprintf(line, sizeof(line), "%015zu\n", i);
        len = left < 16 ? left : 16;
        hl_http_write(resp, line, len);
    }
}


/* "" if it cannot be read. */

static const char *
sum(const hl_http_request_t *req)
{
    static char  text[32];

    char      buf[PIECE];
    size_t    total;
    ssize_t   i, n;
    uint32_t  h;

    h = 5381;
    total = 0;

    while ((n = hl_http_read_body(req, buf, sizeof(buf))) > 0) {
        for (i = 0; i < n; i++) {
            h = h * 33 + (uint8_t) buf[i];
        }

        total += (size_t) n;
    }

    (void) snprintf(text, sizeof(text), "%zu %" PRIx32, total, h);

    return n == 0 ? text : "";
}


static void
echo(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char     buf[PIECE];
    ssize_t  n;

    while ((n = hl_http_read_body(req, buf, sizeof(buf))) > 0) {
        hl_http_write(resp, buf, (size_t) n);
        hl_http_flush(resp);
    }
}


static void
work(unsigned long n)
{
    volatile unsigned long  turns;

    for (turns = 0; turns < n * MILLION; turns++) { /* void */ }
}


static unsigned long
touch(unsigned long n)
{
    char           *p;
    unsigned long   i;

    for (i = 0; i < n; i++) {
        p = malloc(MIB);

        if (p == NULL) {
            break;
        }

        memset(p, 1, MIB);
        __asm__ volatile ("" : : "r" (p) : "memory");
    }

    return i;
}


static void
step(const char *what, const hl_http_request_t *req, hl_http_response_t *resp)
{
    const char     *value;
    unsigned long   n;

    value = strchr(what, '=');
    value = value != NULL ? value + 1 : "";
    n = strtoul(value, NULL, 10);

    if (strncmp(what, "say=", 4) == 0) {
        hl_http_printf(resp, "%s", value);

    } else if (strncmp(what, "fill=", 5) == 0) {
        fill(resp, n);

    } else if (strcmp(what, "count") == 0) {
        hl_http_printf(resp, "%u", ++count);

    } else if (strcmp(what, "flush") == 0) {
        hl_http_flush(resp);

    } else if (strncmp(what, "status=", 7) == 0) {
        hl_http_set_status(resp, (unsigned) n);

    } else if (strcmp(what, "deny") == 0) {
        hl_http_set_status(resp, 401);
        hl_http_add_header(resp, "WWW-Authenticate", "Basic realm=\"act\"");

    } else if (strcmp(what, "gzip") == 0) {
        hl_http_add_header(resp, "Content-Encoding", "gzip");

    } else if (strncmp(what, "sleep=", 6) == 0) {
        (void) hl_sleep((uint32_t) n);

    } else if (strncmp(what, "work=", 5) == 0) {
        work(n);

    } else if (strncmp(what, "touch=", 6) == 0) {
        hl_http_printf(resp, "%lu", touch(n));

    } else if (strcmp(what, "get") == 0) {
        hl_http_printf(resp, "%s", sum(req));

    } else if (strcmp(what, "print") == 0) {
        printf("body: %s\n", sum(req));

    } else if (strcmp(what, "echo") == 0) {
        echo(req, resp);

    } else if (strcmp(what, "crash") == 0) {
        __builtin_trap();

    } else if (strcmp(what, "spin") == 0) {
        for ( ;; ) {
            __asm__ volatile ("pause");
        }
    }
}


static void
act(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char         what[256];
    size_t       len;
    const char  *p;

    for (p = hl_http_args(req).data; *p != '\0'; p += len + (p[len] == ',')) {
        len = strcspn(p, ",");

        if (len < sizeof(what)) {
            memcpy(what, p, len);
            what[len] = '\0';
            step(what, req, resp);
        }
    }
}


void
hyperlight_main(void)
{
    hl_http_register("act", act);
}
