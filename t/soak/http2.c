/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http2.c: connections of HTTP/2, by libnghttp2, with several streams each.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "soak.h"


#define SOAK_STREAMS  6
#define SOAK_READ     65536
#define SOAK_HEAD     100               /* bytes, about */

/* Milliseconds: a worker of nginx 1.22 that is to end keeps a connection for
 * as long as there are streams on it. */
#define SOAK_AGE      2000


typedef struct {
    nghttp2_session  *session;
    soak_request_t   *streams[SOAK_STREAMS];
    unsigned          served;
    uint64_t          until;            /* ms: takes new streams */
    bool              blocked;          /* the socket is full */
    bool              drop;             /* with all of its streams */
} soak_http2_t;


static void
soak_http2_end(soak_http2_t *h, soak_request_t *r, soak_end_t end)
{
    unsigned  i;

    for (i = 0; i < SOAK_STREAMS; i++) {
        if (h->streams[i] == r) {
            h->streams[i] = NULL;
        }
    }

    h->served++;
    soak_end(r, end);
}


static void
soak_http2_leave(soak_http2_t *h, soak_request_t *r)
{
    r->left = true;
    r->leave = SOAK_STAY;

    if (r->leave_how == SOAK_RESET && r->key % 8 == 0) {
        h->drop = true;
        return;
    }

    if (nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, r->stream,
                                  NGHTTP2_CANCEL) != 0)
    {
        soak_fail("nghttp2_submit_rst_stream() failed");
    }
}


/* ---- what libnghttp2 calls --------------------------------------------- */

static ssize_t
soak_h2_send(nghttp2_session *session, const uint8_t *data, size_t len,
    int flags, void *user_data)
{
    ssize_t             n;
    soak_http2_t       *h;
    soak_connection_t  *c = user_data;

    (void) session;
    (void) flags;

    h = c->data;
    n = send(c->fd, data, len, MSG_NOSIGNAL);

    if (n >= 0) {
        return n;
    }

    if (errno == EAGAIN || errno == EINPROGRESS || errno == EINTR) {
        h->blocked = true;
        return NGHTTP2_ERR_WOULDBLOCK;
    }

    return NGHTTP2_ERR_CALLBACK_FAILURE;
}


static soak_request_t *
soak_h2_request(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}


static ssize_t
soak_h2_read_body(nghttp2_session *session, int32_t stream, uint8_t *buf,
    size_t len, uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    soak_request_t  *r;

    (void) source;
    (void) user_data;

    r = soak_h2_request(session, stream);

    if (r == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    if (soak_load.now < r->send_at) {
        r->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }

    len = len < r->size - r->sent ? len : r->size - r->sent;

    if (r->piece > 0) {
        len = r->piece < len ? r->piece : len;
        r->send_at = soak_load.now + r->pause;
    }

    memcpy(buf, r->body + r->sent, len);
    r->sent += len;

    if (r->sent == r->size) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }

    return (ssize_t) len;
}


static int
soak_h2_header(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_len, const uint8_t *value,
    size_t value_len, uint8_t flags, void *user_data)
{
    soak_request_t  *r;

    (void) flags;
    (void) user_data;

    r = soak_h2_request(session, frame->hd.stream_id);

    if (r == NULL) {
        return 0;
    }

    r->got.raw += name_len + value_len;

    if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
        soak_got_status(r, (unsigned) strtoul((const char *) value, NULL,
                                              10));

    } else {
        soak_got_field(r, (const char *) name, name_len,
                       (const char *) value, value_len);
    }

    return 0;
}


static int
soak_h2_data(nghttp2_session *session, uint8_t flags, int32_t stream,
    const uint8_t *data, size_t len, void *user_data)
{
    soak_request_t  *r;

    (void) flags;
    (void) user_data;

    r = soak_h2_request(session, stream);

    if (r != NULL) {
        r->got.raw += len;
        soak_got_body(r, data, len);
    }

    return 0;
}


static int
soak_h2_frame(nghttp2_session *session, const nghttp2_frame *frame,
    void *user_data)
{
    soak_request_t  *r;

    (void) user_data;

    if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)
        && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
    {
        r = soak_h2_request(session, frame->hd.stream_id);

        if (r != NULL) {
            r->ended = true;
        }
    }

    return 0;
}


