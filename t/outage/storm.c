/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * storm.c: storm US PID SIGNAL...: sends a process these signals in turn, one
 * each US microseconds, until it is told to end (SIGTERM) or the process is
 * gone.  Prints how many it was.  Real-time signals are queued, as core sends
 * them itself.
 */

#define _GNU_SOURCE

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>


#define STORM_NS  1000000000


static volatile sig_atomic_t  storm_over;


static void
storm_end(int signo)
{
    (void) signo;

    storm_over = 1;
}


static void
storm_next(struct timespec *at, long us)
{
    at->tv_nsec += us * 1000;

    if (at->tv_nsec >= STORM_NS) {
        at->tv_nsec -= STORM_NS;
        at->tv_sec++;
    }
}


static int
storm_send(pid_t pid, int signo)
{
    union sigval  value;

    value.sival_int = 0;

    /* EAGAIN: as many are queued as may be */

    return signo < SIGRTMIN ? kill(pid, signo)
                            : sigqueue(pid, signo, value) * 0;
}


int
main(int argc, char **argv)
{
    int                i;
    long               us;
    pid_t              pid;
    unsigned long      n;
    struct timespec    at;
    struct sigaction   sa = { .sa_handler = storm_end };

    if (argc < 4) {
        (void) fprintf(stderr, "usage: storm US PID SIGNAL...\n");
        return 2;
    }

    us = atol(argv[1]);
    pid = (pid_t) atol(argv[2]);

    (void) sigaction(SIGTERM, &sa, NULL);
    (void) clock_gettime(CLOCK_MONOTONIC, &at);

    i = 3;

    for (n = 0; !storm_over && storm_send(pid, atoi(argv[i])) == 0; n++) {
        i = i + 1 < argc ? i + 1 : 3;
        storm_next(&at, us);
        (void) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }

    (void) printf("%lu\n", n);

    return 0;
}
