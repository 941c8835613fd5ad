/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http-load.c: a client that costs little: N requests over keepalive
 * connections to 127.0.0.1, on each one after the other.
 *
 *     http-load [-b FILE] [-c CONNECTIONS] [-n HEADERS] PORT PATH COUNT
 *
 * With a FILE they are POST requests of it.  Prints one JSON object: median
 * and p99 in microseconds, requests per second, bytes of an answer's body.
 * Any answer but 200 with a Content-Length ends it.
 *
 * It looks at answers as little as it can: the client that compares each one
 * with what is due is t/soak/http1.c, and costs more than nginx does.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define LOAD_COUNT_MAX        1000000
#define LOAD_CONNECTIONS_MAX  1000
#define LOAD_BODY_MAX         (4u << 20)
#define LOAD_HEAD_MAX         4096


typedef struct {
    int      fd;
    char     head[LOAD_HEAD_MAX];
    size_t   have;              /* of the answer */
    size_t   want;              /* 0: not known yet */
    double   began;
} load_connection_t;


static char    *load_request;
static size_t   load_request_len;
static size_t   load_body;              /* of an answer */
static double  *load_samples;
static long     load_count, load_begun, load_done;


static double
load_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec * 1e-3;
}


static int
load_compare(const void *a, const void *b)
{
    double  x, y;

    x = *(const double *) a;
    y = *(const double *) b;

    return (x > y) - (x < y);
}


static void __attribute__((noreturn))
load_fail(const char *what)
{
    (void) fprintf(stderr, "http-load: %s\n", what);
    exit(1);
}


static long
load_number(const char *text)
{
    char  *end;
    long   n;

    n = strtol(text, &end, 10);

    if (end == text || *end != '\0' || n < 0 || n > LOAD_COUNT_MAX) {
        load_fail("a number is from 0 to 1000000");
    }

    return n;
}


static int
load_connect(int port)
{
    int                 fd, on;
    struct sockaddr_in  addr;

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_port = htons((uint16_t) port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    fd = socket(AF_INET, SOCK_STREAM, 0);
    on = 1;

    if (fd == -1
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || connect(fd, (struct sockaddr *) (void *) &addr, sizeof(addr))
           == -1)
    {
        load_fail("cannot connect");
    }

    return fd;
}


static void
load_begin(load_connection_t *c)
{
    size_t   sent;
    ssize_t  n;

    load_begun++;
    c->have = 0;
    c->want = 0;
    c->began = load_now();

    for (sent = 0; sent < load_request_len; sent += (size_t) n) {
        n = write(c->fd, load_request + sent, load_request_len - sent);

        if (n <= 0) {
            load_fail("the connection was closed");
        }
    }
}


/* The answer's head is in c->head, as far as it fits. */
static void
load_head(load_connection_t *c)
{
    char  *end, *length;

    c->head[c->have < LOAD_HEAD_MAX ? c->have : LOAD_HEAD_MAX - 1] = '\0';
    end = strstr(c->head, "\r\n\r\n");

    if (end == NULL) {
        if (c->have >= LOAD_HEAD_MAX) {
            load_fail("the head of an answer is too large");
        }

        return;
    }

    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0) {
        (void) fprintf(stderr, "http-load: %.*s after %ld answers\n",
                       (int) strcspn(c->head, "\r"), c->head, load_done);
        exit(1);
    }

    length = strcasestr(c->head, "\r\nContent-Length:");
    if (length == NULL || length > end) {
        load_fail("an answer has no Content-Length");
    }

    load_body = strtoul(length + sizeof("\r\nContent-Length:") - 1, NULL, 10);
    c->want = (size_t) (end + 4 - c->head) + load_body;
}


/* Reads what is there; whether the answer is whole. */
static int
load_read(load_connection_t *c)
{
    size_t   keep;
    ssize_t  n;

    static char  buf[256 * 1024];

    n = read(c->fd, buf, sizeof(buf));
    if (n <= 0) {
        load_fail("the connection was closed");
    }

    if (c->want == 0) {
        keep = LOAD_HEAD_MAX - c->have;
        keep = keep < (size_t) n ? keep : (size_t) n;
        memcpy(c->head + c->have, buf, keep);
    }

    c->have += (size_t) n;

    if (c->want == 0) {
        load_head(c);
    }

    if (c->want == 0 || c->have < c->want) {
        return 0;
    }

    load_samples[load_done++] = load_now() - c->began;

    return 1;
}