static soak_end_t
soak_h2_how(soak_http2_t *h, soak_request_t *r, uint32_t code, bool closed)
{
    if (r->left) {
        return SOAK_LEFT;
    }

    if (r->ended) {
        return SOAK_WHOLE;
    }

    if (r->got.raw == 0
        && (code == NGHTTP2_REFUSED_STREAM || (closed && h->served > 0)))
    {
        return SOAK_UNSEEN;
    }

    return SOAK_BROKEN;
}


static int
soak_h2_close(nghttp2_session *session, int32_t stream, uint32_t code,
    void *user_data)
{
    soak_http2_t       *h;
    soak_request_t     *r;
    soak_connection_t  *c = user_data;

    h = c->data;
    r = soak_h2_request(session, stream);

    if (r != NULL) {
        soak_http2_end(h, r, soak_h2_how(h, r, code, false));
    }

    return 0;
}


/* ---- connections ------------------------------------------------------- */

static void
soak_http2_open(soak_connection_t *c, soak_http2_t *h)
{
    nghttp2_session_callbacks  *calls;
    nghttp2_settings_entry      window;

    static const uint32_t  windows[] = { 65535, 1 << 20, 16000, 1 << 24 };

    if (nghttp2_session_callbacks_new(&calls) != 0) {
        soak_fail("no memory");
    }

    nghttp2_session_callbacks_set_send_callback(calls, soak_h2_send);
    nghttp2_session_callbacks_set_on_header_callback(calls, soak_h2_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls,
                                                              soak_h2_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls,
                                                         soak_h2_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls,
                                                           soak_h2_close);

    c->number++;
    window.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE;
    window.value = windows[soak_mix(c->number) % 4];

    if (nghttp2_session_client_new(&h->session, calls, c) != 0
        || nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, &window, 1)
           != 0)
    {
        soak_fail("no HTTP/2 session");
    }

    nghttp2_session_callbacks_del(calls);

    c->fd = soak_connect(soak_load.port2);
    c->wake = 0;
    h->served = 0;
    h->until = soak_load.now + soak_mix(c->number + 1) % SOAK_AGE;
    h->drop = false;
}


/* What is still open has not been answered. */

static void
soak_http2_close(soak_connection_t *c, soak_http2_t *h)
{
    unsigned         i;
    soak_request_t  *r;

    soak_close(c->fd, h->drop);
    c->fd = -1;
    c->events = 0;

    for (i = 0; i < SOAK_STREAMS; i++) {
        r = h->streams[i];

        if (r != NULL) {
            r->left |= h->drop;
            soak_http2_end(h, r, soak_h2_how(h, r, 0, true));
        }
    }

    nghttp2_session_del(h->session);
    h->session = NULL;
}


static nghttp2_nv
soak_h2_nv(const char *name, const char *value)
{
    nghttp2_nv  nv;

    nv.name = (uint8_t *) (uintptr_t) name;
    nv.namelen = strlen(name);
    nv.value = (uint8_t *) (uintptr_t) value;
    nv.valuelen = strlen(value);
    nv.flags = NGHTTP2_NV_FLAG_NONE;

    return nv;
}


static void
soak_http2_ask(soak_http2_t *h, soak_request_t *r)
{
    size_t                 n;
    unsigned               i;
    nghttp2_nv             fields[SOAK_FIELDS + 5];
    nghttp2_data_provider  body;

    n = 0;
    r->http2 = true;
    fields[n++] = soak_h2_nv(":method", r->method);
    fields[n++] = soak_h2_nv(":scheme", "http");
    fields[n++] = soak_h2_nv(":path", r->target);
    fields[n++] = soak_h2_nv(":authority", "localhost");

    for (i = 0; i < r->nfields; i++) {
        fields[n++] = soak_h2_nv(r->fields[i].name, r->fields[i].value);
    }

    if (r->has_body && !r->chunked) {
        fields[n++] = soak_h2_nv("content-length",
                                 soak_text(r, "%zu", r->size));
    }

    body.source.ptr = NULL;
    body.read_callback = soak_h2_read_body;

    r->stream = nghttp2_submit_request(h->session, NULL, fields, n,
                                       r->has_body ? &body : NULL, r);

    if (r->stream < 0) {
        soak_fail("nghttp2_submit_request() failed");
    }
}


