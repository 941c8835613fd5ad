/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http1.c: connections of HTTP/1.1, one request after the other on each.  By
 * hand, and not by a library, since a client that leaves does so between any
 * two bytes that it sends, and one byte too many in an answer is to be seen.
 * What measures nginx is t/bench/http-load.c, which hardly looks at answers.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "soak.h"


#define SOAK_HEAD_MAX  16384
#define SOAK_READ      65536
#define SOAK_CHUNKS    64


typedef enum {
    SOAK_AT_HEAD,
    SOAK_AT_BODY,                       /* "left" bytes of it */
    SOAK_AT_SIZE,                       /* of a chunk, a line */
    SOAK_AT_CHUNK,                      /* "left" bytes of it */
    SOAK_AT_CHUNK_END,                  /* an empty line */
    SOAK_AT_TRAILER,                    /* likewise */
    SOAK_AT_END
} soak_at_t;


typedef struct {
    soak_request_t  *r;

    uint8_t         *out;
    size_t           out_len;
    size_t           out_pos;
    uint64_t         send_at;           /* ms: not before */
    bool             deaf;              /* the server takes no more */

    soak_at_t        at;
    char             head[SOAK_HEAD_MAX];   /* or a line */
    size_t           head_len;
    uint64_t         left;
    bool             close;             /* the server will */

    unsigned         served;
    unsigned         uses;
} soak_http1_t;


/* ---- requests ---------------------------------------------------------- */

static void
soak_append(soak_http1_t *h, const void *data, size_t len)
{
    memcpy(h->out + h->out_len, data, len);
    h->out_len += len;
}


static void
soak_append_chunks(soak_http1_t *h)
{
    int              n;
    char             line[32];
    size_t           pos, len, most;
    soak_request_t  *r = h->r;

    most = r->size / (SOAK_CHUNKS / 2) + 1;

    for (pos = 0; pos < r->size; pos += len) {
        len = 1 + soak_mix(r->key + pos) % (most * 2);
        len = len < most ? most : len;
        len = len < r->size - pos ? len : r->size - pos;
        n = snprintf(line, sizeof(line), "%zx\r\n", len);

        soak_append(h, line, (size_t) n);
        soak_append(h, r->body + pos, len);
        soak_append(h, "\r\n", 2);
    }

    soak_append(h, "0\r\n\r\n", 5);
}


static void
soak_append_field(soak_http1_t *h, const char *name, const char *value)
{
    soak_append(h, name, strlen(name));
    soak_append(h, ": ", 2);
    soak_append(h, value, strlen(value));
    soak_append(h, "\r\n", 2);
}


static void
soak_build(soak_http1_t *h)
{
    char             length[32];
    uint8_t         *out;
    unsigned         i;
    soak_request_t  *r = h->r;

    out = malloc(SOAK_TEXT * 2 + r->size + SOAK_CHUNKS * 32);

    if (out == NULL) {
        soak_fail("no memory");
    }

    h->out = out;
    h->out_len = h->out_pos = 0;

    soak_append(h, r->method, strlen(r->method));
    soak_append(h, " ", 1);
    soak_append(h, r->target, strlen(r->target));
    soak_append(h, " HTTP/1.1\r\n", 11);
    soak_append_field(h, "Host", "localhost");

    for (i = 0; i < r->nfields; i++) {
        soak_append_field(h, r->fields[i].name, r->fields[i].value);
    }

    if (r->close) {
        soak_append_field(h, "Connection", "close");
    }

    if (r->expect) {
        soak_append_field(h, "Expect", "100-continue");
    }

    if (!r->has_body) {
        soak_append(h, "\r\n", 2);
        return;
    }

    if (r->chunked) {
        soak_append_field(h, "Transfer-Encoding", "chunked");
        soak_append(h, "\r\n", 2);
        soak_append_chunks(h);
        return;
    }

    (void) snprintf(length, sizeof(length), "%zu", r->size);
    soak_append_field(h, "Content-Length", length);
    soak_append(h, "\r\n", 2);
    soak_append(h, r->body, r->size);
}


static bool
soak_begin(soak_connection_t *c, soak_http1_t *h)
{
    h->r = soak_next();

    if (h->r == NULL) {
        return false;
    }

    h->r->began = soak_load.now;
    h->send_at = 0;
    h->deaf = false;
    h->at = SOAK_AT_HEAD;
    h->head_len = 0;
    h->close = false;
    c->wake = 0;

    soak_build(h);

    if (c->fd == -1) {
        c->fd = soak_connect(soak_load.port);
        h->served = 0;
        h->uses = 1 + (unsigned) (h->r->key >> 56);
    }

    return true;
}


/* The exchange is over; whether the connection is, too. */

