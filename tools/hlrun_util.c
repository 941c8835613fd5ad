/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun_util.c: the end of a run, memory, files.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hlrun.h"


#define HLRUN_READ  65536


static hlrun_exit_t hlrun_exit_of(hl_status_t status);


void
hlrun_fail(hlrun_exit_t status, const char *fmt, ...)
{
    va_list  args;

    (void) fflush(stdout);
    (void) fputs("hlrun: ", stderr);

    va_start(args, fmt);
    (void) vfprintf(stderr, fmt, args);
    va_end(args);

    (void) fputc('\n', stderr);

    exit((int) status);
}


void
hlrun_finish(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        hlrun_fail(HLRUN_USAGE, "cannot write to standard output: %s",
                   strerror(errno));
    }

    exit(HLRUN_DONE);
}


void
hlrun_fail_error(const hl_error_t *err)
{
    hlrun_fail(hlrun_exit_of(err->status), "%s", err->text);
}


static hlrun_exit_t
hlrun_exit_of(hl_status_t status)
{
    switch (status) {

    case HL_ERR_NO_KVM:
        return HLRUN_NO_KVM;

    case HL_ERR_GUEST:
    case HL_ERR_RESULT_TYPE:
        return HLRUN_GUEST;

    case HL_ERR_TIMEOUT:
        return HLRUN_LIMIT;

    case HL_ERR_INIT:
    case HL_ERR_OUTPUT:
    case HL_ERR_FAULT:
    case HL_ERR_ABORTED:
    case HL_ERR_PROTOCOL:
    case HL_ERR_POISONED:
    case HL_ERR_UNRECOVERABLE:
    case HL_ERR_CANCELLED:
        return HLRUN_CRASH;

    default:
        return HLRUN_USAGE;
    }
}


void *
hlrun_alloc(size_t n, size_t size)
{
    void  *p;

    p = calloc(n > 0 ? n : 1, size);

    if (p == NULL) {
        hlrun_fail(HLRUN_USAGE, "out of memory");
    }

    return p;
}


void
hlrun_append(hlrun_buffer_t *buffer, const void *data, size_t len)
{
    char    *p;
    size_t   room;

    if (len > buffer->room - buffer->len) {
        room = buffer->len + len > 2 * buffer->room ? buffer->len + len
                                                    : 2 * buffer->room;
        p = realloc(buffer->data, room);

        if (p == NULL) {
            hlrun_fail(HLRUN_USAGE, "out of memory");
        }

        buffer->data = p;
        buffer->room = room;
    }

    if (len > 0) {
        memcpy(buffer->data + buffer->len, data, len);
        buffer->len += len;
    }
}


void
hlrun_read_file(hlrun_buffer_t *buffer, const char *path)
{
    bool     is_stdin;
    FILE    *file;
    size_t   n;
    char     piece[HLRUN_READ];

    is_stdin = strcmp(path, "-") == 0;
    file = is_stdin ? stdin : fopen(path, "rb");

    if (file == NULL) {
        hlrun_fail(HLRUN_USAGE, "cannot open %s: %s", path, strerror(errno));
    }

    while ((n = fread(piece, 1, sizeof(piece), file)) > 0) {
        hlrun_append(buffer, piece, n);
    }

    if (ferror(file)) {
        hlrun_fail(HLRUN_USAGE, "cannot read %s: %s",
                   is_stdin ? "standard input" : path, strerror(errno));
    }

    if (!is_stdin) {
        (void) fclose(file);
    }
}


bool
hlrun_same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}
