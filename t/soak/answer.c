/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * answer.c: judges answers, piece by piece as they come, and counts them by
 * kind.  Also what a client has seen before it left is judged.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "soak.h"


#define SOAK_KINDS     64
#define SOAK_STATUSES  600
#define SOAK_SAID      20               /* in full, of what goes wrong */
#define SOAK_FAILED    1000             /* enough: there is no server */


typedef struct {
    unsigned long  requests;
    unsigned long  http2;
    unsigned long  bytes;               /* of bodies, both ways */
    unsigned long  right;
    unsigned long  left;
    unsigned long  again;
    unsigned long  failed;
    unsigned long  wrong;
    unsigned long  statuses[SOAK_STATUSES];
} soak_count_t;


static soak_count_t   soak_counts[SOAK_KINDS];
static unsigned long  soak_said;


static void soak_say(soak_request_t *r, const char *what, const char *why);


#define soak_wrong(r, ...)                                                    \
    do {                                                                      \
        if ((r)->got.wrong[0] == '\0') {                                      \
            (void) snprintf((r)->got.wrong, sizeof((r)->got.wrong),           \
                            __VA_ARGS__);                                     \
        }                                                                     \
    } while (0)


void
soak_got_status(soak_request_t *r, unsigned status)
{
    r->got.status = status;

    if (r->left) {
        return;
    }

    if (status != r->due.status && (status != r->due.other || status == 0)) {
        soak_wrong(r, "status %u instead of %u", status, r->due.status);
    }
}


void
soak_got_field(soak_request_t *r, const char *name, size_t name_len,
    const char *value, size_t value_len)
{
    unsigned             i;
    const soak_field_t  *field;

    for (i = 0; i < r->due.nfields; i++) {
        field = &r->due.fields[i];

        if (strlen(field->name) != name_len
            || strncasecmp(field->name, name, name_len) != 0)
        {
            continue;
        }

        if (strlen(field->value) != value_len
            || memcmp(field->value, value, value_len) != 0)
        {
            soak_wrong(r, "%s is %.*s instead of %s", field->name,
                       (int) value_len, value, field->value);
        }

        r->got.fields |= 1u << i;
    }
}


/* Adds all of the streams: what is left is to be 0. */

static void
soak_got_stream(soak_request_t *r, const uint8_t *data, size_t len)
{
    size_t    i, n;
    uint8_t   piece[4096];
    uint64_t  offset;
    unsigned  k;

    offset = r->got.bytes;

    if (len > r->due.len || offset > r->due.len - len) {
        soak_wrong(r, "more than %zu bytes", r->due.len);
        return;
    }

    for ( /* void */ ; len > 0; data += n, len -= n, offset += n) {
        n = len < sizeof(piece) ? len : sizeof(piece);
        memcpy(piece, data, n);

        for (k = 0; k < r->due.nkeys; k++) {
            soak_stream(r->due.keys[k], offset, piece, n);
        }

        for (i = 0; i < n && piece[i] == 0; i++) { /* void */ }

        if (i < n) {
            soak_wrong(r, "byte %llu of %zu is not its own",
                       (unsigned long long) offset + i, r->due.len);
            return;
        }
    }
}


void
soak_got_body(soak_request_t *r, const uint8_t *data, size_t len)
{
    size_t       room;
    soak_due_t  *due = &r->due;

    if (due->text == NULL && !due->page && r->got.status == due->status) {
        soak_got_stream(r, data, len);

    } else if (r->got.bytes < SOAK_PAGE - 1) {
        room = SOAK_PAGE - 1 - r->got.bytes;
        memcpy(r->got.page + r->got.bytes, data, len < room ? len : room);
    }

    r->got.bytes += len;
}


void
soak_got_excess(soak_request_t *r)
{
    soak_wrong(r, "bytes behind its end");
}


/* nginx has no page for some statuses, and none for HEAD. */

static void
soak_judge_page(soak_request_t *r)
{
    char  title[32];

    (void) snprintf(title, sizeof(title), "<title>%u ", r->got.status);

    if ((r->got.bytes > 0 && strstr(r->got.page, title) == NULL)
        || (r->got.bytes == 0 && r->got.status != 431))
    {
        soak_wrong(r, "the page of %u: \"%.80s\"", r->got.status,
                   r->got.page);
    }
}


static void
soak_judge(soak_request_t *r)
{
    unsigned     all;
    soak_due_t  *due = &r->due;

    all = r->got.status == due->status ? (1u << due->nfields) - 1 : 1;

    if ((r->got.fields & all) != all) {
        soak_wrong(r, "without %s",
                   due->fields[__builtin_ctz(all & ~r->got.fields)].name);
    }

    if (r->got.status != due->status || due->page) {
        soak_judge_page(r);

    } else if (due->text != NULL) {
        if (strcmp(due->text, r->got.page) != 0) {
            soak_wrong(r, "\"%.80s\" instead of \"%s\"", r->got.page,
                       due->text);
        }

    } else if (r->got.bytes != due->len) {
        soak_wrong(r, "%llu bytes of %zu", (unsigned long long) r->got.bytes,
                   due->len);
    }
}


