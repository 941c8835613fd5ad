/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * load.c: the client of the soak: mixed requests to 127.0.0.1, each answer
 * compared with the one that is due.
 *
 *     soak-load [-c CONNECTIONS] [-h CONNECTIONS] [-i FIRST] [-l PERCENT]
 *               [-n COUNT] [-o KIND] [-s SEED] [-t SECONDS] [-k] [-v]
 *               PORT PORT2
 *     soak-load -w FOLDER
 *
 * PORT is for HTTP/1.1, with -c connections, PORT2 for HTTP/2, with -h.  So
 * many PERCENT leave before they have their answer.  It ends after COUNT
 * requests or SECONDS; request number N is a function of SEED and N.  -k: the
 * server closes no connection of itself.  -o: of all requests, those of this
 * kind alone.  -v: each request is shown.
 *
 * Prints a JSON object, see soak_report(); status 1, if an answer was wrong
 * or did not come.  With -w it writes the files that requests ask for.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "soak.h"


#define SOAK_CONNECTIONS  256
#define SOAK_AGAIN        4096


typedef struct {
    uint64_t  first, count;
    uint64_t  seconds;
    unsigned  http1, http2;
    unsigned  leavers;
    char     *kind;
} soak_options_t;


soak_load_t  soak_load;

static soak_options_t   soak_options;
static uint64_t         soak_index, soak_stop_at;
static soak_request_t  *soak_waiting[SOAK_AGAIN];
static unsigned         soak_nwaiting;


void
soak_fail(const char *what)
{
    (void) fprintf(stderr, "soak-load: %s\n", what);
    exit(2);
}


static uint64_t
soak_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


/* ---- requests ---------------------------------------------------------- */

soak_request_t *
soak_next(void)
{
    char            *kind = soak_options.kind;
    soak_request_t  *r;

    if (soak_nwaiting > 0) {
        return soak_waiting[--soak_nwaiting];
    }

    while (soak_load.now < soak_stop_at
           && soak_index - soak_options.first < soak_options.count)
    {
        r = soak_request(soak_load.seed, soak_index++, soak_options.leavers);

        if (kind == NULL || strcmp(kind, soak_kinds[r->kind].name) == 0) {
            return r;
        }

        soak_request_free(r);
    }

    return NULL;
}


/* As if it had not been asked before. */

void
soak_again(soak_request_t *r)
{
    if (soak_nwaiting == SOAK_AGAIN) {
        soak_fail("too many requests are to be repeated");
    }

    r->http2 = r->left = r->ended = r->deferred = false;
    r->sent = 0;
    r->send_at = 0;
    memset(&r->got, 0, sizeof(r->got));
    soak_waiting[soak_nwaiting++] = r;
}


/* ---- connections ------------------------------------------------------- */