static void
soak_http1_end(soak_connection_t *c, soak_end_t end, bool over, bool reset)
{
    soak_http1_t    *h = c->data;
    soak_request_t  *r = h->r;

    free(h->out);
    h->out = NULL;
    h->r = NULL;
    h->served++;

    if (over) {
        soak_close(c->fd, reset);
        c->fd = -1;
        c->events = 0;
    }

    soak_end(r, end);
}


/* ---- sending ----------------------------------------------------------- */

static void
soak_leave(soak_connection_t *c)
{
    soak_http1_t  *h = c->data;

    if (h->r->leave_how != SOAK_HALF) {
        soak_http1_end(c, SOAK_LEFT, true, h->r->leave_how == SOAK_RESET);
        return;
    }

    h->r->left = true;
    h->r->leave = SOAK_STAY;
    h->r->read_pause = 0;
    h->deaf = true;
    (void) shutdown(c->fd, SHUT_WR);
}


static void
soak_send(soak_connection_t *c)
{
    size_t           len, limit;
    ssize_t          n;
    soak_http1_t    *h = c->data;
    soak_request_t  *r = h->r;

    limit = h->out_len;

    if (r->leave == SOAK_LEAVE_SENT && r->leave_at < limit) {
        limit = r->leave_at;
    }

    while (!h->deaf && h->out_pos < limit && soak_load.now >= h->send_at) {
        len = limit - h->out_pos;
        len = r->piece > 0 && r->piece < len ? r->piece : len;

        n = send(c->fd, h->out + h->out_pos, len, MSG_NOSIGNAL);

        if (n < 0) {
            if (errno != EAGAIN && errno != EINPROGRESS && errno != EINTR) {
                h->deaf = true;
            }

            break;
        }

        h->out_pos += (size_t) n;

        if (r->piece > 0) {
            h->send_at = soak_load.now + r->pause;
        }
    }

    if (r->leave == SOAK_LEAVE_SENT && h->out_pos >= limit
        && limit < h->out_len)
    {
        soak_leave(c);
    }
}


/* ---- answers ----------------------------------------------------------- */

/* "name: value", without the end of the line. */

static void
soak_field_line(soak_http1_t *h, const char *line, size_t len)
{
    size_t       name_len, value_len;
    const char  *value;

    value = memchr(line, ':', len);

    if (value == NULL) {
        return;
    }

    name_len = (size_t) (value - line);
    value++;
    value += *value == ' ';
    value_len = len - (size_t) (value - line);

    soak_got_field(h->r, line, name_len, value, value_len);

    if (name_len == 14 && strncasecmp(line, "Content-Length", 14) == 0) {
        h->at = SOAK_AT_BODY;
        h->left = strtoull(value, NULL, 10);

    } else if (name_len == 17
               && strncasecmp(line, "Transfer-Encoding", 17) == 0)
    {
        h->at = SOAK_AT_SIZE;

    } else if (name_len == 10 && strncasecmp(line, "Connection", 10) == 0) {
        h->close = value_len == 5 && strncasecmp(value, "close", 5) == 0;
    }
}


/* In h->head, from its status on to an empty line. */

static void
soak_parse_head(soak_http1_t *h)
{
    char      *line, *end;
    unsigned   status;

    status = h->head_len > 12 ? (unsigned) strtoul(h->head + 9, NULL, 10) : 0;
    h->head_len = 0;

    if (status >= 100 && status < 200) {
        return;
    }

    soak_got_status(h->r, status);
    h->at = SOAK_AT_BODY;
    h->left = UINT64_MAX;               /* up to the end */
    line = strstr(h->head, "\r\n") + 2;

    while ((end = strstr(line, "\r\n")) != line) {
        soak_field_line(h, line, (size_t) (end - line));
        line = end + 2;
    }

    if (h->r->due.bodiless || status == 204 || status == 304
        || (h->at == SOAK_AT_BODY && h->left == 0))
    {
        h->at = SOAK_AT_END;
    }
}


/* A head, or a line; whether it is whole. */

static bool
soak_gather(soak_http1_t *h, const char *end, const uint8_t **data,
    size_t *len)
{
    size_t  n;

    n = strlen(end);

    while (*len > 0) {
        if (h->head_len + 1 >= SOAK_HEAD_MAX) {
            soak_fail("the head of an answer is too large");
        }

        h->head[h->head_len++] = (char) *(*data)++;
        (*len)--;

        if (h->head_len >= n
            && memcmp(h->head + h->head_len - n, end, n) == 0)
        {
            h->head[h->head_len] = '\0';
            return true;
        }
    }

    return false;
}


/* Likewise, bytes of a body. */

static bool
soak_take(soak_http1_t *h, const uint8_t **data, size_t *len)
{
    size_t  n;

    n = *len < h->left ? *len : (size_t) h->left;
    soak_got_body(h->r, *data, n);
    *data += n;
    *len -= n;
    h->left -= n;

    return h->left == 0;
}


