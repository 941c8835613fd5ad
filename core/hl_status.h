/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_status.h: what a function of libhyperlight returns, and the error
 * record that says more.  Part of hyperlight.h.
 */

#ifndef _HL_STATUS_H_INCLUDED_
#define _HL_STATUS_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#ifdef __cplusplus
extern "C" {
#endif


/* Codes are stable: new ones are added at the end. */
typedef enum {
    HL_OK = 0,
    HL_ERR_ARGUMENT,            /* the caller's mistake, or wrong state */
    HL_ERR_SYSTEM,              /* a system call failed: named, with errno */
    HL_ERR_NO_KVM,              /* no device, no permission, no capability */
    HL_ERR_GUEST_FILE,          /* unreadable, or an ELF that is refused */
    HL_ERR_INIT,                /* the guest failed before its first park */
    HL_ERR_TOO_LARGE,           /* the call does not fit into the input */
    HL_ERR_METADATA_TOO_LARGE,  /* HTTP: URI, headers over their room */
    HL_ERR_STRING,              /* String argument: NUL, or not UTF-8 */
    HL_ERR_GUEST,               /* the function answered with an error */
    HL_ERR_OUTPUT,              /* the guest's output is malformed */
    HL_ERR_FAULT,               /* an exception in the guest */
    HL_ERR_ABORTED,             /* the guest called abort */
    HL_ERR_PROTOCOL,            /* the guest left as no guest may leave */
    HL_ERR_TIMEOUT,             /* over its CPU or wall time */
    HL_ERR_POISONED,            /* restore it first */
    HL_ERR_UNRECOVERABLE,       /* only destroy is left */
    HL_ERR_CANCELLED,           /* by hl_interrupt_kill() */
    HL_ERR_MEMORY_TOO_SMALL,    /* a size of the configuration */
    HL_ERR_MEMORY_TOO_BIG,
    HL_ERR_SNAPSHOT_LAYOUT,     /* the snapshot is of another layout */
    HL_ERR_SNAPSHOT_FUNCTIONS,  /* it needs host functions that lack here */
    HL_ERR_RESULT_TYPE,         /* the result is not of the type expected */
    HL_AGAIN,                   /* no error: the answer comes later */
    HL_ERR_INEXACT,             /* check_restore has found a difference */
    HL_ERR_LIMIT                /* over a limit of the embedder's own */
} hl_status_t;


#define HL_ERROR_TEXT  512

/*
 * What went wrong: one sentence without a full stop, printable ASCII (text
 * that comes from a guest is escaped).  Valid after any status but HL_OK.
 */
typedef struct {
    hl_status_t  status;
    uint32_t     guest_code;    /* HL_ERR_GUEST, HL_ERR_ABORTED: its code */
    char         text[HL_ERROR_TEXT];
} hl_error_t;


/* Sets the record from a format, and returns "status": for host functions. */
hl_status_t hl_error_set(hl_error_t *err, hl_status_t status,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));


/*
 * Copies guest text for an error or a log: bytes outside of printable ASCII
 * become \xNN, a backslash \x5C, and what does not fit is cut.  "dst" of
 * "size" bytes, at least 1, is always terminated.  Returns dst.
 */
char *hl_error_escape(char *dst, size_t size, const void *text, size_t len);


#ifdef __cplusplus
}
#endif


#endif /* _HL_STATUS_H_INCLUDED_ */
