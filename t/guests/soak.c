/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * soak.c: the guest of the soak (t/soak.t): each of its answers depends on
 * all of its request, see t/soak/sum.h.  The arguments, as "k=1f&o=100", say
 * what else it does:
 *
 *     k=KEY     the key, in hexadecimal: always
 *     o=N       how many bytes are put out; f=N  flushed, so many at a time
 *     s=MS      sleeps before; w=N  computes, N thousand turns
 *     p=N       writes to N pages; l=N  logs N lines; v=N  reads N variables
 *     x=WHAT    fails, see fail(); if it puts out something, after that
 *
 * Each call looks for what another one could have left in memory.
 */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyperlight_http.h"

#include "../soak/sum.h"


#define PIECE     16384
#define PAGE      4096
#define PAGES     64
#define THOUSAND  1000


static uint8_t   pages[PAGES][PAGE] __attribute__((aligned(PAGE)));
static uint8_t  *block;                 /* in the heap, since the snapshot */
static uint8_t   piece[PIECE];


/* "NAME=", or NULL. */

static const char *
argument(const hl_http_request_t *req, char name)
{
    const char  *p;

    for (p = hl_http_args(req).data; *p != '\0'; p++) {
        if (p[0] == name && p[1] == '=') {
            return p + 2;
        }

        p += strcspn(p, "&");

        if (*p == '\0') {
            break;
        }
    }

    return NULL;
}


static unsigned long
number(const hl_http_request_t *req, char name)
{
    const char  *value;

    value = argument(req, name);

    return value != NULL ? strtoul(value, NULL, 10) : 0;
}


static uint64_t
key_of(const hl_http_request_t *req)
{
    const char  *value;

    value = argument(req, 'k');

    return value != NULL ? strtoull(value, NULL, 16) : 0;
}


static void
add_word(hl_http_response_t *resp, const char *name, uint64_t word)
{
    char  text[17];

    (void) snprintf(text, sizeof(text), "%016" PRIx64, word);
    hl_http_add_header(resp, name, text);
}


/* Whether all is as hyperlight_main() left it; it is not any more, then. */

static bool
is_fresh(const hl_http_request_t *req, uint64_t key)
{
    bool      fresh;
    size_t    i, n;
    uint8_t  *more;

    fresh = block[0] == 0 && block[PAGE - 1] == 0;

    for (i = 0; i < PAGES; i++) {
        fresh = fresh && pages[i][0] == 0 && pages[i][PAGE - 1] == 0;
    }

    more = malloc(PAGE);

    for (i = 0; i < PAGE; i++) {
        fresh = fresh && more[i] == 0;
    }

    memset(more, 0xa5, PAGE);
    block[0] = block[PAGE - 1] = 0xa5;
    n = number(req, 'p');

    for (i = 0; i < n && i < PAGES; i++) {
        pages[i][0] = (uint8_t) (key | 1);
        pages[i][PAGE - 1] = 0xa5;
    }

    return fresh;
}


/* Of all but the body. */

static uint64_t
head_sum(const hl_http_request_t *req)
{
    size_t          i;
    uint64_t        sum;
    hl_http_view_t  value;

    static const char  *names[] = { "X-Soak-A", "X-Soak-B", "X-Soak-Pass" };

    sum = soak_sum_text(SOAK_SUM_START, hl_http_method(req).data);
    sum = soak_sum_text(sum, hl_http_uri(req).data);
    sum = soak_sum_text(sum, hl_http_args(req).data);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value = hl_http_header(req, names[i]);
        sum = soak_sum_text(sum, value.data != NULL ? value.data : "");
    }

    return sum;
}


static void
work(unsigned long n)
{
    volatile unsigned long  turns;

    for (turns = 0; turns < n * THOUSAND; turns++) { /* void */ }
}


static void
before(const hl_http_request_t *req)
{
    unsigned long  i, n;

    n = number(req, 'l');

    for (i = 0; i < n; i++) {
        LOG(hl_Level_Warn, "soak");
    }

    n = number(req, 'v');

    for (i = 0; i < n; i++) {
        (void) hl_http_variable("request_method");
    }

    n = number(req, 's');

    if (n > 0) {
        (void) hl_sleep((uint32_t) n);
    }

    work(number(req, 'w'));
}


/* ---- failures ---------------------------------------------------------- */

static unsigned long
recurse(unsigned long depth)
{
    volatile uint8_t  frame[1024];

    frame[depth % sizeof(frame)] = 1;

    return depth > 0 ? recurse(depth - 1) + frame[depth % sizeof(frame)] : 0;
}