static void
soak_parse(soak_http1_t *h, const uint8_t *data, size_t len)
{
    h->r->got.raw += len;

    while (len > 0 && h->at != SOAK_AT_END) {
        switch (h->at) {

        case SOAK_AT_HEAD:
            if (soak_gather(h, "\r\n\r\n", &data, &len)) {
                soak_parse_head(h);
            }
            break;

        case SOAK_AT_BODY:
            if (soak_take(h, &data, &len)) {
                h->at = SOAK_AT_END;
            }
            break;

        case SOAK_AT_SIZE:
            if (soak_gather(h, "\r\n", &data, &len)) {
                h->left = strtoull(h->head, NULL, 16);
                h->at = h->left > 0 ? SOAK_AT_CHUNK : SOAK_AT_TRAILER;
                h->head_len = 0;
            }
            break;

        case SOAK_AT_CHUNK:
            if (soak_take(h, &data, &len)) {
                h->at = SOAK_AT_CHUNK_END;
            }
            break;

        default:
            if (soak_gather(h, "\r\n", &data, &len)) {
                h->at = h->at == SOAK_AT_TRAILER ? SOAK_AT_END : SOAK_AT_SIZE;
                h->head_len = 0;
            }
        }
    }

    if (len > 0) {
        soak_got_excess(h->r);
    }
}


/* The server has closed the connection. */

static void
soak_closed(soak_connection_t *c)
{
    soak_http1_t  *h = c->data;

    if (h->r->left) {
        soak_http1_end(c, SOAK_LEFT, true, false);

    } else if (h->r->got.raw == 0 && h->served > 0) {
        soak_http1_end(c, SOAK_UNSEEN, true, false);

    } else if (h->at == SOAK_AT_BODY && h->left > UINT64_MAX / 2) {
        soak_http1_end(c, SOAK_WHOLE, true, false);

    } else {
        soak_http1_end(c, SOAK_BROKEN, true, false);
    }
}


static void
soak_receive(soak_connection_t *c)
{
    bool             over;
    ssize_t          n;
    soak_http1_t    *h = c->data;
    soak_request_t  *r = h->r;

    static uint8_t  buf[SOAK_READ];

    while (soak_load.now >= c->wake) {
        n = recv(c->fd, buf, sizeof(buf), 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }

        if (n <= 0) {
            soak_closed(c);
            return;
        }

        soak_parse(h, buf, (size_t) n);

        if (h->at == SOAK_AT_END) {
            over = h->close || r->close || h->deaf || h->out_pos < h->out_len
                   || h->served >= h->uses;
            soak_http1_end(c, r->left ? SOAK_LEFT : SOAK_WHOLE, over, false);
            return;
        }

        if (r->leave == SOAK_LEAVE_GOT && r->got.raw >= r->leave_at) {
            soak_leave(c);
            return;
        }

        if (r->read_pause > 0) {
            c->wake = soak_load.now + r->read_pause;
        }
    }
}


/* ---- the step of a connection ------------------------------------------ */

static bool
soak_time(soak_connection_t *c)
{
    uint64_t       age;
    soak_http1_t  *h = c->data;

    age = soak_load.now - h->r->began;

    if (age > SOAK_ANSWER_MAX) {
        soak_http1_end(c, SOAK_LATE, true, true);
        return false;
    }

    if (h->r->leave == SOAK_LEAVE_TIME && age >= h->r->leave_at) {
        soak_leave(c);
    }

    return h->r != NULL;
}


static void
soak_turn(soak_connection_t *c, uint32_t events)
{
    bool           full;
    soak_http1_t  *h = c->data;

    if (!soak_time(c)) {
        return;
    }

    soak_send(c);

    if (h->r != NULL && (events || c->wake > 0)) {
        soak_receive(c);
    }

    if (h->r == NULL) {
        return;
    }

    full = !h->deaf && h->out_pos < h->out_len && soak_load.now >= h->send_at;
    soak_watch(c->fd, (soak_load.now >= c->wake ? EPOLLIN : 0u)
                      | (full ? EPOLLOUT : 0u), &c->events, c);
}


/* What has ended is followed by another one at once. */

static bool
soak_http1_step(soak_connection_t *c, uint32_t events)
{
    soak_http1_t  *h;

    if (c->data == NULL) {
        c->data = calloc(1, sizeof(soak_http1_t));

        if (c->data == NULL) {
            soak_fail("no memory");
        }
    }

    h = c->data;

    do {
        if (h->r == NULL && !soak_begin(c, h)) {
            if (c->fd != -1) {
                soak_close(c->fd, false);
                c->fd = -1;
                c->events = 0;
            }

            return false;
        }

        soak_turn(c, events);
        events = 0;

    } while (h->r == NULL);

    return true;
}


const soak_protocol_t  soak_http1 = { soak_http1_step };