/* Whether there is anything to do. */

static bool
soak_http2_begin(soak_connection_t *c, soak_http2_t *h)
{
    bool             busy;
    unsigned         i;
    soak_request_t  *r;

    busy = false;

    for (i = 0; i < SOAK_STREAMS; i++) {
        if (h->streams[i] == NULL
            && (c->fd == -1
                || (soak_load.now < h->until
                    && nghttp2_session_check_request_allowed(h->session))))
        {
            r = soak_next();

            if (r != NULL) {
                if (c->fd == -1) {
                    soak_http2_open(c, h);
                }

                h->streams[i] = r;
                r->began = soak_load.now;
                soak_http2_ask(h, r);
            }
        }

        busy |= h->streams[i] != NULL;
    }

    return busy;
}


/* ---- the step of a connection ------------------------------------------ */

static void
soak_http2_stream(soak_connection_t *c, soak_http2_t *h, soak_request_t *r)
{
    uint64_t  age;

    age = soak_load.now - r->began;

    if (age > SOAK_ANSWER_MAX) {
        (void) nghttp2_session_set_stream_user_data(h->session, r->stream,
                                                    NULL);
        (void) nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE,
                                         r->stream, NGHTTP2_CANCEL);
        soak_http2_end(h, r, SOAK_LATE);
        return;
    }

    if ((r->leave == SOAK_LEAVE_TIME && age >= r->leave_at)
        || (r->leave == SOAK_LEAVE_GOT && r->got.raw >= r->leave_at)
        || (r->leave == SOAK_LEAVE_SENT
            && (!r->has_body || r->sent + SOAK_HEAD >= r->leave_at)))
    {
        soak_http2_leave(h, r);
    }

    if (r->deferred && soak_load.now >= r->send_at) {
        r->deferred = false;
        (void) nghttp2_session_resume_data(h->session, r->stream);
    }

    if (r->read_pause > 0 && soak_load.now >= c->wake) {
        c->wake = soak_load.now + r->read_pause;
        r->read_pause--;
    }
}


/* False: the connection has ended. */

static bool
soak_http2_receive(soak_connection_t *c, soak_http2_t *h)
{
    ssize_t  n;

    static uint8_t  buf[SOAK_READ];

    while (soak_load.now >= c->wake) {
        n = recv(c->fd, buf, sizeof(buf), 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }

        if (n <= 0
            || nghttp2_session_mem_recv(h->session, buf, (size_t) n) < 0)
        {
            return false;
        }
    }

    return true;
}


static bool
soak_http2_step(soak_connection_t *c, uint32_t events)
{
    unsigned       i;
    soak_http2_t  *h;

    h = c->data;

    if (h == NULL) {
        h = c->data = calloc(1, sizeof(soak_http2_t));

        if (h == NULL) {
            soak_fail("no memory");
        }
    }

    if (!soak_http2_begin(c, h)) {
        if (c->fd == -1) {
            return false;
        }

        soak_http2_close(c, h);
        return true;
    }

    for (i = 0; i < SOAK_STREAMS; i++) {
        if (h->streams[i] != NULL) {
            soak_http2_stream(c, h, h->streams[i]);
        }
    }

    h->blocked = false;

    if (((events || c->wake > 0) && !soak_http2_receive(c, h))
        || nghttp2_session_send(h->session) != 0
        || h->drop
        || (!nghttp2_session_want_read(h->session)
            && !nghttp2_session_want_write(h->session)))
    {
        soak_http2_close(c, h);
        return true;
    }

    soak_watch(c->fd, (soak_load.now >= c->wake ? EPOLLIN : 0u)
                      | (h->blocked ? EPOLLOUT : 0u), &c->events, c);

    return true;
}


const soak_protocol_t  soak_http2 = { soak_http2_step };