static void
write_to(const void *address)
{
    volatile int  *volatile p;

    p = (volatile int *) (uintptr_t) address;
    *p = 1;
}


static void
fail_response(const char *what, hl_http_response_t *resp)
{
    unsigned  i;

    if (strcmp(what, "output") == 0) {
        for (i = 0; i < 32; i++) {
            hl_http_write(resp, piece, sizeof(piece));
        }

    } else if (strcmp(what, "headers") == 0) {
        for (i = 0; i < 200; i++) {
            hl_http_add_header(resp, "X-Many", "value");
        }

    } else if (strcmp(what, "name") == 0) {
        hl_http_add_header(resp, "Transfer-Encoding", "chunked");

    } else if (strcmp(what, "value") == 0) {
        hl_http_add_header(resp, "X-Split", "a\r\nX-Evil: b");

    } else if (strcmp(what, "error") == 0) {
        hl_set_error(hl_ErrorCode_GuestError, "soak");
    }
}


static void
fail(const char *what, hl_http_response_t *resp)
{
    if (strcmp(what, "abort") == 0) {
        hl_abort_with_code_and_message(hl_ErrorCode_UnknownError, "soak");

    } else if (strcmp(what, "trap") == 0) {
        __builtin_trap();

    } else if (strcmp(what, "null") == 0) {
        write_to(NULL);

    } else if (strcmp(what, "text") == 0) {
        write_to("text");

    } else if (strcmp(what, "stack") == 0) {
        (void) recurse(ULONG_MAX);

    } else if (strcmp(what, "memory") == 0) {
        while (malloc(PIECE) != NULL) { /* void */ }

    } else if (strcmp(what, "spin") == 0) {
        for ( ;; ) {
            __asm__ volatile ("pause");
        }

    } else if (strcmp(what, "sleep") == 0) {
        (void) hl_sleep(60 * THOUSAND);

    } else if (strcmp(what, "calls") == 0) {
        for ( ;; ) {
            (void) hl_http_variable("request_method");
        }

    } else {
        fail_response(what, resp);
    }
}


static void
maybe_fail(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char         what[16];
    size_t       len;
    const char  *value;

    value = argument(req, 'x');

    if (value == NULL) {
        return;
    }

    len = strcspn(value, "&");
    len = len < sizeof(what) ? len : sizeof(what) - 1;
    memcpy(what, value, len);
    what[len] = '\0';

    fail(what, resp);
}


/* ---- functions --------------------------------------------------------- */

/* Reads all, and answers with the sum, and with a stream that it decides. */

static void
answer(const hl_http_request_t *req, hl_http_response_t *resp)
{
    size_t    left, len, offset, flush;
    ssize_t   n;
    uint64_t  key, sum;

    key = key_of(req);

    if (!is_fresh(req, key)) {
        hl_http_set_status(resp, 599);
        return;
    }

    before(req);
    sum = head_sum(req);

    while ((n = hl_http_read_body(req, piece, sizeof(piece))) > 0) {
        sum = soak_sum(sum, piece, (size_t) n);
    }

    add_word(resp, "X-Sum", sum);
    left = number(req, 'o');
    flush = number(req, 'f');
    offset = 0;

    while (left > 0) {
        len = left < sizeof(piece) ? left : sizeof(piece);
        len = flush > 0 && flush < len ? flush : len;

        memset(piece, 0, len);
        soak_stream(key ^ sum, offset, piece, len);
        hl_http_write(resp, piece, len);
        offset += len;
        left -= len;

        if (flush > 0) {
            hl_http_flush(resp);
        }
    }

    maybe_fail(req, resp);
}


/* The body as it comes, under a stream of the key. */

static void
echo(const hl_http_request_t *req, hl_http_response_t *resp)
{
    size_t    offset;
    ssize_t   n;
    uint64_t  key;

    key = key_of(req);

    if (!is_fresh(req, key)) {
        hl_http_set_status(resp, 599);
        return;
    }

    offset = 0;

    while ((n = hl_http_read_body(req, piece, sizeof(piece))) > 0) {
        soak_stream(key, offset, piece, (size_t) n);
        hl_http_write(resp, piece, (size_t) n);
        offset += (size_t) n;
        hl_http_flush(resp);
    }
}


/* In the access phase: X-Soak-Gate is "pass" or the status of a denial. */

