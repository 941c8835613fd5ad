/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * redirect.c: sends old addresses to new ones.  The map is the guest's
 * init_data, a line for each:
 *
 *     # old path, as nginx decodes it; new address; 301 or 308, else 302
 *     /blog           https://blog.example.org/  301
 *     /downloads/old  /downloads/
 *
 * It is read once, when nginx starts a worker, into a sorted table that all
 * requests start from.  What is not in it gets 404.  A mistake in the map is
 * in the error log, with its line, and the guest does not start.
 *
 *     hyperlight_guest redirect {
 *         binary     redirect.elf;
 *         init_data  redirects.map;
 *     }
 *
 *     location / {
 *         hyperlight_pass redirect redirect;
 *     }
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyperlight_http.h>


#define SPACE  " \t\r"


typedef struct {
    const char  *from;
    const char  *to;
    unsigned     status;
    unsigned     line;
} redirect_t;


static redirect_t  *table;
static size_t       table_len;


static int
compare(const void *a, const void *b)
{
    const redirect_t  *one, *two;

    one = a;
    two = b;

    return strcmp(one->from, two->from);
}


static void
redirect(const hl_http_request_t *req, hl_http_response_t *resp)
{
    redirect_t         key = { .from = hl_http_uri(req).data };
    const redirect_t  *found;

    found = bsearch(&key, table, table_len, sizeof(redirect_t), compare);

    hl_http_add_header(resp, "Content-Type", "text/plain");

    if (found == NULL) {
        hl_http_set_status(resp, 404);
        hl_http_printf(resp, "Not found\n");
        return;
    }

    hl_http_set_status(resp, found->status);
    hl_http_add_header(resp, "Location", found->to);
    hl_http_printf(resp, "See %s\n", found->to);
}


/* ---- reading the map --------------------------------------------------- */

static void __attribute__((noreturn))
bad_map(unsigned line, const char *what)
{
    char  message[64];

    (void) snprintf(message, sizeof(message), "line %u of the map: %s", line,
                    what);
    hl_abort_with_code_and_message(hl_ErrorCode_GuestError, message);
}


static bool
is_address(const char *s)
{
    const char  *p;

    for (p = s; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~') {
            return false;
        }
    }

    return *s == '/' || strncmp(s, "https://", 8) == 0
           || strncmp(s, "http://", 7) == 0;
}


/* What is cut out of the line stays there: the table points to it. */

static void
read_line(char *line, unsigned number)
{
    char         *rest;
    const char   *status;
    redirect_t   *r;

    r = &table[table_len];

    r->from = strtok_r(line, SPACE, &rest);

    if (r->from == NULL || r->from[0] == '#') {
        return;
    }

    r->to = strtok_r(NULL, SPACE, &rest);
    status = strtok_r(NULL, SPACE, &rest);

    if (r->from[0] != '/') {
        bad_map(number, "the old path does not start with a slash");
    }

    if (r->to == NULL || !is_address(r->to)) {
        bad_map(number, "the new address is missing or is none");
    }

    if (status == NULL || strcmp(status, "302") == 0) {
        r->status = 302;

    } else if (strcmp(status, "301") == 0) {
        r->status = 301;

    } else if (strcmp(status, "308") == 0) {
        r->status = 308;

    } else {
        bad_map(number, "the status is not 301, 302 or 308");
    }

    if (strtok_r(NULL, SPACE, &rest) != NULL) {
        bad_map(number, "there is more than a status");
    }

    r->line = number;
    table_len++;
}


static void
read_map(hl_Vec map)
{
    char      *text, *line;
    size_t     i;
    unsigned   number;

    /* A copy that can be cut into strings.  Nothing is ever freed: what is
     * here when hyperlight_main() returns is here for each request. */

    text = malloc(map.len + 1);
    memcpy(text, map.data, map.len);
    text[map.len] = '\0';

    if (strlen(text) != map.len) {
        bad_map(0, "a NUL");
    }

    number = 1;

    for (i = 0; i < map.len; i++) {
        number += text[i] == '\n';
    }

    table = malloc(number * sizeof(redirect_t));
    number = 0;

    while ((line = strsep(&text, "\n")) != NULL) {
        read_line(line, ++number);
    }

    qsort(table, table_len, sizeof(redirect_t), compare);

    for (i = 1; i < table_len; i++) {
        if (compare(&table[i - 1], &table[i]) == 0) {
            bad_map(table[i].line, "its old path is there twice");
        }
    }
}


void
hyperlight_main(void)
{
    hl_Vec  map;

    map = hl_user_data();

    /* Without init_data there is nothing to be done, but to say so. */
    if (map.data == NULL) {
        hl_abort_with_code_and_message(hl_ErrorCode_GuestError,
                                       "init_data has to be the map");
    }

    read_map(map);
    hl_http_register("redirect", redirect);
}