int
soak_connect(int port)
{
    int                 fd, on;
    struct sockaddr_in  addr;

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_port = htons((uint16_t) port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    on = 1;

    if (fd == -1
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || (connect(fd, (struct sockaddr *) (void *) &addr, sizeof(addr))
            == -1 && errno != EINPROGRESS))
    {
        soak_fail("cannot connect");
    }

    return fd;
}


void
soak_close(int fd, bool reset)
{
    struct linger  linger = { 1, 0 };

    if (reset) {
        (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }

    (void) close(fd);
}


void
soak_watch(int fd, uint32_t events, uint32_t *watched, void *data)
{
    struct epoll_event  event;

    /* without an event there still is EPOLLHUP: that is bit 31 */

    events |= 1u << 31;

    if (*watched == events) {
        return;
    }

    event.events = events & ~(1u << 31);
    event.data.ptr = data;

    if (epoll_ctl(soak_load.epfd, *watched == 0 ? EPOLL_CTL_ADD
                                                : EPOLL_CTL_MOD,
                  fd, &event) == -1)
    {
        soak_fail("epoll_ctl() failed");
    }

    *watched = events;
}


/* A step for each connection that has an event, and each millisecond for all:
 * there are few of them. */

static void
soak_run(soak_connection_t *all, unsigned count)
{
    int                  i, n;
    bool                 busy;
    unsigned             k;
    uint64_t             turn;
    soak_connection_t   *c;
    struct epoll_event   events[64];

    turn = 0;

    do {
        n = epoll_wait(soak_load.epfd, events, 64, 1);
        soak_load.now = soak_now();
        busy = true;

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;
            (void) c->protocol->step(c, events[i].events);
        }

        if (soak_load.now == turn) {
            continue;
        }

        turn = soak_load.now;
        busy = false;

        for (k = 0; k < count; k++) {
            busy |= all[k].protocol->step(&all[k], 0);
        }

    } while (busy || soak_nwaiting > 0);
}


static void
soak_all(void)
{
    unsigned            i, count;
    soak_connection_t  *all;

    count = soak_options.http1 + soak_options.http2;
    all = calloc(count, sizeof(soak_connection_t));
    soak_load.epfd = epoll_create1(0);

    if (all == NULL || soak_load.epfd == -1) {
        soak_fail("no memory, or no epoll");
    }

    for (i = 0; i < count; i++) {
        all[i].protocol = i < soak_options.http1 ? &soak_http1 : &soak_http2;
        all[i].fd = -1;
        all[i].number = i;
    }

    soak_load.now = soak_now();
    soak_stop_at = soak_load.now + soak_options.seconds * 1000;
    soak_index = soak_options.first;

    soak_run(all, count);

    for (i = 0; i < count; i++) {
        free(all[i].data);
    }

    free(all);
}


/* ---- files ------------------------------------------------------------- */

/* Named after their sizes, which are their keys, see kinds.c. */

static void
soak_files(const char *folder)
{
    char      path[1024];
    FILE     *file;
    size_t    i, size;
    uint8_t  *bytes;

    static const size_t  sizes[] = { 0, 1, 4096, 65537, 100000, 1048577 };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size = sizes[i];
        bytes = calloc(1, size + 1);
        (void) snprintf(path, sizeof(path), "%s/%zu", folder, size);
        file = fopen(path, "w");

        if (bytes == NULL || file == NULL) {
            soak_fail("cannot write the files");
        }

        soak_stream(size, 0, bytes, size);

        if (fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
            soak_fail("cannot write the files");
        }

        free(bytes);
    }
}


static uint64_t
soak_number(const char *text)
{
    char      *end;
    uint64_t   n;

    errno = 0;
    n = strtoull(text, &end, 10);

    if (errno != 0 || end == text || *end != '\0') {
        soak_fail("that is no number");
    }

    return n;
}


int
main(int argc, char **argv)
{
    int              option;
    soak_options_t  *o = &soak_options;

    *o = (soak_options_t) { 0, UINT64_MAX, 10, 32, 4, 8, NULL };

    while ((option = getopt(argc, argv, "c:h:i:kl:n:o:s:t:vw:")) != -1) {
        switch (option) {
        case 'c': o->http1 = (unsigned) soak_number(optarg); break;
        case 'h': o->http2 = (unsigned) soak_number(optarg); break;
        case 'i': o->first = soak_number(optarg); break;
        case 'k': soak_load.steady = true; break;
        case 'l': o->leavers = (unsigned) soak_number(optarg); break;
        case 'n': o->count = soak_number(optarg); break;
        case 'o': o->kind = optarg; break;
        case 's': soak_load.seed = soak_number(optarg); break;
        case 't': o->seconds = soak_number(optarg); break;
        case 'v': soak_load.verbose = true; break;
        case 'w': soak_files(optarg); return 0;
        default: soak_fail("no such option");
        }
    }

    if (argc - optind != 2 || o->http1 + o->http2 == 0
        || o->http1 + o->http2 > SOAK_CONNECTIONS)
    {
        soak_fail("usage: soak-load [OPTION]... PORT PORT2");
    }

    soak_load.port = (int) soak_number(argv[optind]);
    soak_load.port2 = (int) soak_number(argv[optind + 1]);

    soak_all();
    soak_report(stdout, soak_load.seed);

    return soak_is_good() ? 0 : 1;
}
