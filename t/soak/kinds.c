/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * kinds.c: the kinds of requests, and what each of them is answered with.
 * Locations and guests are those of t/soak/http.conf and server.conf.
 */

#include <stdlib.h>
#include <string.h>

#include "soak.h"


#define SOAK_OUTPUT  100000             /* fits into a guest's "output", */
#define SOAK_INPUT   90000              /* and its "input" */
#define SOAK_LARGE   1500000


/* ---- answers of function "answer" -------------------------------------- */

static const char *
soak_hex(soak_request_t *r, uint64_t word)
{
    return soak_text(r, "%016llx", (unsigned long long) word);
}


/* "pass" is what the access phase has added, see gate() there. */

static void
soak_due_sum(soak_request_t *r, const char *pass, size_t len)
{
    uint64_t  sum;

    sum = soak_request_sum(r, pass);

    if (r->size > 0) {
        sum = soak_sum(sum, r->body, r->size);
    }

    soak_due_field(r, "x-sum", soak_hex(r, sum));
    r->due.status = 200;
    r->due.keys[r->due.nkeys++] = r->key ^ sum;
    r->due.len = len;
}


/* What the guest does besides, now and then. */

static const char *
soak_besides(soak_request_t *r, soak_random_t *random)
{
    return soak_text(r, "&p=%u%s", (unsigned) soak_below(random, 65),
                     soak_percent(random, 5) ? "&w=100&v=2" : "");
}


static void
soak_answered(soak_request_t *r, soak_random_t *random, const char *path,
    size_t len)
{
    soak_target(r, path, soak_text(r, "&o=%zu%s", len,
                                   soak_besides(r, random)));
    soak_due_sum(r, "", len);
}


static void
soak_get(soak_request_t *r, soak_random_t *random)
{
    soak_answered(r, random, "/sum", soak_size(random, SOAK_OUTPUT));
}


static void
soak_head(soak_request_t *r, soak_random_t *random)
{
    r->method = "HEAD";
    soak_answered(r, random, "/sum", soak_size(random, SOAK_OUTPUT));
    r->due.len = 0;
    r->due.bodiless = true;
}


static void
soak_post(soak_request_t *r, soak_random_t *random)
{
    r->method = soak_percent(random, 50) ? "POST" : "PUT";
    soak_body(r, soak_size(random, SOAK_INPUT));
    soak_answered(r, random, "/sum", soak_size(random, SOAK_OUTPUT));
}


static void
soak_large(soak_request_t *r, soak_random_t *random)
{
    r->method = "POST";
    soak_body(r, soak_size(random, SOAK_LARGE));
    soak_answered(r, random, "/large", soak_size(random, SOAK_LARGE));
}


static void
soak_down(soak_request_t *r, soak_random_t *random)
{
    size_t  len, flush;

    len = soak_size(random, SOAK_BODY_MAX);
    flush = 1 + soak_below(random, 16384);
    flush = len / flush > 200 ? 16384 : flush;

    soak_target(r, "/sum", soak_text(r, "&o=%zu&f=%zu", len, flush));
    soak_due_sum(r, "", len);
}


static void
soak_up(soak_request_t *r, soak_random_t *random)
{
    r->method = "POST";
    soak_body(r, soak_size(random, SOAK_BODY_MAX));
    soak_answered(r, random, "/up", soak_size(random, 10000));
}


static void
soak_echo(soak_request_t *r, soak_random_t *random)
{
    r->method = "POST";
    soak_body(r, soak_size(random, soak_percent(random, 20) ? SOAK_LARGE
                                                            : 100000));
    soak_target(r, "/echo", "");

    r->due.status = 200;
    r->due.keys[0] = r->key + 1;
    r->due.keys[1] = r->key;
    r->due.nkeys = 2;
    r->due.len = r->size;
}


static void
soak_sleep(soak_request_t *r, soak_random_t *random)
{
    size_t  len;

    len = soak_size(random, 10000);
    soak_target(r, "/sum",
                soak_text(r, "&o=%zu&s=%u", len,
                          1 + (unsigned) soak_below(random, 20)));
    soak_due_sum(r, "", len);
}


