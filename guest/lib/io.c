/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * io.c: the descriptors of libc: 0 is empty, 1 and 2 print on the host,
 * there are no others.
 */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hl_guest.h"


ssize_t
read(int fd, void *buf, size_t count)
{
    if (buf == NULL && count > 0) {
        errno = EINVAL;
        return -1;
    }

    if (fd != STDIN_FILENO) {
        errno = EBADF;
        return -1;
    }

    return 0;
}


ssize_t
write(int fd, const void *buf, size_t count)
{
    if (buf == NULL && count > 0) {
        errno = EINVAL;
        return -1;
    }

    if (fd != STDOUT_FILENO && fd != STDERR_FILENO) {
        errno = EBADF;
        return -1;
    }

    hl_record_stream(HL_REC_PRINT, buf, count);

    return (ssize_t) count;
}


off_t
lseek(int fd, off_t offset, int whence)
{
    (void) fd;
    (void) offset;
    (void) whence;

    errno = ENOSYS;
    return -1;
}


int
close(int fd)
{
    (void) fd;

    return 0;
}


int
fstat(int fd, struct stat *st)
{
    if (fd < STDIN_FILENO || fd > STDERR_FILENO) {
        errno = EBADF;
        return -1;
    }

    memset(st, 0, sizeof(struct stat));
    st->st_mode = S_IFCHR;

    return 0;
}


int
isatty(int fd)
{
    errno = (fd < STDIN_FILENO || fd > STDERR_FILENO) ? EBADF : ENOTTY;
    return 0;
}
