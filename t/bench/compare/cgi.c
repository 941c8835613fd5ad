/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * cgi.c: the jobs as a program that is started for each request (RFC 3875).
 * Which one is its script's name.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../jobs.h"


#define CGI_BODY_MAX  (2u << 20)


static size_t
cgi_body(char *body)
{
    size_t       want, have;
    ssize_t      n;
    const char  *length;

    length = getenv("CONTENT_LENGTH");
    want = length != NULL ? strtoul(length, NULL, 10) : 0;
    want = want < CGI_BODY_MAX ? want : CGI_BODY_MAX;

    for (have = 0; have < want; have += (size_t) n) {
        n = read(STDIN_FILENO, body + have, want - have);

        if (n <= 0) {
            break;
        }
    }

    return have;
}


int
main(void)
{
    char         text[256];
    size_t       len;
    const char  *job, *out;

    static char  body[CGI_BODY_MAX];

    job = getenv("HL_JOB");
    job = job != NULL ? job : "";
    len = cgi_body(body);
    out = text;

    if (strcmp(job, "echo") == 0) {
        out = body;

    } else if (strcmp(job, "sha256") == 0) {
        jobs_sha256(body, len, text);
        len = 64;

    } else if (strcmp(job, "mandelbrot") == 0) {
        len = (size_t) snprintf(text, sizeof(text), "%u",
                                jobs_mandelbrot(128, 256));

    } else {
        len = (size_t) snprintf(text, sizeof(text), "Hello, bench!\n");
    }

    printf("Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", len);
    (void) fwrite(out, 1, len, stdout);

    return 0;
}
