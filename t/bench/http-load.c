/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http-load.c: a client that costs little: N GET requests over one
 * keepalive connection to 127.0.0.1, one after the other.
 *
 *     http-load PORT PATH COUNT
 *
 * Prints one JSON object: median and p99 in microseconds.  Any answer but 200
 * with a Content-Length ends it.
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define LOAD_COUNT_MAX  1000000


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


static void
load_fail(const char *what)
{
    fprintf(stderr, "http-load: %s\n", what);
    exit(1);
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


/* Reads one answer, whole. */
static void
load_answer(int fd)
{
    char     buf[65536], *end, *length;
    size_t   have, want;
    ssize_t  n;

    have = 0;
    want = 0;

    do {
        n = read(fd, buf + have, sizeof(buf) - 1 - have);
        if (n <= 0) {
            load_fail("the connection was closed, or the answer too large");
        }

        have += (size_t) n;
        buf[have] = '\0';

        if (want == 0 && (end = strstr(buf, "\r\n\r\n")) != NULL) {
            if (strncmp(buf, "HTTP/1.1 200", 12) != 0) {
                load_fail("an answer is not 200");
            }

            length = strcasestr(buf, "\r\nContent-Length:");
            if (length == NULL) {
                load_fail("an answer has no Content-Length");
            }

            want = (size_t) (end + 4 - buf)
                   + strtoul(length + sizeof("\r\nContent-Length:") - 1, NULL,
                             10);
        }
    } while (want == 0 || have < want);
}


int
main(int argc, char **argv)
{
    int      fd;
    char     request[1024];
    long     count, i;
    double  *samples, before;
    size_t   len;

    if (argc != 4) {
        load_fail("usage: http-load PORT PATH COUNT");
    }

    count = atol(argv[3]);
    samples = malloc(sizeof(double) * LOAD_COUNT_MAX);

    if (count < 1 || count > LOAD_COUNT_MAX || samples == NULL) {
        load_fail("COUNT is from 1 to 1000000");
    }

    len = (size_t) snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n"
                            "Host: localhost\r\nUser-Agent: http-load\r\n"
                            "X-Name: bench\r\n\r\n", argv[2]);
    fd = load_connect(atoi(argv[1]));

    for (i = 0; i < count; i++) {
        before = load_now();

        if (write(fd, request, len) != (ssize_t) len) {
            load_fail("the connection was closed");
        }

        load_answer(fd);
        samples[i] = load_now() - before;
    }

    (void) close(fd);
    qsort(samples, (size_t) count, sizeof(double), load_compare);

    printf("{\"median\":%.2f,\"p99\":%.2f,\"unit\":\"us\"}\n",
           samples[count / 2], samples[count * 99 / 100]);
    free(samples);

    return 0;
}
