/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * soak.h: what the files of the soak's client share.
 *
 *     kinds.c     the kinds of requests, and what each is answered with
 *     request.c   a request, made from the seed and its number alone
 *     answer.c    judges answers as they come, and counts them
 *     http1.c, http2.c    connections
 *     load.c      main(), the loop
 */

#ifndef _SOAK_H_INCLUDED_
#define _SOAK_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sum.h"


#define SOAK_FIELDS      8
#define SOAK_KEYS        3
#define SOAK_TEXT        16384
#define SOAK_PAGE        512
#define SOAK_BODY_MAX    (3u << 20)
#define SOAK_ANSWER_MAX  60000          /* ms */


typedef struct soak_request_s  soak_request_t;


/* The next number is a function of the ones before, and of nothing else. */
typedef struct {
    uint64_t  state;
} soak_random_t;


typedef struct {
    const char  *name;
    unsigned     weight;
    void       (*make)(soak_request_t *r, soak_random_t *random);
} soak_kind_t;


typedef struct {
    const char  *name;
    const char  *value;
} soak_field_t;


/* A client that leaves does so when so many bytes were sent, or have come, or
 * when so many milliseconds have passed. */
typedef enum {
    SOAK_STAY,
    SOAK_LEAVE_SENT,
    SOAK_LEAVE_GOT,
    SOAK_LEAVE_TIME
} soak_leave_t;


/* FIN, RST, or FIN by a client that goes on reading. */
#define SOAK_CLOSE  0
#define SOAK_RESET  1
#define SOAK_HALF   2


/*
 * The answer that is due: with "status", these fields and a body that is
 * "text", or "len" bytes of the streams of all "keys", added up; or with the
 * status "other", and nginx's page.
 */
typedef struct {
    unsigned      status;
    unsigned      other;
    bool          broken;               /* it breaks off before its end */
    bool          page;                 /* nginx's own, or none */
    bool          bodiless;             /* HEAD */
    uint64_t      keys[SOAK_KEYS];
    unsigned      nkeys;
    size_t        len;
    const char   *text;
    soak_field_t  fields[SOAK_FIELDS];  /* the first one: of each status */
    unsigned      nfields;
} soak_due_t;


typedef struct {
    unsigned      status;
    uint64_t      bytes;                /* of the body */
    uint64_t      raw;                  /* of all */
    unsigned      fields;               /* bits: those that have come */
    char          page[SOAK_PAGE];
    char          wrong[256];           /* what is */
} soak_answer_t;


struct soak_request_s {
    uint64_t            index;
    uint64_t            key;
    unsigned            kind;

    const char         *method;
    const char         *target;
    soak_field_t        fields[SOAK_FIELDS];
    unsigned            nfields;
    uint8_t            *body;
    size_t              size;
    bool                has_body;

    bool                chunked;        /* of HTTP/1.1 alone */
    bool                expect;
    bool                close;
    size_t              piece;          /* is sent at a time, 0: all */
    unsigned            pause;          /* ms after a piece */
    unsigned            read_pause;     /* ms after a piece that has come */

    soak_leave_t        leave;
    size_t              leave_at;
    unsigned            leave_how;      /* SOAK_CLOSE, ... */

    soak_due_t          due;
    soak_answer_t       got;

    uint64_t            began;          /* ms */
    unsigned            tries;
    bool                left;

    bool                http2;
    int32_t             stream;
    size_t              sent;           /* of the body */
    uint64_t            send_at;        /* ms: not before */
    bool                deferred;
    bool                ended;

    char                text[SOAK_TEXT];
    size_t              text_len;
};


/* How an exchange has ended, as far as its connection knows. */
typedef enum {
    SOAK_WHOLE,
    SOAK_BROKEN,                        /* off, at any point */
    SOAK_UNSEEN,                        /* by a server that was closing the
                                         * connection: to be asked again */
    SOAK_LEFT,
    SOAK_LATE
} soak_end_t;


/* ---- kinds.c, request.c ------------------------------------------------ */

extern const soak_kind_t  soak_kinds[];
extern const unsigned     soak_nkinds;

/* A request is freed by soak_end(). */
soak_request_t *soak_request(uint64_t seed, uint64_t index,
    unsigned leavers);
void soak_request_free(soak_request_t *r);

const char *soak_text(soak_request_t *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void soak_field(soak_request_t *r, const char *name, const char *value);
void soak_due_field(soak_request_t *r, const char *name, const char *value);
void soak_target(soak_request_t *r, const char *path, const char *args);
void soak_body(soak_request_t *r, size_t size);
uint64_t soak_request_sum(soak_request_t *r, const char *pass);

uint64_t soak_random(soak_random_t *random);
uint64_t soak_below(soak_random_t *random, uint64_t limit);
bool soak_percent(soak_random_t *random, unsigned percent);
size_t soak_size(soak_random_t *random, size_t max);


/* ---- answer.c ---------------------------------------------------------- */

void soak_got_status(soak_request_t *r, unsigned status);
void soak_got_field(soak_request_t *r, const char *name, size_t name_len,
    const char *value, size_t value_len);
void soak_got_body(soak_request_t *r, const uint8_t *data, size_t len);

/* Bytes behind the end, of a connection that nothing else was asked on. */
void soak_got_excess(soak_request_t *r);

/* Judges, counts, and frees the request, or hands it out once more. */
void soak_end(soak_request_t *r, soak_end_t end);

void soak_report(FILE *out, uint64_t seed);
bool soak_is_good(void);


/* ---- load.c ------------------------------------------------------------ */

typedef struct {
    int        epfd;
    int        port, port2;
    uint64_t   seed;
    uint64_t   now;                     /* ms */
    bool       steady;                  /* no connection closes of itself */
    bool       verbose;
} soak_load_t;

extern soak_load_t  soak_load;

/* The next request; NULL: no more. */
soak_request_t *soak_next(void);
void soak_again(soak_request_t *r);
int soak_connect(int port);
void soak_close(int fd, bool reset);
void soak_watch(int fd, uint32_t events, uint32_t *watched, void *data);
void soak_fail(const char *what) __attribute__((noreturn));


/* ---- http1.c, http2.c -------------------------------------------------- */

/* One connection at a time, opened as needed. */
typedef struct soak_connection_s  soak_connection_t;

typedef struct {
    bool  (*step)(soak_connection_t *c, uint32_t events);
                                        /* whether it has something to do */
} soak_protocol_t;

struct soak_connection_s {
    const soak_protocol_t  *protocol;
    int                     fd;         /* -1: not open */
    uint32_t                events;     /* those that epoll watches */
    uint64_t                wake;       /* ms: not to be read before */
    uint64_t                number;
    void                   *data;
};

extern const soak_protocol_t  soak_http1;
extern const soak_protocol_t  soak_http2;


#endif /* _SOAK_H_INCLUDED_ */