/* Longer than a slice. */

static void
soak_work(soak_request_t *r, soak_random_t *random)
{
    soak_target(r, "/sum",
                soak_text(r, "&o=10&w=%u",
                          1 + (unsigned) soak_below(random, 4000)));
    soak_due_sum(r, "", 10);
}


/* More than a request may log. */

static void
soak_storm(soak_request_t *r, soak_random_t *random)
{
    soak_target(r, "/sum",
                soak_text(r, "&o=10&l=%u&v=%u",
                          (unsigned) soak_below(random, 400),
                          (unsigned) soak_below(random, 100)));
    soak_due_sum(r, "", 10);
}


/* ---- typed functions --------------------------------------------------- */

static void
soak_bytes(soak_request_t *r, soak_random_t *random)
{
    r->method = "POST";
    soak_body(r, soak_size(random, SOAK_INPUT));
    soak_target(r, "/bytes", "");

    r->due.status = 200;
    r->due.keys[0] = r->key + 1;
    r->due.keys[1] = soak_sum(SOAK_SUM_START, r->body, r->size);
    r->due.nkeys = 2;
    r->due.len = r->size;
}


/* Printable ASCII. */

static void
soak_string(soak_request_t *r, size_t size)
{
    size_t  i;

    r->method = "POST";
    soak_body(r, size);
    soak_target(r, "/text", "");

    for (i = 0; i < size; i++) {
        r->body[i] = (uint8_t) (' ' + r->body[i] % 95);
    }
}


static void
soak_typed(soak_request_t *r, soak_random_t *random)
{
    soak_string(r, soak_size(random, SOAK_INPUT));

    /* soak_body() leaves a NUL behind it */

    r->due.status = 200;
    r->due.text = soak_text(r, "%zu %s", r->size,
                            soak_hex(r, soak_sum(SOAK_SUM_START, r->body,
                                                 r->size + 1)));
}


/* ---- other phases ------------------------------------------------------ */

static void
soak_gate_pass(soak_request_t *r, soak_random_t *random)
{
    size_t    len;
    uint64_t  sum;

    if (soak_percent(random, 40)) {
        r->method = "POST";
        soak_body(r, soak_size(random, SOAK_INPUT));
    }

    len = soak_size(random, SOAK_OUTPUT);
    soak_field(r, "x-soak-gate", "pass");
    soak_target(r, "/gate", soak_text(r, "&o=%zu%s", len,
                                      soak_besides(r, random)));

    sum = r->key ^ soak_request_sum(r, "");
    soak_due_sum(r, soak_hex(r, soak_mix(sum ^ SOAK_KEY_PASS)), len);
}


static void
soak_gate_deny(soak_request_t *r, soak_random_t *random)
{
    static const unsigned  statuses[] = { 302, 401, 403, 404, 451, 500, 503 };

    if (soak_percent(random, 30)) {
        r->method = "POST";
        soak_body(r, soak_size(random, SOAK_LARGE));
    }

    r->due.status = statuses[soak_below(random, 7)];
    soak_field(r, "x-soak-gate", soak_text(r, "%u", r->due.status));
    soak_target(r, "/gate", "");
    r->due.text = soak_text(r, "denied %s",
                            soak_hex(r, r->key ^ soak_request_sum(r, "")));
}


static void
soak_variable(soak_request_t *r, soak_random_t *random)
{
    uint64_t     sum;
    const char  *a;

    a = soak_text(r, "%llu", (unsigned long long) soak_below(random, 1 << 30));
    soak_target(r, "/value", soak_text(r, "&a=%s", a));

    sum = soak_sum_text(SOAK_SUM_START, a);
    sum = soak_sum_text(sum, r->fields[0].value);

    r->due.status = 200;
    r->due.text = soak_hex(r, sum);
    soak_due_field(r, "x-value", r->due.text);
}


static void
soak_due_head(soak_request_t *r)
{
    soak_due_field(r, "x-head",
                   soak_hex(r, soak_mix(r->key ^ SOAK_KEY_HEAD)
                               ^ r->due.status));
}


