/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * process.c: a guest as libc's one process; its end is an abort.
 */

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "hl_guest.h"


#define HL_PID          1
#define HL_EXIT_SIGNAL  128             /* and the signal, as in a shell */


void
_exit(int status)
{
    hl_abort_with_code(status);
}


pid_t
getpid(void)
{
    return HL_PID;
}


int
kill(pid_t pid, int sig)
{
    if (pid != HL_PID) {
        errno = ESRCH;
        return -1;
    }

    if (sig != 0) {
        _exit(HL_EXIT_SIGNAL + sig);
    }

    return 0;
}