/* One that breaks off is due to do so, and one that ends, to end. */

static const char *
soak_judge_end(soak_request_t *r, soak_end_t end)
{
    if (r->due.broken && r->got.status == r->due.status) {
        return end == SOAK_BROKEN ? NULL : "does not break off";
    }

    if (end == SOAK_BROKEN) {
        return r->got.status != 0 ? "breaks off" : "is not answered";
    }

    return NULL;
}


static void
soak_finish(soak_request_t *r, soak_count_t *count, soak_end_t end)
{
    const char  *failed;

    failed = end == SOAK_LATE ? "takes too long" : soak_judge_end(r, end);

    if (failed != NULL) {
        soak_say(r, "failed", failed);

        if (++count->failed == SOAK_FAILED) {
            soak_fail("too many requests have failed");
        }

        return;
    }

    if (!(r->due.broken && end == SOAK_BROKEN)) {
        soak_judge(r);

    } else if (r->got.bytes > r->due.len) {
        soak_wrong(r, "too much");
    }

    count->right += r->got.wrong[0] == '\0';
}


void
soak_end(soak_request_t *r, soak_end_t end)
{
    soak_count_t  *count = &soak_counts[r->kind];

    if (end == SOAK_UNSEEN && r->tries < 5 && !soak_load.steady) {
        count->again++;
        r->tries++;
        soak_again(r);
        return;
    }

    count->requests++;
    count->http2 += r->http2;
    count->bytes += r->size + r->got.bytes;
    count->statuses[r->got.status < SOAK_STATUSES ? r->got.status : 0]++;

    if (end == SOAK_LEFT) {
        count->left++;

    } else {
        soak_finish(r, count, end == SOAK_UNSEEN ? SOAK_BROKEN : end);
    }

    if (r->got.wrong[0] != '\0') {
        count->wrong++;
        soak_say(r, "wrong", r->got.wrong);

    } else if (soak_load.verbose) {
        soak_say(r, "done", "");
    }

    soak_request_free(r);
}


static void
soak_say(soak_request_t *r, const char *what, const char *why)
{
    if (soak_said++ < SOAK_SAID || soak_load.verbose) {
        (void) fprintf(stderr, "soak: %s: request %llu (%s) %s %.120s, "
                       "status %u, %zu bytes sent, leave %u at %zu, after "
                       "%llu ms: %s\n", what,
                       (unsigned long long) r->index,
                       soak_kinds[r->kind].name, r->method, r->target,
                       r->got.status, r->size, (unsigned) r->leave,
                       r->leave_at,
                       (unsigned long long) (soak_load.now - r->began), why);
    }
}


/* ---- the report -------------------------------------------------------- */

static void
soak_report_kind(FILE *out, unsigned kind)
{
    unsigned       i;
    const char    *comma;
    soak_count_t  *count = &soak_counts[kind];

    (void) fprintf(out, "%s\n  \"%s\":{\"requests\":%lu,\"http2\":%lu,"
                   "\"bytes\":%lu,\"right\":%lu,\"left\":%lu,"
                   "\"again\":%lu,\"failed\":%lu,\"wrong\":%lu,"
                   "\"statuses\":{",
                   kind > 0 ? "," : "", soak_kinds[kind].name,
                   count->requests, count->http2, count->bytes, count->right,
                   count->left, count->again, count->failed, count->wrong);

    comma = "";

    for (i = 0; i < SOAK_STATUSES; i++) {
        if (count->statuses[i] > 0) {
            (void) fprintf(out, "%s\"%u\":%lu", comma, i, count->statuses[i]);
            comma = ",";
        }
    }

    (void) fprintf(out, "}}");
}


/* A JSON object. */

void
soak_report(FILE *out, uint64_t seed)
{
    unsigned  i;

    (void) fprintf(out, "{\"seed\":%llu,\"kinds\":{",
                   (unsigned long long) seed);

    for (i = 0; i < soak_nkinds && i < SOAK_KINDS; i++) {
        soak_report_kind(out, i);
    }

    (void) fprintf(out, "}}\n");
}


bool
soak_is_good(void)
{
    unsigned  i;

    for (i = 0; i < SOAK_KINDS; i++) {
        if (soak_counts[i].wrong > 0 || soak_counts[i].failed > 0) {
            return false;
        }
    }

    return true;
}