static void
soak_head_guest(soak_request_t *r, soak_random_t *random)
{
    soak_answered(r, random, "/head/guest", soak_size(random, SOAK_OUTPUT));
    soak_due_head(r);
}


static void
soak_head_return(soak_request_t *r, soak_random_t *random)
{
    (void) random;
    soak_target(r, "/head/return", "");
    r->due.status = 200;
    r->due.text = soak_hex(r, r->key);
    soak_due_head(r);
}


static void
soak_due_veil(soak_request_t *r)
{
    r->due.keys[r->due.nkeys++] = r->key ^ SOAK_KEY_VEIL;
}


/* Files of soak_files(), which is in load.c. */

static void
soak_veil_file(soak_request_t *r, soak_random_t *random)
{
    size_t  size;

    static const size_t  sizes[] = { 0, 1, 4096, 65537, 100000, 1048577 };

    size = sizes[soak_percent(random, 90) ? soak_below(random, 5) : 5];

    soak_target(r, soak_text(r, "/veil/file/%zu", size), "&F=1");
    r->due.status = 200;
    r->due.keys[r->due.nkeys++] = size;
    r->due.len = size;
    soak_due_veil(r);
}


static void
soak_veil_guest(soak_request_t *r, soak_random_t *random)
{
    bool    flush;
    size_t  len;

    flush = soak_percent(random, 50);
    len = soak_size(random, flush ? 300000 : SOAK_OUTPUT);

    soak_target(r, "/veil/guest",
                soak_text(r, "&o=%zu&%s", len, flush ? "f=5000&F=1" : "p=9"));
    soak_due_sum(r, "", len);
    soak_due_veil(r);
}


/* Through nginx's proxy, to the same server. */

static void
soak_veil_proxy(soak_request_t *r, soak_random_t *random)
{
    size_t       len;
    const char  *args;

    len = soak_size(random, 300000);
    args = soak_text(r, "&o=%zu&f=10000&F=1", len);

    soak_target(r, "/sum", args);
    soak_due_sum(r, "", len);
    soak_due_veil(r);
    soak_target(r, "/veil/proxy", args);
}


static void
soak_ask(soak_request_t *r, soak_random_t *random)
{
    size_t  len;

    if (soak_percent(random, 30)) {
        r->method = "POST";
        soak_body(r, 1 + soak_size(random, SOAK_INPUT));
    }

    len = soak_size(random, 200000);
    soak_target(r, "/sum", soak_text(r, "&o=%zu&f=10000", len));
    soak_due_sum(r, "", len);

    soak_field(r, "x-soak-ask", r->target);
    r->due.keys[r->due.nkeys++] = r->key ^ SOAK_KEY_ASK;
    soak_target(r, "/ask", "");
}


/* ---- failures ---------------------------------------------------------- */

/* 200, or 503 when there is no room. */

static void
soak_tight(soak_request_t *r, soak_random_t *random)
{
    size_t  len;

    len = soak_size(random, 10000);
    soak_target(r, "/tight",
                soak_text(r, "&o=%zu&s=%u", len,
                          (unsigned) soak_below(random, 10)));
    soak_due_sum(r, "", len);
    r->due.other = 503;
}


static void
soak_failing(soak_request_t *r, const char *path, const char *args,
    unsigned status)
{
    soak_target(r, path, args);
    r->due.status = status;
    r->due.page = true;
}


static void
soak_brake(soak_request_t *r, soak_random_t *random)
{
    if (soak_percent(random, 60)) {
        soak_answered(r, random, "/brake", soak_size(random, 1000));

    } else {
        soak_failing(r, "/brake", "&x=trap", 500);
    }

    r->due.other = 503;
}


static void
soak_crash(soak_request_t *r, soak_random_t *random)
{
    static const char  *how[] = { "trap", "null", "text", "abort" };

    if (soak_percent(random, 30)) {
        r->method = "POST";
        soak_body(r, soak_size(random, SOAK_INPUT));
    }

    soak_failing(r, "/fail", soak_text(r, "&p=9&o=%zu&x=%s",
                                       soak_size(random, SOAK_OUTPUT),
                                       how[soak_below(random, 4)]), 500);
}