static void
gate(const hl_http_request_t *req, hl_http_response_t *resp)
{
    uint64_t        sum;
    hl_http_view_t  say;

    sum = key_of(req) ^ head_sum(req);
    say = hl_http_header(req, "X-Soak-Gate");

    if (!is_fresh(req, sum)) {
        hl_http_set_status(resp, 599);

    } else if (say.data != NULL && strcmp(say.data, "pass") == 0) {
        add_word(resp, "X-Soak-Pass", soak_mix(sum ^ SOAK_KEY_PASS));

    } else {
        hl_http_set_status(resp, say.data != NULL
                                 ? (unsigned) strtoul(say.data, NULL, 10)
                                 : 500);
        hl_http_printf(resp, "denied %016" PRIx64, sum);
    }
}


/* A header filter. */

static void
head(const hl_http_request_t *req, hl_http_response_t *resp)
{
    uint64_t  key;

    key = key_of(req);

    if (is_fresh(req, key)) {
        add_word(resp, "X-Head", soak_mix(key ^ SOAK_KEY_HEAD)
                                 ^ hl_http_original_status(req));
    }
}


/* A body filter: a stream of the key over the original. */

static void
veil(const hl_http_request_t *req, hl_http_response_t *resp)
{
    bool      flush;
    size_t    offset;
    ssize_t   n;
    uint64_t  key;

    key = key_of(req);
    flush = number(req, 'F') > 0;

    if (!is_fresh(req, key)) {
        hl_http_set_status(resp, 599);
        return;
    }

    offset = 0;

    while ((n = hl_http_read_body(req, piece, sizeof(piece))) > 0) {
        soak_stream(key ^ SOAK_KEY_VEIL, offset, piece, (size_t) n);
        hl_http_write(resp, piece, (size_t) n);
        offset += (size_t) n;

        if (flush) {
            hl_http_flush(resp);
        }
    }
}


/* Asks for what X-Soak-Ask says, with the same body, and veils the answer. */

static void
ask(const hl_http_request_t *req, hl_http_response_t *resp)
{
    size_t                 offset;
    ssize_t                n;
    uint64_t               key;
    hl_http_view_t         body, sum;
    hl_http_subrequest_t  *sub;

    key = key_of(req);

    if (!is_fresh(req, key)) {
        hl_http_set_status(resp, 599);
        return;
    }

    body = hl_http_body(req);
    sub = hl_http_subrequest(body.len > 0 ? "POST" : "GET",
                             hl_http_header(req, "X-Soak-Ask").data, NULL,
                             body.data, body.len);

    if (sub == NULL) {
        hl_http_set_status(resp, 598);
        hl_http_printf(resp, "%s", hl_host_error());
        return;
    }

    hl_http_set_status(resp, hl_http_subrequest_status(sub));
    sum = hl_http_subrequest_header(sub, "X-Sum");
    hl_http_add_header(resp, "X-Sum", sum.data != NULL ? sum.data : "-");
    offset = 0;

    while ((n = hl_http_subrequest_read(sub, piece, sizeof(piece))) > 0) {
        soak_stream(key ^ SOAK_KEY_ASK, offset, piece, (size_t) n);
        hl_http_write(resp, piece, (size_t) n);
        offset += (size_t) n;
        hl_http_flush(resp);
    }

    if (n < 0) {
        hl_abort_with_code_and_message(hl_ErrorCode_UnknownError,
                                       hl_host_error());
    }

    hl_http_subrequest_close(sub);
}


/* ---- typed functions --------------------------------------------------- */

static hl_Vec
bytes(hl_Vec in)
{
    soak_stream(soak_sum(SOAK_SUM_START, in.data, in.len), 0, in.data,
                in.len);

    return in;
}


static const char *
text(const char *in)
{
    static char  out[48];

    (void) snprintf(out, sizeof(out), "%zu %016" PRIx64, strlen(in),
                    soak_sum_text(SOAK_SUM_START, in));

    return out;
}


static const char *
value(const char *a, const char *b)
{
    static char  out[17];

    (void) snprintf(out, sizeof(out), "%016" PRIx64,
                    soak_sum_text(soak_sum_text(SOAK_SUM_START, a), b));

    return out;
}


HYPERLIGHT_WRAP_FUNCTION(bytes, VecBytes, 1, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(text, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(value, String, 2, String, String)


void
hyperlight_main(void)
{
    block = calloc(1, PAGE);

    hl_http_register("answer", answer);
    hl_http_register("echo", echo);
    hl_http_register("gate", gate);
    hl_http_register("head", head);
    hl_http_register("veil", veil);
    hl_http_register("ask", ask);
    HYPERLIGHT_REGISTER_FUNCTION("bytes", bytes);
    HYPERLIGHT_REGISTER_FUNCTION("text", text);
    HYPERLIGHT_REGISTER_FUNCTION("value", value);
}
