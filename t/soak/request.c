/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * request.c: a request, made from the seed and its number alone, so that a
 * failure can be repeated: its kind, what it says, and the manner in which it
 * is sent, read and left.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "soak.h"


#define SOAK_PIECES  50


uint64_t
soak_random(soak_random_t *random)
{
    return soak_mix(random->state++);
}


uint64_t
soak_below(soak_random_t *random, uint64_t limit)
{
    return limit > 0 ? soak_random(random) % limit : 0;
}


bool
soak_percent(soak_random_t *random, unsigned percent)
{
    return soak_below(random, 100) < percent;
}


/* Up to "max", of each order of magnitude, and often where pages end. */

size_t
soak_size(soak_random_t *random, size_t max)
{
    size_t    size;
    unsigned  bits;

    if (soak_percent(random, 8)) {
        return 0;
    }

    if (soak_percent(random, 12)) {
        size = (size_t) 4096 << soak_below(random, 9);
        size += soak_below(random, 3) - 1;

        return size < max ? size : max;
    }

    bits = (unsigned) (64 - __builtin_clzll(max));
    bits = (unsigned) soak_below(random, bits) + 1;
    size = (size_t) soak_below(random, 1ull << bits);

    return size < max ? size : max;
}


/* ---- what kinds.c builds requests of ----------------------------------- */

const char *
soak_text(soak_request_t *r, const char *fmt, ...)
{
    int      n;
    char    *text;
    size_t   room;
    va_list  args;

    text = r->text + r->text_len;
    room = SOAK_TEXT - r->text_len;

    va_start(args, fmt);
    n = vsnprintf(text, room, fmt, args);
    va_end(args);

    if (n < 0 || (size_t) n >= room) {
        soak_fail("a request has more text than there is room");
    }

    r->text_len += (size_t) n + 1;

    return text;
}


void
soak_field(soak_request_t *r, const char *name, const char *value)
{
    if (r->nfields == SOAK_FIELDS) {
        soak_fail("a request has too many fields");
    }

    r->fields[r->nfields++] = (soak_field_t) { name, value };
}


void
soak_due_field(soak_request_t *r, const char *name, const char *value)
{
    if (r->due.nfields == SOAK_FIELDS) {
        soak_fail("an answer has too many fields");
    }

    r->due.fields[r->due.nfields++] = (soak_field_t) { name, value };
}


/* The key is the first argument of all. */

void
soak_target(soak_request_t *r, const char *path, const char *args)
{
    r->target = soak_text(r, "%s?k=%016llx%s", path,
                          (unsigned long long) r->key, args);
}


void
soak_body(soak_request_t *r, size_t size)
{
    r->has_body = true;
    r->size = size;
    r->body = calloc(1, size + 1);

    if (r->body == NULL) {
        soak_fail("no memory");
    }

    soak_stream(r->key + 1, 0, r->body, size);
}


/* What the guest computes of the same, see head_sum() there. */

uint64_t
soak_request_sum(soak_request_t *r, const char *pass)
{
    char         path[64];
    size_t       len;
    uint64_t     sum;
    unsigned     i;
    const char  *a, *b;

    a = b = "";

    for (i = 0; i < r->nfields; i++) {
        if (strcmp(r->fields[i].name, "x-soak-a") == 0) {
            a = r->fields[i].value;

        } else if (strcmp(r->fields[i].name, "x-soak-b") == 0) {
            b = r->fields[i].value;
        }
    }

    len = strcspn(r->target, "?");
    len = len < sizeof(path) ? len : sizeof(path) - 1;
    memcpy(path, r->target, len);
    path[len] = '\0';

    sum = soak_sum_text(SOAK_SUM_START, r->method);
    sum = soak_sum_text(sum, path);
    sum = soak_sum_text(sum, r->target + len + (r->target[len] == '?'));
    sum = soak_sum_text(sum, a);
    sum = soak_sum_text(sum, b);

    return soak_sum_text(sum, pass);
}


/* ---- requests ---------------------------------------------------------- */

static unsigned
soak_kind(soak_random_t *random)
{
    unsigned  i, all;
    uint64_t  n;

    all = 0;

    for (i = 0; i < soak_nkinds; i++) {
        all += soak_kinds[i].weight;
    }

    n = soak_below(random, all);

    for (i = 0; n >= soak_kinds[i].weight; i++) {
        n -= soak_kinds[i].weight;
    }

    return i;
}


/* Values that differ in each request, and in length. */

static void
soak_fields(soak_request_t *r, soak_random_t *random)
{
    const char  *id;

    id = soak_text(r, "%016llx", (unsigned long long) soak_random(random));
    soak_field(r, "x-soak", id);
    soak_due_field(r, "x-echo", id);

    if (soak_percent(random, 60)) {
        soak_field(r, "x-soak-a",
                   soak_text(r, "%0*llu", (int) soak_below(random, 200) + 1,
                             (unsigned long long) soak_random(random)));
    }

    if (soak_percent(random, 30)) {
        soak_field(r, "x-soak-b",
                   soak_text(r, "b%0*llx", (int) soak_below(random, 1000) + 1,
                             (unsigned long long) soak_random(random)));
    }
}


/* Small pieces, but not so many that it takes seconds. */

static void
soak_slowly(soak_request_t *r, soak_random_t *random)
{
    size_t  most;

    most = (r->size + r->text_len) / SOAK_PIECES + 1;
    r->piece = 1 + soak_size(random, 65536);
    r->piece = r->piece < most ? most : r->piece;
    r->pause = 1 + (unsigned) soak_below(random, 5);
}


static void
soak_manner(soak_request_t *r, soak_random_t *random)
{
    r->chunked = r->has_body && soak_percent(random, 30);
    r->expect = r->has_body && soak_percent(random, 3);
    r->close = soak_percent(random, 10);

    if (soak_percent(random, 4)) {
        soak_slowly(r, random);
    }

    if (soak_percent(random, 2)) {
        r->read_pause = 1 + (unsigned) soak_below(random, 10);
    }
}


static void
soak_leaving(soak_request_t *r, soak_random_t *random, unsigned leavers)
{
    size_t  head;

    if (!soak_percent(random, leavers)) {
        return;
    }

    r->leave = SOAK_LEAVE_SENT + (unsigned) soak_below(random, 3);
    r->leave_how = (unsigned) soak_below(random, 3);

    switch (r->leave) {

    case SOAK_LEAVE_SENT:
        head = strlen(r->target) + 100;
        r->leave_at = soak_below(random, head + r->size + 1);
        break;

    case SOAK_LEAVE_GOT:
        r->leave_at = 1 + soak_below(random, 400 + r->due.len);
        break;

    default:
        r->leave_at = soak_below(random, 20);
    }
}


soak_request_t *
soak_request(uint64_t seed, uint64_t index, unsigned leavers)
{
    soak_random_t    random;
    soak_request_t  *r;

    r = malloc(sizeof(soak_request_t));
    if (r == NULL) {
        soak_fail("no memory");
    }

    memset(r, 0, offsetof(soak_request_t, text));
    r->text_len = 0;

    random.state = soak_mix(seed) ^ soak_mix(index);
    r->index = index;
    r->key = soak_random(&random);
    r->method = "GET";
    r->kind = soak_kind(&random);

    soak_fields(r, &random);
    soak_kinds[r->kind].make(r, &random);
    soak_manner(r, &random);
    soak_leaving(r, &random, leavers);

    return r;
}


void
soak_request_free(soak_request_t *r)
{
    free(r->body);
    free(r);
}