static void
soak_exhaust(soak_request_t *r, soak_random_t *random)
{
    static const char  *how[] = { "memory", "stack", "calls" };

    soak_failing(r, "/fail", soak_text(r, "&x=%s", how[soak_below(random, 3)]),
                 500);
}


static void
soak_invalid(soak_request_t *r, soak_random_t *random)
{
    static const char  *how[] = { "output", "headers", "name", "value",
                                  "error" };

    soak_failing(r, "/fail", soak_text(r, "&x=%s", how[soak_below(random, 5)]),
                 502);
}


static void
soak_slow(soak_request_t *r, soak_random_t *random)
{
    bool  cpu;

    cpu = soak_percent(random, 50);
    soak_failing(r, cpu ? "/slow/cpu" : "/slow/wall",
                 cpu ? "&x=spin" : "&x=sleep", 504);
}


/* What was flushed is there, and the end is missing. */

static void
soak_broken(soak_request_t *r, soak_random_t *random)
{
    size_t  len;

    static const char  *how[] = { "trap", "abort", "memory" };

    len = 1 + soak_size(random, SOAK_OUTPUT);
    soak_target(r, "/fail", soak_text(r, "&o=%zu&f=%u&x=%s", len, 5000,
                                      how[soak_below(random, 3)]));
    soak_due_sum(r, "", len);
    r->due.broken = true;
}


static void
soak_too_large(soak_request_t *r, soak_random_t *random)
{
    switch (soak_below(random, 4)) {

    case 0:
        soak_failing(r, "/small", "", 413);
        r->method = "POST";
        soak_body(r, 40000 + soak_below(random, 100000));
        break;

    case 1:
        soak_failing(r, "/small", "", 431);
        soak_field(r, "x-long", soak_text(r, "%05000d", 1));
        break;

    case 2:
        soak_failing(r, "/small", soak_text(r, "&%05000d", 1), 414);
        break;

    default:
        soak_string(r, 1 + soak_size(random, 1000));
        r->body[soak_below(random, r->size)] = 0xff;
        r->due.status = 400;
        r->due.page = true;
    }
}


static void
soak_unknown(soak_request_t *r, soak_random_t *random)
{
    if (soak_percent(random, 50)) {
        soak_failing(r, "/function", "&fn=nobody", 404);

    } else {
        soak_failing(r, "/unknown", "", 500);
    }
}


static void
soak_never(soak_request_t *r, soak_random_t *random)
{
    (void) random;
    soak_failing(r, "/never", "", 503);
}


/* Each kind with its weight among them. */

const soak_kind_t  soak_kinds[] = {
    { "get", 230, soak_get },
    { "head", 25, soak_head },
    { "post", 130, soak_post },
    { "large", 8, soak_large },
    { "stream down", 15, soak_down },
    { "stream up", 12, soak_up },
    { "stream both", 25, soak_echo },
    { "sleep", 25, soak_sleep },
    { "work", 10, soak_work },
    { "storm", 10, soak_storm },
    { "bytes", 50, soak_bytes },
    { "string", 30, soak_typed },
    { "access granted", 50, soak_gate_pass },
    { "access denied", 40, soak_gate_deny },
    { "variable", 60, soak_variable },
    { "header filter", 30, soak_head_guest },
    { "header, no guest", 30, soak_head_return },
    { "body filter, file", 15, soak_veil_file },
    { "body filter, guest", 20, soak_veil_guest },
    { "body filter, proxy", 15, soak_veil_proxy },
    { "sub-request", 25, soak_ask },
    { "tight", 30, soak_tight },
    { "brake", 20, soak_brake },
    { "crash", 30, soak_crash },
    { "exhaust", 10, soak_exhaust },
    { "invalid", 20, soak_invalid },
    { "timeout", 12, soak_slow },
    { "broken off", 10, soak_broken },
    { "too large", 23, soak_too_large },
    { "unknown", 10, soak_unknown },
    { "unavailable", 10, soak_never }
};

const unsigned  soak_nkinds = sizeof(soak_kinds) / sizeof(soak_kinds[0]);