static void
load_many(int port, int connections)
{
    int                  epfd, i, n;
    load_connection_t   *all, *c;
    struct epoll_event   event, events[64];

    all = calloc((size_t) connections, sizeof(load_connection_t));
    epfd = epoll_create1(0);

    if (all == NULL || epfd == -1) {
        load_fail("no memory, or no epoll");
    }

    for (i = 0; i < connections; i++) {
        all[i].fd = load_connect(port);
        event.events = EPOLLIN;
        event.data.ptr = &all[i];

        if (epoll_ctl(epfd, EPOLL_CTL_ADD, all[i].fd, &event) == -1) {
            load_fail("epoll_ctl() failed");
        }
    }

    for (i = 0; i < connections && load_begun < load_count; i++) {
        load_begin(&all[i]);
    }

    while (load_done < load_count) {
        n = epoll_wait(epfd, events, 64, -1);

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (load_read(c) && load_begun < load_count) {
                load_begin(c);
            }
        }
    }

    free(all);
}


static void
load_one(int port)
{
    static load_connection_t  c;

    c.fd = load_connect(port);

    while (load_begun < load_count) {
        load_begin(&c);

        while (!load_read(&c)) {
            /* void */
        }
    }
}


static void
load_prepare(const char *path, const char *file, int headers)
{
    int      i;
    char     *p;
    FILE     *body;
    size_t    len;

    static char  bytes[LOAD_BODY_MAX];

    len = 0;

    if (file != NULL) {
        body = fopen(file, "r");
        if (body == NULL) {
            load_fail("the file cannot be read");
        }

        len = fread(bytes, 1, sizeof(bytes), body);
        (void) fclose(body);
    }

    load_request = malloc(LOAD_HEAD_MAX + len);
    if (load_request == NULL || strlen(path) > 1024) {
        load_fail("no memory, or a long path");
    }

    p = load_request;
    p += sprintf(p, "%s %s HTTP/1.1\r\nHost: localhost\r\n"
                 "User-Agent: http-load\r\nX-Name: bench\r\n",
                 file != NULL ? "POST" : "GET", path);

    for (i = 1; i <= headers && i < 64; i++) {
        p += sprintf(p, "X-%d: value of %d\r\n", i, i);
    }

    if (file != NULL) {
        p += sprintf(p, "Content-Type: text/plain\r\n"
                     "Content-Length: %zu\r\n", len);
    }

    p += sprintf(p, "\r\n");
    memcpy(p, bytes, len);

    load_request_len = (size_t) (p - load_request) + len;
}


int
main(int argc, char **argv)
{
    int          option, connections, headers;
    double       began, seconds;
    const char  *file;

    connections = 1;
    headers = 0;
    file = NULL;

    while ((option = getopt(argc, argv, "b:c:n:")) != -1) {
        switch (option) {
        case 'b': file = optarg; break;
        case 'c': connections = (int) load_number(optarg); break;
        case 'n': headers = (int) load_number(optarg); break;
        default: load_fail("no such option");
        }
    }

    if (argc - optind != 3) {
        load_fail("usage: http-load [-b FILE] [-c CONNECTIONS] [-n HEADERS]"
                  " PORT PATH COUNT");
    }

    load_count = load_number(argv[optind + 2]);
    load_samples = malloc(sizeof(double) * LOAD_COUNT_MAX);

    if (load_count < 1 || load_count > LOAD_COUNT_MAX || load_samples == NULL
        || connections < 1 || connections > LOAD_CONNECTIONS_MAX)
    {
        load_fail("COUNT is from 1 to 1000000, CONNECTIONS to 1000");
    }

    load_prepare(argv[optind + 1], file, headers);
    began = load_now();

    if (connections == 1) {
        load_one((int) load_number(argv[optind]));

    } else {
        load_many((int) load_number(argv[optind]), connections);
    }

    seconds = (load_now() - began) / 1e6;
    qsort(load_samples, (size_t) load_count, sizeof(double), load_compare);

    printf("{\"median\":%.2f,\"p99\":%.2f,\"unit\":\"us\",\"rate\":%.1f,"
           "\"body\":%zu}\n", load_samples[load_count / 2],
           load_samples[load_count * 99 / 100], (double) load_count / seconds,
           load_body);

    free(load_samples);

    return 0;
}
